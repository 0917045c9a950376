/** What is said of a file whose meta pages are damaged, so that nobody knows which commit it holds. */
import { describe, expect, it } from 'vitest'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'

/** A store of a few commits, with these changes to its bytes. */
function damaged(change: (image: Uint8Array) => Uint8Array): () => void {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file)
  for (let i = 0; i < 5; i++) db.put(`key ${i}`, 'value')
  db.close()
  const image = change(file.left.slice())
  return () => openOn(fileOf(image))
}

function flip(image: Uint8Array, slot: number): void {
  image[slot * PAGE_SIZE + 300] ^= 1
}

describe('a file without a whole meta page', () => {
  it('is said to have damage in all three, each with its reason', () => {
    const open = damaged((image) => {
      for (let slot = 0; slot < META_SLOTS; slot++) flip(image, slot)
      return image
    })
    const reason = 'its checksum does not match'
    expect(open).toThrow(`all three meta pages of :memory: are damaged (page 0: ${reason}; page 1: ${reason}; page 2: ${reason}).`)
    expect(open).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: 0, tree: undefined }))
  })

  it('is said so where they are damaged in different ways', () => {
    const open = damaged((image) => {
      flip(image, 0)
      image.fill(0, PAGE_SIZE, 2 * PAGE_SIZE)
      return image.slice(0, 2 * PAGE_SIZE)
    })
    expect(open).toThrow('(page 0: its checksum does not match; page 1: it has no mark of coppice; page 2: the file ends before it)')
    expect(open).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: 0 }))
  })
})
