/** Ids that a crash has lost are given again: what was written under them the first time does not come back. */
import { describe, expect, it } from 'vitest'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta, encodeMeta, journalStart } from '../../src/page/meta.js'
import { codeOf } from '../../test/helpers.js'
import { fileOf, FaultyFile, imageOf, openOn } from '../../test/faulty-file.js'
import { encodeJournalPage } from '../../test/page/crafted.js'
import type { Bench } from '../../test/pager/journal-bench.js'
import { benchOf, lazy, metas, numbered, region } from '../../test/pager/journal-bench.js'

/** The file after a power failure: all that was written is there, but not the meta pages since `synced`. */
function withoutMetas(one: Bench, synced: Uint8Array): Uint8Array {
  const image = imageOf(one.file.inner)
  image.set(synced.subarray(0, META_SLOTS * PAGE_SIZE))
  return image
}

/** Commits after the crash; afterwards, and after a kill, just they are there. */
function goOn(image: Uint8Array, before: string[]): void {
  const file = new FaultyFile(fileOf(image))
  const { db } = openOn(file, {}, 3)
  expect(numbered(db)).toEqual(before)
  db.put('n 8', 'new')
  db.put('n 9', 'newer')
  const expected = [...before, 'new', 'newer']
  expect(numbered(db)).toEqual(expected)
  expect(numbered(openOn(fileOf(imageOf(file.inner)), {}, 3).db)).toEqual(expected)
}

describe('commits that a crash has lost do not come back from the journal', () => {
  it('where the next checkpoint gets the id and the region of theirs', () => {
    const one = benchOf(lazy)
    const turns = () => metas(imageOf(one.file.inner))[0].journal.region
    for (let i = 0; turns() !== 2 && i < 200; i++) {
      one.db.put('n 0', 'kept')
      one.db.sync()
    }
    const synced = imageOf(one.file.inner)
    for (let i = 0; turns() === 2; i++) one.db.put('n 0', 'kept')
    for (let i = 1; i < 4; i++) one.db.put(`n ${i}`, 'lost')
    goOn(withoutMetas(one, synced), ['kept'])
  })

  it('where theirs was the first with a journal', () => {
    const one = benchOf(lazy)
    one.db.sync()
    const synced = imageOf(one.file.inner)
    for (let i = 0; i < 40; i++) one.db.put(`n ${i % 4}`, 'lost')
    const image = withoutMetas(one, synced)
    goOn(image, numbered(openOn(fileOf(image.slice()), {}, 3).db))
  })
})

describe('an id that no opening would take', () => {
  it('in a page of the journal behind its end is damage', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    const { image, first, used } = region(one)
    const [{ transaction: base, journal: { salt } }] = metas(image)
    const at = first + used.length + 3
    const content = { transaction: 2 ** 60, base, salt, durable: 0, position: at - first, part: 0, length: 1, data: new Uint8Array(1) }
    image.set(encodeJournalPage(at, content), at * PAGE_SIZE)
    expect(codeOf(() => openOn(fileOf(image)))).toBe('COPPICE_CORRUPT')
  })

  it('is given to no commit', () => {
    const one = benchOf()
    const image = imageOf(one.file.inner)
    const slots = Array.from({ length: META_SLOTS }, (_, slot) => decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot))
    const newest = metas(image)[0].transaction
    for (const [slot, reading] of slots.entries()) {
      if (reading.kind !== 'valid' || reading.meta.transaction !== newest) continue
      const last = Number.MAX_SAFE_INTEGER
      expect(journalStart(reading.meta.journal)).toBeGreaterThan(0)
      image.set(encodeMeta({ ...reading.meta, transaction: last, durable: last }, slot), slot * PAGE_SIZE)
    }
    const file = new FaultyFile(fileOf(image))
    const { db } = openOn(file, {}, 3)
    expect(codeOf(() => db.put('n 0', '0'))).toBe('COPPICE_CORRUPT')
    expect(numbered(openOn(fileOf(imageOf(file.inner)), {}, 3).db)).toEqual([])
  })
})
