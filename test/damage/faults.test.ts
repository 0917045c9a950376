/** What a store does when the system refuses a write or a sync: the transaction fails, nothing else does. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta } from '../../src/page/meta.js'
import type { DurabilityMode } from '../../src/index.js'
import { CoppiceError } from '../../src/index.js'
import type { Database } from '../../src/database.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../faulty-file.js'

type Db = Database<string, string>

/** A digest of everything in the default tree and in the named tree 'side'. */
function contentsOf(db: Db): string {
  const hash = createHash('sha256')
  let count = 0
  for (const entries of [db.entries(), db.tree('side', { valueEncoding: 'utf8' }).entries()]) {
    for (const [key, value] of entries) {
      count++
      hash.update(`${key}=${value};`)
    }
    hash.update('end')
  }
  return `${count} entries, ${hash.digest('hex')}`
}

const NOTHING = contentsOf(openOn(fileOf(emptyImage())).db)

function text(seed: number, length: number): string {
  return `${seed}.`.repeat(Math.ceil(length / 2)).slice(0, length)
}

/** Changes of all kinds, each to be one transaction. */
const CHANGES: ((db: Db) => void)[] = [
  (db) => db.put('first', 'value'),
  (db) => db.transaction((tx) => { for (let i = 0; i < 150; i++) tx.put(`key ${i}`, text(i, 100)) }),
  (db) => db.put('large', text(1, 20_000)),
  (db) => db.transaction((tx) => {
    for (let i = 0; i < 30; i++) tx.tree('side', { valueEncoding: 'utf8' }).put(`${i}`, text(i, 300))
    tx.put('with', 'it')
  }),
  (db) => db.delete('large'),
  (db) => db.transaction((tx) => {
    tx.put('kept', 'yes')
    const savepoint = tx.savepoint()
    tx.deleteRange({ prefix: 'key 1' })
    savepoint.rollback()
    tx.delete('key 149')
  }),
  (db) => db.transaction((tx) => { for (let i = 0; i < 60; i++) tx.put(`big ${(i * 37) % 60}`, text(i, 1700)) }),
  (db) => db.deleteRange({ prefix: 'big' }),
  (db) => db.transaction((tx) => { for (let i = 0; i < 40; i++) tx.put(`again ${i}`, text(i, 2500)) }),
  (db) => db.dropTree('side'),
  (db) => db.put('last', 'value'),
]

/** What is there after each change, from a run in which nothing fails. */
function states(): string[] {
  const { db } = openOn(fileOf(emptyImage()), { poolSize: 2 * 2 ** 20 })
  return CHANGES.map((change) => {
    change(db)
    return contentsOf(db)
  })
}

const expected = states()

function codeOf(error: unknown): string {
  expect(error).toBeInstanceOf(CoppiceError)
  return (error as CoppiceError).code
}

/** Runs the changes, each until it succeeds; answers the codes of those that failed. */
function run(db: Db): string[] {
  const codes: string[] = []
  for (const [i, change] of CHANGES.entries()) {
    try {
      change(db)
    } catch (error) {
      codes.push(codeOf(error))
      expect(contentsOf(db)).toEqual(i === 0 ? NOTHING : expected[i - 1])
      expect(db.check()).toMatchObject({ ok: true, errors: [] })
      change(db)
    }
  }
  return codes
}

function writesOf(options: { durability: DurabilityMode }): number {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file, { ...options, poolSize: 2 * 2 ** 20, syncInterval: 1e6 })
  run(db)
  return file.calls.write
}

function tryEveryWrite(mode: DurabilityMode, code: string, wanted: string, mapped: boolean, step = 1): void {
  const writes = writesOf({ durability: mode })
  expect(writes).toBeGreaterThan(2 * CHANGES.length)
  for (let failing = 0; failing < writes; failing += step) {
    const inner = fileOf(emptyImage())
    const file = new FaultyFile(inner, mapped)
    const bytes = [undefined, 0, 100, 2048, 4096, 9000][failing % 6]
    file.fault = (call, index) => (call === 'write' && index === failing ? { code, ...(bytes === undefined ? {} : { bytes }) } : undefined)
    const { db } = openOn(file, { durability: mode, poolSize: 2 * 2 ** 20, syncInterval: 1e6 })
    // The zeros that a commit writes ahead of need may fail without any harm.
    const codes = run(db)
    expect(codes.length, `write ${failing}`).toBeLessThanOrEqual(1)
    for (const one of codes) expect(one, `write ${failing}`).toBe(wanted)
    expect(contentsOf(db), `write ${failing}`).toEqual(expected.at(-1))
    expect(db.check(), `write ${failing}`).toMatchObject({ ok: true, errors: [] })
    const killed = openOn(fileOf(imageOf(inner)))
    expect(contentsOf(killed.db), `write ${failing}, after a kill`).toEqual(expected.at(-1))
    expect(killed.db.check(), `write ${failing}, after a kill`).toMatchObject({ ok: true, errors: [] })
  }
}

