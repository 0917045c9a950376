/** Commits in the journal: what they write, what is left of them after a crash, and what becomes of the pages that wait. */
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { decodeJournalPage } from '../../src/page/journal.js'
import { CHANGE, JOURNAL_PAGE_BYTES, META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { assertSound, codeOf } from '../helpers.js'
import { encodeJournalPage } from '../page/crafted.js'
import type { Fault } from '../faulty-file.js'
import { FaultyFile, fileOf, imageOf, openOn } from '../faulty-file.js'
import type { Bench, Db } from './journal-bench.js'
import { benchOf, lazy, metas, numbered, pageOf, region, without } from './journal-bench.js'

/** Fails the next writes to the journal, so many. */
function failToJournal(one: Bench, times: number, fault: Fault): void {
  const { first, pages } = region(one)
  const before = one.file.onWrite
  let to = 0
  let left = times
  one.file.onWrite = (sources, position) => {
    to = position / PAGE_SIZE
    before(sources, position)
  }
  one.file.fault = (call) => (call === 'write' && to >= first && to < first + pages && left-- > 0 ? fault : undefined)
}

describe('a commit of the journal', () => {
  it('writes one page, syncs once, and is there after a kill', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    for (let i = 1; i < 6; i++) {
      one.writes.length = 0
      const { sync } = one.file.calls
      const { total } = one.db.stats().pages
      one.db.put(`n ${i}`, `${i}`)
      // Behind the end stand zeros, with which the file grows.
      expect(one.writes.filter((page) => page < total)).toEqual([region(one).first + i])
      expect(one.file.calls.sync - sync).toBe(1)
    }
    const { db } = openOn(fileOf(imageOf(one.file.inner)))
    expect(numbered(db)).toEqual(['0', '1', '2', '3', '4', '5'])
    expect(db.stats().transaction).toBe(one.db.stats().transaction)
    expect(db.stats().durableTransaction).toBe(db.stats().transaction)
    assertSound(db)
  })

  it('has every kind of change: puts, deletes, ranges, named trees, and keys of 2,048 bytes as bounds', () => {
    const one = benchOf()
    one.db.createTree('side')
    const side = one.db.tree('side', { valueEncoding: 'utf8' })
    const longest = 'z'.repeat(2048)
    one.db.transaction((tx) => {
      tx.put('n 1', 'default')
      const inside = tx.tree('side', { valueEncoding: 'utf8' })
      inside.put('one', '1')
      inside.put(longest, '2')
      tx.delete('key 3')
      inside.put('three', '3')
    })
    side.delete('one')
    side.deleteRange({ gt: longest.slice(1), lte: longest })
    one.db.deleteRange({ prefix: 'key 1' })
    one.db.put('', 'the empty key')
    // The two bounds of 2,048 and 2,049 bytes take a page more.
    expect(region(one).used.length).toBe(6)
    const { db } = openOn(fileOf(imageOf(one.file.inner)))
    expect([...db.entries()]).toEqual([...one.db.entries()])
    expect([...db.tree('side', { valueEncoding: 'utf8' }).entries()]).toEqual([['three', '3']])
    expect(db.get('key 3')).toBeUndefined()
    expect(db.count({ prefix: 'key 1' })).toBe(0)
    assertSound(db)
  })

  it('has nothing of what a savepoint has taken back, nor of a load that failed', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    one.db.transaction((tx) => {
      tx.put('n 1', '1')
      const savepoint = tx.savepoint()
      tx.put('n 2', 'taken back')
      tx.delete('key 1')
      tx.put('large', 'L'.repeat(100_000))
      savepoint.rollback()
      expect(() => tx.load([['n 7', 'x'], ['n 6', 'x']])).toThrow(expect.objectContaining({ code: 'COPPICE_UNSORTED' }))
      tx.put('n 3', '3')
    })
    expect(region(one).used.length).toBe(2)
    const { db } = openOn(fileOf(imageOf(one.file.inner)))
    expect(numbered(db)).toEqual(['0', '1', '3'])
    expect(db.has('key 1')).toBe(true)
    assertSound(db)
  })

  it.each([
    ['a value in an extent', (db: Db) => db.put('large', 'L'.repeat(3000))],
    ['a bulk load', (db: Db) => db.transaction((tx) => (tx.deleteRange({}), tx.load([['zz', '1'], ['zzz', '2']])))],
    ['a new tree', (db: Db) => db.createTree('other')],
    ['the first entry of a tree', (db: Db) => db.tree('another').put('key', new Uint8Array(1))],
    ['a tree that is dropped', (db: Db) => db.dropTree('side')],
    ['more than sixteen pages of changes', (db: Db) => db.batch(Array.from({ length: 40 }, (_, i) => ({ type: 'put', key: `n ${i}`, value: 'w'.repeat(1800) })))],
  ])('is none where it has no form: %s is written as a checkpoint', (_, change) => {
    const one = benchOf()
    one.db.createTree('side')
    one.db.put('n 0', '0')
    one.db.put('n 1', '1')
    const before = metas(imageOf(one.file.inner))[0].transaction
    change(one.db)
    expect(metas(imageOf(one.file.inner))[0].transaction).toBeGreaterThan(before)
    const { db } = openOn(fileOf(imageOf(one.file.inner)))
    expect([...db.entries()]).toEqual([...one.db.entries()])
    expect(db.trees()).toEqual(one.db.trees())
    assertSound(db)
  })

  it('names its checkpoint in a second slot, and so the loss of either meta page loses nothing', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    const { image } = region(one)
    const [newest, second] = metas(image)
    expect([newest.transaction, newest.durable]).toEqual([second.transaction, newest.transaction])
    for (let slot = 0; slot < META_SLOTS; slot++) expect(numbered(openOn(fileOf(without(image, slot))).db), `without slot ${slot}`).toEqual(['0'])
  })

  it('that the disk refuses is taken back: neither this process nor the next one sees it, and the store goes on', () => {
    for (const bytes of [0, 512, PAGE_SIZE]) {
      const one = benchOf()
      one.db.put('n 0', '0')
      failToJournal(one, 1, { code: 'ENOSPC', bytes })
      expect(() => one.db.put('n 1', 'refused')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
      expect(numbered(one.db)).toEqual(['0'])
      expect(numbered(openOn(fileOf(imageOf(one.file.inner))).db)).toEqual(['0'])
      one.db.put('n 2', '2')
      expect(numbered(openOn(fileOf(imageOf(one.file.inner))).db)).toEqual(['0', '2'])
    }
  })

  it('that can neither be written nor taken back ends writing', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    failToJournal(one, 2, { code: 'EIO' })
    expect(codeOf(() => one.db.put('n 1', '1'))).toBe('COPPICE_SYNC_FAILED')
    expect(codeOf(() => one.db.put('n 2', '2'))).toBe('COPPICE_SYNC_FAILED')
    expect(numbered(one.db)).toEqual(['0'])
  })
})

