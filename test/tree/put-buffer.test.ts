import { describe, expect, it } from 'vitest'
import type { Transaction } from '../../src/index.js'
import { MemoryFile } from '../../src/file/memory.js'
import type { PutBuffer } from '../../src/tree/put-buffer.js'
import { assertSound, byteStore, codeOf, diskStore, memoryStore, padded, randomBytes, seeded, shuffled, textStore } from '../helpers.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'

type Text = Transaction<string, string>

/** Whether puts of a transaction wait at this moment. */
function waits(tx: object): boolean {
  return !(tx as { state: { writing: { puts: PutBuffer } } }).state.writing.puts.isEmpty
}

/** How many puts of a transaction wait at this moment. */
function waiting(tx: object): number {
  const { parts } = (tx as { state: { writing: { puts: { parts: { count: number }[] } } } }).state.writing.puts
  return parts.reduce((sum, { count }) => sum + count, 0)
}

const COUNT = 6000
const keys = shuffled(Array.from({ length: COUNT }, (_, i) => `key ${padded(i * 10)}`), seeded(1))
const sorted = [...keys].sort()

/** A transaction that has put all keys, in no order, with `value`. */
function scattered(tx: Text, value = 'v'.repeat(60)): Text {
  for (const key of keys) tx.put(key, value)
  expect(waits(tx)).toBe(true)
  return tx
}

/** Puts some more, which wait. */
function more(tx: Text, value: string): void {
  for (let i = 0; i < COUNT; i += 3) tx.put(keys[i], value)
  expect(waits(tx)).toBe(true)
}

