import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { assertSound, byteStore, codeOf, diskStore, padded, seeded, textStore } from '../helpers.js'

function filled(entries = 1000): Database<string, string> {
  const db = textStore()
  db.load(Array.from({ length: entries }, (_, i) => [padded(10 * i), `value ${i}`.padEnd(50)] as [string, string]))
  return db
}

/** Pages that somebody other than the store's own next sync holds back. */
function heldPages(db: Database<string, string>): number {
  return db.stats().pending.filter((held) => !held.awaitsSync).reduce((sum, { pages }) => sum + pages, 0)
}

describe('iterating while the same transaction writes', () => {
  it('goes on behind a current key that is deleted, in both directions', () => {
    for (const reverse of [false, true]) {
      const db = filled()
      const keys = [...db.keys({ reverse })]
      db.transaction((tx) => {
        const seen: string[] = []
        for (const [key] of tx.entries({ reverse })) {
          seen.push(key)
          expect(tx.delete(key)).toBe(true)
        }
        expect(seen).toEqual(keys)
        expect(tx.count()).toBe(0)
      })
      expect(db.count()).toBe(0)
      assertSound(db)
    }
  })

  it('sees what is put ahead of it and nothing of what is put behind it', () => {
    for (const reverse of [false, true]) {
      const db = filled(300)
      const step = reverse ? -1 : 1
      db.transaction((tx) => {
        const seen: string[] = []
        for (const key of tx.keys({ reverse })) {
          seen.push(key)
          const number = Number(key)
          if (number % 10 !== 0) continue
          tx.put(padded(number + 5 * step + 100), 'ahead'.repeat(20))
          if (number > 0) tx.put(padded(number - step), 'behind'.repeat(20))
        }
        const ahead = Array.from({ length: 300 }, (_, i) => 10 * i).map((number) => number + 5 * step + 100)
        const originals = Array.from({ length: 300 }, (_, i) => 10 * i)
        const all = new Set([...originals, ...ahead.filter((number) => reverse ? number < 2990 : true)])
        // Walking down, what is 95 above the current key is behind it.
        const expected = [...(reverse ? new Set(originals) : all)].sort((a, b) => step * (a - b)).map((number) => padded(number))
        expect(seen).toEqual(expected)
      })
      assertSound(db)
    }
  })

  it('sees new values of the keys ahead of it', () => {
    const db = filled(500)
    db.transaction((tx) => {
      let number = 0
      for (const [key, value] of tx.entries()) {
        if (number > 0) expect([key, value]).toEqual([padded(10 * number), `set from ${number - 1}`])
        number++
        if (number < 500) tx.put(padded(10 * number), `set from ${number - 1}`)
      }
      expect(number).toBe(500)
    })
  })

  it('sees a new value in a leaf of which it has read many entries already', () => {
    const db = byteStore()
    const keyOf = (number: number): Uint8Array => Buffer.from(padded(number))
    for (const reverse of [false, true]) {
      db.transaction((tx) => {
        for (let i = 0; i < 90; i++) tx.put(keyOf(i), Buffer.alloc(8, i))
        const values: number[] = []
        for (const value of tx.values({ reverse })) {
          values.push(value[0])
          const ahead = values.length + 5
          if (values.length % 20 === 0) tx.put(keyOf(reverse ? 89 - ahead : ahead), Buffer.alloc(8, 200))
        }
        const expected = Array.from({ length: 90 }, (_, i) => (i > 20 && i % 20 === 5 ? 200 : reverse ? 89 - i : i))
        expect(values).toEqual(expected)
      })
    }
  })

  it('ends where the rest of the range is deleted', () => {
    const db = filled()
    db.transaction((tx) => {
      const seen: string[] = []
      for (const key of tx.keys()) {
        seen.push(key)
        if (seen.length === 100) expect(tx.deleteRange({ gt: key })).toBe(900)
      }
      expect(seen.length).toBe(100)
      const left: string[] = []
      for (const key of tx.keys({ reverse: true })) {
        left.push(key)
        tx.deleteRange({})
      }
      expect(left).toEqual([padded(990)])
    })
    expect(db.count()).toBe(0)
    assertSound(db)
  })

  it('keeps its place when the pages it stands in are split', () => {
    const db = filled(200)
    db.transaction((tx) => {
      const seen: string[] = []
      for (const key of tx.keys()) {
        if (key.length > 8) continue
        seen.push(key)
        for (let i = 0; i < 5; i++) tx.put(`${key}-${i}`, 'x'.repeat(700))
      }
      expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => padded(10 * i)))
      expect(tx.count()).toBe(1200)
    })
    assertSound(db)
  })

  it('keeps to its limit, bounds and order whatever is written', () => {
    const random = seeded(23)
    const db = filled(400)
    for (let round = 0; round < 30; round++) {
      const reverse = round % 2 === 1
      const low = padded(Math.floor(random() * 2000))
      const high = padded(2000 + Math.floor(random() * 2000))
      const tx = db.begin()
      let last: string | undefined
      let seen = 0
      for (const key of tx.keys({ gte: low, lt: high, reverse, limit: 150 })) {
        expect(key >= low && key < high).toBe(true)
        if (last !== undefined) expect(reverse ? key < last : key > last).toBe(true)
        expect(tx.has(key)).toBe(true)
        last = key
        seen++
        const near = padded(Math.max(0, Number(key) + Math.floor(random() * 200) - 100))
        if (random() < 0.4) tx.delete(near)
        else if (random() < 0.1) tx.deleteRange({ gte: near, lt: padded(Number(near) + 50) })
        else tx.put(near, 'x'.repeat(random() * 900))
      }
      expect(seen).toBeLessThanOrEqual(150)
      if (seen < 150 && last !== undefined) expect(tx.count(reverse ? { gte: low, lt: last } : { gt: last, lt: high })).toBe(0)
      tx.rollback()
    }
    expect(db.count()).toBe(400)
    assertSound(db)
  })

  it('follows a rollback to a savepoint, a dropped tree and one made anew', () => {
    const db = filled(100)
    db.transaction((tx) => {
      const savepoint = tx.savepoint()
      tx.put(padded(5), 'gone soon')
      const keys = tx.keys()
      expect([keys.next().value, keys.next().value]).toEqual([padded(0), padded(5)])
      savepoint.rollback()
      expect(keys.next().value).toBe(padded(10))
      const tree = tx.tree('named', { valueEncoding: 'utf8' })
      for (const key of ['a', 'b', 'c']) tree.put(key, key)
      const named = tree.keys()
      expect(named.next().value).toBe('a')
      tx.dropTree('named')
      tree.put('bb', 'new')
      expect([...named]).toEqual(['bb'])
    })
  })
})