/** Notes which of its writes are of pages: the zeros that are written ahead of need may fail without any harm. */
class WatchedFile extends FaultyFile {
  readonly writes: number[] = []

  override write(sources: readonly Uint8Array[], position: number): void {
    if (sources.some((source) => source.some((byte) => byte !== 0))) this.writes.push(this.calls.write)
    super.write(sources, position)
  }
}

const BEYOND_POOL = 1200

/** One transaction of more pages than the smallest pool has. */
function fillBeyondPool(db: Db): void {
  db.transaction((tx) => { for (let i = 0; i < BEYOND_POOL; i++) tx.put(`big ${(i * 733) % BEYOND_POOL}`, text(i, 1900)) })
}

describe('a write that the system refuses', () => {
  it('for lack of space fails its transaction with COPPICE_NO_SPACE and nothing else, at whichever write', () => {
    tryEveryWrite('sync', 'ENOSPC', 'COPPICE_NO_SPACE', true)
  })

  it('for an error of the disk fails its transaction with COPPICE_IO and nothing else, at every second write', () => {
    tryEveryWrite('sync', 'EIO', 'COPPICE_IO', true, 2)
  })

  it('does the same without a map, at every second write', () => {
    tryEveryWrite('sync', 'ENOSPC', 'COPPICE_NO_SPACE', false, 2)
  })

  it('does the same when commits are lazy', () => {
    tryEveryWrite('lazy', 'ENOSPC', 'COPPICE_NO_SPACE', true)
  })

  it.each([true, false])('does the same in a transaction that is larger than the pool (mapped: %s)', (mapped) => {
    const watched = new WatchedFile(fileOf(emptyImage()), mapped)
    fillBeyondPool(openOn(watched, { poolSize: 2 * 2 ** 20 }).db)
    const { writes } = watched
    expect(writes.length).toBeGreaterThan(10)
    for (let part = 0; part < 5; part++) {
      const failing = writes[part === 4 ? writes.length - 1 : Math.floor((writes.length * part) / 4)]
      const file = new FaultyFile(fileOf(emptyImage()), mapped)
      const { db, store } = openOn(file, { poolSize: 2 * 2 ** 20 })
      file.fault = (call, index) => (call === 'write' && index === failing ? { code: 'ENOSPC', bytes: 6000 } : undefined)
      expect(() => fillBeyondPool(db), `write ${failing}`).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
      expect(contentsOf(db), `write ${failing}`).toEqual(NOTHING)
      fillBeyondPool(db)
      expect(store.pager.pool.spilled).toBeGreaterThan(0)
      expect(db.count(), `write ${failing}`).toBe(BEYOND_POOL)
      expect(db.check(), `write ${failing}`).toMatchObject({ ok: true, errors: [] })
    }
  })

  it('keeps the cause', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    file.fault = (call) => (call === 'write' ? { code: 'EDQUOT' } : undefined)
    expect(() => db.put('key', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE', cause: expect.objectContaining({ code: 'EDQUOT' }) }))
  })

  it('leaves the store open to writes after a disk that stays full for long', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    db.put('before', 'value')
    file.fault = (call) => (call === 'write' ? { code: 'ENOSPC' } : undefined)
    for (let i = 0; i < 30; i++) {
      // The meta page itself cannot be put back while nothing can be written, but it is not reached.
      expect(() => db.put(`key ${i}`, 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
    }
    file.fault = () => undefined
    db.put('after', 'value')
    expect([...db.keys()]).toEqual(['after', 'before'])
    expect(db.check()).toMatchObject({ ok: true, errors: [] })
  })

  it('in a read is COPPICE_IO, and the store goes on', () => {
    const file = new FaultyFile(fileOf(emptyImage()), false)
    const first = openOn(file)
    first.db.transaction((tx) => { for (let i = 0; i < 2000; i++) tx.put(`${i}`, text(i, 100)) })
    first.db.close()
    const again = new FaultyFile(fileOf(file.left), false)
    const { db } = openOn(again)
    again.fault = (call) => (call === 'read' ? { code: 'EIO' } : undefined)
    expect(() => db.get('1500')).toThrow(expect.objectContaining({ code: 'COPPICE_IO' }))
    expect(() => db.put('1500', 'other')).toThrow(expect.objectContaining({ code: 'COPPICE_IO' }))
    again.fault = () => undefined
    expect(db.get('1500')).toBe(text(1500, 100))
    db.put('1500', 'other')
    expect(db.check()).toMatchObject({ ok: true, errors: [] })
  })
})

describe('a meta page that could not be written', () => {
  it('leaves its slot as it was or empty, so that no half of a commit is ever found', () => {
    for (const bytes of [0, 1, 33, 512, 2048, 4095]) {
      const inner = fileOf(emptyImage())
      const file = new FaultyFile(inner)
      const { db } = openOn(file)
      for (let i = 0; i < 5; i++) db.put(`key ${i}`, 'value')
      failNextMeta(file, { code: 'ENOSPC', bytes })
      expect(() => db.put('lost', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
      expect(slotsOf(imageOf(inner)).filter((kind) => kind === 'damaged')).toEqual([])
      expect(openOn(fileOf(imageOf(inner))).db.count()).toBe(5)
      db.put('next', 'value')
      expect([...openOn(fileOf(imageOf(inner))).db.keys()].length).toBe(6)
    }
  })

  it('puts the newest commit back where that one was overwritten, while a sync is running', () => {
    const inner = fileOf(emptyImage())
    const file = new FaultyFile(inner)
    file.beforeSync = () => new Promise<void>(() => undefined)
    const { db } = openOn(file, { durability: 'async' })
    db.put('durable', 'value')
    for (let i = 0; i < 4; i++) db.put(`key ${i}`, 'value')
    failNextMeta(file, { code: 'EIO', bytes: 1000 })
    expect(() => db.put('lost', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_IO' }))
    expect([...openOn(fileOf(imageOf(inner))).db.keys()]).toEqual(['durable', 'key 0', 'key 1', 'key 2', 'key 3'])
    db.put('next', 'value')
    expect([...openOn(fileOf(imageOf(inner))).db.keys()].length).toBe(6)
  })

  it('and cannot be put back either poisons the store', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    db.put('key', 'value')
    file.onWrite = (_, position) => {
      if (position < META_SLOTS * PAGE_SIZE) file.fault = (call) => (call === 'write' ? { code: 'EIO' } : undefined)
    }
    expect(() => db.put('key', 'other')).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
    expect(db.get('key')).toBe('value')
    expect(() => db.put('key', 'other')).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
  })
})

function failNextMeta(file: FaultyFile, fault: { code: string; bytes: number }): void {
  let left = 1
  let meta = false
  file.onWrite = (_, position) => (meta = position < META_SLOTS * PAGE_SIZE)
  file.fault = (call) => (call === 'write' && meta && left-- > 0 ? fault : undefined)
}

function slotsOf(image: Uint8Array): string[] {
  return Array.from({ length: META_SLOTS }, (_, slot) => decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot).kind)
}

describe('a sync that the system refuses', () => {
  it('poisons the store at whichever sync: reads go on, writes are refused, and the file holds the commit or does not', () => {
    const counted = new FaultyFile(fileOf(emptyImage()))
    run(openOn(counted, { poolSize: 2 * 2 ** 20 }).db)
    const { sync: syncs } = counted.calls
    expect(syncs).toBeGreaterThanOrEqual(CHANGES.length)
    for (let failing = 0; failing < syncs; failing++) {
      const inner = fileOf(emptyImage())
      const file = new FaultyFile(inner)
      file.fault = (call, index) => (call === 'sync' && index === failing ? { code: 'EIO' } : undefined)
      const { db } = openOn(file, { poolSize: 2 * 2 ** 20 })
      let done = 0
      const attempt = () => {
        for (; done < CHANGES.length; done++) CHANGES[done](db)
      }
      expect(attempt, `sync ${failing}`).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED', cause: expect.objectContaining({ code: 'COPPICE_IO' }) }))
      const before = done === 0 ? NOTHING : expected[done - 1]
      expect(contentsOf(db), `sync ${failing}`).toEqual(before)
      expect(db.check(), `sync ${failing}`).toMatchObject({ ok: true, errors: [] })
      expect(() => db.put('more', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
      expect(() => db.sync()).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
      db.close()
      const again = openOn(fileOf(file.left)).db
      expect([before, expected[done]], `sync ${failing}`).toContainEqual(contentsOf(again))
      expect(again.check(), `sync ${failing}`).toMatchObject({ ok: true, errors: [] })
      again.put('more', 'value')
    }
  })

  it('in the background tells those who wait, and refuses the commit of a transaction that was open already', async () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file, { durability: 'async' })
    db.put('first', 'value')
    await db.syncAsync()
    file.fault = (call) => (call === 'syncAsync' ? { code: 'EIO' } : undefined)
    const waiting = db.putAsync('second', 'value')
    await expect(waiting).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED' })
    expect(() => db.begin()).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
    await expect(db.syncAsync()).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED' })
    expect(db.get('first')).toBe('value')
  })

  it('while a transaction is open refuses its commit, however often the system says yes afterwards', async () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file, { durability: 'async' })
    file.fault = (call) => (call === 'syncAsync' ? { code: 'EIO' } : undefined)
    const waiting = db.putAsync('first', 'value')
    waiting.catch(() => undefined)
    await Promise.resolve()
    await Promise.resolve()
    const tx = db.begin()
    tx.put('second', 'value')
    await expect(waiting).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED' })
    file.fault = () => undefined
    expect(() => tx.commit()).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
    expect(db.has('second')).toBe(false)
  })

  it('in close is told, and the file is closed all the same', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file, { durability: 'lazy', syncInterval: 1e6 })
    db.put('key', 'value')
    file.fault = (call) => (call === 'sync' ? { code: 'EIO' } : undefined)
    expect(() => db.close()).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
    expect(db.isOpen).toBe(false)
    expect(() => file.size()).toThrow('closed')
    db.close()
  })
})