describe('puts of a large transaction in no order', () => {
  const reads: [name: string, read: (tx: Text) => unknown, expected: unknown][] = [
    ['get', (tx) => tx.get(keys[0]), 'new'],
    ['has', (tx) => tx.has(keys[COUNT - 1]), true],
    ['view', (tx) => tx.view(keys[3], (bytes) => bytes.length), 3],
    ['valueLength', (tx) => tx.valueLength(keys[3]), 3],
    ['entries', (tx) => [...tx.entries()].filter(([, value]) => value === 'new').length, COUNT / 3],
    ['keys', (tx) => [...tx.keys()], sorted],
    ['values', (tx) => [...tx.values()].filter((value) => value === 'new').length, COUNT / 3],
    ['prefix', (tx) => [...tx.prefix('key 0000000')].length, 1],
    ['count', (tx) => tx.count(), COUNT],
    ['at', (tx) => tx.at(-1)?.[0], sorted[COUNT - 1]],
    ['rank', (tx) => tx.rank(sorted[100]), 100],
    ['a cursor', (tx) => { const cursor = tx.cursor(); cursor.last(); return cursor.key }, sorted[COUNT - 1]],
    ['delete', (tx) => [tx.delete(keys[0]), tx.has(keys[0])], [true, false]],
    ['deleteRange', (tx) => [tx.deleteRange({}), tx.count()], [COUNT, 0]],
    ['batch', (tx) => { tx.batch([{ type: 'delete', key: keys[0] }]); return tx.has(keys[0]) }, false],
    ['load', (tx) => [tx.load([['l', 'w']]), tx.count(), tx.get('l')], [1, COUNT + 1, 'w']],
    ['a value in an extent', (tx) => { tx.put(keys[0], 'x'.repeat(9000)); return tx.get(keys[0])?.length }, 9000],
    ['names of trees', (tx) => tx.trees(), []],
  ]
  for (const [name, read, expected] of reads) {
    it(`are there for whatever comes after them: ${name}`, () => {
      const db = textStore()
      const tx = scattered(db.begin())
      more(tx, 'new')
      expect(read(tx)).toEqual(expected)
      const inside = [...tx.entries()]
      tx.commit()
      expect([...db.entries()]).toEqual(inside)
      assertSound(db)
    })
  }

  it('are there for an iterator and a cursor that were there before', () => {
    const db = textStore()
    const tx = scattered(db.begin())
    const iterator = tx.entries()
    const cursor = tx.cursor()
    expect([iterator.next().value?.[0], cursor.first(), cursor.key]).toEqual([sorted[0], true, sorted[0]])
    tx.put(`${sorted[0]}5`, 'behind')
    expect(waits(tx)).toBe(true)
    expect(iterator.next().value).toEqual([`${sorted[0]}5`, 'behind'])
    tx.put(`${sorted[0]}4`, 'before')
    for (let i = 0; i < 100; i++) tx.put(keys[i], 'again')
    expect([cursor.next(), cursor.key, cursor.value]).toEqual([true, `${sorted[0]}4`, 'before'])
    cursor.close()
    tx.rollback()
  })

  it('are committed with the transaction, the last value of each key', () => {
    const db = diskStore<string, string>({ valueEncoding: 'utf8' })
    const tx = scattered(db.begin(), 'first')
    for (const value of ['a', 'much longer than the one before', 'c']) for (let i = 0; i < COUNT; i += 2) tx.put(keys[i], `${value} ${i}`)
    tx.commit()
    const last = new Map(keys.map((key, i) => [key, i % 2 === 0 ? `c ${i}` : 'first']))
    expect([...db.entries()]).toEqual(sorted.map((key) => [key, last.get(key)]))
    assertSound(db)
  })

  it('take the place of large values, whose extents are free then', () => {
    const db = textStore()
    db.transaction((tx) => keys.forEach((key, i) => tx.put(key, (i % 5 === 0 ? 'large' : 'small').repeat(i % 5 === 0 ? 1000 : 3))))
    const before = db.stats().pages
    expect(before.overflow).toBeGreaterThan(COUNT / 5)
    const tx = db.begin()
    for (let round = 0; round < 3; round++) for (const key of keys) tx.put(key, `${key} ${round}`.repeat(4))
    expect(waits(tx)).toBe(true)
    tx.commit()
    expect(db.stats().pages.overflow).toBe(0)
    expect([...db.entries()]).toEqual(sorted.map((key) => [key, `${key} 2`.repeat(4)]))
    assertSound(db)
  })

  it('of very many that come to one leaf are laid out with it, whatever their keys begin with and however long they are', () => {
    const db = textStore({ poolSize: 2 * 2 ** 20 })
    const random = seeded(5)
    const words = Array.from({ length: 40 }, (_, i) => `${'x'.repeat(i * 7)}${i}`)
    const model = new Map<string, string>()
    const tx = db.begin()
    for (const value of ['', 'v'.repeat(3), 'w'.repeat(40), 'u'.repeat(1000)]) {
      for (const number of shuffled(Array.from({ length: 3000 }, (_, i) => i), random)) {
        const key = `${words[number % 40]} ${Math.floor(random() * 1e6)}`
        tx.put(key, value)
        model.set(key, value)
      }
    }
    tx.commit()
    expect([...db.entries()]).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
    assertSound(db)
  })

  it('are laid out some at a time, so that the pool keeps the frames of all, where they lack the long prefix of their leaf', () => {
    const random = seeded(3)
    const text = (length: number): string => Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('')
    for (const mapper of [undefined, false as const]) {
      const db = diskStore<string, string>({ poolSize: 2 * 2 ** 20, valueEncoding: 'utf8', ...(mapper === false ? { mapper } : {}) })
      const tx = db.begin()
      const model = new Map<string, string>()
      const put = (key: string, length: number): void => {
        tx.put(key, 'v'.repeat(length))
        model.set(key, 'v'.repeat(length))
      }
      for (let i = 0; i < 6000; i++) put(`z${text(20)}`, 300)
      tx.count()
      for (let i = 0; i < 60; i++) put('a'.repeat(1500) + text(4), 120)
      tx.count()
      for (let i = 0; i < 3000; i++) put(`z${text(20)}`, 300)
      tx.count()
      for (let i = 0; i < 360; i++) put(`b${text(1400)}`, 0)
      // Leaves full of keys with a long prefix, beside which others come to lie, do not fall apart into many.
      for (let i = 0; i < 800; i++) put(`${'c'.repeat(1500)}${text(4)}`, 0)
      for (let i = 0; i < 200; i++) put(`c${text(40)}`, 0)
      tx.commit()
      expect(db.stats().trees[0].leafFill).toBeGreaterThan(0.7)
      expect([...db.keys()]).toEqual([...model.keys()].sort())
      assertSound(db)
    }
  })

  it('leave leaves as full as others', () => {
    for (const length of [8, 100, 400]) {
      const db = textStore()
      db.transaction((tx) => { for (const key of shuffled(Array.from({ length: 30_000 }, (_, i) => `${i * 7919 % 1e6}`), seeded(length))) tx.put(key, 'v'.repeat(length)) })
      expect(db.stats().trees[0].leafFill, `${length}`).toBeGreaterThan(0.8)
    }
  })

  it('are gone with a rollback, of all and to a savepoint, whether they waited when it was made or since', () => {
    const db = textStore()
    scattered(db.begin()).rollback()
    expect(db.count()).toBe(0)
    const tx = scattered(db.begin(), 'kept')
    const point = tx.savepoint()
    more(tx, 'gone')
    point.rollback()
    expect([...tx.values()]).toEqual(sorted.map(() => 'kept'))
    more(tx, 'gone too')
    expect(codeOf(() => tx.load(throwing()))).toMatch(/in the middle/)
    expect([...tx.values()].filter((value) => value === 'gone too').length).toBe(COUNT / 3)
    point.rollback()
    tx.commit()
    expect([...db.values()]).toEqual(sorted.map(() => 'kept'))
    assertSound(db)
  })

  it('go to the trees that they were meant for, however many those are', () => {
    const db = textStore()
    const tx = db.begin()
    const trees = Array.from({ length: 11 }, (_, i) => tx.tree<string, string>(`tree ${i}`, { valueEncoding: 'utf8' }))
    trees.forEach((tree, number) => {
      for (const key of keys) tree.put(key, `first of ${number}`)
      expect(waits(tx)).toBe(true)
    })
    keys.forEach((key, i) => trees[i % 11].put(key, `of ${i % 11}`))
    tx.dropTree('tree 10')
    for (const key of keys) trees[10].put(key, 'once more')
    tx.commit()
    for (let number = 0; number < 10; number++) {
      const values = [...db.tree<string, string>(`tree ${number}`, { valueEncoding: 'utf8' }).values()]
      expect(values.filter((value) => value === `of ${number}`).length).toBe(Math.ceil((COUNT - number) / 11))
      expect(values.length).toBe(COUNT)
    }
    expect([...db.tree<string, string>('tree 10', { valueEncoding: 'utf8' }).values()]).toEqual(keys.map(() => 'once more'))
    assertSound(db)
  })

  it('keep the order of the bytes where keys begin with each other, end in zeros or share a long beginning', () => {
    const random = seeded(7)
    const begin = new Uint8Array(900).fill(0x78)
    const some = Array.from({ length: 3000 }, (_, i) => {
      const tail = randomBytes(random, 1 + Math.floor(random() * 5)).map((byte) => (byte < 200 ? 0 : byte))
      return Buffer.concat([i % 3 === 0 ? begin.subarray(0, 880 + Math.floor(random() * 20)) : begin.subarray(0, i % 3), tail])
    })
    const db = byteStore({ poolSize: 2 * 2 ** 20 })
    const model = new Map<string, Uint8Array>()
    db.transaction((tx) => {
      for (let round = 0; round < 4; round++) {
        for (const key of shuffled(some, random)) {
          const value = randomBytes(random, Math.floor(random() * 90))
          tx.put(key, value)
          model.set(key.toString('latin1'), value)
        }
      }
      expect(waits(tx)).toBe(true)
    })
    const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
    expect([...db.entries()].map(([key, value]) => [Buffer.from(key).toString('latin1'), Buffer.from(value)])).toEqual(expected.map(([key, value]) => [key, Buffer.from(value)]))
    assertSound(db)
  })

  it('do not wait where they ascend, are few, or are read after each', () => {
    const db = textStore()
    const ascending = db.begin()
    for (const key of sorted) ascending.put(key, 'v'.repeat(60))
    expect(waits(ascending)).toBe(false)
    ascending.commit()
    const few = db.begin()
    for (const key of keys.slice(0, 200)) few.put(key, 'w')
    expect(waits(few)).toBe(false)
    few.commit()
    assertSound(db)
  })

  it('that ascend after others wait no longer', () => {
    const db = textStore()
    const tx = scattered(db.begin())
    tx.count()
    for (const key of sorted) tx.put(key, 'x')
    tx.count()
    for (const key of sorted) tx.put(key, 'y')
    expect(waits(tx)).toBe(false)
    tx.commit()
    expect([...db.values()]).toEqual(sorted.map(() => 'y'))
  })

  it('are there for a value whose key has been decoded by code that put it', () => {
    const decoded: ((key: string) => void)[] = []
    const db = memoryStore<string, string>({
      valueEncoding: 'utf8',
      keyEncoding: {
        encode: (key) => Buffer.from(key),
        decode: (bytes) => {
          const key = Buffer.from(bytes).toString()
          decoded.forEach((hook) => hook(key))
          return key
        },
      },
    })
    const tx = scattered(db.begin())
    tx.count()
    decoded.push((key) => tx.put(key, `of ${key}`))
    expect(tx.at(0)).toEqual([sorted[0], `of ${sorted[0]}`])
    expect(tx.entries().next().value).toEqual([sorted[0], `of ${sorted[0]}`])
    tx.rollback()
  })

  it('take no more memory than three quarters of the pool, however small they are', () => {
    const db = byteStore({ poolSize: 8 * 2 ** 20 })
    const tx = db.begin()
    for (let i = 0; i < 60_000; i++) tx.put(Uint8Array.of(i * 37, i >> 8, i), new Uint8Array(i < 30_000 ? 100 : 0))
    expect(waits(tx)).toBe(true)
    // An entry of 3 bytes takes 16, and sorting it 32: before 6 MiB of them wait they have been made.
    const most = (6 * 2 ** 20) / 48
    let longest = 0
    for (let i = 0, run = 0; i < 400_000; i++) {
      tx.put(Uint8Array.of(i * 37, i >> 8, i), new Uint8Array(0))
      run = waiting(tx) === 1 ? 0 : run + 1
      longest = Math.max(longest, run)
    }
    expect(longest).toBeGreaterThan(most / 2)
    expect(longest).toBeLessThanOrEqual(most)
    tx.rollback()
  })

  it('that are the last of their transaction give their pages to the disk while they are made', () => {
    let making: (() => boolean) | undefined
    let pages = 0
    class WatchedFile extends MemoryFile {
      override write(sources: readonly Uint8Array[], position: number): void {
        // The file grows by zeros meanwhile as well.
        if (making?.() === true) pages += sources.filter((source) => source.some((byte) => byte !== 0)).length
        super.write(sources, position)
      }
    }
    const file = new WatchedFile()
    file.write([emptyImage()], 0)
    const { db } = openOn(file)
    const tx = db.begin()
    const order = shuffled(Array.from({ length: 20_000 }, (_, i) => `key ${padded(i)}`), seeded(2))
    for (const key of order) tx.put(key, 'v'.repeat(200))
    expect(waits(tx)).toBe(true)
    const { puts } = (tx as unknown as { state: { writing: { puts: PutBuffer } } }).state.writing
    making = () => puts.settling
    tx.commit()
    making = undefined
    // Of about 1,100 leaves, 256 at a time.
    expect(pages).toBeGreaterThanOrEqual(3 * 256)
    expect([...db.keys()]).toEqual(order.sort())
    assertSound(db)
    db.close()
  })

  it('that fail while a load takes its entries fail the load, even where the one that gives them has caught that', () => {
    const file = new FaultyFile(fileOf(emptyImage()), false)
    const { db } = openOn(file, { poolSize: 2 * 2 ** 20 })
    const tx = db.begin()
    for (const key of keys) tx.put(key, 'v'.repeat(300))
    expect(waits(tx)).toBe(true)
    const count = tx.count()
    let caught: string | undefined
    function* entries(): Generator<[string, string]> {
      for (let i = 0; i < 3000; i++) {
        if (i === 1000) {
          file.fault = (call) => (call === 'write' || call === 'reserve' ? { code: 'ENOSPC' } : undefined)
          for (let from = 0; caught === undefined && from < COUNT; from++) caught = codeOf(() => tx.get(keys[from]))
          file.fault = () => undefined
        }
        yield [`l ${padded(i)}`, 'w'.repeat(300)]
      }
    }
    const code = codeOf(() => tx.load(entries()))
    expect([code, caught]).toEqual(['COPPICE_NO_SPACE', 'COPPICE_NO_SPACE'])
    expect(tx.count()).toBe(count)
    tx.rollback()
    assertSound(db)
  })

  it('fail the transaction where the disk is full by the time they are made', () => {
    const file = new FaultyFile(fileOf(emptyImage()), false)
    const { db } = openOn(file, { poolSize: 2 * 2 ** 20 })
    db.put('before', 'value')
    const tx = db.begin()
    for (const key of keys) tx.put(key, 'v'.repeat(100))
    expect(waits(tx)).toBe(true)
    file.fault = (call) => (call === 'write' || call === 'reserve' ? { code: 'ENOSPC' } : undefined)
    expect(codeOf(() => { for (let i = 0; i < 50; i++) for (const key of keys) tx.put(`${key} ${i}`, 'v'.repeat(100)) })).toBe('COPPICE_NO_SPACE')
    expect(codeOf(() => tx.get('before'))).toBe('COPPICE_TRANSACTION_FAILED')
    expect(codeOf(() => tx.commit())).toBe('COPPICE_TRANSACTION_FAILED')
    tx.rollback()
    file.fault = () => undefined
    expect([...db.entries()]).toEqual([['before', 'value']])
    db.put('after', 'value')
    assertSound(db)
  })
})

function* throwing(): Generator<[string, string]> {
  yield ['l', 'w']
  throw new Error('in the middle')
}
