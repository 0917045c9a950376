/** The regions for journals through the life of a store, and the frames that small commits leave behind. */
import { describe, expect, it } from 'vitest'
import { arenaOf, baseOf } from '../../src/page/arena.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { pageOf } from '../../src/page/header.js'
import { FRAME_SLOTS } from '../../src/pager/pool.js'
import { CommitView } from '../../src/views.js'
import { assertSound } from '../helpers.js'
import { fileOf, imageOf, openOn } from '../faulty-file.js'
import type { Bench } from './journal-bench.js'
import { benchOf, lazy, metas, numbered, region, without } from './journal-bench.js'

describe('the regions for journals', () => {
  function fill(one: Bench, count: number): void {
    one.db.transaction((tx) => { for (let i = 0; i < count; i++) tx.put(`m ${String(i).padStart(6, '0')}`, 'm'.repeat(900)) })
  }

  /** So many small commits that a checkpoint is among them; what a kill leaves is made again from any of them. */
  function commitSome(one: Bench, from: number): void {
    for (let i = 0; i < 3 * region(one).pages; i++) one.db.put('n 0', `${from + i}`)
    // What is not durable yet keeps the pages of the checkpoint that is.
    one.db.sync()
    const after = openOn(fileOf(imageOf(one.file.inner)), {}, 3).db
    expect(numbered(after)).toEqual(numbered(one.db))
    assertSound(after)
    assertSound(one.db)
  }

  it('become larger with the store, and smaller, and those before are free then', () => {
    const one = benchOf({ durability: 'lazy', syncInterval: 1e6 })
    expect(region(one).pages).toBe(8)
    fill(one, 11_000)
    commitSome(one, 0)
    const { pages } = region(one)
    expect(pages).toBeGreaterThanOrEqual(40)
    expect(one.db.stats().pages.journal).toBe(3 * pages)
    one.db.deleteRange({ prefix: 'm ' })
    commitSome(one, 1000)
    expect(region(one).pages).toBe(8)
    expect(one.db.stats().pages.journal).toBe(24)
    const total = one.db.stats().pages.total
    for (let round = 0; round < 3; round++) {
      fill(one, 2000)
      commitSome(one, 2000 + 1000 * round)
      one.db.deleteRange({ prefix: 'm ' })
      commitSome(one, 2500 + 1000 * round)
    }
    expect(one.db.stats().pages.total).toBe(total)
  })

  it('are never those of the durable checkpoint, after a close either, when slots and regions have come apart', async () => {
    let one = benchOf(lazy)
    for (let round = 0; round < 12; round++) {
      one.db.put('n 0', `${round}`)
      one.db.sync()
      const durable = region(one)
      const at = numbered(one.db)
      for (let i = 0; i < 9 + round; i++) one.db.put('n 1', `${i}`)
      // Of what came after the sync only the journals reached the disk.
      const lost = durable.image.slice()
      const now = imageOf(one.file.inner)
      const { place } = (one.store as unknown as { journal: { place: { page: number; pages: number } } }).journal
      const [from, to] = [place.page * PAGE_SIZE, (place.page + 3 * place.pages) * PAGE_SIZE]
      lost.set(now.subarray(from, to), from)
      const { db } = openOn(fileOf(lost), {}, 3)
      expect(numbered(db)[0]).toBe(at[0])
      assertSound(db)
      if (round % 3 === 2) {
        one.db.close()
        one = benchOf(lazy, one.file.left)
      }
    }
  })
})

describe('a checkpoint of very many pages', () => {
  it('stands in two slots too before anything is written to its journal', () => {
    const one = benchOf()
    one.db.transaction((tx) => { for (let i = 0; i < 2200; i++) tx.put(`m ${String(i).padStart(6, '0')}`, 'm'.repeat(1900)) })
    expect(metas(imageOf(one.file.inner)).filter(({ transaction, durable }) => transaction === durable).map(({ transaction }) => transaction)).toContain(one.store.newest.base)
    one.db.put('n 0', 'in the journal')
    const { image, used } = region(one)
    expect(used.length).toBe(1)
    const [newest] = metas(image)
    for (let slot = 0; slot < META_SLOTS; slot++) {
      const { db } = openOn(fileOf(without(image, slot)), {}, 3)
      expect(numbered(db), `without slot ${slot} of checkpoint ${newest.transaction}`).toEqual(['in the journal'])
      assertSound(db)
    }
  })
})

describe('frames after a checkpoint', () => {
  /** A store whose pages stand in clean frames, and the page of the leaf that holds this key. */
  function checkpointed(): { one: Bench; slotOf: (key: string) => { page: number; slot: number } } {
    const one = benchOf(lazy)
    for (let i = 0; i < 40; i++) one.db.put(`key ${i}`, `${i}`.repeat(60))
    while (one.store.pager.pool.dirtyCount > 0) one.db.put('key 0', 'again')
    const slotOf = (key: string) => {
      const { defaultTree } = new CommitView(one.store, one.store.newest)
      expect(defaultTree.find(Buffer.from(key), key.length)).toBe(true)
      const { slot } = defaultTree
      return { slot, page: pageOf(one.store.pager.arenas[arenaOf(slot)], baseOf(slot)) }
    }
    return { one, slotOf }
  }

  it('stay, and become the next version of their page without a copy; the old version is read from the file', () => {
    const { one, slotOf } = checkpointed()
    const before = slotOf('key 20')
    expect(before.slot).toBeGreaterThanOrEqual(FRAME_SLOTS)
    const snapshot = one.db.snapshot()
    const old = snapshot.get('key 20')
    one.db.put('key 20', 'new')
    const after = slotOf('key 20')
    expect(after.slot).toBe(before.slot)
    expect(after.page).not.toBe(before.page)
    expect(one.store.pager.where[before.page]).toBe(before.page)
    expect(snapshot.get('key 20')).toBe(old)
    one.db.put('key 20', 'newer')
    expect(slotOf('key 20').slot, 'a page that waits stands nowhere else').not.toBe(after.slot)
    expect([snapshot.get('key 20'), one.db.get('key 20')]).toEqual([old, 'newer'])
  })

  it('are where they were after a transaction that was rolled back, for iterators that were under way too', () => {
    const { one } = checkpointed()
    const all = [...one.db.entries()]
    const iterator = one.db.entries()
    const seen = [iterator.next().value]
    const tx = one.db.begin()
    for (let i = 0; i < 40; i++) tx.put(`key ${i}`, 'changed')
    seen.push(iterator.next().value)
    tx.rollback()
    for (const entry of iterator) seen.push(entry)
    expect(seen).toEqual(all)
    expect([...one.db.entries()]).toEqual(all)
    assertSound(one.db)
  })

  it('of a bulk transaction are given back', () => {
    const one = benchOf(lazy)
    one.db.load(Array.from({ length: 4000 }, (_, i) => [`m ${String(i).padStart(5, '0')}`, 'm'.repeat(900)] as const))
    const { where } = one.store.pager
    expect([...where].filter((slot) => slot >= FRAME_SLOTS).length).toBe(0)
  })
})
