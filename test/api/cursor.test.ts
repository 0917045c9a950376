import { describe, expect, it } from 'vitest'
import { byteStore, codeOf, diskStore, padded, textStore, wrong } from '../helpers.js'


/** 2,000 entries with even numbers as keys, over many pages. */
function filled() {
  const db = textStore()
  db.load(Array.from({ length: 2000 }, (_, i) => [padded(2 * i), `value ${2 * i}`.padEnd(40)] as [string, string]))
  return db
}

describe('a cursor', () => {
  it('walks all entries forwards and backwards', () => {
    const db = filled()
    using cursor = db.cursor()
    const keys = [...db.keys()]
    const forwards: string[] = []
    for (let more = cursor.first(); more; more = cursor.next()) forwards.push(cursor.key as string)
    expect(forwards).toEqual(keys)
    const backwards: string[] = []
    for (let more = cursor.last(); more; more = cursor.previous()) backwards.push(cursor.key as string)
    expect(backwards).toEqual(keys.reverse())
  })

  it('turns round wherever it stands', () => {
    using cursor = filled().cursor()
    expect(cursor.seek(padded(1000))).toBe(true)
    for (let step = 1; step < 200; step++) {
      expect(cursor.next()).toBe(true)
      expect(cursor.key).toBe(padded(1002))
      expect(cursor.previous()).toBe(true)
      for (let i = 0; i < step; i++) cursor.previous()
      for (let i = 0; i < step; i++) cursor.next()
      expect(cursor.key).toBe(padded(1000))
    }
    expect(cursor.value?.trim()).toBe('value 1000')
  })

  it('seeks the key or the next greater one, or the last one before', () => {
    using cursor = filled().cursor()
    for (const [target, at, before] of [[-1, '00000000', undefined], [0, '00000000', undefined], [1, padded(2), padded(0)], [2, padded(2), padded(0)], [1999, padded(2000), padded(1998)], [3998, padded(3998), padded(3996)], [3999, undefined, padded(3998)]] as const) {
      const key = target === -1 ? '' : padded(target)
      expect(cursor.seek(key)).toBe(at !== undefined)
      expect(cursor.key).toBe(at)
      expect(cursor.seekBefore(key)).toBe(before !== undefined)
      expect(cursor.key).toBe(before)
    }
  })

  it('goes to a position, counted from the end where it is negative', () => {
    using cursor = filled().cursor()
    for (const [position, key] of [[0, padded(0)], [1, padded(2)], [1999, padded(3998)], [-1, padded(3998)], [-2000, padded(0)]] as const) {
      expect(cursor.seekPosition(position)).toBe(true)
      expect(cursor.key).toBe(key)
    }
    for (const outside of [2000, -2001, 2 ** 40]) {
      expect(cursor.seekPosition(outside)).toBe(false)
      expect(cursor.key).toBeUndefined()
    }
    for (const position of [1.5, NaN, Infinity, '1', undefined, null]) expect(codeOf(() => cursor.seekPosition(wrong(position)))).toBe('COPPICE_INVALID_OPTION')
  })

  it('stands nowhere at first, behind the last and before the first entry, and can be placed again', () => {
    using cursor = filled().cursor()
    for (const leave of [() => false, () => cursor.last() && cursor.next(), () => cursor.first() && cursor.previous(), () => cursor.seek('zz')]) {
      expect(leave()).toBe(false)
      expect(cursor.key).toBeUndefined()
      expect(cursor.value).toBeUndefined()
      expect(cursor.next()).toBe(false)
      expect(cursor.previous()).toBe(false)
    }
    expect(cursor.first()).toBe(true)
    expect(cursor.key).toBe(padded(0))
  })

  it('finds nothing in a store without entries', () => {
    const cursor = textStore().cursor()
    expect([cursor.first(), cursor.last(), cursor.next(), cursor.previous(), cursor.seek('a'), cursor.seekBefore('a'), cursor.seekPosition(0), cursor.seekPosition(-1)]).toEqual(Array(8).fill(false))
  })

  it.each(['file', ':memory:'])('shows each value where it lies, small or large, in either direction (%s)', (where) => {
    const db = where === 'file' ? diskStore<Uint8Array>({ keyEncoding: 'binary' }) : byteStore()
    const values = new Map(Array.from({ length: 300 }, (_, i) => [padded(i), Buffer.alloc(i % 50 === 7 ? 9000 + i : i % 90, i)]))
    db.transaction((tx) => values.forEach((value, key) => tx.put(Buffer.from(key), value)))
    using cursor = db.cursor()
    const seen = (bytes: Uint8Array, start: number, end: number): Buffer => Buffer.from(bytes.subarray(start, end))
    expect(cursor.view(seen)).toBeUndefined()
    const keys = [...values.keys()]
    for (const key of keys) expect({ moved: cursor.next() || cursor.first(), value: cursor.view(seen) }).toEqual({ moved: true, value: values.get(key) })
    for (const key of keys.toReversed().slice(1)) expect({ moved: cursor.previous(), value: cursor.view(seen) }).toEqual({ moved: true, value: values.get(key) })
    expect(() => cursor.view('no function' as never)).toThrow(expect.objectContaining({ code: 'COPPICE_INVALID_OPTION' }))
  })

  it('of a write transaction shows the values as they are by then', () => {
    const db = byteStore()
    using tx = db.begin()
    for (let i = 0; i < 100; i++) tx.put(Buffer.from(padded(i)), Buffer.alloc(20, 1))
    using cursor = tx.cursor()
    const sum = (bytes: Uint8Array, start: number, end: number): number => bytes.subarray(start, end).reduce((total, byte) => total + byte, 0)
    expect([cursor.first(), cursor.view(sum)]).toEqual([true, 20])
    tx.put(Buffer.from(padded(0)), Buffer.alloc(30, 2))
    expect(cursor.view(sum)).toBe(60)
    tx.put(Buffer.from(padded(1)), Buffer.alloc(3, 3))
    expect([cursor.next(), cursor.view(sum)]).toEqual([true, 9])
    tx.delete(Buffer.from(padded(1)))
    expect(cursor.view(sum)).toBeUndefined()
  })

  it('of the database reads the moment it was made, and holds its pages until it is closed', () => {
    const db = filled()
    const cursor = db.cursor()
    cursor.seek(padded(1000))
    for (let i = 0; i < 300; i++) db.put(padded(2 * i), 'new')
    db.deleteRange({ gt: padded(1000) })
    expect(db.stats().pages.pending).toBeGreaterThan(0)
    expect(cursor.next()).toBe(true)
    expect(cursor.key).toBe(padded(1002))
    expect(cursor.first()).toBe(true)
    expect(cursor.value?.trim()).toBe('value 0')
    cursor.close()
    expect(db.stats().pending.filter((held) => !held.awaitsSync)).toEqual([])
    cursor.close()
  })

  it('is of no use once it is closed, as its pages may hold something else by then', () => {
    const db = filled()
    const cursor = db.cursor()
    cursor.first()
    cursor.close()
    for (const use of [() => cursor.first(), () => cursor.last(), () => cursor.next(), () => cursor.previous(), () => cursor.seek('a'), () => cursor.seekBefore('a'), () => cursor.seekPosition(0), () => cursor.key, () => cursor.value]) {
      expect(codeOf(use)).toBe('COPPICE_CLOSED')
    }
    const inTransaction = db.transaction((tx) => {
      const own = tx.cursor()
      own.close()
      return codeOf(() => own.first())
    })
    expect(inTransaction).toBe('COPPICE_CLOSED')
  })

  it('of a write transaction follows its key through the transaction\'s own writes', () => {
    const db = filled()
    db.transaction((tx) => {
      const cursor = tx.cursor()
      expect(cursor.seek(padded(1000))).toBe(true)
      tx.put(padded(1000), 'changed')
      expect(cursor.value).toBe('changed')
      for (let i = 0; i < 500; i++) tx.put(`${padded(999)}-${i}`, 'x'.repeat(200))
      expect([cursor.key, cursor.value]).toEqual([padded(1000), 'changed'])
      tx.put(padded(1001), 'ahead')
      expect(cursor.next()).toBe(true)
      expect(cursor.key).toBe(padded(1001))
      tx.delete(padded(1001))
      expect([cursor.key, cursor.value]).toEqual([undefined, undefined])
      tx.put(padded(1001), 'again')
      expect(cursor.value).toBe('again')
      tx.delete(padded(1001))
      expect(cursor.previous()).toBe(true)
      expect(cursor.key).toBe(padded(1000))
      tx.deleteRange({ gte: padded(500) })
      expect(cursor.next()).toBe(false)
      expect(cursor.last()).toBe(true)
      expect(cursor.key).toBe(padded(498))
      tx.deleteRange({})
      expect(cursor.previous()).toBe(false)
      expect(cursor.key).toBeUndefined()
    })
  })

  it('of a write transaction steps back from a deleted key that was the last one', () => {
    const db = filled()
    db.transaction((tx) => {
      const cursor = tx.cursor()
      cursor.last()
      tx.deleteRange({ gt: padded(100) })
      expect(cursor.key).toBeUndefined()
      expect(cursor.previous()).toBe(true)
      expect(cursor.key).toBe(padded(100))
    })
  })
})
