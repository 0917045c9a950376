import fs from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Database, Transaction } from '../../src/index.js'
import type { PutBuffer } from '../../src/tree/put-buffer.js'
import { emptyImage, FaultyFile, FaultyScratch, fileOf, openOn } from '../faulty-file.js'
import { assertSound, codeOf, diskStore, padded, randomBytes, seeded, shuffled } from '../helpers.js'

/** Three quarters of it are for puts that wait, in three parts, so that a run has some 500 KiB. */
const POOL = { poolSize: 2 * 2 ** 20 }

/** How many runs a transaction has on the disk at this moment. */
function runsOf(tx: object): number {
  return (tx as { state: { writing: { puts: { runs: { runs: unknown[] } } } } }).state.writing.puts.runs.runs.length
}

function putsOf(tx: object): PutBuffer {
  return (tx as { state: { writing: { puts: PutBuffer } } }).state.writing.puts
}

const COUNT = 12_000
const keys = shuffled(Array.from({ length: COUNT }, (_, i) => `key ${padded(i * 10)}`), seeded(1))
const sorted = [...keys].sort()

/** Puts all keys, so many that most of them have come to runs. */
function putAll(tx: Transaction<string, string>, value = 'v'.repeat(200)): void {
  for (const key of keys) tx.put(key, value)
}

function diskText(): Database<string, string> {
  return diskStore<string, string>({ ...POOL, valueEncoding: 'utf8' })
}

/** A store on a file with a scratch file that can be made to fail, with a transaction whose puts have come to runs. */
function faulty(): { file: FaultyFile; scratch: FaultyScratch; db: Database<string, string>; tx: Transaction<string, string> } {
  const file = new FaultyFile(fileOf(emptyImage()))
  const scratch = new FaultyScratch()
  file.makeScratch = () => scratch
  const { db } = openOn<string, string>(file, POOL)
  db.put('before', 'value')
  const tx = db.begin()
  putAll(tx)
  return { file, scratch, db, tx }
}