describe('an iterator of the database', () => {
  it('reads the moment it was made, whatever is written meanwhile', () => {
    const db = filled()
    const before = [...db.entries()]
    const seen: [string, string][] = []
    for (const entry of db.entries()) {
      seen.push(entry)
      db.delete(entry[0])
      db.put(`${entry[0]}-`, 'x'.repeat(100))
      if (seen.length === 500) db.deleteRange({})
    }
    expect(seen).toEqual(before)
    expect(db.count()).toBe(500)
    assertSound(db)
  })

  it('holds its snapshot from when it is made, not from its first step', () => {
    const db = filled()
    const iterator = db.keys()
    db.deleteRange({})
    expect(heldPages(db)).toBeGreaterThan(0)
    expect([...iterator].length).toBe(1000)
    expect(heldPages(db)).toBe(0)
  })

  it('lets its snapshot go at its end, at break, return and throw, and when iterated over once more', () => {
    const ends: ((db: Database<string, string>) => unknown)[] = [
      (db) => [...db.entries()],
      (db) => { for (const key of db.keys()) if (key > padded(50)) break },
      (db) => codeOf(() => { for (const value of db.values()) throw new Error(value) }),
      (db) => db.entries().return(),
      (db) => { const [first] = db.keys(); return first },
      (db) => db.keys({ limit: 0 }).next(),
      (db) => db.keys({ prefix: 'none' }).next(),
      (db) => { const keys = db.keys({ limit: 1 }); return [keys.next(), keys.next()] },
    ]
    for (const end of ends) {
      const db = filled()
      end(db)
      db.transaction((tx) => tx.deleteRange({}))
      expect(heldPages(db), String(end)).toBe(0)
    }
  })

  it('stays at its end, also when entries are put behind it', () => {
    const db = textStore()
    db.put('a', '')
    db.transaction((tx) => {
      const keys = tx.keys()
      expect([...keys]).toEqual(['a'])
      tx.put('b', '')
      expect(keys.next()).toEqual({ done: true, value: undefined })
      const returned = tx.keys()
      expect(returned.return()).toEqual({ done: true, value: undefined })
      expect(returned.next().done).toBe(true)
    })
  })

  it('that is never finished costs space and no soundness', () => {
    const db = filled()
    const open = Array.from({ length: 50 }, (_, i) => {
      db.put(padded(10 * i), 'changed')
      const iterator = db.keys()
      iterator.next()
      return iterator
    })
    for (let i = 0; i < 200; i++) db.put(padded(10 * i), `again ${i}`)
    expect(heldPages(db)).toBeGreaterThan(0)
    assertSound(db)
    for (const iterator of open) iterator.return()
    expect(heldPages(db)).toBe(0)
  })

  it('ends for good when its transaction has ended or decoding has failed', () => {
    const db = filled(10)
    const tx = db.begin()
    const keys = tx.keys()
    keys.next()
    tx.commit()
    expect(codeOf(() => keys.next())).toBe('COPPICE_TRANSACTION_ENDED')
    expect(keys.next()).toEqual({ done: true, value: undefined })
    db.tree('bytes').put('k', Buffer.from('{'))
    const values = db.tree('bytes', { valueEncoding: 'json' }).values()
    expect(codeOf(() => values.next())).toBe('COPPICE_INVALID_VALUE')
    expect(values.next().done).toBe(true)
    db.deleteRange({})
    expect(heldPages(db)).toBe(0)
  })
})

