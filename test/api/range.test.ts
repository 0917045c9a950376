import { describe, expect, it } from 'vitest'
import type { RangeOptions } from '../../src/index.js'
import { byteStore, codeOf, memoryStore, textStore, wrong } from '../helpers.js'

const KEYS = ['', 'a', 'a\0', 'aa', 'ab', 'b', 'ba', 'c']
/** Bounds that are keys of the store, and bounds that stand between, before and behind them. */
const BOUNDS = ['', 'a', 'a\0', 'a\0a', 'ab', 'az', 'b', 'zz']

function filled() {
  const db = textStore()
  for (const key of KEYS) db.put(key, `value of ${key}`)
  return db
}

/** What a range is, said in the plainest way. */
function expected(range: RangeOptions<string>): string[] {
  const { gt, gte, lt, lte, prefix, reverse, limit, offset } = range
  const keys = KEYS.filter(
    (key) =>
      (gt === undefined || key > gt) && (gte === undefined || key >= gte) && (lt === undefined || key < lt) &&
      (lte === undefined || key <= lte) && (prefix === undefined || key.startsWith(prefix)),
  )
  if (reverse === true) keys.reverse()
  return keys.slice(offset ?? 0).slice(0, limit ?? Infinity)
}

function* lowerBounds(): Generator<RangeOptions<string>> {
  yield {}
  for (const bound of BOUNDS) {
    yield { gt: bound }
    yield { gte: bound }
  }
  yield { gt: 'a', gte: 'ab' }
  yield { gt: 'ab', gte: 'a' }
  yield { gt: 'a', gte: 'a' }
}

function* upperBounds(): Generator<RangeOptions<string>> {
  yield {}
  for (const bound of BOUNDS) {
    yield { lt: bound }
    yield { lte: bound }
  }
  yield { lt: 'b', lte: 'ab' }
  yield { lt: 'b', lte: 'b' }
}

function* ranges(): Generator<RangeOptions<string>> {
  for (const low of lowerBounds()) {
    for (const high of upperBounds()) {
      yield { ...low, ...high }
      yield { ...low, ...high, prefix: 'a' }
    }
  }
}

describe('a range', () => {
  it('is the keys that meet every bound given, in both directions', () => {
    const db = filled()
    for (const range of ranges()) {
      for (const reverse of [false, true]) {
        const options = { ...range, reverse }
        expect([...db.keys(options)], JSON.stringify(options)).toEqual(expected(options))
      }
    }
  })

  it('passes over the offset, then gives as many as the limit, in both directions', () => {
    const db = filled()
    for (const range of [{}, { gte: 'a', lt: 'b' }, { gt: 'zz' }, { prefix: 'a' }, { gt: 'b', lt: 'a' }]) {
      for (const reverse of [false, true]) {
        for (const offset of [0, 1, 3, 8, 100]) {
          for (const limit of [0, 1, 2, 8, Infinity]) {
            const options = { ...range, reverse, offset, limit }
            expect([...db.keys(options)], JSON.stringify(options)).toEqual(expected(options))
          }
        }
      }
    }
  })

  it('counts as many as it iterates over', () => {
    const db = filled()
    for (const range of ranges()) expect(db.count(range), JSON.stringify(range)).toBe(expected(range).length)
  })

  it('deletes what it iterates over and nothing else', () => {
    const db = filled()
    for (const range of ranges()) {
      const tx = db.begin()
      const gone = new Set(expected(range))
      expect(tx.deleteRange(range), JSON.stringify(range)).toBe(gone.size)
      expect([...tx.keys()], JSON.stringify(range)).toEqual(KEYS.filter((key) => !gone.has(key)))
      tx.rollback()
    }
    expect([...db.keys()]).toEqual(KEYS)
  })

  it('gives entries, keys and values that belong together', () => {
    const db = filled()
    const range = { gte: 'a', lte: 'b', reverse: true, limit: 3 }
    const keys = [...db.keys(range)]
    expect(keys).toEqual(['b', 'ab', 'aa'])
    expect([...db.entries(range)]).toEqual(keys.map((key) => [key, `value of ${key}`]))
    expect([...db.values(range)]).toEqual(keys.map((key) => `value of ${key}`))
    expect([...db]).toEqual(KEYS.map((key) => [key, `value of ${key}`]))
    expect([...db.prefix('b')].map(([key]) => key)).toEqual(['b', 'ba'])
    expect([...db.prefix('b', { reverse: true, limit: 1 })].map(([key]) => key)).toEqual(['ba'])
  })

  it('is empty in a store without entries', () => {
    const db = textStore()
    for (const range of [{}, { gt: 'a' }, { lt: 'a' }, { prefix: 'a' }, { offset: 1 }, { reverse: true }, { reverse: true, lt: 'a' }, { reverse: true, offset: 1 }]) {
      expect([...db.entries(range)]).toEqual([])
      expect(db.begin({ readOnly: true }).keys(range).next()).toEqual({ done: true, value: undefined })
    }
    expect(db.count()).toBe(0)
    expect(db.deleteRange({})).toBe(0)
  })

  it('is refused where it is not an object', () => {
    const db = filled()
    for (const range of [null, 5, 'a', true, () => 1]) {
      expect(codeOf(() => db.entries(wrong(range)))).toBe('COPPICE_INVALID_OPTION')
      expect(codeOf(() => db.count(wrong(range)))).toBe('COPPICE_INVALID_OPTION')
      expect(codeOf(() => db.deleteRange(wrong(range)))).toBe('COPPICE_INVALID_OPTION')
    }
    expect(codeOf(() => db.deleteRange(wrong(undefined)))).toBe('COPPICE_INVALID_OPTION')
    expect(db.count()).toBe(KEYS.length)
  })

  it('is refused with an option that it does not know', () => {
    const db = filled()
    expect(codeOf(() => db.entries(wrong({ start: 'a' })))).toBe('COPPICE_INVALID_OPTION')
    expect(codeOf(() => db.deleteRange(wrong({ from: 'a' })))).toBe('COPPICE_INVALID_OPTION')
    expect(db.count()).toBe(KEYS.length)
  })

  it('is refused where a limit, an offset or an order is given to what knows none, rather than done without it', () => {
    const db = filled()
    for (const options of [{ limit: 1 }, { offset: 1 }, { reverse: true }]) {
      expect(codeOf(() => db.deleteRange(wrong(options)))).toBe('COPPICE_INVALID_OPTION')
      expect(codeOf(() => db.count(wrong(options)))).toBe('COPPICE_INVALID_OPTION')
    }
    expect(db.count()).toBe(KEYS.length)
  })

  it('is refused with a limit, offset or direction that makes no sense', () => {
    const db = filled()
    for (const value of [-1, 1.5, NaN, '1', null, -Infinity]) {
      expect(codeOf(() => db.keys({ limit: wrong(value) }))).toBe('COPPICE_INVALID_OPTION')
      expect(codeOf(() => db.keys({ offset: wrong(value) }))).toBe('COPPICE_INVALID_OPTION')
    }
    expect(codeOf(() => db.keys({ offset: Infinity }))).toBe('COPPICE_INVALID_OPTION')
    for (const value of ['yes', 1, null]) expect(codeOf(() => db.keys({ reverse: wrong(value) }))).toBe('COPPICE_INVALID_OPTION')
  })

  it('is refused with a bound that is no key', () => {
    const db = filled()
    for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix']) {
      for (const key of [5, null, {}, 'k'.repeat(3000)]) {
        const code = typeof key === 'string' ? 'COPPICE_KEY_TOO_LARGE' : 'COPPICE_INVALID_KEY'
        expect(codeOf(() => db.keys({ [name]: wrong(key) }))).toBe(code)
        expect(codeOf(() => db.deleteRange({ [name]: wrong(key) }))).toBe(code)
      }
    }
    expect(codeOf(() => db.prefix(wrong(undefined)))).toBe('COPPICE_INVALID_KEY')
    expect(db.count()).toBe(KEYS.length)
  })
})

