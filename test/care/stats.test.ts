/** `check` and `stats`: every page accounted for exactly once, through a long history. */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import { CATALOG_TREE, META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { crc32 } from '../../src/page/checksum.js'
import { encodeMeta } from '../../src/page/meta.js'
import type { Meta } from '../../src/page/meta.js'
import { emptyImage, FaultyFile, fileOf, openOn, randomFrom } from '../faulty-file.js'
import { buildFixture, ImageFile, newestMeta } from '../damage/fixture.js'

type Db = Database<string, string>

/** What the figures say of each other. */
function expectWhole(db: Db): void {
  const stats = db.stats()
  const { pages } = stats
  expect(pages.total).toBe(pages.meta + pages.leaf + pages.branch + pages.overflow + pages.freeLog + pages.journal + pages.free)
  expect(pages.meta).toBe(META_SLOTS)
  expect(stats.usedBytes).toBe(pages.total * PAGE_SIZE)
  expect(stats.fileBytes).toBeGreaterThanOrEqual(stats.usedBytes)
  expect(stats.pending.reduce((sum, pending) => sum + pending.pages, 0)).toBe(pages.pending)
  expect(pages.pending).toBeLessThanOrEqual(pages.free)
  expect(stats.durableTransaction).toBeLessThanOrEqual(stats.transaction)
  for (const tree of stats.trees) {
    const keyspace = tree.name === undefined ? db : db.tree(tree.name, { valueEncoding: 'utf8' })
    const entries = [...keyspace.entries()]
    expect(tree.entries).toBe(entries.length)
    expect(tree.keyBytes).toBe(entries.reduce((sum, [key]) => sum + key.length, 0))
    expect(tree.valueBytes).toBe(entries.reduce((sum, [, value]) => sum + value.length, 0))
    expect(tree.depth === 0).toBe(entries.length === 0)
    expect(tree.leafFill).toBeLessThanOrEqual(1)
    expect(tree.leafFill > 0).toBe(tree.leafPages > 0)
    expect(tree.branchFill > 0).toBe(tree.branchPages > 0)
  }
  const report = db.check()
  expect(report.errors).toEqual([])
  expect(report.ok).toBe(true)
  expect(report.trees).toBe(stats.trees.length)
  expect(report.entries).toBe(stats.trees.reduce((sum, tree) => sum + tree.entries, 0))
  expect(report.pages).toEqual({ total: pages.total, reached: pages.leaf + pages.branch + pages.overflow, freeLog: pages.freeLog, journal: pages.journal, free: pages.free })
}

describe('stats and check', () => {
  it.each([3, 24, Infinity])('agree with each other and with what is stored, through commits, snapshots, named trees and reopening, with a journal from %d pages on', (journalFrom) => {
    const random = randomFrom(8)
    let file = new FaultyFile(fileOf(emptyImage()))
    let { db } = openOn(file, { durability: 'lazy', syncInterval: 1e6 }, journalFrom)
    let inJournal = 0
    expectWhole(db)
    const snapshots: { rollback(): void }[] = []
    for (let step = 0; step < 60; step++) {
      const choice = random()
      const key = `key ${Math.floor(random() * 400)}`
      if (choice < 0.1) snapshots.push(db.snapshot())
      else if (choice < 0.2) snapshots.shift()?.rollback()
      else if (choice < 0.25) db.sync()
      else if (choice < 0.3) db.dropTree(`tree ${step % 3}`)
      else if (choice < 0.5) db.tree(`tree ${step % 3}`, { valueEncoding: 'utf8' }).put(key, 't'.repeat(Math.floor(random() * 9000)))
      else if (choice < 0.6) db.deleteRange({ gte: key, lt: `${key.slice(0, 5)}~` })
      else if (choice < 0.65) {
        db.close()
        file = new FaultyFile(fileOf(file.left))
        ;({ db } = openOn(file, { durability: 'lazy', syncInterval: 1e6 }, journalFrom))
        snapshots.length = 0
      } else db.transaction((tx) => { for (let i = 0; i < 40; i++) tx.put(`key ${Math.floor(random() * 400)}`, 'v'.repeat(Math.floor(random() * 300))) })
      if (db.stats().pool.dirty > 0) inJournal++
      if (step % 4 === 0) expectWhole(db)
    }
    expectWhole(db)
    if (journalFrom === Infinity) expect(inJournal).toBe(0)
    else expect(inJournal, 'states whose newest commit stands in the journal').toBeGreaterThan(5)
  })

  it('tell which commit is held, by how many, and whether only a sync is waited for', () => {
    const { db } = openOn(fileOf(emptyImage()), { durability: 'lazy', syncInterval: 1e6 })
    db.put('key', 'v'.repeat(3000))
    db.sync()
    const held = db.stats().transaction
    db.put('key', 'w'.repeat(3000))
    expect(db.stats().pending).toEqual([{ transaction: held, pages: 2, holders: 1, awaitsSync: true }])
    const one = db.snapshot()
    const other = db.snapshot()
    const seen = db.stats().transaction
    db.put('key', 'x'.repeat(3000))
    db.sync()
    expect(db.stats().pending).toEqual([{ transaction: seen, pages: 2, holders: 2, awaitsSync: false }])
    expect(db.stats().pages.pending).toBe(2)
    one.rollback()
    expect(db.stats().pending[0].holders).toBe(1)
    other.rollback()
    expect(db.stats().pending).toEqual([])
    expect(db.stats().durableTransaction).toBe(db.stats().transaction)
  })

  it('count the pages of a transaction that was larger than the pool', () => {
    const { db } = openOn(fileOf(emptyImage()), { poolSize: 2 * 2 ** 20 })
    expect(db.stats().pool).toEqual({ frames: 512, dirty: 0, spilledPages: 0 })
    db.transaction((tx) => {
      for (let i = 0; i < 1300; i++) tx.put(`key ${(i * 733) % 1300}`, 'v'.repeat(1900))
      expect(db.stats().pool.dirty).toBeGreaterThan(0)
    })
    expect(db.stats().pool.spilledPages).toBeGreaterThan(0)
    expect(db.stats().pool.dirty).toBe(0)
    expectWhole(db)
  })
})

describe('stats of a damaged store', () => {
  const { image, pages } = buildFixture()

  /** The store with a byte of this page changed. */
  function damagedIn(page: number): Db {
    const damaged = image.slice()
    damaged[page * PAGE_SIZE + 100] ^= 1
    return openOn(new ImageFile(damaged, true)).db
  }

  /** One page of so many, and the last. */
  function every(kind: readonly number[], step: number): number[] {
    return kind.filter((_, i) => i % step === 0 || i === kind.length - 1)
  }

  it('are refused where any part of it is, with the page and the tree named', () => {
    const nodes = [newestMeta(image).meta.catalog.page, ...every(pages.nodes, 12)]
    const trees = new Set<number | undefined>()
    for (const page of [...nodes, ...every(pages.extents, 80), ...pages.log]) {
      const db = damagedIn(page)
      const [fault] = db.check().errors
      if (nodes.includes(page)) expect(fault.page).toBe(page)
      expect(() => db.stats(), `page ${page}`).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page: fault.page, tree: fault.tree }))
      trees.add(fault.tree)
    }
    expect(trees, 'the catalog, the default tree, a named one, the free log').toEqual(new Set([0, 1, 2, undefined]))
  })

  it('are the same as before where only a free page is', () => {
    const whole = openOn(new ImageFile(image, true)).db.stats()
    expect(damagedIn(pages.free[0]).stats()).toEqual(whole)
  })
})

