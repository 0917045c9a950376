/**
 * Free space: which pages the next allocation may take, and which must wait.
 *
 *   used --free--> pending --holders gone--> available --allocate--> used
 *
 * `unused` is what the newest commit leaves free, the set that the free log writes down: pending and
 * available pages together. A page born at B and freed at F is pending while some holder S has B <= S < F.
 *
 * Invariants:
 * - a page is reachable from the newest commit, or in `unused`, never both;
 * - outside a write transaction `available` and the pending pages are disjoint and make up `unused`;
 * - until `settle`, a transaction changes only `available` and its journal, so that undoing is exact.
 */
import { CoppiceError, corrupt } from '../errors.js'
import { ARENA_PAGES } from '../page/arena.js'
import { MAX_PAGES, META_SLOTS } from '../page/layout.js'
import type { Run } from '../page/runs.js'
import { Bitmap } from './bitmap.js'
import { IntList } from './int-list.js'
import type { Readers } from './readers.js'
import { PLACE, ROOMY_PAGES, SEGMENT_PAGES, Segments, segmentOf } from './segments.js'

/** Smaller files have too few segments to give branches some of their own. */
const PARTED_PAGES = 8 * SEGMENT_PAGES
/** Free pages up to which a file of middle size grows rather than scatter its commits: a third of it, but 32 MiB at most. */
const SLACK_PAGES = 8192

/** Pages that wait for one holder, with their lives. */
interface PendingList {
  pages: IntList
  births: number[]
  freed: number[]
}

/** A point in a transaction to which its allocations can be taken back. */
export interface SpaceMark {
  taken: number
  freed: number
  pageCount: number
}

export class Space {
  readonly readers: Readers
  /** Pages up to the last one in use, those of the write transaction under way included. */
  pageCount = META_SLOTS
  readonly unused = new Bitmap()
  readonly available = new Segments()
  private readonly pending = new Map<number, PendingList>()
  /** The page taken last for each place: the next is the one behind it, while its segment has any. */
  private readonly latest = [-1, -1]
  /** End of the last region by which the file was extended for the commits to come. */
  private regionEnd = 0
  /** Single pages that the transaction has asked for. */
  private allocated = 0

  private readonly taken = new IntList()
  private readonly freedPages = new IntList()
  private readonly freedBirths: number[] = []
  private readonly freedNow = new Bitmap()

  /** Pages whose membership of `unused` differs from what the free log's pages say. */
  private readonly changed = new Bitmap()
  private readonly changedPages = new IntList()
  /** So many of them, from the first on, are members, in page order, each once. */
  private changedInOrder = 0
  private readonly flipped = new IntList()

  /** Writes zeros to so many pages from `start` on, the end of the file; false where the disk has no room for them. */
  private readonly reserve: (start: number, count: number) => boolean

  constructor(readers: Readers, reserve: (start: number, count: number) => boolean) {
    this.readers = readers
    this.reserve = reserve
  }

  // Allocation.

  /** A page number for a new page of a place (see PLACE): the one behind that taken last, as long as its segment has any. */
  allocate(place: number): number {
    this.allocated++
    const page = this.takeOne(this.pageCount < PARTED_PAGES ? PLACE.LEAF : place)
    this.taken.push(page)
    return page
  }

  private takeOne(place: number): number {
    const latest = this.latest[place]
    // A small file stays as short as it can.
    let page = latest === -1 || this.pageCount < SEGMENT_PAGES ? -1 : this.available.nextInSegment(latest)
    if (page === -1) page = this.nextSegment(place)
    this.available.remove(page)
    this.latest[place] = page
    return page
  }

  private get isBulk(): boolean {
    return this.allocated > SEGMENT_PAGES
  }

  /** The first page of the segment to go on with, or of a region by which the file grows. */
  private nextSegment(place: number): number {
    const { available } = this
    const other = this.latest[1 - place]
    const best = available.best(place, other === -1 ? -1 : segmentOf(other))
    if (available.size <= this.slack() && (best === -1 || available.worth(best, place) < ROOMY_PAGES)) {
      const start = this.extendRegion(place)
      if (start !== -1) return start
    }
    if (best === -1) return available.size > 0 ? available.next(0) : this.extendByOne()
    available.claim(best, place)
    return available.next(best * SEGMENT_PAGES)
  }

  /**
   * Free pages up to which the file grows although it has them, as they lie scattered. Where commits put ten values of
   * 128 bytes each under random keys of 92 MB, the 22 pages of one lie in 3 pieces at first and in 8 in the long run;
   * taken wherever they are free, in 20. A bulk transaction has its pages in long pieces anyway.
   */
  private slack(): number {
    if (this.pageCount < SEGMENT_PAGES || this.isBulk) return 0
    return Math.max(this.pageCount >>> 4, Math.min(Math.floor(this.pageCount / 3), SLACK_PAGES))
  }

