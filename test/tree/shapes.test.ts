/**
 * Trees of awkward shapes against a sorted map: keys of all lengths with much and little in common, values of
 * all sizes, transactions that insert, overwrite, delete and cut, through a small pool and in memory. After
 * each transaction the tree has the map's entries, numbers and order, and passes its own check.
 */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { assertSound, byteStore, diskStore, padded, randomBytes, seeded } from '../helpers.js'

type Random = () => number
type Shape = { name: string; key: (random: Random) => Uint8Array; value: (random: Random) => number; operations: number }

const text = (string: string) => new Uint8Array(Buffer.from(string))
const below = (random: Random, limit: number) => Math.floor(random() * limit)

const shapes: Shape[] = [
  { name: 'short keys, short values', key: (random) => randomBytes(random, below(random, 4)), value: (random) => below(random, 20), operations: 4000 },
  { name: 'random keys, all sizes of values', key: (random) => randomBytes(random, 33), value: (random) => below(random, random() < 0.1 ? 9000 : 1500), operations: 1500 },
  { name: 'long keys with a common beginning', key: (random) => text(`${'a'.repeat(1000)}${below(random, 3000)}`), value: (random) => below(random, 100), operations: 1500 },
  { name: 'long keys that differ near their end in groups', key: (random) => text(`${below(random, 100)}/${'b'.repeat(1500)}${below(random, 30)}`), value: (random) => below(random, 300), operations: 1200 },
  { name: 'keys of the greatest length', key: (random) => { const key = new Uint8Array(2048).fill(1); key[below(random, 2048)] = below(random, 256); return key }, value: (random) => below(random, 3) * 700, operations: 800 },
  { name: 'one key the beginning of the next', key: (random) => new Uint8Array(below(random, 2049)).fill(below(random, 2) * 255), value: (random) => below(random, 50), operations: 1200 },
  { name: 'zeros and their heads', key: (random) => new Uint8Array(below(random, 12)).map(() => (random() < 0.8 ? 0 : 1)), value: (random) => below(random, 2020), operations: 2000 },
]

class Model {
  readonly map = new Map<string, Uint8Array>()

  /** Keys in order, as hexadecimal, whose order is that of the bytes. */
  sorted(): string[] {
    return [...this.map.keys()].sort()
  }

  cut(low: string, high: string): number {
    let count = 0
    for (const key of [...this.map.keys()]) if (key >= low && key < high && this.map.delete(key)) count++
    return count
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
const bytesOf = (key: string) => new Uint8Array(Buffer.from(key, 'hex'))

function transact(db: Database<Uint8Array, Uint8Array>, model: Model, shape: Shape, random: Random, phase: number): void {
  const deleting = [0.15, 0.5, 0.8][phase % 3]
  db.transaction((tx) => {
    for (let i = 0; i < shape.operations / 6; i++) {
      const key = shape.key(random)
      const choice = random()
      if (choice < 0.01) {
        const [low, high] = [hex(key), hex(shape.key(random))].sort()
        expect(tx.deleteRange({ gte: bytesOf(low), lt: bytesOf(high) })).toBe(model.cut(low, high))
      } else if (choice < deleting) {
        // Of keys that are there, so that pages run empty.
        const near = tx.keys({ gte: key, limit: 1 }).next().value ?? key
        expect(tx.delete(near)).toBe(model.map.delete(hex(near)))
      } else {
        const value = new Uint8Array(shape.value(random)).fill(i)
        tx.put(key, value)
        model.map.set(hex(key), value)
      }
    }
  })
}

function compare(db: Database<Uint8Array, Uint8Array>, model: Model, random: Random): void {
  const sorted = model.sorted()
  expect([...db.keys()].map(hex)).toEqual(sorted)
  expect([...db.keys({ reverse: true })].map(hex)).toEqual([...sorted].reverse())
  for (const [key, value] of db) if (Buffer.compare(value, model.map.get(hex(key)) as Uint8Array) !== 0) throw new Error(`wrong value of ${hex(key)}`)
  expect(db.count()).toBe(sorted.length)
  for (let i = 0; i < 20 && sorted.length > 0; i++) {
    const [a, b] = [below(random, sorted.length), below(random, sorted.length)].sort((x, y) => x - y)
    expect(hex((db.at(a) as [Uint8Array, Uint8Array])[0])).toBe(sorted[a])
    expect(db.rank(bytesOf(sorted[b]))).toBe(b)
    expect(db.count({ gt: bytesOf(sorted[a]), lte: bytesOf(sorted[b]) })).toBe(b - a)
    expect(Buffer.compare(db.get(bytesOf(sorted[a])) as Uint8Array, model.map.get(sorted[a]) as Uint8Array)).toBe(0)
  }
  assertSound(db)
}

describe('a tree of', () => {
  for (const [seed, shape] of shapes.entries()) {
    for (const kind of ['memory', 'small pool without a map'] as const) {
      it(`${shape.name} is what a sorted map is (${kind}, seed ${seed})`, () => {
        const random = seeded(seed)
        const db = kind === 'memory' ? byteStore() : diskStore<Uint8Array, Uint8Array>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy', keyEncoding: 'binary' })
        const model = new Model()
        for (let phase = 0; phase < 9; phase++) {
          const held = phase % 2 === 0 ? db.snapshot() : undefined
          const before = held === undefined ? [] : model.sorted()
          transact(db, model, shape, random, phase)
          compare(db, model, random)
          if (held !== undefined) expect([...held.keys()].map(hex)).toEqual(before)
          held?.rollback()
        }
        db.deleteRange({ gt: new Uint8Array(0) })
        db.delete(new Uint8Array(0))
        expect(db.stats().trees[0]).toMatchObject({ entries: 0, leafPages: 0, branchPages: 0, overflowPages: 0 })
        assertSound(db)
      })
    }
  }
})

describe('cutting a range out of a tree far larger than the pool', () => {
  it('keeps the pages above the cut in the pool, however many it looks through below', () => {
    // Long separators make a deep tree. A snapshot makes the cut read each leaf that it gives back, and
    // without a map each takes a frame: more than the pool has, between two looks at the root.
    const db = diskStore<string, Uint8Array>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy' })
    const count = 15_000
    const key = (i: number) => `${String(Math.floor(i / 50)).padStart(6, '0')}${'-'.repeat(1200)}${padded(i % 50)}`
    db.load((function* () { for (let i = 0; i < count; i++) yield [key(i), new Uint8Array(400)] as const })())
    const { depth, leafPages } = db.stats().trees[0]
    expect([depth, leafPages > 2000]).toEqual([4, true])
    const snapshot = db.snapshot()
    db.put('a', new Uint8Array(1))
    let left = count + 1
    for (const [from, to] of [[200, 4800], [5100, 9700], [10_000, 14_000]]) {
      // What the same transaction has written before lies among it, so pages on their way out are sealed meanwhile.
      const tx = db.begin()
      for (let i = from; i < to; i += 100) tx.put(key(i), new Uint8Array(300))
      expect(tx.deleteRange({ gte: key(from), lt: key(to) })).toBe(to - from)
      tx.commit()
      left -= to - from
      expect(db.count()).toBe(left)
      assertSound(db)
    }
    expect([...snapshot.keys()].length).toBe(count)
    snapshot.rollback()
    assertSound(db)
  })
})