describe('puts of a transaction that are too many for the memory', () => {
  it('wait in runs that have no name, and are committed, the last value of each key', () => {
    const db = diskText()
    const folder = dirname(db.path)
    const tx = db.begin()
    const model = new Map<string, string>()
    for (const length of [200, 120, 250]) {
      for (const key of shuffled(keys, seeded(length))) {
        const value = `${key} ${'v'.repeat(length)}`
        tx.put(key, value)
        model.set(key, value)
      }
    }
    expect(runsOf(tx)).toBeGreaterThan(1)
    expect(fs.readdirSync(folder)).toEqual(['store'])
    tx.commit()
    expect(fs.readdirSync(folder)).toEqual(['store'])
    expect([...db.entries()]).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
    expect(db.stats().trees[0].leafFill).toBeGreaterThan(0.8)
    assertSound(db)
  })

  it('keep the order of the bytes and the latest value, whatever keys and values are made of', () => {
    const random = seeded(7)
    const lengths = [1, 2, 3, 4, 5, 9, 33, 700, 2048]
    const some = Array.from({ length: 4000 }, () => {
      const bytes = randomBytes(random, lengths[Math.floor(random() * lengths.length)])
      return random() < 0.5 ? bytes.map((byte) => (byte < 128 ? 0 : byte)) : bytes
    })
    const db = diskStore<Uint8Array, Uint8Array>({ ...POOL, keyEncoding: 'binary' })
    const model = new Map<string, Buffer>()
    let most = 0
    const tx = db.begin()
    for (let round = 0; round < 6; round++) {
      for (const key of shuffled(some, random)) {
        const value = randomBytes(random, Math.floor(random() * (key.length > 1000 ? 20 : 300)))
        tx.put(key, value)
        model.set(Buffer.from(key).toString('latin1'), Buffer.from(value))
        most = Math.max(most, runsOf(tx))
      }
    }
    expect(most).toBeGreaterThan(3)
    tx.commit()
    const entries = [...db.entries()].map(([key, value]): [string, Buffer] => [Buffer.from(key).toString('latin1'), Buffer.from(value)])
    expect(entries).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
    assertSound(db)
  })

  it('keep the order of the bytes where keys begin otherwise once the memory is used again', () => {
    const db = diskText()
    const more = keys.map((key) => `a ${key}`)
    db.transaction((tx) => {
      putAll(tx)
      expect(runsOf(tx)).toBeGreaterThan(2)
      for (const key of more) tx.put(key, 'w'.repeat(100))
    })
    expect([...db.keys()]).toEqual([...more.sort(), ...sorted])
    assertSound(db)
  })

  it('are merged with what the store has, which keeps what they do not replace', () => {
    const db = diskText()
    db.transaction((tx) => { for (let i = 0; i < 20_000; i++) tx.put(`key ${padded(i * 7)}`, `old ${i}`) })
    const model = new Map(db.entries())
    db.transaction((tx) => {
      putAll(tx)
      expect(runsOf(tx)).toBeGreaterThan(2)
    })
    for (const key of keys) model.set(key, 'v'.repeat(200))
    expect([...db.entries()]).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
    assertSound(db)
  })

  it('are there for whatever reads or changes the transaction, and others may wait after that', () => {
    const db = diskText()
    const tx = db.begin()
    const model = new Map<string, string>()
    const changes: (() => void)[] = [
      () => expect(tx.get(keys[0])).toBe(model.get(keys[0])),
      () => { tx.delete(keys[1]); model.delete(keys[1]) },
      () => expect(tx.count()).toBe(model.size),
      () => { tx.put(keys[2], 'x'.repeat(9000)); model.set(keys[2], 'x'.repeat(9000)) },
      () => expect([...tx.keys()]).toEqual([...model.keys()].sort()),
    ]
    for (const [number, change] of changes.entries()) {
      for (const key of keys) {
        const value = `${number} ${key}`.padEnd(200)
        tx.put(key, value)
        model.set(key, value)
      }
      expect(runsOf(tx)).toBeGreaterThan(0)
      change()
      expect(runsOf(tx)).toBe(0)
    }
    tx.commit()
    expect(new Map(db.entries())).toEqual(model)
    assertSound(db)
  })

  it('are gone with a rollback, of all and to a savepoint', () => {
    const db = diskText()
    const gone = db.begin()
    putAll(gone)
    expect(runsOf(gone)).toBeGreaterThan(2)
    gone.rollback()
    expect(db.count()).toBe(0)
    const tx = db.begin()
    putAll(tx, 'kept'.repeat(50))
    const point = tx.savepoint()
    putAll(tx, 'gone'.repeat(50))
    expect(runsOf(tx)).toBeGreaterThan(2)
    point.rollback()
    expect(runsOf(tx)).toBe(0)
    putAll(tx, 'gone'.repeat(50))
    point.rollback()
    tx.commit()
    expect([...db.values()]).toEqual(sorted.map(() => 'kept'.repeat(50)))
    assertSound(db)
  })

  it('go to the trees that they were meant for, in the order in which they came', () => {
    const db = diskText()
    const tx = db.begin()
    const other = tx.tree<string, string>('other', { valueEncoding: 'utf8' })
    putAll(tx, 'first'.repeat(40))
    expect(runsOf(tx)).toBeGreaterThan(2)
    keys.forEach((key, i) => {
      other.put(key, `other ${i}`)
      if (i % 2 === 0) tx.put(key, `second ${i}`)
    })
    for (const key of keys) other.put(key, 'other'.repeat(40))
    keys.forEach((key, i) => { if (i % 4 === 0) tx.put(key, `third ${i}`) })
    tx.commit()
    const expected = new Map(keys.map((key, i) => [key, i % 4 === 0 ? `third ${i}` : i % 2 === 0 ? `second ${i}` : 'first'.repeat(40)]))
    expect(new Map(db.entries())).toEqual(expected)
    expect([...db.tree<string, string>('other', { valueEncoding: 'utf8' }).values()]).toEqual(sorted.map(() => 'other'.repeat(40)))
    assertSound(db)
  })

  it('are merged before there are more runs than the memory can read at a time', () => {
    const db = diskText()
    const tx = db.begin()
    const model = new Map<string, string>()
    let most = 0
    let merges = 0
    for (let round = 0, before = 0; round < 6; round++) {
      for (const key of shuffled(keys, seeded(round))) {
        tx.put(key, `${round} ${key}`.padEnd(150))
        model.set(key, `${round} ${key}`.padEnd(150))
        if (runsOf(tx) < before) merges++
        before = runsOf(tx)
        most = Math.max(most, before)
      }
    }
    // A part of the memory has eight pieces of 64 KiB, and two are for what is merged.
    expect([most, merges]).toEqual([6, 3])
    tx.commit()
    expect(new Map(db.entries())).toEqual(model)
    assertSound(db)
  })

  it('of few keys again and again take little of the disk', () => {
    const { scratch, tx, db } = faulty()
    tx.count()
    for (let round = 0; round < 60; round++) for (const key of shuffled(keys.slice(0, 500), seeded(round))) tx.put(key, `${round}`.padEnd(100))
    expect(runsOf(tx)).toBeGreaterThan(2)
    expect(scratch.inner.size()).toBeLessThan(2 ** 19)
    tx.commit()
    expect(keys.slice(0, 500).every((key) => db.get(key) === '59'.padEnd(100))).toBe(true)
    assertSound(db)
  })

  it('that ascend after some in no order come to no runs, and are made at once', () => {
    const db = diskText()
    db.transaction((tx) => { for (const key of sorted) tx.put(key, 'v'.repeat(200)) })
    const tx = db.begin()
    for (const key of keys.slice(0, 2000)) tx.put(key, 'w'.repeat(200))
    expect(putsOf(tx).isEmpty).toBe(false)
    for (let i = 0; i < COUNT; i++) tx.put(`log ${padded(i)}`, 'x'.repeat(200))
    expect([runsOf(tx), putsOf(tx).isEmpty]).toEqual([0, true])
    tx.commit()
    expect(db.count()).toBe(2 * COUNT)
    assertSound(db)
  })

  it('stay in the pool where the transaction reads them, as they may change again', () => {
    const db = diskStore<string, string>({ poolSize: 8 * 2 ** 20, valueEncoding: 'utf8' })
    db.transaction((tx) => { for (const key of sorted) tx.put(key, 'v'.repeat(200)) })
    const { spilledPages } = db.stats().pool
    const tx = db.begin()
    for (let round = 0; round < 3; round++) {
      for (let time = 0; time < 3; time++) for (const key of keys) tx.put(key, `${round}`.padEnd(200))
      expect(runsOf(tx)).toBeGreaterThan(0)
      expect(tx.get(keys[5])).toBe(`${round}`.padEnd(200))
    }
    tx.commit()
    expect(db.stats().pool.spilledPages).toBe(spilledPages)
  })

  it('give the scratch file back with the transaction, and the next one has its own', () => {
    const { scratch, file, tx, db } = faulty()
    expect([runsOf(tx) > 2, scratch.open]).toEqual([true, true])
    tx.commit()
    expect(scratch.open).toBe(false)
    const second = new FaultyScratch()
    file.makeScratch = () => second
    const next = db.begin()
    putAll(next, 'w'.repeat(200))
    expect(second.writes).toBeGreaterThan(0)
    next.rollback()
    expect(second.open).toBe(false)
    expect(db.get(keys[0])).toBe('v'.repeat(200))
  })
})

