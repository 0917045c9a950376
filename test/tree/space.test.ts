import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { assertSound, byteStore, diskStore, padded, randomBytes, seeded, textStore } from '../helpers.js'

const MIB = 2 ** 20

describe('space', () => {
  it('is used again: the file does not grow over thousands of overwrites', () => {
    for (const durability of ['sync', 'lazy'] as const) {
      const db = diskStore<string, string>({ durability, syncInterval: 1_000_000, valueEncoding: 'utf8' })
      db.load(Array.from({ length: 1000 }, (_, i) => [padded(i), 'v'.repeat(100)] as [string, string]))
      const random = seeded(2)
      const rounds = durability === 'sync' ? 300 : 5000
      for (let i = 0; i < 50; i++) db.put(padded(Math.floor(random() * 1000)), 'w'.repeat(100))
      if (durability === 'lazy') db.sync()
      const { usedBytes } = db.stats()
      for (let i = 0; i < rounds; i++) {
        db.put(padded(Math.floor(random() * 1000)), 'x'.repeat(100))
        if (i % 200 === 0) db.sync()
      }
      // Until the next sync, the pages of the last durable commit wait as a reader's do.
      expect(db.stats().usedBytes - usedBytes).toBeLessThan(durability === 'sync' ? 64 * 1024 : MIB)
      assertSound(db)
    }
  })

  it('of values outside their pages is used again, also where their lengths vary', () => {
    const db = byteStore()
    const random = seeded(8)
    const key = (i: number) => Uint8Array.of(i)
    let most = 0
    for (let i = 0; i < 2000; i++) {
      db.put(key(Math.floor(random() * 20)), new Uint8Array(3000 + Math.floor(random() * 60_000)).fill(i))
      if (i === 500) most = db.stats().usedBytes
    }
    expect(db.stats().usedBytes).toBeLessThan(1.5 * most)
    assertSound(db)
  })

  it('that a long reader can see waits, and no more than that', () => {
    const db = diskStore<string, string>({ durability: 'lazy', syncInterval: 1_000_000, valueEncoding: 'utf8' })
    db.load(Array.from({ length: 2000 }, (_, i) => [padded(i), 'v'.repeat(100)] as [string, string]))
    db.sync()
    const before = db.stats()
    const snapshot = db.snapshot()
    for (let i = 0; i < 5000; i++) {
      db.put(padded(7), `overwritten ${i}`)
      if (i % 100 === 0) db.sync()
    }
    db.sync()
    const held = db.stats()
    expect(held.usedBytes - before.usedBytes).toBeLessThan(MIB)
    // The snapshot holds its own path to the key, which is as many pages as the tree is deep.
    const own = held.pending.filter((pending) => pending.transaction === before.transaction)
    expect(own).toEqual([{ transaction: before.transaction, pages: before.trees[0].depth, holders: 1, awaitsSync: false }])
    expect(snapshot.get(padded(7))).toBe('v'.repeat(100))
    snapshot.rollback()
    const after = db.stats()
    expect(after.pending.filter((pending) => pending.transaction === before.transaction)).toEqual([])
    expect(after.pages.pending).toBe(held.pages.pending - before.trees[0].depth)
    assertSound(db)
  })

  it('waits for each reader apart, and stats say for whom', () => {
    const db = textStore()
    db.load(Array.from({ length: 3000 }, (_, i) => [padded(i), 'v'.repeat(100)] as [string, string]))
    const snapshots = Array.from({ length: 4 }, (_, i) => {
      db.deleteRange({ gte: padded(500 * i), lt: padded(500 * i + 400) })
      return [db.snapshot(), db.snapshot()]
    })
    db.deleteRange({})
    db.put('a', '')
    const { pending, pages } = db.stats()
    const ours = pending.filter((held) => held.holders === 2)
    expect(ours.length).toBeGreaterThanOrEqual(1)
    expect(pages.pending).toBe(pending.reduce((sum, held) => sum + held.pages, 0))
    expect(snapshots.map(([first]) => first.count())).toEqual([2600, 2200, 1800, 1400])
    let waiting = pages.pending
    for (const pair of snapshots) {
      pair[0].rollback()
      expect(db.stats().pages.pending).toBe(waiting)
      pair[1].rollback()
      waiting = db.stats().pages.pending
    }
    expect(db.stats().pending.filter((held) => !held.awaitsSync)).toEqual([])
    assertSound(db)
  })

  it('of deleted entries is given back: sparse pages merge, and an empty tree has no page', () => {
    const db = textStore()
    const random = seeded(12)
    const keys = Array.from({ length: 8000 }, (_, i) => padded(i))
    db.transaction((tx) => keys.forEach((key) => tx.put(key, 'v'.repeat(60))))
    const full = db.stats().trees[0]
    const left = keys.filter(() => random() < 0.05)
    const kept = new Set(left)
    db.transaction((tx) => { for (const key of keys) if (!kept.has(key)) tx.delete(key) })
    const sparse = db.stats().trees[0]
    expect(sparse.entries).toBe(left.length)
    expect(sparse.leafPages).toBeLessThan(full.leafPages / 5)
    expect([...db.keys()]).toEqual(left)
    assertSound(db)
    db.transaction((tx) => { for (const key of left.reverse()) tx.delete(key) })
    expect(db.stats().trees[0]).toMatchObject({ entries: 0, depth: 0, leafPages: 0, branchPages: 0 })
    assertSound(db)
  })

  it('of a deleted range is given back, subtrees unread', () => {
    const db = textStore()
    db.load(Array.from({ length: 20_000 }, (_, i) => [padded(i), i % 1000 === 0 ? 'x'.repeat(20_000) : 'v'.repeat(100)] as [string, string]))
    const full = db.stats()
    expect(db.deleteRange({ gte: padded(100), lt: padded(19_900) })).toBe(19_800)
    const { trees, pages } = db.stats()
    expect(trees[0].leafPages).toBeLessThan(12)
    expect(trees[0].overflowPages).toBe(5)
    expect(pages.free).toBeGreaterThan(full.pages.leaf - 20 + 19 * 5)
    assertSound(db)
  })

  it('taken by a transaction that is rolled back is there again, spilled pages included', () => {
    for (const options of [{}, { mapper: false as const }]) {
      const made = () => {
        const db = diskStore<string, string>({ poolSize: 2 * MIB, durability: 'lazy', valueEncoding: 'utf8', ...options })
        db.put('a', 'kept')
        return db
      }
      const work = (db: Database<string, string>) => {
        const tx = db.begin()
        for (let i = 0; i < 7_000; i++) tx.put(padded((i * 7919) % 7_000), `value ${i}`.padEnd(400))
        tx.put('a', 'lost')
        for (let i = 0; i < 7_000; i += 1000) expect(tx.get(padded((i * 7919) % 7_000))?.trim()).toBe(`value ${i}`)
        return tx
      }
      const db = made()
      work(db).rollback()
      expect(db.stats().pool.spilledPages).toBeGreaterThan(300)
      expect([...db.entries()]).toEqual([['a', 'kept']])
      assertSound(db)
      expect(db.stats().usedBytes).toBeLessThan(20 * 4096)
      work(db).commit()
      expect(db.count()).toBe(7_001)
      const once = made()
      work(once).commit()
      expect(db.stats().fileBytes).toBeLessThan(1.02 * once.stats().fileBytes)
      assertSound(db)
    }
  })

  it('of the pool bounds what a transaction keeps in memory, and it reads its own writes back', () => {
    for (const options of [{}, { mapper: false as const }]) {
      const db = diskStore<Uint8Array, Uint8Array>({ poolSize: 2 * MIB, durability: 'lazy', keyEncoding: 'binary', ...options })
      const random = seeded(77)
      const keys = Array.from({ length: 9_000 }, () => randomBytes(random, 33))
      db.transaction((tx) => {
        for (const key of keys) tx.put(key, new Uint8Array(300).fill(key[5]))
        for (let i = 0; i < keys.length; i += 37) expect(tx.get(keys[i])?.every((byte) => byte === keys[i][5])).toBe(true)
        for (let i = 0; i < keys.length; i += 2) expect(tx.delete(keys[i])).toBe(true)
        for (let i = 1; i < keys.length; i += 4) tx.put(keys[i], new Uint8Array(5000).fill(1))
        expect(tx.count()).toBe(keys.length / 2)
        const { frames, dirty, spilledPages } = db.stats().pool
        expect(dirty).toBeLessThanOrEqual(frames)
        expect(frames * 4096).toBeLessThanOrEqual(2 * MIB)
        expect(spilledPages).toBeGreaterThan(500)
      })
      expect([...db.keys()].map((key) => Buffer.from(key).toString('hex'))).toEqual(keys.filter((_, i) => i % 2 === 1).map((key) => Buffer.from(key).toString('hex')).sort())
      assertSound(db)
    }
  })
})
