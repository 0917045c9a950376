import { describe, expect, it } from 'vitest'
import { codeOf, padded, seeded, shuffled, textStore, wrong } from '../helpers.js'

describe('positions', () => {
  const N = 5000
  function filled() {
    const db = textStore()
    const order = shuffled(Array.from({ length: N }, (_, i) => i), seeded(3))
    db.transaction((tx) => order.forEach((i) => tx.put(padded(10 * i), String(i))))
    return db
  }

  it('at gives the entry with so many before it, or with so many behind it and itself where negative', () => {
    const db = filled()
    for (let i = 0; i < N; i += 7) {
      expect(db.at(i)).toEqual([padded(10 * i), String(i)])
      expect(db.at(i - N)).toEqual([padded(10 * i), String(i)])
    }
    expect(db.at(-1)?.[1]).toBe(String(N - 1))
    for (const outside of [N, -N - 1, 2 ** 50, -(2 ** 50)]) expect(db.at(outside)).toBeUndefined()
    expect(textStore().at(0)).toBeUndefined()
    expect(textStore().at(-1)).toBeUndefined()
  })

  it('at refuses what is no whole number', () => {
    const db = filled()
    for (const position of [1.5, NaN, Infinity, '1', undefined, null, 1n]) expect(codeOf(() => db.at(wrong(position)))).toBe('COPPICE_INVALID_OPTION')
  })

  it('rank counts the keys below one, which need not be there', () => {
    const db = filled()
    for (let i = 0; i < N; i += 11) {
      expect(db.rank(padded(10 * i))).toBe(i)
      expect(db.rank(padded(10 * i + 5))).toBe(i + 1)
    }
    expect(db.rank('')).toBe(0)
    expect(db.rank('zz')).toBe(N)
    expect(textStore().rank('a')).toBe(0)
  })

  it('count answers for any range, and 0 for one turned round', () => {
    const db = filled()
    expect(db.count()).toBe(N)
    expect(db.count({ gte: padded(100), lt: padded(200) })).toBe(10)
    expect(db.count({ gt: padded(100), lte: padded(200) })).toBe(10)
    expect(db.count({ gt: padded(100), lt: padded(101) })).toBe(0)
    expect(db.count({ gt: padded(200), lt: padded(100) })).toBe(0)
    expect(db.count({ prefix: '0000' })).toBe(1000)
    expect(db.count({ prefix: 'x' })).toBe(0)
  })

  it('an offset leads to the same entry as as many steps', () => {
    const db = filled()
    const keys = [...db.keys()]
    for (const offset of [1, 100, 2500, N - 1, N]) {
      expect([...db.keys({ offset, limit: 2 })]).toEqual(keys.slice(offset, offset + 2))
      expect([...db.keys({ offset, limit: 2, gte: padded(1000) })]).toEqual(keys.slice(100 + offset, 102 + offset))
      expect([...db.keys({ offset, limit: 2, reverse: true, lt: padded(40_000) })]).toEqual(keys.slice(0, 4000).reverse().slice(offset, offset + 2))
    }
  })

  it('stay right while a transaction puts and deletes', () => {
    const db = filled()
    const random = seeded(17)
    const model = new Set([...db.keys()])
    db.transaction((tx) => {
      for (let step = 0; step < 3000; step++) {
        const key = padded(Math.floor(random() * 10 * N))
        if (random() < 0.5) {
          tx.put(key, 'new'.repeat(random() * 100))
          model.add(key)
        } else expect(tx.delete(key)).toBe(model.delete(key))
        if (step % 300 !== 0) continue
        const sorted = [...model].sort()
        expect(tx.count()).toBe(sorted.length)
        for (let i = 0; i < sorted.length; i += 97) {
          expect(tx.rank(sorted[i])).toBe(i)
          expect(tx.at(i)?.[0]).toBe(sorted[i])
        }
      }
    })
    expect(db.count()).toBe(model.size)
  })
})