  /**
   * Makes the file longer by a region for the pages of a place, the larger the file the longer; answers its first page, or
   * -1 where there is no room. A small commit is fastest on blocks that were written before: 105 us where one that
   * extends the file takes 165. And where the disk is full later, a free page that has its block can be used still.
   */
  private extendRegion(place: number): number {
    const start = this.pageCount
    const count = Math.min(Math.max(1, start >>> 3), SEGMENT_PAGES - (start % SEGMENT_PAGES), MAX_PAGES - start)
    if (count < 1 || !this.reserve(start, count)) return -1
    this.addSkipped(this.extend(count), count)
    if (count > 1 && !this.isBulk) this.regionEnd = this.pageCount
    this.available.claim(segmentOf(start), place)
    return start
  }

  /** Where the disk has no room for that one either, the write that matters will say so. */
  private extendByOne(): number {
    this.reserve(this.pageCount, 1)
    return this.extend(1)
  }

  /** The first of `count` pages in a row, all in one window: the smallest free run that holds them, or the end. */
  allocateRun(count: number): number {
    const start = this.bestFit(count) ?? this.extendRun(count)
    for (let page = start; page < start + count; page++) {
      this.available.remove(page)
      this.taken.push(page)
    }
    return start
  }

  private bestFit(count: number): number | undefined {
    if (this.available.size < count) return undefined
    let best: number | undefined
    let bestLength = Infinity
    for (let start = this.available.next(0); start !== -1; ) {
      const boundary = (Math.floor(start / ARENA_PAGES) + 1) * ARENA_PAGES
      const end = Math.min(this.available.nextAbsent(start), boundary)
      const length = end - start
      if (length === count) return start
      if (length > count && length < bestLength) {
        best = start
        bestLength = length
      }
      start = this.available.next(end)
    }
    return best
  }

  private extendRun(count: number): number {
    const left = ARENA_PAGES - (this.pageCount % ARENA_PAGES)
    if (left < count) {
      this.reserve(this.pageCount, left)
      this.addSkipped(this.extend(left), left)
    }
    return this.extend(count)
  }

  /** Pages that the file got with others, to be taken later. */
  private addSkipped(start: number, count: number): void {
    for (let page = start; page < start + count; page++) {
      this.taken.push(page)
      this.available.add(page)
    }
  }

  private extend(count: number): number {
    const page = this.pageCount
    if (page + count > MAX_PAGES) {
      throw new CoppiceError('COPPICE_TOO_LARGE', 'the file would grow beyond 4 TiB. Delete something, or spread the data over several stores.')
    }
    this.pageCount += count
    return page
  }

  /** Takes back a page that this very transaction allocated: nobody has seen it. */
  giveBack(page: number): void {
    this.available.add(page)
  }

  /** The transaction no longer reaches this page; it was born in `birth`. */
  free(page: number, birth: number): void {
    // Only in a damaged file do two pages point to the same one; following both without end is what this stops.
    if (!this.freedNow.add(page)) throw corrupt(page, undefined, 'it is reached twice')
    this.freedPages.push(page)
    this.freedBirths.push(birth)
  }

  /** True where the transaction has allocated or freed nothing. */
  get untouched(): boolean {
    return this.taken.length === 0 && this.freedPages.length === 0
  }

  /** Pages allocated since a mark; one that was given back and taken again comes twice. */
  *takenSince(mark: SpaceMark): Generator<number> {
    for (let i = mark.taken; i < this.taken.length; i++) yield this.taken.at(i)
  }

  mark(): SpaceMark {
    return { taken: this.taken.length, freed: this.freedPages.length, pageCount: this.pageCount }
  }

  /** Undoes every allocation and every free since the mark. */
  rollback(mark: SpaceMark): void {
    for (let i = mark.taken; i < this.taken.length; i++) {
      const page = this.taken.at(i)
      if (page >= mark.pageCount) this.available.remove(page)
      else this.available.add(page)
    }
    this.taken.truncate(mark.taken)
    for (let i = mark.freed; i < this.freedPages.length; i++) this.freedNow.remove(this.freedPages.at(i))
    this.freedPages.truncate(mark.freed)
    this.freedBirths.length = mark.freed
    this.pageCount = mark.pageCount
    this.regionEnd = Math.min(this.regionEnd, this.pageCount)
    if (mark.taken === 0) this.allocated = 0
  }

  // Commit.

  /**
   * Pages at the end that the transaction did not need in the end were never written: they do not become part of the file.
   * Those of a region do where the next commit would else begin one for another place there.
   */
  trim(mark: SpaceMark): void {
    const end = Math.max(mark.pageCount, this.pageCount < PARTED_PAGES ? 0 : this.regionEnd)
    while (this.pageCount > end && this.available.remove(this.pageCount - 1)) this.pageCount--
  }