describe('what an iterator gives', () => {
  /** Values of every length about the limits of a word, a copy and a leaf, under keys that share much of a page. */
  function mixed(): { db: Database<Uint8Array, Uint8Array>; entries: [Buffer, Buffer][] } {
    const db = byteStore()
    const lengths = [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 127, 128, 129, 700, 1900, 2100, 9000]
    const entries = Array.from({ length: 400 }, (_, i): [Buffer, Buffer] => {
      const shared = i < 200 ? 'k'.repeat(i % 40) : 'long'.repeat(450)
      return [Buffer.from(`${i < 200 ? 'a' : 'b'}${padded(i)}${shared}`), Buffer.alloc(lengths[i % lengths.length], i)]
    })
    db.batch(entries.map(([key, value]) => ({ type: 'put' as const, key, value })))
    return { db, entries }
  }

  it('is each entry whole, in both directions, from any offset, to any limit, in a transaction and outside', () => {
    const { db, entries } = mixed()
    const tx = db.begin()
    for (const from of [db, tx]) {
      for (const reverse of [false, true]) {
        const expected = reverse ? [...entries].reverse() : entries
        for (const [offset, limit] of [[0, Infinity], [7, 100], [183, 40], [399, 3]]) {
          const wanted = expected.slice(offset, offset + limit)
          expect([...from.entries({ reverse, offset, limit })]).toEqual(wanted)
          expect([...from.keys({ reverse, offset, limit })]).toEqual(wanted.map(([key]) => key))
          expect([...from.values({ reverse, offset, limit })]).toEqual(wanted.map(([, value]) => value))
        }
      }
    }
    tx.rollback()
  })

  it('belongs to who asked for it: what is written to it shows nowhere else', () => {
    const { db, entries } = mixed()
    const tx = db.begin()
    for (const from of [db, tx]) {
      const expected = entries.map(([key, value]) => [Buffer.from(key), Buffer.from(value)])
      let number = 0
      for (const [key, value] of from.entries()) {
        expect([key, value]).toEqual(expected[number++])
        key.fill(0xee)
        value.fill(0xee)
      }
      expect(number).toBe(400)
      expect([...from.entries()]).toEqual(expected)
    }
    tx.rollback()
  })

  it('is an array of two as any other', () => {
    const db = textStore()
    db.put('key', 'value')
    const [entry] = db
    expect(Array.isArray(entry)).toBe(true)
    expect(JSON.stringify(entry)).toBe('["key","value"]')
    entry.reverse()
    expect(entry).toEqual(['value', 'key'])
  })

  it('does not depend on other iterators over the same commit, which begin and end meanwhile', () => {
    const db = filled(300)
    const all = [...db.entries()]
    const outer: [string, string][] = []
    for (const entry of db.entries()) {
      const inner = db.entries({ gt: entry[0], limit: 3 })
      inner.next()
      const innermost = db.keys({ lt: entry[0], reverse: true })
      innermost.next()
      if (outer.length % 2 === 0) inner.return()
      expect([...db.prefix(entry[0].slice(0, 6))].length).toBe(10)
      innermost.return()
      innermost.return()
      expect(inner.next().value).toEqual(outer.length % 2 === 0 ? undefined : all.at(outer.length + 2))
      outer.push(entry)
    }
    expect(outer).toEqual(all)
  })
})