describe('where the scratch file fails', () => {
  const all = ['value', ...sorted.map(() => 'v'.repeat(200))]

  it('a transaction does without where there is none', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    let asked = 0
    file.makeScratch = () => void asked++ as undefined
    const { db } = openOn<string, string>(file, POOL)
    db.put('before', 'value')
    db.transaction((tx) => putAll(tx))
    expect([...db.values()]).toEqual(all)
    expect(asked).toBe(1)
    assertSound(db)
  })

  it('a transaction does without from the first write that fails, with the runs that it has', () => {
    for (const failing of [0, 1, 4, 7]) {
      const file = new FaultyFile(fileOf(emptyImage()))
      const scratch = new FaultyScratch()
      scratch.fault = (call, index) => (call === 'write' && index >= failing ? 'ENOSPC' : undefined)
      file.makeScratch = () => scratch
      const { db } = openOn<string, string>(file, POOL)
      db.put('before', 'value')
      db.transaction((tx) => {
        putAll(tx, 'old'.repeat(60))
        putAll(tx)
      })
      expect(scratch.writes).toBe(failing + 1)
      expect([...db.values()]).toEqual(all)
      assertSound(db)
    }
  })

  it('a transaction leaves the disk the room that it will need', () => {
    const { scratch, tx, db } = faulty()
    tx.count()
    expect(scratch.inner.size()).toBe(0)
    scratch.left = 3 * 2 ** 20
    let most = 0
    for (const key of keys) {
      tx.put(key, 'w'.repeat(200))
      most = Math.max(most, scratch.inner.size())
    }
    // A run of 500 KiB leaves three times as much, and a second one would not.
    expect([most > 2 ** 18, most < 2 ** 20]).toEqual([true, true])
    tx.commit()
    expect([...db.values()]).toEqual(['value', ...sorted.map(() => 'w'.repeat(200))])
    assertSound(db)
  })

  it('those in memory come last, and need it no more', () => {
    const { scratch, tx, db } = faulty()
    for (const key of keys.slice(0, 300)) tx.put(key, 'last')
    expect(putsOf(tx).isEmpty).toBe(false)
    scratch.fault = (call) => (call === 'write' ? 'EIO' : undefined)
    const { writes } = scratch
    tx.commit()
    expect(scratch.writes).toBe(writes)
    const last = new Set(keys.slice(0, 300))
    expect([...db.entries()]).toEqual([['before', 'value'], ...sorted.map((key) => [key, last.has(key) ? 'last' : 'v'.repeat(200)])])
    assertSound(db)
  })

  it('a read that fails fails the transaction, and the store has what it had', () => {
    for (const failing of [0, 2, 9]) {
      const { scratch, tx, db } = faulty()
      scratch.fault = (call, index) => (call === 'read' && index === failing ? 'EIO' : undefined)
      expect(codeOf(() => tx.count())).toBe('COPPICE_IO')
      scratch.fault = () => undefined
      expect(codeOf(() => tx.get('before'))).toBe('COPPICE_TRANSACTION_FAILED')
      expect(codeOf(() => tx.commit())).toBe('COPPICE_TRANSACTION_FAILED')
      tx.rollback()
      expect([...db.entries()]).toEqual([['before', 'value']])
      db.put('after', 'value')
      assertSound(db)
    }
  })

  it('by bytes that are not those that were written, wherever they stand, the transaction fails and commits nothing', () => {
    const random = seeded(11)
    for (let i = 0; i < 40; i++) {
      const { scratch, tx, db } = faulty()
      // The first entries' headers, then any byte.
      const at = i < 8 ? i : Math.floor(random() * scratch.inner.size())
      const byte = new Uint8Array(1)
      scratch.inner.read(byte, at)
      scratch.inner.write([Uint8Array.of(byte[0] ^ (1 << Math.floor(random() * 8)))], at)
      expect(codeOf(() => tx.commit()), `byte ${at}`).toBe('COPPICE_IO')
      expect([...db.entries()]).toEqual([['before', 'value']])
      db.put('after', 'value')
      assertSound(db)
    }
  })
})