  /**
   * Brings `unused` up to what the transaction leaves; may be called again after further allocations, and is
   * undone by `unsettle`.
   */
  settle(): void {
    for (let i = 0; i < this.taken.length; i++) {
      const page = this.taken.at(i)
      if (this.unused.has(page) !== this.available.has(page)) this.flip(page)
    }
    for (let i = 0; i < this.freedPages.length; i++) {
      if (!this.unused.has(this.freedPages.at(i))) this.flip(this.freedPages.at(i))
    }
  }

  unsettle(): void {
    while (this.flipped.length > 0) this.toggle(this.flipped.pop())
  }

  private flip(page: number): void {
    this.toggle(page)
    this.flipped.push(page)
  }

  private toggle(page: number): void {
    if (!this.unused.remove(page)) this.unused.add(page)
    if (!this.changed.remove(page)) {
      this.changed.add(page)
      this.changedPages.push(page)
    }
  }

  /** Pages that became free or taken since the free log's newest page. */
  get changedCount(): number {
    return this.changed.size
  }

  /** What became free or taken since the free log's newest page, as runs in page order. */
  delta(): Run[] {
    const { changed, changedPages: pages } = this
    pages.sortFrom(this.changedInOrder)
    const runs: Run[] = []
    let kept = 0
    for (let i = 0; i < pages.length; i++) {
      const page = pages.at(i)
      if (!changed.has(page) || (kept > 0 && pages.at(kept - 1) === page)) continue
      pages.set(kept++, page)
      this.appendTo(runs, page)
    }
    pages.truncate(kept)
    this.changedInOrder = kept
    return runs
  }

  private appendTo(runs: Run[], page: number): void {
    const freed = this.unused.has(page)
    const last = runs[runs.length - 1]
    if (last !== undefined && last.freed === freed && last.start + last.length === page) last.length++
    else runs.push({ start: page, length: 1, freed })
  }

  /** Every unused page, as runs in page order. */
  allRuns(): Run[] {
    const runs: Run[] = []
    for (let start = this.unused.next(0); start !== -1; ) {
      const end = this.unused.nextAbsent(start)
      runs.push({ start, length: end - start, freed: true })
      start = this.unused.next(end)
    }
    return runs
  }

  /** The free log's pages now say what `unused` says. */
  rebase(): void {
    this.changed.clear()
    this.changedPages.truncate(0)
    this.changedInOrder = 0
  }

  /** Transaction `id` is published: what it freed waits for those who can still see it, or is available. */
  publish(id: number): void {
    this.flipped.truncate(0)
    this.taken.truncate(0)
    this.allocated = 0
    for (let i = 0; i < this.freedPages.length; i++) {
      this.freedNow.remove(this.freedPages.at(i))
      this.hold(this.freedPages.at(i), this.freedBirths[i], id)
    }
    this.freedPages.truncate(0)
    this.freedBirths.length = 0
  }

  private hold(page: number, birth: number, freed: number): void {
    const holder = this.readers.seeing(birth, freed)
    if (holder === undefined) {
      this.giveBack(page)
      return
    }
    let list = this.pending.get(holder)
    if (list === undefined) {
      list = { pages: new IntList(), births: [], freed: [] }
      this.pending.set(holder, list)
    }
    list.pages.push(page)
    list.births.push(birth)
    list.freed.push(freed)
  }

  /** Nobody holds commit `transaction` any longer. */
  released(transaction: number): void {
    const list = this.pending.get(transaction)
    if (list === undefined) return
    this.pending.delete(transaction)
    for (let i = 0; i < list.pages.length; i++) this.hold(list.pages.at(i), list.births[i], list.freed[i])
  }

  /** Pages that wait, by the commit that holds them. */
  pendingByHolder(): { transaction: number; pages: number }[] {
    return [...this.pending].map(([transaction, list]) => ({ transaction, pages: list.pages.length }))
  }

  // Loading.

  /** Applies runs read from the free log. */
  apply(runs: readonly Run[]): void {
    for (const run of runs) {
      for (let page = run.start; page < run.start + run.length; page++) {
        if (run.freed) this.unused.add(page)
        else this.unused.remove(page)
      }
    }
  }

  /** After the log's pages were applied: applies the delta, which is remembered as such, and makes all of it available. */
  loaded(delta: readonly Run[]): void {
    for (const run of delta) {
      for (let page = run.start; page < run.start + run.length; page++) {
        // A run may say what the log says already, and then is no difference to it.
        if (this.unused.has(page) !== run.freed) this.toggle(page)
      }
    }
    for (const run of this.allRuns()) {
      for (let page = run.start; page < run.start + run.length; page++) this.available.add(page)
    }
  }
}