describe('a prefix', () => {
  it('of 0xff bytes has no end but that of the tree', () => {
    const db = byteStore()
    const keys = [[0xfe], [0xfe, 0xff], [0xfe, 0xff, 0xff, 1], [0xff], [0xff, 0xff], [0xff, 0xff, 0], [0xff, 0xff, 0xff]].map((key) => Uint8Array.from(key))
    for (const key of keys) db.put(key, key)
    const found = (...prefix: number[]) => [...db.keys({ prefix: Uint8Array.from(prefix) })].map((key) => [...key])
    expect(found(0xff)).toEqual(keys.slice(3).map((key) => [...key]))
    expect(found(0xff, 0xff)).toEqual(keys.slice(4).map((key) => [...key]))
    expect(found(0xfe, 0xff)).toEqual(keys.slice(1, 3).map((key) => [...key]))
    expect(found(0xff, 0xff, 0xff, 0xff)).toEqual([])
    expect([...db.keys({ prefix: Uint8Array.of(0xff), reverse: true })].map((key) => [...key])).toEqual(keys.slice(3).map((key) => [...key]).reverse())
    expect(db.count({ prefix: Uint8Array.of(0xff, 0xff) })).toBe(3)
    expect(db.deleteRange({ prefix: Uint8Array.of(0xff) })).toBe(4)
    expect(db.count()).toBe(3)
  })

  it('as long as a key may be finds that key alone', () => {
    const db = byteStore()
    const longest = new Uint8Array(2048).fill(0xff)
    db.put(longest, Uint8Array.of(1))
    db.put(longest.subarray(0, 2047), Uint8Array.of(2))
    expect(db.count({ prefix: longest })).toBe(1)
    expect(db.count({ gt: longest })).toBe(0)
    expect(db.count({ lte: longest })).toBe(2)
    expect(db.count({ gt: longest.subarray(0, 2047) })).toBe(1)
  })

  it('is compared by bytes, so half of a character matches none of its neighbours', () => {
    const db = memoryStore<string, string>({ valueEncoding: 'utf8' })
    for (const key of ['é', 'éa', 'è', 'e', '\u{1f600}', '\uffff']) db.put(key, key)
    expect([...db.keys({ prefix: 'é' })]).toEqual(['é', 'éa'])
    expect([...db.keys()]).toEqual(['e', 'è', 'é', 'éa', '\uffff', '\u{1f600}'])
  })
})

describe('deleteRange with a bound that somebody has lost', () => {
  it('deletes nothing', () => {
    const db = filled()
    const lost: { id?: string } = {}
    expect(codeOf(() => db.deleteRange({ lt: wrong(lost.id) }))).toBe('COPPICE_INVALID_KEY')
    expect(codeOf(() => db.deleteRange({ prefix: wrong(lost.id) }))).toBe('COPPICE_INVALID_KEY')
    expect(db.count()).toBe(KEYS.length)
  })
})
