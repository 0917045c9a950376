/**
 * Invariants, each in a history made for it, as chance would hardly find these:
 *
 * 1. Commits that nobody waits for are brought to the disk all the same: at once, within the sync interval, or when
 *    many pages wait.
 * 2. A commit that is lost in a crash leaves the one before it.
 * 3. A commit that never finished does not come back, whatever is written later, and also where a sync failed.
 * 4. What a large commit holds for recovery's sake is free once a later commit is durable (I10).
 */
import { expect, it, vi } from 'vitest'
import type { DurabilityMode } from '../../src/index.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../../test/faulty-file.js'
import type { Change } from '../../src/crash/disk.js'
import { WHOLE } from '../../src/crash/disk.js'
import type { Point } from '../../src/crash/points.js'
import type { LifePlan, Lived, Past, Step } from './life.js'
import { live } from './life.js'
import { newPast, pastAfterCrash, pastAfterKill } from './past.js'
import { assertSurvives, assertSurvivesKill, pointAt } from './points.js'

const put = (seed: number): Step => ({ do: 'commit', how: 'commit', writes: [{ type: 'put', tree: 0, key: { family: 'path', n: 1 }, value: { length: 60, seed } }] })
/** The pages that the first two commits of a new store write, and the sector of each that holds the value. */
const FIRST = META_SLOTS
const SECOND = FIRST + 1
const VALUE = 1 << 7

const lazily = (...steps: Step[]): LifePlan => ({ durability: 'lazy', mapped: true, steps, closes: false })
const atEnd = (lived: Lived): Point => pointAt(lived, lived.log.length)
const pageOf = (change: Change): number => (change.type === 'write' ? change.position / PAGE_SIZE : -1)

/** The past after a crash at the end of a life, which keeps of each page of the file these sectors; lengths are kept. */
function crash(lived: Lived, sectors: (page: number) => number): { past: Past; found: number } {
  const point = atEnd(lived)
  const kept = point.disk.pending.map((change) => (change.type === 'length' ? WHOLE : sectors(pageOf(change))))
  const found = assertSurvives(lived, point, kept)
  return { past: pastAfterCrash(lived, point.disk.crashed((i) => kept[i]), found), found }
}

/** Meta pages of lazy commits, whose own pages lack the value. */
const unfinished = (page: number): number => (page < META_SLOTS ? WHOLE : WHOLE - VALUE)
/** Of what is written later only that which one of those pages lacked. */
const completing = (which: number) => (page: number): number => (page === which ? VALUE : 0)

it.each([
  { title: 'a commit that never finished does', commits: [put(1)], completed: FIRST },
  { title: 'of two commits that never finished the first does', commits: [put(1), put(2)], completed: FIRST },
  { title: 'of two commits that never finished the second does', commits: [put(1), put(2)], completed: SECOND },
])('$title not come back when a later one writes what it lacked', async ({ commits, completed }) => {
  const { past, found } = crash(await live(newPast(), lazily(...commits)), unfinished)
  expect(found).toBe(0)
  expect(crash(await live(past, lazily(...commits)), completing(completed)).found).toBe(0)
})

it('a commit that never finished does not come back where the sync that was to take it away has failed', async () => {
  const { past } = crash(await live(newPast(), lazily(put(1))), unfinished)
  const failed = await live(past, lazily({ do: 'failSync', fails: 'nothing' }, put(1)))
  expect(failed.failed).toBe(true)
  // The system shows zeros in that slot, which the disk does not have.
  const point = atEnd(failed)
  const again = pastAfterKill(failed, point, assertSurvivesKill(failed, point))
  expect(crash(await live(again, lazily(put(1))), completing(FIRST)).found).toBe(0)
})

it('a lazy commit that is lost leaves the one before it', async () => {
  const lived = await live(newPast(), lazily(put(1), put(2), put(3)))
  const point = atEnd(lived)
  const last = point.disk.pending.findLast((change) => pageOf(change) >= META_SLOTS)
  const kept = point.disk.pending.map((change) => (change === last ? 0 : WHOLE))
  expect(assertSurvives(lived, point, kept, { floor: 2, ceiling: 2 })).toBe(2)
})

function storeOf(durability: DurabilityMode, syncInterval: number) {
  const file = new FaultyFile(fileOf(emptyImage()))
  return { file, ...openOn(file, { durability, syncInterval }) }
}

it('a sync is under way when an async commit returns', () => {
  const { file, db } = storeOf('async', 1e6)
  const before = file.calls.syncAsync
  db.put('a', 'b')
  expect([before, file.calls.syncAsync]).toEqual([0, 1])
})

it('a lazy commit is synced within the sync interval', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { file, db } = storeOf('lazy', 5)
    db.put('a', 'b')
    const before = file.calls.syncAsync
    vi.advanceTimersByTime(5)
    expect([before, file.calls.syncAsync]).toEqual([0, 1])
  } finally {
    vi.useRealTimers()
  }
})

it('a lazy store does not wait for the sync interval where very many pages are not synced', () => {
  const { file, db } = storeOf('lazy', 1e6)
  for (let i = 0; i < 4; i++) db.put(`large ${i}`, 'x'.repeat(4_000_000))
  const before = file.calls.syncAsync
  db.put('large', 'x'.repeat(1_000_000))
  expect([before, file.calls.syncAsync]).toEqual([0, 1])
})

it('the pages of a large commit are free for others once a later one is durable', () => {
  const { db } = storeOf('lazy', 1e6)
  db.put('large', 'x'.repeat(5_000_000))
  db.sync()
  db.delete('large')
  db.sync()
  const { pages } = db.stats()
  expect(pages.free).toBeGreaterThan(1000)
  expect(pages.pending).toBe(0)
})