describe('opening', () => {
  it('ends the journal at the first page that is not there, and goes on writing from that place', () => {
    const one = benchOf(lazy)
    one.db.sync()
    for (let i = 0; i < 6; i++) one.db.put(`n ${i}`, `${i}`)
    const { image, used } = region(one)
    for (let lost = 0; lost < used.length; lost++) {
      const two = benchOf(lazy, without(image, used[lost]))
      expect(numbered(two.db)).toEqual(['0', '1', '2', '3', '4', '5'].slice(0, lost))
      assertSound(two.db)
      two.db.put('n 9', '9')
      expect(region(two).image.subarray(used[lost] * PAGE_SIZE, used[lost] * PAGE_SIZE + 4), 'the place of the lost one').not.toEqual(new Uint8Array(4))
      const three = openOn(fileOf(imageOf(two.file.inner)))
      expect(numbered(three.db), 'none of those behind comes back').toEqual([...['0', '1', '2', '3', '4', '5'].slice(0, lost), '9'])
    }
  })

  it('takes a record of several pages whole or not at all', () => {
    const one = benchOf(lazy)
    one.db.sync()
    one.db.put('n 0', '0')
    one.db.batch(Array.from({ length: 5 }, (_, i) => ({ type: 'put', key: `n ${i + 1}`, value: String(i + 1).repeat(2000) })))
    one.db.put('n 6', '6')
    const { image, used } = region(one)
    expect(used.length).toBe(5)
    for (const lost of used.slice(1, 4)) expect(numbered(openOn(fileOf(without(image, lost))).db)).toEqual(['0'])
    expect(numbered(openOn(fileOf(without(image, used[4]))).db)).toHaveLength(6)
    // Half of a page is no page.
    const torn = image.slice()
    pageOf(torn, used[3]).fill(0, 512)
    expect(numbered(openOn(fileOf(torn)).db)).toEqual(['0'])
  })

  it('is COPPICE_CORRUPT where a page has been lost that a later one knows to have been on the disk, whoever opens it', () => {
    const one = benchOf()
    for (let i = 0; i < 4; i++) one.db.put(`n ${i}`, `${i}`)
    const { image, used } = region(one)
    for (const lost of used.slice(0, -1)) {
      expect(() => openOn(fileOf(without(image, lost))), `page ${lost}`).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: lost }))
    }
    expect(numbered(openOn(fileOf(without(image, used[3]))).db), 'nothing says that the last one was there').toEqual(['0', '1', '2'])
  })

  it('believes no page of another checkpoint, nor one whose id does not grow', () => {
    const one = benchOf(lazy)
    one.db.sync()
    for (let i = 0; i < 3; i++) one.db.put(`n ${i}`, `${i}`)
    const { image, first, used } = region(one)
    const [{ transaction: base }] = metas(image)
    const content = decodeJournalPage(pageOf(image, used[2]), used[2], 2)!
    for (const wrong of [{ base: base - 1 }, { base: base + 1 }, { transaction: content.transaction - 1 }, { part: 1, length: JOURNAL_PAGE_BYTES + 1 }]) {
      const other = image.slice()
      other.set(encodeJournalPage(used[2], { ...content, ...wrong }), used[2] * PAGE_SIZE)
      expect(numbered(openOn(fileOf(other)).db), JSON.stringify(wrong)).toEqual(['0', '1'])
    }
    const beginning = image.slice()
    beginning.set(encodeJournalPage(first, { ...decodeJournalPage(pageOf(image, first), first, 0)!, transaction: base }), first * PAGE_SIZE)
    expect(numbered(openOn(fileOf(beginning)).db), 'the first has to be above the checkpoint').toEqual([])
  })

  it('is COPPICE_CORRUPT where a record is whole and makes no sense', () => {
    const one = benchOf(lazy)
    one.db.put('n 0', '0')
    const { image, first } = region(one)
    const content = decodeJournalPage(pageOf(image, first), first, 0)!
    const name = Buffer.from('none')
    const large = Buffer.concat([Uint8Array.of(CHANGE.PUT, 1, 0, 0xb8, 0x0b, 0, 0), new Uint8Array(3001)])
    const records = [Uint8Array.of(9, 0, 0), Uint8Array.of(CHANGE.DELETE, 5, 0, 1), Buffer.concat([Uint8Array.of(CHANGE.TREE, name.length, 0), name]), Uint8Array.of(CHANGE.TREE, 1, 0, 0xff), large]
    for (const data of records) {
      const other = image.slice()
      other.set(encodeJournalPage(first, { ...content, length: data.length, data }), first * PAGE_SIZE)
      const file = new FaultyFile(fileOf(other))
      expect(() => openOn(file), Buffer.from(data.subarray(0, 8)).toString('hex')).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: first }))
    }
  })

  it('is made again whole where it is longer than those that this writer makes', () => {
    const one = benchOf(lazy)
    const key = (i: number): string => `k ${(i * 7919) % 100_003}`
    one.db.load(Array.from({ length: 40_000 }, (_, i) => [`l ${String(i).padStart(6, '0')}`, 'l'.repeat(200)] as const))
    one.db.transaction((tx) => { for (let i = 0; i < 3000; i++) tx.put(key(i), 'v'.repeat(200)) })
    one.db.put('n 0', '0')
    one.db.put('n 1', '1')
    const { image, first, used } = region(one)
    const last = decodeJournalPage(pageOf(image, used.at(-1)!), used.at(-1)!, used.length - 1)!
    const changes = 600
    const record = Buffer.alloc(2 ** 18)
    let length = 0
    for (let i = 0; i < changes; i++) {
      const bytes = Buffer.from(key(i * 3))
      record[length] = CHANGE.PUT
      record.writeUInt16LE(bytes.length, length + 1)
      record.writeUInt32LE(150, length + 3)
      bytes.copy(record, length + 7)
      record.fill('w', length + 7 + bytes.length, length + 157 + bytes.length)
      length += 157 + bytes.length
    }
    const other = image.slice()
    for (let part = 0; part * JOURNAL_PAGE_BYTES < length; part++) {
      const position = used.length + part
      const data = record.subarray(part * JOURNAL_PAGE_BYTES, Math.min(length, (part + 1) * JOURNAL_PAGE_BYTES))
      other.set(encodeJournalPage(first + position, { ...last, transaction: last.transaction + 1, position, part, length, data }), (first + position) * PAGE_SIZE)
    }
    const { db } = openOn(fileOf(other))
    expect([...db.values()].filter((value) => value === 'w'.repeat(150)).length).toBe(changes)
    assertSound(db)
  })

  it('for reading makes the commits again in memory and writes nothing, with the least pool and without a map', () => {
    const one = benchOf({ ...lazy, poolSize: 16 * 2 ** 20 })
    one.db.load(Array.from({ length: 24_000 }, (_, i) => [`m ${String(i).padStart(5, '0')}`, 'm'.repeat(900)] as const))
    one.db.put('n 0', '0')
    // With what a scan reads without a map, more pages than the reader's pool has room for.
    for (let i = 0; i < 20; i++) one.db.batch(Array.from({ length: 30 }, (_, j) => ({ type: 'put', key: `m ${String((i * 30 + j) * 39).padStart(5, '0')}`, value: 'changed' })))
    expect(one.store.pager.pool.dirtyCount).toBeGreaterThan(256)
    const image = imageOf(one.file.inner)
    for (const mapped of [true, false]) {
      const file = new FaultyFile(fileOf(image), mapped)
      Object.defineProperty(file, 'readOnly', { value: true })
      file.fault = (call) => (call === 'write' || call === 'sync' || call === 'syncAsync' || call === 'resize' ? { code: 'EBADF' } : undefined)
      const { db } = openOn(file, { poolSize: 2 * 2 ** 20 })
      expect(db.count({ prefix: 'm ' })).toBe(24_000)
      expect([...db.entries()].filter(([, value]) => value === 'changed').length).toBe(600)
      expect(db.get('m 00039')).toBe('changed')
      assertSound(db)
      db.close()
      expect(Buffer.compare(file.left, image)).toBe(0)
    }
  })
})

