/**
 * Invariants checked here against plain sets:
 * - a page born at B and freed at F is handed out again exactly when no holder S has B <= S < F;
 * - no page is handed out twice, and none that the newest commit reaches;
 * - what a rolled-back transaction took and freed is as it was;
 * - the deltas, applied one after the other, are `unused`.
 */
import { describe, expect, it } from 'vitest'
import { ARENA_PAGES } from '../../src/page/arena.js'
import { MAX_PAGES, META_SLOTS } from '../../src/page/layout.js'
import { Readers } from '../../src/pager/readers.js'
import { Space } from '../../src/pager/space.js'
import { PLACE, SEGMENT_PAGES, segmentOf } from '../../src/pager/segments.js'
import { randomFrom } from '../faulty-file.js'

const reserve = () => true

/** A file of so many pages, all in use. */
function fullSpace(pages: number, ask: (start: number, count: number) => boolean = reserve): Space {
  const space = new Space(new Readers(), ask)
  space.pageCount = pages
  return space
}

function take(space: Space, count: number, place: number = PLACE.LEAF): number[] {
  return Array.from({ length: count }, () => space.allocate(place))
}

/** A page of the model: in use since `birth`, and by whom it is still seen after `freed`. */
interface Life {
  page: number
  birth: number
  freed: number
}

/** What the rule says, by brute force, beside the real thing. */
class Model {
  readonly readers = new Readers()
  readonly space = new Space(this.readers, reserve)
  readonly held: number[] = []
  used = new Map<number, number>()
  ended: Life[] = []
  /** `unused` as the deltas tell it. */
  told = new Set<number>()
  /** `unused` at the last `rebase`: a delta begins there. */
  private base = new Set<number>()
  id = 10
  readonly seed: number
  readonly random: () => number

