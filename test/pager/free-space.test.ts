/**
 * Free space over long histories: what the free log and the meta page say on the disk is what the store knows
 * in memory, through appends, checkpoints, rollbacks and reopening.
 */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import { META_RUNS } from '../../src/page/layout.js'
import { loadSpace, readLog } from '../../src/pager/free-log.js'
import { Readers } from '../../src/pager/readers.js'
import { Space } from '../../src/pager/space.js'
import type { Store } from '../../src/pager/store.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn, randomFrom } from '../faulty-file.js'

type Db = Database<string, string>

/** A value of one page of its own. */
const PAGE_VALUE = 'x'.repeat(2500)

function unusedPages(space: Space): string {
  return JSON.stringify(space.allRuns())
}

/** What a store that opens the file now would find free. */
function onDisk(file: FaultyFile): string {
  const { store } = openOn(fileOf(imageOf(file.inner)))
  return unusedPages(store.space())
}

function loaded(store: Store): string {
  const space = new Space(new Readers(), () => false)
  loadSpace(store.pager, space, store.newest.meta)
  return unusedPages(space)
}

/** Puts or deletes single pages here and there: free space in many pieces. */
function scatter(db: Db, random: () => number, count: number): void {
  db.transaction((tx) => {
    for (let i = 0; i < count; i++) {
      const key = `key ${Math.floor(random() * 2600)}`
      if (random() < 0.5) tx.put(key, PAGE_VALUE)
      else tx.delete(key)
    }
  })
}

describe('free space on the disk', () => {
  it('is what it is in memory, through many commits that append to the log and write it anew', () => {
    const random = randomFrom(31)
    let file = new FaultyFile(fileOf(emptyImage()))
    let { db, store } = openOn(file, { durability: 'lazy', syncInterval: 1e6 })
    db.transaction((tx) => { for (let i = 0; i < 2600; i++) tx.put(`key ${i}`, PAGE_VALUE) })
    const lengths: number[] = []
    for (let step = 0; step < 60; step++) {
      scatter(db, random, step % 3 === 0 ? 1500 : 250)
      const { log, delta } = store.newest.meta
      lengths.push(log.length)
      expect(delta.length).toBeLessThanOrEqual(META_RUNS)
      expect(readLog(store.pager, log).reduce((sum, { runs }) => sum + runs.length, 0)).toBe(log.runs)
      expect(loaded(store), `step ${step}`).toBe(unusedPages(store.space()))
      if (step % 10 === 5) {
        expect(onDisk(file), `step ${step}`).toBe(unusedPages(store.space()))
        expect(db.check(), `step ${step}`).toMatchObject({ ok: true, errors: [] })
      }
      if (step % 20 === 15) {
        const before = unusedPages(store.space())
        db.close()
        file = new FaultyFile(fileOf(file.left))
        ;({ db, store } = openOn(file, { durability: 'lazy', syncInterval: 1e6 }))
        expect(unusedPages(store.space())).toBe(before)
        expect(store.space().available.size).toBe(store.space().unused.size)
      }
    }
    expect(lengths.some((length, i) => i > 0 && length > lengths[i - 1]), 'the log was appended to').toBe(true)
    expect(lengths.some((length, i) => i > 0 && length < lengths[i - 1]), 'the log was written anew').toBe(true)
    expect(Math.max(...lengths), 'the log does not grow for ever').toBeLessThan(40)
  })

  it('is as before after a rollback in the middle of anything, the log included', () => {
    const random = randomFrom(32)
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db, store } = openOn(file, { durability: 'lazy', syncInterval: 1e6 })
    db.transaction((tx) => { for (let i = 0; i < 1400; i++) tx.put(`key ${i}`, PAGE_VALUE) })
    for (let step = 0; step < 12; step++) {
      const before = unusedPages(store.space())
      const available = store.space().available.size
      const { pageCount } = store.space()
      if (step % 2 === 0) {
        const tx = db.begin()
        for (let i = 0; i < 400; i++) tx.delete(`key ${Math.floor(random() * 1400)}`)
        for (let i = 0; i < 50; i++) tx.put(`more ${i}`, PAGE_VALUE)
        tx.rollback()
      } else {
        // The commit fails at its last write, with free space settled and the log laid out.
        file.fault = (call) => (call === 'write' ? { code: 'ENOSPC' } : undefined)
        expect(() => db.transaction((tx) => { for (let i = step; i < 1400; i += 2) tx.delete(`key ${i}`) })).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
        file.fault = () => undefined
      }
      expect(unusedPages(store.space()), `step ${step}`).toBe(before)
      expect(store.space().available.size, `step ${step}`).toBe(available)
      expect(store.space().pageCount, `step ${step}`).toBe(pageCount)
      scatter(db, random, 200)
      expect(loaded(store), `step ${step}`).toBe(unusedPages(store.space()))
    }
    expect(db.check()).toMatchObject({ ok: true, errors: [] })
  })

  it('is used before the file grows: a store that is written over and over keeps its size', () => {
    const { db } = openOn(fileOf(emptyImage()))
    const random = randomFrom(33)
    for (let i = 0; i < 300; i++) db.put(`key ${i % 50}`, 'v'.repeat(Math.floor(random() * 9000)))
    const before = db.stats().fileBytes
    for (let i = 0; i < 600; i++) db.put(`key ${i % 50}`, 'v'.repeat(Math.floor(random() * 9000)))
    expect(db.stats().fileBytes).toBeLessThan(before * 1.3)
  })

  it('with a long reader is held back only as far as that one can see', () => {
    const { db } = openOn(fileOf(emptyImage()))
    db.transaction((tx) => { for (let i = 0; i < 50; i++) tx.put(`key ${i}`, PAGE_VALUE) })
    const snapshot = db.snapshot()
    db.put('key 0', `${PAGE_VALUE}.`)
    const { total } = db.stats().pages
    // Each of these frees what the one before wrote, which the snapshot cannot see.
    for (let i = 0; i < 200; i++) db.put('key 0', `${i}${PAGE_VALUE}`)
    expect(db.stats().pages.total).toBeLessThan(total + 8)
    expect(snapshot.get('key 0')).toBe(PAGE_VALUE)
    snapshot.rollback()
    expect(db.stats().pages.pending).toBe(0)
  })

  it('whose log has been damaged is COPPICE_CORRUPT for a writer, and reads go on', () => {
    const random = randomFrom(34)
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db, store } = openOn(file)
    db.transaction((tx) => { for (let i = 0; i < 2600; i++) tx.put(`key ${i}`, PAGE_VALUE) })
    for (let i = 0; i < 4; i++) scatter(db, random, 1300)
    const pages = readLog(store.pager, store.newest.meta.log).map(({ page }) => page)
    expect(pages.length).toBeGreaterThan(0)
    const entries = db.count()
    db.close()
    for (const page of pages) {
      const image = file.left.slice()
      image[page * 4096 + 60] ^= 1
      const again = openOn(fileOf(image)).db
      expect([...again.keys()].length).toBe(entries)
      expect(() => again.put('key', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page }))
      expect(() => again.begin()).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page }))
      expect([...again.keys()].length).toBe(entries)
    }
  })
})
