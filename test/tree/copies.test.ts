/** The copies that iterators read ahead: every entry against a model, long after the memory behind it has served others. */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { byteStore, diskStore, randomBytes, seeded, shuffled } from '../helpers.js'

type Bytes = Uint8Array
type Entry = [key: Bytes, value: Bytes]

const SHORT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Lengths of what follows the keys' common beginning: most of them about one word. */
const KEY_LENGTHS = [...SHORT, ...SHORT, ...SHORT, 12, 15, 16, 17, 40, 301, 700]

/** Entries in order, no two keys the same, each of a length that the lists have. */
function randomEntries(seed: number, count: number, prefix: Bytes, keyLengths: number[], valueLengths: number[]): Entry[] {
  const random = seeded(seed)
  const pick = (list: number[]): number => list[Math.floor(random() * list.length)]
  const entries = new Map<string, Entry>()
  for (let i = 0; i < count; i++) {
    const key = Buffer.concat([prefix, randomBytes(random, pick(keyLengths))])
    entries.set(key.toString('latin1'), [key, randomBytes(random, pick(valueLengths))])
  }
  return [...entries.values()].sort((a, b) => Buffer.compare(a[0], b[0]))
}

/** Whether they are the same; `toEqual` would look at each byte by itself. */
function expectSame(got: readonly Bytes[], wanted: readonly Bytes[]): void {
  expect(got.length).toBe(wanted.length)
  expect(got.findIndex((bytes, i) => Buffer.compare(bytes, wanted[i]) !== 0)).toBe(-1)
}

/** Reads everything in every way, keeps it all, and looks at it only in the end. */
function expectEntries(db: Database<Bytes, Bytes>, entries: Entry[]): void {
  const keys: Bytes[] = []
  const values: Bytes[] = []
  const wanted: Entry[] = []
  for (const reverse of [false, true]) {
    const ordered = reverse ? [...entries].reverse() : entries
    for (const [key, value] of db.entries({ reverse })) {
      keys.push(key)
      values.push(value)
    }
    keys.push(...db.keys({ reverse }))
    values.push(...db.values({ reverse }))
    wanted.push(...ordered, ...ordered)
  }
  expectSame(keys, wanted.map(([key]) => key))
  expectSame(values, wanted.map(([, value]) => value))
}

const LAYOUTS: Record<string, (db: Database<Bytes, Bytes>, entries: Entry[]) => void> = {
  'loaded': (db, entries) => { db.load(entries) },
  'put in order': (db, entries) => db.transaction((tx) => { for (const [key, value] of entries) tx.put(key, value) }),
  'put from the end': (db, entries) => db.transaction((tx) => { for (const [key, value] of [...entries].reverse()) tx.put(key, value) }),
  'put one by one in any order': (db, entries) => { for (const [key, value] of shuffled(entries, seeded(5))) db.put(key, value) },
}

const VALUES: Record<string, number[]> = {
  'short values': SHORT,
  'values of 128 bytes': [128],
  'values about 128 bytes': [125, 126, 127, 128, 129, 130],
  'values of up to half a page': [0, 1, 30, 500, 1000, 1500, 2000],
  'large values between small ones': [100, 100, 100, 120, 5000, 70000],
}

describe.each(Object.keys(LAYOUTS))('entries %s', (layout) => {
  it.each(Object.keys(VALUES))('with %s are read as they were written', (lengths) => {
    for (const prefixLength of [0, 1, 2, 3, 4, 7, 500]) {
      const db = byteStore()
      const entries = randomEntries(prefixLength + 1, 300, Buffer.alloc(prefixLength, 'p'), KEY_LENGTHS, VALUES[lengths])
      LAYOUTS[layout](db, entries)
      expectEntries(db, entries)
    }
  })
})

