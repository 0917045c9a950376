/** Files that no engine of ours has written: damaged, unfinished, of later versions, or made to do harm. */
import fs from 'node:fs'
import { expect, it } from 'vitest'
import type { CoppiceError } from '../../src/index.js'
import { open } from '../../src/index.js'
import { crc32 } from '../../src/page/checksum.js'
import { LEAF_FLAG, META, PAGE_SIZE } from '../../src/page/layout.js'
import { encodeOverflowRef } from '../../src/page/leaf.js'
import { MemoryFile } from '../../src/file/memory.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { Store } from '../../src/pager/store.js'
import { bytesOf, Draft, random } from './crafted.js'

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return (error as CoppiceError).code
  }
  return 'no error'
}

it('a file that a newer version has written to is refused, though older commits in it could be read', () => {
  const draft = new Draft(4)
  const crc = draft.leaf(3, 7, [['a', bytesOf('1')]])
  draft.metas({ defaultTree: { page: 3, crc, entries: 1, depth: 1 } })
  new DataView(draft.arena.bytes.buffer).setUint32(2 * PAGE_SIZE + META.REQUIRED, 1, true)
  draft.seal(2)
  const file = draft.save()
  expect(codeOf(() => open(file))).toBe('COPPICE_VERSION')
  expect(fs.readFileSync(file).equals(draft.arena.bytes)).toBe(true)
})

it('of two meta pages of one commit the one that knows more of it to be durable is taken, so that opening walks nothing', () => {
  const draft = new Draft(4)
  const crc = draft.leaf(3, 9, [['a', bytesOf('1')]])
  const commit = { defaultTree: { page: 3, crc, entries: 1, depth: 1 } }
  draft.meta(0, { ...commit, durable: 8 })
  draft.meta(1, { ...commit, durable: 9 })
  const db = new Store(fileOf(draft), 512, 50)
  expect(db.newest.slot).toBe(1)
  expect(db.pager.where[3], 'the leaf has not been looked at').toBe(0)
})

function fileOf(draft: Draft): MemoryFile {
  const file = new MemoryFile()
  file.write([draft.arena.bytes], 0)
  return file
}

it('recovery without a map finds a commit of more pages than the pool has frames', () => {
  const file = new Draft(1).save()
  fs.rmSync(file)
  const db = open(file)
  const next = random(1)
  db.transaction((tx) => {
    for (let i = 0; i < 2500; i++) tx.put(`${next(2 ** 32).toString(36)}-${i}`, new Uint8Array(1000))
  })
  const bytes = fs.readFileSync(file)
  db.close()
  fs.writeFileSync(file, bytes)
  const again = open(file, { mapper: false, poolSize: 2 * 2 ** 20 })
  expect(again.stats().passedOver).toEqual([])
  expect(again.count()).toBe(2500)
  again.close()
})

it('branches that share their children are refused at once, not walked along every way there is', () => {
  const draft = new Draft(3 + 30)
  let crc = draft.leaf(3, 9, [['a', bytesOf('1')]])
  let page = 3
  for (let level = 1; level < 30; level++) {
    crc = draft.branch(page + 1, 9, level, [['', page, crc, 1], ['b', page, crc, 1], ['c', page, crc, 1]])
    page++
  }
  draft.metas({ defaultTree: { page, crc, entries: 1, depth: 30 } })
  const file = draft.save()
  expect(codeOf(() => open(file))).toBe('COPPICE_CORRUPT')
})

it('a file none of whose commits is whole is called damaged, not somebody else\'s', () => {
  const draft = new Draft(4)
  draft.metas({ defaultTree: { page: 3, crc: 1, entries: 1, depth: 1 } })
  const file = draft.save()
  expect(codeOf(() => open(file))).toBe('COPPICE_CORRUPT')
})

it('a page that was read as an overflow extent is looked at anew before it is read as a page of a tree', () => {
  const draft = new Draft(7)
  // The extent is a leaf with a right checksum, whose only slot points far outside the page.
  draft.leaf(3, 5, [['z', bytesOf('1')]])
  draft.arena.halves[(3 * PAGE_SIZE + 32 + 4) >>> 1] = 0xfff0
  const evil = draft.seal(3)
  const content = draft.arena.bytes.subarray(3 * PAGE_SIZE, 4 * PAGE_SIZE)
  const ref = encodeOverflowRef({ page: 3, crc: crc32(content), length: PAGE_SIZE, birth: 5 }).slice()
  const left = draft.leaf(4, 5, [['a', ref, LEAF_FLAG.OVERFLOW]])
  const crc = draft.branch(5, 5, 1, [['', 4, left, 1, 1], ['m', 3, evil, 1]])
  draft.metas({ defaultTree: { page: 5, crc, entries: 2, depth: 2 }, durable: 9 })
  const db = open(draft.save())
  expect(db.get('a')?.length).toBe(PAGE_SIZE)
  expect(codeOf(() => db.get('z'))).toBe('COPPICE_CORRUPT')
  db.close()
})

it('an extent that was verified under one reference is verified again under another', () => {
  const draft = new Draft(5)
  const ref = { page: 4, crc: crc32(new Uint8Array(3000)), length: 3000, birth: 5 }
  const good = encodeOverflowRef(ref).slice()
  const bad = encodeOverflowRef({ ...ref, length: 3001 }).slice()
  const crc = draft.leaf(3, 5, [['a', good, LEAF_FLAG.OVERFLOW], ['b', bad, LEAF_FLAG.OVERFLOW]])
  draft.metas({ defaultTree: { page: 3, crc, entries: 2, depth: 1 }, durable: 9 })
  const db = open(draft.save())
  expect(db.get('a')?.length).toBe(3000)
  expect(codeOf(() => db.get('b'))).toBe('COPPICE_CORRUPT')
  db.close()
})

it('check finds a page, and an extent, that is younger than the page above it', () => {
  const draft = new Draft(7)
  const ref = encodeOverflowRef({ page: 6, crc: crc32(new Uint8Array(30)), length: 30, birth: 6 }).slice()
  const left = draft.leaf(3, 6, [['a', bytesOf('1')]])
  const right = draft.leaf(4, 5, [['m', ref, LEAF_FLAG.OVERFLOW]])
  const crc = draft.branch(5, 5, 1, [['', 3, left, 1], ['m', 4, right, 1, 1]])
  draft.metas({ defaultTree: { page: 5, crc, entries: 2, depth: 2 } })
  const db = open(draft.save(), { readOnly: true })
  const faults = db.check().errors.map(({ page, message }) => `${page} ${/younger/.test(message)}`)
  db.close()
  expect(faults).toEqual(['3 true', '4 true'])
})

it('check finds a head that a search would go wrong by', () => {
  const draft = new Draft(4)
  draft.leaf(3, 5, [['ab', bytesOf('1')]])
  draft.arena.bytes[3 * PAGE_SIZE + 32] = 1
  const crc = draft.seal(3)
  draft.metas({ defaultTree: { page: 3, crc, entries: 1, depth: 1 } })
  const db = open(draft.save(), { readOnly: true })
  expect(db.check().errors.map(({ page }) => page)).toEqual([3])
  db.close()
})

it('a new database has the same commit in all slots', () => {
  const pages = newDatabase()
  expect(pages).toHaveLength(3)
  for (const page of pages) expect(Buffer.from(page.subarray(8)).equals(pages[0].subarray(8))).toBe(true)
})