  constructor(seed: number) {
    this.seed = seed
    this.random = randomFrom(seed)
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  hold(): void {
    this.held.push(this.id)
    this.readers.add(this.id)
  }

  release(): void {
    const [gone] = this.held.splice(this.below(this.held.length), 1)
    if (gone !== undefined && this.readers.remove(gone)) this.space.released(gone)
  }

  /** Pages that somebody may still look at. */
  seen(): Set<number> {
    return new Set(this.ended.filter(({ birth, freed }) => this.held.some((at) => birth <= at && at < freed)).map(({ page }) => page))
  }

  private wantFree(page: number, taken: Map<number, number>): void {
    expect(this.used.has(page), `seed ${this.seed}: page ${page} is in use`).toBe(false)
    expect(taken.has(page), `seed ${this.seed}: page ${page} was handed out twice`).toBe(false)
    expect(this.seen().has(page), `seed ${this.seed}: page ${page} is still seen`).toBe(false)
    expect(page).toBeGreaterThanOrEqual(META_SLOTS)
  }

  /** One write transaction, committed or not. */
  transact(): void {
    const { space } = this
    const before = { available: members(space.available), unused: members(space.unused), pageCount: space.pageCount }
    const start = space.mark()
    const id = this.id + 1
    const taken = new Map<number, number>()
    const freed: Life[] = []
    for (let step = this.below(40); step > 0; step--) this.step(id, taken, freed)
    if (this.random() < 0.2) this.partRolledBack(id, taken, freed)
    if (this.random() < 0.25) {
      if (this.random() < 0.5) space.settle()
      space.unsettle()
      space.rollback(start)
      expect({ available: members(space.available), unused: members(space.unused), pageCount: space.pageCount }, `seed ${this.seed}`).toEqual(before)
      return
    }
    this.commit(id, taken, freed)
  }

  private step(id: number, taken: Map<number, number>, freed: Life[]): void {
    const { space } = this
    const choice = this.random()
    if (choice < 0.45) this.take(space.allocate(PLACE.LEAF), 1, id, taken)
    else if (choice < 0.6) {
      const count = 1 + this.below(6)
      this.take(space.allocateRun(count), count, id, taken)
    } else if (choice < 0.7 && taken.size > 0) {
      const page = [...taken.keys()][this.below(taken.size)]
      taken.delete(page)
      space.giveBack(page)
    } else if (this.used.size > freed.length) {
      const candidates = [...this.used].filter(([page]) => !freed.some((life) => life.page === page))
      const [page, birth] = candidates[this.below(candidates.length)]
      space.free(page, birth)
      freed.push({ page, birth, freed: id })
    }
  }

  private take(start: number, count: number, id: number, taken: Map<number, number>): void {
    for (let page = start; page < start + count; page++) {
      this.wantFree(page, taken)
      taken.set(page, id)
    }
  }

  /** A savepoint and what came after it, undone. */
  private partRolledBack(id: number, taken: Map<number, number>, freed: Life[]): void {
    const { space } = this
    const mark = space.mark()
    const before = { available: members(space.available), pageCount: space.pageCount }
    const here = new Map(taken)
    const gone = new Set(freed.map((life) => life.page))
    for (let step = 0; step < 10; step++) {
      if (this.random() < 0.5) this.take(space.allocate(PLACE.LEAF), 1, id, here)
      else if (this.used.size > freed.length) {
        const page = [...this.used.keys()].find((one) => !gone.has(one))
        if (page !== undefined) space.free(page, 1)
        if (page !== undefined) gone.add(page)
      }
    }
    space.rollback(mark)
    expect({ available: members(space.available), pageCount: space.pageCount }, `seed ${this.seed}`).toEqual(before)
  }

  private commit(id: number, taken: Map<number, number>, freed: Life[]): void {
    const { space } = this
    space.settle()
    // Settling once more after another allocation is what taking pages for the free log does.
    if (this.random() < 0.3) {
      this.take(space.allocate(PLACE.LEAF), 1, id, taken)
      space.settle()
    }
    const delta = space.delta()
    expect(delta.every((run, i) => i === 0 || run.start >= delta[i - 1].start + delta[i - 1].length), `seed ${this.seed}`).toBe(true)
    this.told = new Set(this.base)
    for (const run of delta) {
      for (let page = run.start; page < run.start + run.length; page++) {
        if (run.freed) this.told.add(page)
        else this.told.delete(page)
      }
    }
    for (const { page } of freed) this.used.delete(page)
    for (const [page, birth] of taken) this.used.set(page, birth)
    this.ended.push(...freed)
    space.publish(id)
    this.id = id
    if (this.random() < 0.3) {
      space.rebase()
      this.base = new Set(this.told)
    }
    this.compare()
  }

  compare(): void {
    const { space } = this
    const unused: number[] = []
    for (let page = META_SLOTS; page < space.pageCount; page++) if (!this.used.has(page)) unused.push(page)
    expect(members(space.unused), `seed ${this.seed}`).toEqual(unused)
    expect([...this.told].sort((a, b) => a - b), `seed ${this.seed}: what the deltas tell`).toEqual(unused)
    const seen = this.seen()
    expect(members(space.available), `seed ${this.seed}: what may be handed out`).toEqual(unused.filter((page) => !seen.has(page)))
    const waiting = space.pendingByHolder().reduce((sum, { pages }) => sum + pages, 0)
    expect(waiting + space.available.size, `seed ${this.seed}`).toBe(space.unused.size)
    expect(space.allRuns().reduce((sum, { length }) => sum + length, 0)).toBe(unused.length)
  }
}

function members(bitmap: { next(from: number): number }): number[] {
  const pages: number[] = []
  for (let page = bitmap.next(0); page !== -1; page = bitmap.next(page + 1)) pages.push(page)
  return pages
}

describe('free space', () => {
  it('hands a page out again as soon as nobody sees it and not before, through commits, rollbacks, savepoints and readers', () => {
    for (let seed = 0; seed < 60; seed++) {
      const model = new Model(seed)
      for (let step = 0; step < 25; step++) {
        const choice = model.random()
        if (choice < 0.2) model.hold()
        else if (choice < 0.4) model.release()
        else model.transact()
        if (choice < 0.4) model.compare()
      }
      while (model.held.length > 0) model.release()
      model.compare()
      expect(model.space.pendingByHolder()).toEqual([])
    }
  })

  it('says who is waited for, and passes a page on to the next who sees it', () => {
    const readers = new Readers()
    const space = new Space(readers, reserve)
    const page = space.allocate(PLACE.LEAF)
    space.settle()
    space.publish(5)
    for (const held of [5, 7]) readers.add(held)
    space.free(page, 5)
    space.settle()
    space.publish(9)
    expect(space.pendingByHolder()).toEqual([{ transaction: 5, pages: 1 }])
    readers.remove(5)
    space.released(5)
    expect(space.pendingByHolder()).toEqual([{ transaction: 7, pages: 1 }])
    expect(space.available.size).toBe(0)
    readers.remove(7)
    space.released(7)
    expect(space.allocate(PLACE.LEAF)).toBe(page)
  })

  it('hands out pages that lie one behind the other, while their segment has any', () => {
    const space = fullSpace(1000, () => false)
    const start = 300
    for (const offset of [40, 7, 41, 20, 21, 42]) space.giveBack(start + offset)
    expect(take(space, 6)).toEqual([7, 20, 21, 40, 41, 42].map((offset) => start + offset))
    space.giveBack(start + 50)
    space.giveBack(start + 2)
    expect(take(space, 2)).toEqual([50, 2].map((offset) => start + offset))
  })

  it('goes on in the segment that has the most free pages', () => {
    const space = fullSpace(20 * SEGMENT_PAGES)
    for (let i = 0; i < 15; i++) space.giveBack(3 * SEGMENT_PAGES + 2 * i)
    for (let i = 0; i < 20; i++) space.giveBack(9 * SEGMENT_PAGES + 2 * i)
    space.pageCount = MAX_PAGES
    expect(take(space, 20).map(segmentOf)).toEqual(new Array(20).fill(9))
    expect(take(space, 15).map(segmentOf)).toEqual(new Array(15).fill(3))
  })

  it('gives leaves and branches segments of their own, and leaves those of branches to them', () => {
    const space = fullSpace(20 * SEGMENT_PAGES)
    for (const segment of [5, 6]) for (let i = 0; i < SEGMENT_PAGES; i++) space.giveBack(segment * SEGMENT_PAGES + i)
    space.publish(1)
    const leaves = take(space, 100)
    const branches = take(space, 100, PLACE.BRANCH)
    expect(leaves).toEqual(Array.from({ length: 100 }, (_, i) => 5 * SEGMENT_PAGES + i))
    expect(branches).toEqual(Array.from({ length: 100 }, (_, i) => 6 * SEGMENT_PAGES + i))
    take(space, SEGMENT_PAGES - 100)
    space.publish(2)
    // All that is left free lies in the segment of the branches, and the file has room to grow.
    expect(take(space, 1)[0]).toBeGreaterThanOrEqual(20 * SEGMENT_PAGES)
    for (const page of branches) space.giveBack(page)
    expect(segmentOf(take(space, 50, PLACE.BRANCH)[40])).toBe(6)
  })

  it('lets the file grow by whole regions, asked for once, rather than scatter pages, until a third of it is free', () => {
    const asked: [number, number][] = []
    const space = fullSpace(4000, (start, count) => asked.push([start, count]) > 0)
    for (let page = 1; page < 3000; page += 3) space.giveBack(page)
    // Commits of few pages are not scattered, and are no reason to grow.
    take(space, 7)
    space.publish(1)
    take(space, 20)
    expect(asked).toEqual([])
    space.publish(2)
    const pages = take(space, 300)
    expect(asked.map(([start]) => start)).toEqual([4000, 4096])
    const grown = pages.filter((page) => page >= 4000)
    expect(grown).toEqual(Array.from({ length: grown.length }, (_, i) => 4000 + i))
    expect(grown.length).toBeGreaterThan(200)
    for (let page = 2; page < 3000; page += 3) space.giveBack(page)
    take(space, SEGMENT_PAGES)
    expect(asked.length).toBe(2)
  })

  it('takes pages wherever they are free when the disk has no room for a region, and single ones at the end when none are', () => {
    const space = fullSpace(4000, () => false)
    for (let page = 1; page < 300; page += 3) space.giveBack(page)
    expect(Math.max(...take(space, 100))).toBeLessThan(300)
    expect(take(space, 3)).toEqual([4000, 4001, 4002])
  })

  it('forgets a region when the transaction that asked for it is undone', () => {
    const space = fullSpace(4000)
    const mark = space.mark()
    expect(take(space, 2)).toEqual([4000, 4001])
    space.rollback(mark)
    expect({ pageCount: space.pageCount, free: space.available.size }).toEqual({ pageCount: 4000, free: 0 })
    expect(take(space, 2)).toEqual([4000, 4001])
  })

  it('takes the smallest free run that holds the pages', () => {
    const space = new Space(new Readers(), reserve)
    const start = space.allocateRun(40)
    for (const [from, length] of [[0, 9], [10, 4], [20, 6]]) for (let i = 0; i < length; i++) space.giveBack(start + from + i)
    expect(space.allocateRun(4)).toBe(start + 10)
    expect(space.allocateRun(5)).toBe(start + 20)
    expect(space.allocateRun(9)).toBe(start)
    expect(space.allocateRun(2)).toBe(start + 40)
  })

  it('never lays a run across the border of a window, neither at the end of the file nor in a gap', () => {
    const space = new Space(new Readers(), reserve)
    space.pageCount = ARENA_PAGES - 3
    expect(space.allocateRun(5)).toBe(ARENA_PAGES)
    // What was skipped is free for single pages and for runs that fit.
    expect(space.allocateRun(3)).toBe(ARENA_PAGES - 3)
    for (let page = ARENA_PAGES - 3; page < ARENA_PAGES + 5; page++) space.giveBack(page)
    expect(space.allocateRun(6)).toBe(ARENA_PAGES + 5)
    expect(space.allocateRun(4)).toBe(ARENA_PAGES)
    expect(space.allocateRun(ARENA_PAGES)).toBe(2 * ARENA_PAGES)
  })

  it('takes back what a run skipped when the transaction is undone', () => {
    const space = new Space(new Readers(), reserve)
    space.pageCount = ARENA_PAGES - 3
    const mark = space.mark()
    space.allocateRun(5)
    space.rollback(mark)
    expect(space.available.size).toBe(0)
    expect(space.pageCount).toBe(ARENA_PAGES - 3)
    expect(space.allocate(PLACE.LEAF)).toBe(ARENA_PAGES - 3)
  })

  it('refuses to grow beyond 4 TiB, and can be rolled back then', () => {
    const space = new Space(new Readers(), reserve)
    space.pageCount = MAX_PAGES - 2
    const mark = space.mark()
    expect(space.allocate(PLACE.LEAF)).toBe(MAX_PAGES - 2)
    expect(() => space.allocateRun(2)).toThrow(expect.objectContaining({ code: 'COPPICE_TOO_LARGE' }))
    space.rollback(mark)
    expect([space.allocate(PLACE.LEAF), space.allocate(PLACE.LEAF)]).toEqual([MAX_PAGES - 2, MAX_PAGES - 1])
    expect(() => space.allocate(PLACE.LEAF)).toThrow(expect.objectContaining({ code: 'COPPICE_TOO_LARGE' }))
  })

  it('is untouched until something was taken or freed', () => {
    const space = new Space(new Readers(), reserve)
    expect(space.untouched).toBe(true)
    const mark = space.mark()
    const page = space.allocate(PLACE.LEAF)
    expect(space.untouched).toBe(false)
    expect([...new Set(space.takenSince(mark))]).toEqual([page])
    space.rollback(mark)
    expect(space.untouched).toBe(true)
    space.free(page, 1)
    expect(space.untouched).toBe(false)
  })
})