/** A small store whose newest meta page is changed and made right again. */
function withMeta(change: (meta: Meta) => Meta): Db {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file)
  for (let i = 0; i < 50; i++) db.put(`key ${i}`, 'v'.repeat(500))
  db.delete('key 7')
  db.close()
  const { meta } = newestMeta(file.left)
  for (let slot = 0; slot < META_SLOTS; slot++) file.left.set(encodeMeta(change(meta), slot), slot * PAGE_SIZE)
  return openOn(fileOf(file.left)).db
}

describe('check', () => {
  it('names a page that is free and in use at once', () => {
    let root = 0
    const report = withMeta((meta) => {
      root = meta.defaultTree.page
      return { ...meta, delta: [...meta.delta, { start: root, length: 1, freed: true }] }
    }).check()
    expect(report.ok).toBe(false)
    expect(report.errors).toEqual([expect.objectContaining({ code: 'COPPICE_CORRUPT', page: root })])
  })

  it('names the pages that nothing reaches and that are not free', () => {
    const before = withMeta((meta) => meta)
    const { free } = before.check().pages
    expect(free).toBeGreaterThan(0)
    const report = withMeta((meta) => ({ ...meta, delta: [] })).check()
    expect(report.ok).toBe(false)
    expect(report.errors.length).toBe(free)
    for (const error of report.errors) expect(error.message).toContain('nothing reaches it')
  })

  it('says so where a tree has more or fewer entries than its root counts', () => {
    const report = withMeta((meta) => ({ ...meta, defaultTree: { ...meta.defaultTree, entries: 50 } })).check()
    expect(report.errors.map(({ message }) => message).join()).toContain('counts 50 entries and has 49')
  })

  it('goes on beside damage, and names each damaged page once', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    db.transaction((tx) => {
      for (let i = 0; i < 400; i++) tx.put(`key ${i}`, 'v'.repeat(300))
      for (let i = 0; i < 100; i++) tx.tree('side', { valueEncoding: 'utf8' }).put(`key ${i}`, 'v'.repeat(300))
    })
    db.close()
    const leaves: number[] = []
    for (let page = META_SLOTS; page < file.left.length / PAGE_SIZE; page++) {
      const bytes = file.left.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
      if (bytes[16] === 1 && bytes[28] !== CATALOG_TREE && crc32(bytes.subarray(4)) === new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)) leaves.push(page)
    }
    const damaged = leaves.filter((_, i) => i % 6 === 0)
    for (const page of damaged) file.left[page * PAGE_SIZE + 2000] ^= 1
    const report = openOn(fileOf(file.left)).db.check()
    expect(report.errors.map(({ page }) => page).sort()).toEqual(damaged.sort())
    expect(report.trees).toBe(2)
    // What cannot be counted is taken from the pointer to it.
    expect(report.entries).toBe(500)
  })
})
