import { describe, expect, it } from 'vitest'
import type { Transaction } from '../../src/index.js'
import { assertSound, byteStore, codeOf, diskStore, padded, textStore, wrong } from '../helpers.js'

function* ascending(from: number, to: number, value = 'value'): Generator<[string, string]> {
  for (let i = from; i < to; i++) yield [padded(i), `${value} ${i}`]
}

function* thenThrow(count: number): Generator<[string, string]> {
  yield* ascending(0, count)
  throw new Error('out of entries')
}

describe('load', () => {
  it('stores what it is given, answers how many, and leaves pages full', () => {
    for (const length of [1, 100]) {
      const db = textStore()
      const value = 'v'.repeat(length)
      expect(db.load(ascending(0, 10_000, value))).toBe(10_000)
      expect(db.count()).toBe(10_000)
      expect(db.get(padded(1234))).toBe(`${value} 1234`)
      expect([...db.keys({ offset: 9998 })]).toEqual([padded(9998), padded(9999)])
      expect(db.stats().trees[0].leafFill, `values of ${length}`).toBeGreaterThanOrEqual(0.95)
      assertSound(db)
    }
  })

  it('of nothing stores nothing', () => {
    const db = textStore()
    expect(db.load([])).toBe(0)
    expect(db.load(new Map())).toBe(0)
    expect(db.stats().trees[0]).toMatchObject({ entries: 0, depth: 0, leafPages: 0 })
    db.put('a', 'b')
    expect(db.load([])).toBe(0)
    expect(db.count()).toBe(1)
  })

  it('takes keys and values of the greatest and least lengths, and overflow values', () => {
    const db = byteStore()
    const entries = Array.from({ length: 300 }, (_, i) => {
      const key = new Uint8Array(i === 0 ? 0 : i % 2 === 0 ? 2048 : 2).fill(1)
      if (i > 0) key[0] = i >>> 8
      if (i > 0) key[1] = i & 255
      return [key, new Uint8Array(i % 7 === 0 ? 10_000 : i).fill(i)] as [Uint8Array, Uint8Array]
    })
    db.load(entries)
    assertSound(db)
    expect(db.stats().trees[0].overflowPages).toBeGreaterThan(0)
    expect([...db.entries()].every(([key, value], i) => Buffer.compare(key, entries[i][0]) === 0 && Buffer.compare(value, entries[i][1]) === 0)).toBe(true)
  })

  it('appends to entries that are there already, leaving full pages too', () => {
    const db = textStore()
    db.put('', 'first')
    db.load(ascending(0, 100))
    db.load(ascending(100, 20_000))
    expect(db.count()).toBe(20_001)
    expect(db.at(-1)).toEqual([padded(19_999), 'value 19999'])
    expect(db.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.95)
    assertSound(db)
  })

  it('refuses entries that are not in ascending order, and then has stored none', () => {
    for (const first of [false, true]) {
      for (const entries of [[['b', ''], ['a', '']], [['a', ''], ['a', '']], [['a', ''], ['b', ''], ['aa', '']], [['a', ''], ['', '']]] as [string, string][][]) {
        const db = textStore()
        if (first) db.put('a-', 'there')
        expect(codeOf(() => db.load(entries))).toBe('COPPICE_UNSORTED')
        expect([...db.keys()]).toEqual(first ? ['a-'] : [])
        assertSound(db)
      }
    }
    const db = textStore()
    db.put('m', 'there')
    expect(codeOf(() => db.load([['m', '']]))).toBe('COPPICE_UNSORTED')
    expect(codeOf(() => db.load([['l', '']]))).toBe('COPPICE_UNSORTED')
    expect(db.get('m')).toBe('there')
  })

  it('whose entries throw half-way has stored none, and the transaction goes on as it was', () => {
    const db = textStore()
    for (const before of [0, 500]) {
      db.transaction((tx) => {
        for (let i = 0; i < before; i++) tx.put(`!${padded(i)}`, 'before')
        expect(() => tx.load(thenThrow(5000))).toThrow('out of entries')
        expect(tx.count()).toBe(before)
        tx.put('!after', 'the load')
      })
      expect(db.count()).toBe(before + 1)
      expect(() => db.load(thenThrow(5000))).toThrow('out of entries')
      expect(db.count()).toBe(before + 1)
      assertSound(db)
      db.deleteRange({})
    }
  })

  it('of values that cannot be stored has stored none', () => {
    const db = textStore()
    const entries = [...ascending(0, 3000), ['x', wrong(5)]] as [string, string][]
    expect(codeOf(() => db.load(entries))).toBe('COPPICE_INVALID_VALUE')
    expect(codeOf(() => db.load([...ascending(0, 3000), ['x'.repeat(2049), '']]))).toBe('COPPICE_KEY_TOO_LARGE')
    expect(db.count()).toBe(0)
    expect(db.stats().pages.leaf).toBe(0)
    assertSound(db)
  })

  it('refuses what holds no entries', () => {
    const db = textStore()
    for (const source of [undefined, null, 5, 'ab', {}, () => []]) expect(codeOf(() => db.load(wrong(source)))).toBe('COPPICE_INVALID_OPTION')
    for (const entry of [5, 'ab', null, undefined, {}]) expect(codeOf(() => db.load([wrong(entry)]))).toBe('COPPICE_INVALID_OPTION')
    expect(codeOf(() => db.load(wrong([[]])))).toBe('COPPICE_INVALID_VALUE')
    expect(db.count()).toBe(0)
  })

  it('whose entries write to the same transaction, or end it, is told COPPICE_BUSY', () => {
    const db = textStore()
    const uses: ((tx: Transaction<string, string>) => unknown)[] = [
      (tx) => tx.put('b', ''), (tx) => tx.delete('a'), (tx) => tx.deleteRange({}), (tx) => tx.load([]), (tx) => tx.batch([{ type: 'delete', key: 'a' }]),
      (tx) => tx.tree('other').put('b', Uint8Array.of(1)), (tx) => tx.createTree('other'), (tx) => tx.dropTree('kept'), (tx) => tx.savepoint(), (tx) => tx.commit(), (tx) => tx.rollback(),
      () => db.put('b', ''), () => db.begin(), () => db.close(),
    ]
    db.createTree('kept')
    db.transaction((tx) => {
      const savepoint = tx.savepoint()
      uses.push(() => savepoint.rollback(), () => savepoint.release())
      const codes: (string | undefined)[] = []
      function* entries(): Generator<[string, string]> {
        for (const [i, use] of uses.entries()) {
          codes.push(codeOf(() => use(tx)))
          yield [padded(i), 'x'.repeat(100)]
        }
      }
      expect(tx.load(entries())).toBe(uses.length)
      expect(codes).toEqual(uses.map(() => 'COPPICE_BUSY'))
      expect(codeOf(() => tx.load((function* () { yield ['y', ''] as [string, string]; tx.put('z', '') })()))).toBe('COPPICE_BUSY')
      expect(tx.has('y')).toBe(false)
    })
    expect(db.count()).toBe(uses.length)
    expect(db.trees()).toEqual(['kept'])
    assertSound(db)
  })

  it('of the database whose entries write through the database is told COPPICE_BUSY, and may read', () => {
    const db = textStore()
    db.put('a', 'old')
    const codes: unknown[] = []
    db.load((function* (): Generator<[string, string]> {
      yield ['b', db.get('a') ?? '']
      codes.push(codeOf(() => db.put('c', '')), db.count(), [...db.keys()])
    })())
    expect(codes).toEqual(['COPPICE_BUSY', 1, ['a']])
    expect(db.get('b')).toBe('old')
  })

  it('may read the transaction it loads into, which is as it was before', () => {
    const db = textStore()
    db.transaction((tx) => {
      tx.tree('source', { valueEncoding: 'utf8' }).load(ascending(0, 1000))
      const seen: number[] = []
      tx.load((function* (): Generator<[string, string]> {
        for (const entry of tx.tree('source', { valueEncoding: 'utf8' })) {
          if (entry[0].endsWith('00')) seen.push(tx.tree('source').count())
          yield entry
        }
      })())
      expect(seen).toEqual(Array(10).fill(1000))
    })
    expect(db.count()).toBe(1000)
  })

  it('takes another tree\'s iterator, through a pool far smaller than both trees', () => {
    for (const options of [{ mapper: false as const }, {}]) {
      const db = diskStore<string, string>({ poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8', ...options })
      db.transaction((tx) => {
        tx.load(ascending(0, 12_000, 'v'.repeat(200)))
        tx.tree('copy', { valueEncoding: 'utf8' }).load(tx.entries())
      })
      expect(db.stats().pool.spilledPages).toBeGreaterThan(300)
      expect(db.tree('copy').count()).toBe(12_000)
      expect(db.tree('copy', { valueEncoding: 'utf8' }).at(-1)).toEqual(db.at(-1))
      assertSound(db)
    }
  })
})
