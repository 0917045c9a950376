import { describe, expect, it } from 'vitest'
import { assertSound, diskStore, memoryStore, padded, textStore } from '../helpers.js'

/** So many entries in the order of their keys, five to a leaf or so: 300 leaves are more than are written in one go. */
function entriesOf(count: number, mark: string): [key: string, value: string][] {
  return Array.from({ length: count }, (_, i) => [padded(i), mark.repeat(750)])
}

describe('ascending puts', () => {
  it('go on under a shorter prefix, a longer one, and none', () => {
    const db = textStore()
    const keys = ['a', 'b', 'ba', 'c'].flatMap((start) => Array.from({ length: 300 }, (_, i) => start.padEnd(40, start) + padded(i))).sort()
    db.transaction((tx) => keys.forEach((key) => tx.put(key, 'v'.repeat(50))))
    expect([...db.keys()]).toEqual(keys)
    assertSound(db)
  })

  it('take values of all lengths, those outside the leaves too', () => {
    const db = textStore()
    const entries = Array.from({ length: 2000 }, (_, i): [string, string] => [padded(i), 'v'.repeat((i * 37) % 2500)])
    db.transaction((tx) => entries.forEach(([key, value]) => tx.put(key, value)))
    expect([...db.entries()]).toEqual(entries)
    assertSound(db)
  })

  for (const [name, make] of [['in memory', memoryStore], ['on the disk', diskStore]] as const) {
    it(`can be changed in their own transaction, though their leaves were written before its end (${name})`, () => {
      const db = make<string, string>({ valueEncoding: 'utf8' })
      const count = 4000
      db.transaction((tx) => {
        for (const [key, value] of entriesOf(count, 'a')) tx.put(key, value)
        for (let i = 0; i < count; i += 3) tx.put(padded(i), 'b'.repeat(700))
        for (let i = 1; i < count; i += 3) tx.delete(padded(i))
        expect(tx.get(padded(0))).toBe('b'.repeat(700))
        expect(tx.get(padded(2))).toBe('a'.repeat(750))
      })
      const expected = entriesOf(count, 'a').filter((_, i) => i % 3 !== 1).map(([key, value], i) => [key, i % 2 === 0 ? 'b'.repeat(700) : value])
      expect([...db.entries()]).toEqual(expected)
      assertSound(db)
    })

    it(`can be taken back though their leaves were written (${name})`, () => {
      const db = make<string, string>({ valueEncoding: 'utf8' })
      db.transaction((tx) => {
        tx.put('before', 'value')
        const point = tx.savepoint()
        for (const [key, value] of entriesOf(3000, 'a')) tx.put(key, value)
        point.rollback()
        tx.put('after', 'x'.repeat(20_000))
      })
      expect([...db.entries()]).toEqual([['after', 'x'.repeat(20_000)], ['before', 'value']])
      assertSound(db)
    })

    it(`that are deleted leave a load in the same transaction alone (${name})`, () => {
      const db = make<string, string>({ valueEncoding: 'utf8' })
      db.transaction((tx) => {
        for (const [key, value] of entriesOf(1200, 'a')) tx.put(key, value)
        tx.deleteRange({})
        tx.load(entriesOf(4000, 'c'))
      })
      expect([...db.entries()]).toEqual(entriesOf(4000, 'c'))
      assertSound(db)
    })
  }
})
