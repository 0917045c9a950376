/** Commits against the disk: which meta slot, which pages, how many syncs, and what opening looks at. */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import type { OpenOptions } from '../../src/index.js'
import { JOURNAL_REGIONS, META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta, journalStart } from '../../src/page/meta.js'
import { Pager } from '../../src/pager/pager.js'
import { recover } from '../../src/pager/recover.js'
import { Store } from '../../src/pager/store.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../faulty-file.js'

type Db = Database<string, string>

interface Bench {
  file: FaultyFile
  db: Db
  store: Store
  /** First page of every write, since it was last emptied. */
  writes: number[]
  /** Ends the oldest background sync that waits, and what follows from that. */
  endSync: () => Promise<void>
}

function bench(options: OpenOptions<string, string> = {}, image = emptyImage(), journalFrom?: number): Bench {
  const file = new FaultyFile(fileOf(image))
  const writes: number[] = []
  const running: (() => void)[] = []
  file.onWrite = (sources, position) => {
    const pages = sources.reduce((sum, { length }) => sum + length, 0) / PAGE_SIZE
    for (let i = 0; i < pages; i++) writes.push(position / PAGE_SIZE + i)
  }
  file.beforeSync = () => new Promise((resolve) => running.push(resolve))
  const { db, store } = openOn(file, { syncInterval: 1e6, ...options }, journalFrom)
  const endSync = async () => {
    running.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { file, db, store, writes, endSync }
}

function slots(file: FaultyFile): (number | undefined)[] {
  const image = imageOf(file.inner)
  return Array.from({ length: META_SLOTS }, (_, slot) => {
    const reading = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    return reading.kind === 'valid' ? reading.meta.transaction : undefined
  })
}

describe('a commit', () => {
  it('has an id above that of every transaction before, of those rolled back too, as their pages may stand in the file', () => {
    const { db, file } = bench()
    const ids = [db.stats().transaction]
    for (let i = 0; i < 6; i++) {
      const tx = db.begin()
      tx.put('rolled', 'back')
      tx.rollback()
      if (i === 3) {
        file.fault = (call) => (call === 'write' ? { code: 'ENOSPC' } : undefined)
        expect(() => db.put('no', 'space')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
        file.fault = () => undefined
      }
      db.put('key', `${i}`)
      ids.push(db.stats().transaction)
    }
    expect(ids.slice(1).map((id, i) => id - ids[i])).toEqual([2, 2, 2, 3, 2, 2])
  })

  it('without a journal writes its path and one meta page, and syncs once', () => {
    const { db, file, writes } = bench({}, emptyImage(), Infinity)
    db.transaction((tx) => { for (let i = 0; i < 2000; i++) tx.put(`key ${String(i).padStart(5, '0')}`, 'v'.repeat(100)) })
    const depth = db.stats().trees[0].depth
    for (let i = 0; i < 5; i++) db.put('key 00100', `${i}`)
    for (let i = 0; i < 20; i++) {
      writes.length = 0
      const syncs = file.calls.sync
      db.put(`key ${String(i * 97).padStart(5, '0')}`, 'w'.repeat(100))
      expect(file.calls.sync - syncs).toBe(1)
      expect(writes.filter((page) => page < META_SLOTS).length).toBe(1)
      expect(writes.length).toBe(depth + 1)
    }
  })

  it('that changes nothing writes and syncs nothing', () => {
    const { db, file, writes } = bench()
    db.put('key', 'value')
    const { transaction } = db.stats()
    writes.length = 0
    const syncs = file.calls.sync
    db.transaction(() => undefined)
    db.delete('none')
    db.batch([])
    expect(writes).toEqual([])
    expect(file.calls.sync).toBe(syncs)
    expect(db.stats().transaction).toBe(transaction)
  })

  it('writes over neither the slot of the durable commit nor that of the one whose sync runs', async () => {
    const { db, file, store, writes, endSync } = bench({ durability: 'async' })
    // A new store has its first commit in all three slots.
    for (let i = 0; i < 3; i++) db.put('key', `before ${i}`)
    await endSync()
    await endSync()
    for (let round = 0; round < 5; round++) {
      db.put('key', `round ${round}`)
      const syncing = db.stats().transaction
      const durable = store.durableTransaction
      expect(durable).toBeLessThan(syncing)
      for (let i = 0; i < 6; i++) {
        const before = slots(file)
        writes.length = 0
        db.put('key', `round ${round}, ${i}`)
        const slot = writes.filter((page) => page < META_SLOTS)
        expect(slot.length).toBe(1)
        expect([durable, syncing], `slots ${before.join()}`).not.toContain(before[slot[0]])
        expect(slots(file)).toContain(durable)
        expect(slots(file)).toContain(syncing)
      }
      await endSync()
      expect(store.durableTransaction).toBe(syncing)
      await endSync()
      expect(store.durableTransaction).toBe(db.stats().transaction)
    }
  })

  it.each([Infinity, 3])('writes over no page that recovery needs for the durable commit or the one whose sync runs, with a journal from %d pages on', async (journalFrom) => {
    const { db, file, writes, endSync } = bench({ durability: 'async' }, emptyImage(), journalFrom)
    db.transaction((tx) => { for (let i = 0; i < 400; i++) tx.put(`key ${i}`, 'v'.repeat(200)) })
    await endSync()
    // The pages of the checkpoint, and those of its journal that hold records; what the others hold recovery does not look at.
    const reached = () => {
      const { commit: { meta }, journal } = recover(new Pager(fileOf(imageOf(file.inner)), 512, () => []))
      const { unused } = new Store(fileOf(imageOf(file.inner)), 512, 1e6).space()
      const inRegions = (page: number) => page >= meta.journal.page && page < meta.journal.page + meta.journal.pages * JOURNAL_REGIONS
      const inRecords = (page: number) => page >= journalStart(meta.journal) && page < journalStart(meta.journal) + journal.pages
      return Array.from({ length: meta.pageCount }, (_, page) => page).filter((page) => page >= META_SLOTS && !unused.has(page) && (!inRegions(page) || inRecords(page)))
    }
    const durable = new Set(reached())
    for (let round = 0; round < 3; round++) {
      db.put(`key ${round}`, 'syncing')
      const syncing = new Set(reached())
      writes.length = 0
      for (let i = 0; i < 60; i++) db.put(`key ${(i * 37) % 400}`, `${i}`.repeat(1 + ((i * 211) % 900)))
      expect(writes.filter((page) => durable.has(page) || syncing.has(page))).toEqual([])
      expect(db.stats().pages.free, 'what only the newest commits reach is used again').toBeLessThan(300)
      await endSync()
      await endSync()
      durable.clear()
      for (const page of reached()) durable.add(page)
    }
  })

  it('of very many pages syncs them before its meta page is written', () => {
    const { db, file, writes } = bench()
    let atSync: number[] = []
    file.fault = (call) => {
      if (call === 'sync') atSync.push(writes.filter((page) => page < META_SLOTS).length)
      return undefined
    }
    db.put('key', 'value')
    atSync = []
    writes.length = 0
    db.transaction((tx) => { for (let i = 0; i < 2200; i++) tx.put(`key ${i}`, 'v'.repeat(1900)) })
    expect(atSync).toEqual([0, 1])
  })

  it('with lazy durability is synced in the background when very many pages wait', () => {
    const { db, file } = bench({ durability: 'lazy' })
    for (let i = 0; i < 4; i++) db.put(`large ${i}`, 'L'.repeat(4096 * 900))
    expect(file.calls.syncAsync).toBe(0)
    db.put('large 4', 'L'.repeat(4096 * 900))
    expect(file.calls.syncAsync).toBe(1)
  })
})

/** Pages looked at so far. */
function located(store: Store): number {
  return store.pager.where.reduce((count, slot) => count + Number(slot !== 0), 0)
}

describe('opening', () => {
  it('looks at no page after a clean close, and at few after a kill, however large the store is', () => {
    const counts: number[] = []
    for (const entries of [500, 8000]) {
      const { db, file } = bench({}, emptyImage(), Infinity)
      db.transaction((tx) => { for (let i = 0; i < entries; i++) tx.put(`key ${i}`, 'v'.repeat(150)) })
      for (let i = 0; i < 5; i++) db.put(`key ${i}`, 'changed')
      const killed = openOn(fileOf(imageOf(file.inner)))
      counts.push(located(killed.store))
      expect(killed.db.get('key 4')).toBe('changed')
      db.close()
      expect(located(openOn(fileOf(file.left)).store)).toBe(0)
    }
    expect(counts[0]).toBeGreaterThan(0)
    expect(counts[1]).toBeLessThanOrEqual(counts[0] + 2)
  })

  it('after a kill looks at the paths of the commits in the journal, however large the store is', () => {
    for (const entries of [500, 8000]) {
      const { db, file } = bench({}, emptyImage(), 3)
      db.transaction((tx) => { for (let i = 0; i < entries; i++) tx.put(`key ${i}`, 'v'.repeat(150)) })
      for (let i = 0; i < 5; i++) db.put(`key ${i}`, 'changed')
      const killed = openOn(fileOf(imageOf(file.inner)))
      expect(killed.db.get('key 4')).toBe('changed')
      const [{ depth }] = killed.db.stats().trees
      // The first put was a checkpoint; of each path there is what was read and what was written.
      expect(located(openOn(fileOf(imageOf(file.inner))).store)).toBeLessThanOrEqual(4 * 2 * depth)
      db.close()
      expect(located(openOn(fileOf(file.left)).store)).toBe(0)
    }
  })

  it('after a kill writes again and syncs what it found before anything else is written or called durable', async () => {
    const killed = bench({ durability: 'lazy' })
    killed.db.put('key', 'value')
    const image = imageOf(killed.file.inner)
    const order: string[] = []
    for (const use of [(db: Db) => db.put('other', 'value'), (db: Db) => db.sync(), (db: Db) => db.close(), (db: Db) => db.syncAsync()]) {
      order.length = 0
      const { db, file } = bench({}, image)
      // The new leaf and the meta page, as they stand.
      file.onWrite = (sources, position) => {
        const same = Buffer.concat(sources).equals(image.subarray(position, position + 4096))
        order.push(same ? 'again' : 'write')
      }
      file.fault = (call) => {
        if (call === 'sync') order.push('sync')
        return undefined
      }
      await use(db)
      expect(order.slice(0, 3)).toEqual(['again', 'again', 'sync'])
    }
  })

  it('goes back past every commit that never finished, says so, and never uses their ids again', () => {
    const { db, file } = bench({ durability: 'lazy' })
    db.put('first', 'value')
    db.sync()
    const durable = imageOf(file.inner)
    db.put('second', 'value')
    db.put('third', 'value')
    const later = imageOf(file.inner)
    const highest = db.stats().transaction
    // The meta pages came through, the other pages did not.
    const image = later.slice()
    image.set(durable.subarray(META_SLOTS * PAGE_SIZE), META_SLOTS * PAGE_SIZE)
    image.fill(0, durable.length)
    const again = openOn(fileOf(image)).db
    expect([...again.keys()]).toEqual(['first'])
    expect(again.stats().passedOver).toEqual([
      expect.stringContaining(`transaction ${highest}`),
      expect.stringContaining(`transaction ${highest - 1}`),
    ])
    again.put('fourth', 'value')
    expect(again.stats().transaction).toBeGreaterThan(highest)
    expect(again.check()).toMatchObject({ ok: true })
  })

  it('never goes back past a commit that is known to be durable: damage there is an error', () => {
    const { db, file } = bench()
    for (let i = 0; i < 3; i++) db.put('key', `value ${i}`)
    const before = imageOf(file.inner)
    for (let i = 0; i < 2; i++) db.put('key', `later ${i}`)
    const image = imageOf(file.inner)
    // Of the three commits in the slots the oldest is whole, and the newest says that the second is durable.
    image.set(before.subarray(META_SLOTS * PAGE_SIZE), META_SLOTS * PAGE_SIZE)
    image.fill(0, before.length)
    expect(() => openOn(fileOf(image))).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT' }))
  })
})

describe('close', () => {
  it('makes every commit durable, tells those who wait, and says so in the file', async () => {
    for (const durability of ['lazy', 'async'] as const) {
      const { db, file } = bench({ durability })
      const waiting = db.syncAsync()
      db.put('key', 'value')
      const later = durability === 'async' ? db.syncAsync() : Promise.resolve()
      db.close()
      await waiting
      await later
      const { store } = openOn(fileOf(file.left))
      expect(store.newest.meta.durable).toBe(store.newest.meta.transaction)
      expect(store.passedOver).toEqual([])
    }
  })

  it('during a background sync leaves a whole store, that can be opened before that sync has ended', async () => {
    const { db, file, endSync } = bench({ durability: 'async' })
    db.put('first', 'value')
    db.put('second', 'value')
    db.close()
    const again = openOn(fileOf(file.left)).db
    expect([...again.keys()]).toEqual(['first', 'second'])
    again.put('third', 'value')
    await endSync()
    await endSync()
    expect(again.check()).toMatchObject({ ok: true })
  })
})