describe('the journal of a checkpoint', () => {
  it('that is full ends with a checkpoint, which takes another region; three of them serve in turn', () => {
    const one = benchOf()
    const seen = new Set<number>()
    let pages = 0
    for (let i = 0; i < 400; i++) {
      one.db.put('n 0', `${i}`)
      seen.add(region(one).first)
      if (i === 100) pages = one.db.stats().pages.total
    }
    expect(seen.size).toBe(3)
    expect(one.db.stats().pages.total).toBe(pages)
    assertSound(one.db)
  })

  it('stays as it is while that checkpoint is the durable one', () => {
    const one = benchOf(lazy)
    one.db.put('n 0', 'durable')
    one.db.sync()
    const { image, used } = region(one)
    expect(used.length).toBe(1)
    for (let i = 0; i < 60; i++) one.db.put('n 1', `${i}`)
    const later = imageOf(one.file.inner)
    expect(metas(later)[0].transaction).toBeGreaterThan(metas(image)[0].transaction)
    expect(Buffer.compare(pageOf(later, used[0]), pageOf(image, used[0]))).toBe(0)
    // All that was written since the sync is lost, but for the slots.
    const lost = image.slice()
    lost.set(later.subarray(0, META_SLOTS * PAGE_SIZE))
    expect(numbered(openOn(fileOf(lost)).db)).toEqual(['durable'])
  })

  it('is empty after closing, and opening then has nothing to make again', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    one.db.put('n 1', '1')
    const { transaction } = one.db.stats()
    one.db.close()
    const [meta] = metas(one.file.left)
    expect(meta.transaction).toBeGreaterThan(transaction)
    expect(meta.durable).toBe(meta.transaction)
    const { db, store } = openOn(fileOf(one.file.left))
    expect(store.newest.meta.transaction).toBe(meta.transaction)
    expect(numbered(db)).toEqual(['0', '1'])
    expect(db.stats().pool.dirty).toBe(0)
    assertSound(db)
  })

  it('loses nothing where closing cannot write the pages that wait', () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    one.file.fault = (call) => (call === 'write' ? { code: 'ENOSPC' } : undefined)
    expect(codeOf(() => one.db.close())).toBeOneOf([undefined, 'COPPICE_SYNC_FAILED'])
    expect(numbered(openOn(fileOf(one.file.left)).db)).toEqual(['0'])
  })
})

