import { expect, it } from 'vitest'
import type { DiskEvent } from '../../src/crash/disk.js'
import { Disk, Platter, WHOLE } from '../../src/crash/disk.js'
import { fileFrom, SimulatedFile } from '../../src/crash/file.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta, encodeMeta } from '../../src/page/meta.js'
import { emptyImage, fileOf, imageOf, openOn } from '../../test/faulty-file.js'
import { codeOf } from '../../test/helpers.js'

const STORE = 0
const FIRST_HALF = 0x0f
const SECOND_HALF = 0xf0

/** Puts the same entry into the store on this disk, and answers what is on the disk when the machine crashes before the first sync of the commit ends. */
function putAndCrash(platter: Platter, keep: (page: number) => number): Platter {
  const log: DiskEvent[] = []
  const { db } = openOn(new SimulatedFile(fileFrom(platter, STORE), log, STORE))
  expect(db.get('key')).toBeUndefined()
  db.sync()
  const opened = log.length
  db.put('key', 'value '.repeat(300))
  const disk = new Disk(platter)
  for (const event of log.slice(0, opened)) disk.pass(event)
  for (const event of log.slice(opened)) if (event.type === 'write' || event.type === 'length') disk.pass(event)
  return disk.crashed((i) => {
    const change = disk.pending[i]
    return change.type === 'write' ? keep(change.position / 4096) : WHOLE
  })
}

it('a commit that recovery has passed over does not come back when the part of the page that it lacked is written again', () => {
  const first = putAndCrash(Platter.holding(STORE, emptyImage()), (page) => (page === 3 ? FIRST_HALF : WHOLE))
  // Header and checksum of the new page are in its first half; the second is the very one that was missing.
  const second = putAndCrash(first, (page) => (page === 3 ? SECOND_HALF : 0))
  const { db } = openOn(new SimulatedFile(fileFrom(second, STORE), [], STORE))
  expect([...db.entries()]).toEqual([])
})

interface Unfinished {
  image: Uint8Array
  /** Slot of the second commit, and the page of its tree. */
  second: number
  root: number
}

/** Three commits, the last of which never finished: its meta page, which knows that the second is durable, is all that the disk has of it. */
function unfinishedThird(): Unfinished {
  const { db, store } = openOn(fileOf(emptyImage()))
  const images = ['first', 'second', 'third'].map((key) => {
    db.put(key, 'value')
    return { image: imageOf(store.file), ...store.newest }
  })
  const [, before, last] = images
  const image = last.image.slice()
  const kept = before.image.subarray(META_SLOTS * PAGE_SIZE, last.meta.pageCount * PAGE_SIZE)
  image.fill(0, META_SLOTS * PAGE_SIZE)
  image.set(kept, META_SLOTS * PAGE_SIZE)
  return { image, second: before.slot, root: before.meta.defaultTree.page }
}

it('a durable commit whose own slot is damaged is not passed over for an older one, where the commit after it never finished', () => {
  const { image, second } = unfinishedThird()
  expect([...openOn(fileOf(image)).db.keys()]).toEqual(['first', 'second'])
  image.fill(0, second * PAGE_SIZE, (second + 1) * PAGE_SIZE)
  expect(decodeMeta(image.subarray(second * PAGE_SIZE, (second + 1) * PAGE_SIZE), second).kind).not.toBe('valid')
  expect(codeOf(() => openOn(fileOf(image)))).toBe('COPPICE_CORRUPT')
})

it('a durable commit with a damaged page is not passed over for an older one, and the error names that page', () => {
  const { image, root } = unfinishedThird()
  image[root * PAGE_SIZE + 100] ^= 1
  expect(() => openOn(fileOf(image))).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: root }))
})

it('a durable commit that is cut short is not passed over for another one that calls itself the same', () => {
  const { db, store } = openOn(fileOf(emptyImage()))
  db.put('key', 'value')
  const { meta, slot } = store.newest
  const image = imageOf(store.file)
  const write = (at: number, changes: Partial<Meta>): void => image.set(encodeMeta({ ...meta, ...changes }, at), at * PAGE_SIZE)
  write(slot, { durable: meta.transaction, pageCount: meta.pageCount + 100 })
  write((slot + 1) % META_SLOTS, {})
  expect(codeOf(() => openOn(fileOf(image)))).toBe('COPPICE_CORRUPT')
})