describe('iterating through a small pool without a map', () => {
  it('gives every entry in order while others read and write', () => {
    const db = diskStore<string, string>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8' })
    const count = 12_000
    db.load(Array.from({ length: count }, (_, i) => [padded(i), `value ${i}`.padEnd(400)] as [string, string]))
    const random = seeded(4)
    const forwards = db.entries()
    const backwards = db.entries({ reverse: true })
    const cursor = db.cursor()
    cursor.seek(padded(count / 2))
    for (let i = 0; i < count; i++) {
      expect(forwards.next().value?.[0]).toBe(padded(i))
      const [key, value] = backwards.next().value as [string, string]
      expect([key, value.trim()]).toEqual([padded(count - 1 - i), `value ${count - 1 - i}`])
      const other = Math.floor(random() * count)
      if (i % 3 === 0) expect(db.get(padded(other))?.length).toBeLessThanOrEqual(400)
      if (i % 500 === 0) db.put(padded(other), 'changed')
      if (i < 1000) expect(cursor.next() && cursor.value?.trim()).toBe(`value ${count / 2 + i + 1}`)
    }
    expect(forwards.next().done).toBe(true)
    assertSound(db)
  })

  it('follows its own writes through pages that have been spilled', () => {
    const db = diskStore<string, string>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8' })
    db.load(Array.from({ length: 6000 }, (_, i) => [padded(i), 'v'.repeat(400)] as [string, string]))
    db.transaction((tx) => {
      let number = 0
      for (const [key, value] of tx.entries()) {
        expect([key, value.length]).toEqual([padded(number), 400])
        tx.put(key, `changed ${number}`.padEnd(500))
        if (number % 3 === 0) tx.delete(padded(number))
        number++
      }
      expect(number).toBe(6000)
    })
    expect(db.stats().pool.spilledPages).toBeGreaterThan(0)
    expect(db.count()).toBe(4000)
    expect(db.get(padded(4001))?.trim()).toBe('changed 4001')
    assertSound(db)
  })
})
