/** Writes: in what order they come, when they are on the disk, and what a snapshot sees of them. */
import fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { open } from '../../src/index.js'
import { assertSound, padded, temporaryFolder } from '../helpers.js'
import { levelAt, levelDatabase } from './databases.js'

/** Counts the syncs in the background from here on. */
function countSyncs(): () => number {
  const spy = vi.spyOn(fs, 'fdatasync')
  onTestFinished(() => spy.mockRestore())
  return () => spy.mock.calls.length
}

describe('durability', () => {
  it('lets writes of one turn share a sync, and all of them outlive a reopening', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = levelAt(path)
    await db.open()
    const syncs = countSyncs()
    await Promise.all(Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? db.batch([{ type: 'put', key: padded(i), value: 'batch' }]) : db.put(padded(i), 'put'))))
    expect(syncs()).toBeGreaterThan(0)
    expect(syncs()).toBeLessThan(5)
    await db.close()
    const again = levelAt(path)
    expect(await again.keys().all()).toEqual(Array.from({ length: 300 }, (_, i) => padded(i)))
    expect(await again.get(padded(299))).toBe('batch')
  })

  it('resolves a write when it is on the disk, where it is lazy with sync: true only', async () => {
    const durable = levelDatabase()
    const lazy = levelDatabase({ durability: 'lazy', syncInterval: 60_000 })
    await Promise.all([durable.open(), lazy.open()])
    const syncs = countSyncs()
    await durable.put('a', '1')
    expect(syncs()).toBe(1)
    await lazy.put('a', '1')
    await lazy.batch().put('b', '2').write()
    expect(syncs()).toBe(1)
    await lazy.put('c', '3', { sync: true })
    expect(syncs()).toBe(2)
    await lazy.batch([{ type: 'del', key: 'a' }], { sync: true })
    await lazy.del('b', { sync: true })
    await lazy.batch().put('d', '4').write({ sync: true })
    await lazy.sublevel('e').put('f', '5', { sync: true } as object)
    await lazy.clear({ gte: 'd', sync: true })
    expect(syncs()).toBe(7)
  })

  it('finishes writes under way before it closes', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = levelAt(path)
    await db.open()
    const writes = [db.put('a', '1'), db.batch([{ type: 'put', key: 'b', value: '2' }]), db.clear({ gte: 'c' })]
    await db.close()
    await Promise.all(writes)
    expect(await levelAt(path).getMany(['a', 'b'])).toEqual(['1', '2'])
  })
})

describe('the store', () => {
  it('is one of coppice with its entries in the default tree, both ways', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = levelAt(path)
    await db.put('key', 'välue')
    await db.sublevel('users').put('ada', 'first')
    await db.close()
    const store = open(path, { valueEncoding: 'utf8' })
    expect([...store.entries()]).toEqual([['!users!ada', 'first'], ['key', 'välue']])
    store.put('!users!grace', 'second')
    assertSound(store)
    store.close()
    expect(await levelAt(path).sublevel('users').keys().all()).toEqual(['ada', 'grace'])
  })

  it('in memory lasts as long as its object, and no longer', async () => {
    const db = levelAt(':memory:')
    await db.put('a', '1')
    await db.close()
    await db.open()
    expect(await db.get('a')).toBe('1')
    expect(await levelAt(':memory:').get('a')).toBeUndefined()
    expect(db.supports).toMatchObject({ permanence: false, createIfMissing: false, errorIfExists: false })
  })
})

describe('clear', () => {
  const entries = Array.from({ length: 2000 }, (_, i) => ({ type: 'put' as const, key: padded(i), value: 'x' }))
  const keys = entries.map(({ key }) => key)

  it('takes the first or the last entries of a range', async () => {
    const db = levelDatabase()
    await db.batch(entries)
    await db.clear({ gt: padded(99), lte: padded(1500), limit: 500 })
    expect(await db.keys().all()).toEqual([...keys.slice(0, 100), ...keys.slice(600)])
    await db.clear({ limit: 700, reverse: true })
    expect(await db.keys().all()).toEqual([...keys.slice(0, 100), ...keys.slice(600, 1300)])
    await db.clear({ gte: padded(600), limit: 10_000 })
    expect(await db.keys().all()).toEqual(keys.slice(0, 100))
  })

  it('leaves alone what is written after it was called, also while a group of writes is about to commit', async () => {
    const db = levelDatabase()
    await db.batch(entries)
    for (const turns of [0, 1, 2, 3]) {
      const before = db.put(padded(0), 'before')
      for (let i = 0; i < turns; i++) await undefined
      await Promise.all([before, db.clear({ gte: padded(0) }), db.put(padded(7), 'after'), db.put(padded(8), 'after')])
      expect(await db.values({ gte: padded(7) }).all(), `after ${turns} turns`).toEqual(['after', 'after'])
    }
  })

  it('with a snapshot takes what the snapshot has', async () => {
    const db = levelDatabase()
    await db.batch(entries)
    const snapshot = db.snapshot()
    await db.put('new', '1')
    await db.clear({ snapshot, limit: 10, reverse: true })
    expect(await db.keys().all()).toEqual([...keys.slice(0, 1990), 'new'])
    await db.clear({ snapshot })
    expect(await db.keys().all()).toEqual(['new'])
    await snapshot.close()
  })
})

describe('snapshots', () => {
  it('stay as they were while everything is overwritten and deleted many times', async () => {
    const db = levelDatabase({ durability: 'lazy', poolSize: 2 ** 21 })
    const state = (round: number) => Array.from({ length: 3000 }, (_, i) => [padded(i), `${round} `.repeat(20)] as const)
    const held = []
    for (let round = 0; round < 6; round++) {
      await db.batch(state(round).map(([key, value]) => ({ type: 'put', key, value })))
      held.push({ round, snapshot: db.snapshot(), iterator: db.iterator() })
      if (round % 2 === 1) await db.clear({ gte: padded(round * 100) })
    }
    for (const { round, snapshot, iterator } of held) {
      expect(await db.iterator({ snapshot }).all()).toEqual(state(round))
      expect(await iterator.all()).toEqual(state(round))
      expect(db.getSync(padded(2999), { snapshot })).toBe(`${round} `.repeat(20))
      expect(await db.hasMany([padded(0), 'none'], { snapshot })).toEqual([true, false])
      await snapshot.close()
    }
    await db.close()
    const store = open(db.location)
    assertSound(store)
    store.close()
  })

  it('end with the database that is closed while they and iterators are open', async () => {
    const db = levelDatabase()
    await db.batch(Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: padded(i), value: '' })))
    const snapshot = db.snapshot()
    const [own, shared] = [db.iterator(), db.values({ snapshot })]
    expect(await own.next()).toEqual([padded(0), ''])
    expect(await shared.nextv(3)).toEqual(['', '', ''])
    await db.close()
    await expect(own.next()).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' })
    await expect(shared.nextv(3)).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' })
    expect(() => snapshot.ref()).toThrow('Snapshot is not open')
    await db.open()
    expect(await db.keys({ limit: 1 }).all()).toEqual([padded(0)])
  })

  it('of another database are refused', async () => {
    const [one, other] = [levelAt(':memory:'), levelAt(':memory:')]
    await Promise.all([one.open(), other.open()])
    const snapshot = other.snapshot()
    await expect(one.get('a', { snapshot })).rejects.toThrow('must be a snapshot of the same database')
    await expect(one.batch([{ type: 'put', key: 'a', value: '1', sublevel: other.sublevel('x') as never }])).rejects.toThrow('must be a sublevel of the same database')
  })
})
