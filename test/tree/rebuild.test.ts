import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { encodeMeta } from '../../src/page/meta.js'
import { newestMeta } from '../damage/fixture.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'
import { assertSound, byteStore, codeOf, padded, randomBytes, seeded, shuffled, textStore } from '../helpers.js'

/** Puts of a transaction in no order, from which a tree with few entries is built anew. */
const COUNT = 8000
const keys = shuffled(Array.from({ length: COUNT }, (_, i) => `key ${padded(i * 10)}`), seeded(1))

function sortedEntries(model: Map<string, string>): [string, string][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** A store with a transaction's puts on top of `before`, and what it is to have then. */
function built(before: [string, string][], value = 'v'.repeat(100)): { db: Database<string, string>; model: Map<string, string> } {
  const db = textStore()
  db.batch(before.map(([key, value]) => ({ type: 'put', key, value })))
  db.transaction((tx) => { for (const key of keys) tx.put(key, value) })
  return { db, model: new Map([...before, ...keys.map((key): [string, string] => [key, value])]) }
}

describe('a tree with few entries to which very many puts come', () => {
  it('keeps the entries before, between and behind them, and those that are put again have the new value', () => {
    const before: [string, string][] = ['a', 'b', ...keys.slice(0, 50), ...keys.slice(50, 100).map((key) => `${key} more`), 'y', 'z'].map((key) => [key, `old ${key}`])
    const { db, model } = built(before)
    expect([...db.entries()]).toEqual(sortedEntries(model))
    expect(db.count()).toBe(model.size)
    assertSound(db)
  })

  it('is the same for those who hold the commit before', () => {
    const before = Array.from({ length: 300 }, (_, i): [string, string] => [`before ${padded(i)}`, `${i}`])
    const db = textStore()
    db.batch(before.map(([key, value]) => ({ type: 'put', key, value })))
    const snapshot = db.snapshot()
    db.transaction((tx) => { for (const key of keys) tx.put(key, 'v'.repeat(100)) })
    db.transaction((tx) => { for (const key of keys) tx.put(key, 'w'.repeat(100)) })
    expect([...snapshot.entries()]).toEqual(before)
    snapshot.rollback()
    expect(db.count()).toBe(300 + COUNT)
    assertSound(db)
  })

  it('keeps values in extents, and has none left of those that are replaced', () => {
    const { db, model } = built([['a', 'x'.repeat(9000)], [keys[7], 'y'.repeat(9000)], ['z', 'z'.repeat(50_000)]])
    expect([...db.entries()]).toEqual(sortedEntries(model))
    expect(db.stats().pages.overflow).toBe(3 + 13)
    assertSound(db)
  })

  it('has leaves with room for some more entries of their kind, so that those do not come to twice the pages', () => {
    const { db } = built([])
    const { leafFill, leafPages } = db.stats().trees[0]
    expect([leafFill > 0.9, leafFill < 0.96]).toEqual([true, true])
    db.transaction((tx) => { for (let i = 0; i < COUNT; i += 80) tx.put(`${keys[i]} more`, 'v'.repeat(100)) })
    expect(db.stats().trees[0].leafPages).toBeLessThan(leafPages * 1.05)
  })

  it('has full leaves where an entry would take too much of their room', () => {
    const { db } = built([], 'v'.repeat(780))
    expect(db.stats().trees[0].leafFill).toBeGreaterThan(0.95)
  })

  it('gives the entries that it had to who goes on with the transaction', () => {
    const db = textStore()
    const tx = db.begin()
    const model = new Map<string, string>()
    for (let round = 0; round < 4; round++) {
      for (const key of keys.slice(0, 300 * 4 ** round)) {
        tx.put(`${key} ${round % 2}`, `${round} ${key}`.padEnd(90))
        model.set(`${key} ${round % 2}`, `${round} ${key}`.padEnd(90))
      }
      expect([...tx.entries()]).toEqual(sortedEntries(model))
      tx.delete(`${keys[round]} 0`)
      model.delete(`${keys[round]} 0`)
    }
    tx.commit()
    expect([...db.entries()]).toEqual(sortedEntries(model))
    assertSound(db)
  })

  it('stays in the pool where the transaction goes on, as its pages may change again', () => {
    const db = textStore()
    const tx = db.begin()
    for (const key of keys) tx.put(key, 'v'.repeat(300))
    expect(tx.count()).toBe(COUNT)
    expect(db.stats().pool.spilledPages).toBe(0)
    tx.commit()
    assertSound(db)
  })

  it('has the order of the bytes and the latest values, whatever keys and values are made of', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = seeded(seed)
      const lengths = [1, 2, 4, 5, 9, 33, 700, 2048]
      const makeKey = (): Uint8Array => {
        const bytes = randomBytes(random, lengths[Math.floor(random() * lengths.length)])
        return random() < 0.5 ? bytes.map((byte) => (byte < 128 ? 0 : byte)) : bytes
      }
      const db = byteStore({ poolSize: 4 * 2 ** 20 })
      const model = new Map<string, Buffer>()
      const put = (target: { put: (key: Uint8Array, value: Uint8Array) => void }, key: Uint8Array): void => {
        const value = randomBytes(random, Math.floor(random() * (key.length > 1000 ? 20 : 300)))
        target.put(key, value)
        model.set(Buffer.from(key).toString('latin1'), Buffer.from(value))
      }
      const some = Array.from({ length: Math.floor(random() * 400) }, makeKey)
      db.transaction((tx) => { for (const key of some) put(tx, key) })
      const more = [...some.filter(() => random() < 0.5), ...Array.from({ length: 2000 }, makeKey)]
      db.transaction((tx) => { for (let round = 0; round < 3; round++) for (const key of shuffled(more, random)) put(tx, key) })
      const entries = [...db.entries()].map(([key, value]): [string, Buffer] => [Buffer.from(key).toString('latin1'), Buffer.from(value)])
      expect(entries, `seed ${seed}`).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
      assertSound(db)
    }
  })
})

/** A store whose meta pages say that its tree has so many entries more than it has. */
function miscounted(more: number): Database<string, string> {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn<string, string>(file)
  db.transaction((tx) => { for (const key of keys.slice(0, 200)) tx.put(key, 'old') })
  db.close()
  const image = file.left.slice()
  const { meta } = newestMeta(image)
  meta.defaultTree.entries += more
  for (let slot = 0; slot < META_SLOTS; slot++) image.set(encodeMeta(meta, slot), slot * PAGE_SIZE)
  return openOn<string, string>(new FaultyFile(fileOf(image))).db
}

describe('a damaged tree with few entries to which very many puts come', () => {
  it('is not built anew from entries that it counts and does not have', () => {
    const db = miscounted(1)
    expect(codeOf(() => db.transaction((tx) => { for (const key of keys) tx.put(`${key} more`, 'v'.repeat(100)) }))).toBe('COPPICE_CORRUPT')
    expect(keys.slice(0, 200).every((key) => db.get(key) === 'old')).toBe(true)
  })

  it('keeps the entries that it has and does not count', () => {
    const db = miscounted(-1)
    db.transaction((tx) => { for (const key of keys) tx.put(`${key} more`, 'v'.repeat(100)) })
    expect(keys.slice(0, 200).every((key) => db.get(key) === 'old')).toBe(true)
  })
})