describe('pages that wait for a checkpoint', () => {
  it('are seen by snapshots, check, stats and backups, a write transaction open or not', async () => {
    const one = benchOf()
    one.db.put('n 0', '0')
    one.db.put('n 1', '1')
    const snapshot = one.db.snapshot()
    one.db.put('n 1', 'later')
    const tx = one.db.begin()
    tx.put('n 2', 'open')
    tx.delete('n 0')
    assertSound(one.db)
    expect(one.db.stats().pages.journal).toBe(3 * region(one).pages)
    const chunks: Uint8Array[] = []
    await one.db.backup(new Writable({ write: (chunk: Uint8Array, _, done) => (chunks.push(chunk), done()) }))
    const copy = openOn(fileOf(new Uint8Array(Buffer.concat(chunks)))).db
    expect(numbered(copy)).toEqual(['0', 'later'])
    expect(copy.stats().pages.journal).toBe(0)
    assertSound(copy)
    expect([...snapshot.entries({ prefix: 'n ' })].map(([, value]) => value)).toEqual(['0', '1'])
    tx.commit()
    expect(numbered(one.db)).toEqual(['later', 'open'])
    expect([...snapshot.entries({ prefix: 'n ' })].map(([, value]) => value)).toEqual(['0', '1'])
    snapshot.rollback()
    assertSound(one.db)
  })

  it('are never more than half of the pool', () => {
    const one = benchOf({ ...lazy, poolSize: 2 * 2 ** 20 })
    one.db.load(Array.from({ length: 4000 }, (_, i) => [`m ${String(i).padStart(5, '0')}`, 'm'.repeat(900)] as const))
    const { pool } = one.store.pager
    const { spilled } = pool
    let most = 0
    for (let i = 0; i < 600; i++) {
      one.db.put(`m ${String((i * 997) % 4000).padStart(5, '0')}`, 'changed')
      most = Math.max(most, pool.dirtyCount)
    }
    expect(most).toBeGreaterThan(20)
    expect(most).toBeLessThanOrEqual(256)
    expect(pool.spilled).toBe(spilled)
    assertSound(one.db)
  })
})