it('entries are the same from a file, and in a transaction that has changed some', () => {
  const db = diskStore<Bytes, Bytes>({ keyEncoding: 'binary' })
  const entries = randomEntries(8, 2000, Buffer.from('user:'), KEY_LENGTHS, [8, 128, 128, 128, 3000])
  db.load(entries)
  expectEntries(db, entries)
  const tx = db.begin()
  for (let i = 0; i < entries.length; i += 7) {
    entries[i] = [entries[i][0], Buffer.alloc(128, i)]
    tx.put(...entries[i])
  }
  expectSame([...tx.entries()].flat(), entries.flat())
  expectSame([...tx.keys({ reverse: true })], entries.map(([key]) => key).reverse())
  tx.rollback()
})

it('the longest keys are read whole, also where all of a key is the common beginning of its page', () => {
  const db = byteStore()
  const entries: Entry[] = []
  for (let i = 0; i < 60; i++) for (const length of [2045, 2046, 2047, 2048]) entries.push([Buffer.alloc(length, i), Buffer.alloc(9, i)])
  db.load(entries)
  expectEntries(db, entries)
})

it('what short ranges gave is never written to again, wherever they ended in the memory they share', () => {
  const db = byteStore()
  const entries = randomEntries(9, 3000, Buffer.alloc(0), [3, 4, 5, 6, 7, 16, 17, 18], [0, 1, 2, 3, 127, 128, 129, 200])
  db.load(entries)
  const random = seeded(10)
  const got: Bytes[] = []
  const wanted: Bytes[] = []
  for (let round = 0; round < 6000; round++) {
    const first = Math.floor(random() * (entries.length - 20))
    const range = entries.slice(first, first + 1 + Math.floor(random() * 18))
    const reverse = random() < 0.5
    const options = { gte: range[0][0], limit: range.length, lte: range[range.length - 1][0], reverse }
    if (reverse) range.reverse()
    const way = round % 3
    if (way === 0) got.push(...[...db.entries(options)].flat())
    else got.push(...(way === 1 ? db.keys(options) : db.values(options)))
    wanted.push(...(way === 0 ? range.flat() : range.map((entry) => entry[way - 1])))
  }
  expectSame(got, wanted)
})

it('a value is that of its key where decoding the key moves the very iterator on', () => {
  const entries = randomEntries(11, 500, Buffer.alloc(0), [16], [100, 110, 120])
  let busy = false
  const moving = {
    name: 'moving',
    encode: (key: Bytes) => key,
    decode(source: Bytes, start = 0, end = source.length): Bytes {
      const key = source.slice(start, end)
      if (busy) return key
      busy = true
      for (let i = 0; i < 20; i++) iterator.next()
      busy = false
      return key
    },
  }
  const db = byteStore({ keyEncoding: moving })
  db.load(entries)
  const iterator = db.entries()
  for (let i = 0; i < 400; i += 21) expectSame(iterator.next().value as Entry, entries[i])
})

/** Bytes of shared memory between the beginnings of a value and the one before it; those where other memory begins are left out. */
function distances(values: Iterable<Bytes>): number[] {
  const found: number[] = []
  let last: Bytes | undefined
  for (const value of values) {
    if (last?.buffer === value.buffer) found.push(Math.abs(value.byteOffset - last.byteOffset))
    last = value
  }
  return found
}

describe('the memory that values share', () => {
  it.each([[16, 128], [16, 40], [300, 128], [1000, 600], [9, 8]])('has little else between them (keys of %i bytes, values of %i)', (keyLength, valueLength) => {
    for (const layout of Object.keys(LAYOUTS)) {
      const db = byteStore()
      LAYOUTS[layout](db, randomEntries(12, 1000, Buffer.alloc(0), [keyLength], [valueLength]))
      // From one run to the next, and where a value of a leaf is elsewhere, there may be more.
      const near = distances(db.values()).sort((a, b) => a - b)
      expect(near[Math.floor(near.length / 2)]).toBeLessThanOrEqual(valueLength * 1.25)
      const memory = new Set([...db.values()].map((value) => value.buffer)).size * 4 * 4096
      expect(memory).toBeLessThanOrEqual(1000 * valueLength * 1.25 * 1.2 + 2 * 4 * 4096)
    }
  })
})
