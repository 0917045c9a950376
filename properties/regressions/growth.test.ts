import { expect, it } from 'vitest'
import { Core } from '../../src/core.js'
import { Database } from '../../src/database.js'
import { resolveOptions } from '../../src/options.js'
import { Readers } from '../../src/pager/readers.js'
import { Space } from '../../src/pager/space.js'
import { Store } from '../../src/pager/store.js'
import { openOn, emptyImage, fileOf } from '../../test/faulty-file.js'
import { memoryStore, padded, seeded, shuffled } from '../../test/helpers.js'

/** Integers that a space keeps in its lists. */
function listed(space: Space): number {
  const { changedPages, taken, freedPages } = space as unknown as Record<string, { length: number }>
  return changedPages.length + taken.length + freedPages.length
}

it('what free space remembers does not grow with the number of extents written and freed', () => {
  const random = seeded(1)
  const space = new Space(new Readers(), () => true)
  const extents: { page: number; count: number }[] = []
  for (let id = 2; id < 4000; id++) {
    if (extents.length > 40) {
      const [{ page, count }] = extents.splice(Math.floor(random() * extents.length), 1)
      for (let i = page; i < page + count; i++) space.free(i, 1)
    }
    const count = 2 + Math.floor(random() ** 2 * 60)
    extents.push({ page: space.allocateRun(count), count })
    space.settle()
    space.delta()
    space.publish(id)
  }
  expect(listed(space)).toBeLessThan(4 * space.pageCount + 2048)
})

it('reading named trees that are not there leaves nothing behind', () => {
  const { db, store } = openOn(fileOf(emptyImage()))
  const before = store.newest
  for (let i = 0; i < 100; i++) expect(db.tree(`missing ${i}`).get('key')).toBeUndefined()
  expect(store.newest).toBe(before)
  const { newest } = (db as unknown as { core: { newest: { named: Map<string, unknown> } } }).core
  expect(newest.named.size).toBe(0)
})

it('many snapshots of different commits can be held and let go in any order', () => {
  const db = memoryStore()
  const random = seeded(2)
  const snapshots = []
  for (let i = 0; i < 3000; i++) {
    db.put(`key ${i % 50}`, Uint8Array.of(i & 255))
    snapshots.push(db.snapshot())
  }
  while (snapshots.length > 0) snapshots.splice(Math.floor(random() * snapshots.length), 1)[0].rollback()
  db.sync()
  // What the newest checkpoint reaches the store holds itself.
  const { pending } = db.stats()
  expect(pending.length).toBeLessThan(2)
  expect(pending.every(({ awaitsSync }) => awaitsSync)).toBe(true)
  expect(db.check().errors).toEqual([])
})

it('after a large deletion a small checkpoint has no more to say of free space than before', () => {
  const { db, store } = openOn(fileOf(emptyImage()), {}, Infinity)
  const value = 'v'.repeat(1900)
  db.load((function* () { for (let i = 0; i < 6000; i++) yield [padded(i), value] as const })())
  db.deleteRange({ lt: padded(5990) })
  const { length } = store.newest.meta.log
  for (let i = 0; i < 50; i++) db.put('small', `${i}`)
  expect(store.space().changedCount).toBeLessThan(20)
  expect(store.newest.meta.log.length).toBe(length)
  expect(db.check().errors).toEqual([])
})

it('a log of many short pages is written anew', () => {
  const { db, store } = openOn(fileOf(emptyImage()))
  const value = 'v'.repeat(1900)
  for (let round = 0; round < 60; round++) {
    if (round % 2 === 0) db.load((function* () { for (let i = 0; i < 2200; i++) yield [padded(i), value] as const })())
    else db.deleteRange({})
  }
  expect(store.newest.meta.log.length).toBeGreaterThan(0)
  expect(store.newest.meta.log.length).toBeLessThan(20)
  expect(db.check().errors).toEqual([])
})

it('pages that a transaction wrote ahead and gave back after a savepoint wait for nobody', () => {
  const store = new Store(fileOf(emptyImage()), 192, 1e9)
  const settings = resolveOptions<string, string>({ valueEncoding: 'utf8' })
  const db = new Database<string, string>(new Core(store, settings), settings)
  const snapshot = db.snapshot()
  const tx = db.begin()
  for (const i of shuffled(Array.from({ length: 2000 }, (_, at) => at), seeded(4))) tx.put(padded(i), 'v'.repeat(1500))
  expect(store.pager.pool.spilled).toBeGreaterThan(0)
  tx.savepoint()
  tx.deleteRange({})
  tx.commit()
  expect(db.stats().pending).toEqual([])
  snapshot.rollback()
  expect(db.check().errors).toEqual([])
})
