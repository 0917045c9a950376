/**
 * Which page a write transaction takes next: the one behind that taken last, in a segment with many free ones, or at the
 * end of the file.
 *
 * Invariants:
 * - an available page belongs to nobody and is seen by nobody;
 * - every page below `pageCount` has its block on the disk, so that on a full disk it can still be written;
 * - what a transaction took, or got with what it took, is in `taken`, so that undoing is exact.
 */
import { CoppiceError } from '../errors.js'
import { ARENA_PAGES } from '../page/arena.js'
import { MAX_PAGES, META_SLOTS } from '../page/layout.js'
import { IntList } from './int-list.js'
import { PLACE, ROOMY_PAGES, SEGMENT_PAGES, Segments, segmentOf } from './segments.js'

/** Smaller files have too few segments to give branches some of their own. */
const PARTED_PAGES = 8 * SEGMENT_PAGES
/** Free pages up to which a file of middle size grows rather than scatter its commits: a third of it, but 32 MiB at most. */
const SLACK_PAGES = 8192
/** A transaction that takes so many pages scatters them where they are free one by one. */
const MANY_PAGES = 8
/** Pages written ahead for the commits of a journal at most, 16 MiB. */
const AHEAD_PAGES = 4096
/** Free pages to be left by a commit in the journal, in a small file fewer: enough for a few transactions of some puts. */
const SPARE_PAGES = 64
/** Pages by which the file grows where that is not so: zeros written for pages that are not used soon are written for nothing. */
const FEW_PAGES = 32

/** A point in a transaction to which it can be taken back. */
export interface SpaceMark {
  taken: number
  freed: number
  pageCount: number
}

export class Allocator {
  /** Pages up to the last one in use, those of the write transaction under way included. */
  pageCount = META_SLOTS
  readonly available = new Segments()
  /** Pages taken by the transaction under way; one that was given back and taken again comes twice. */
  protected readonly taken = new IntList()
  /** The page taken last for each place: the next is the one behind it, while its segment has any. */
  private readonly latest = [-1, -1]
  /** End of the last region by which the file was extended for the commits to come. */
  private regionEnd = 0
  /** From here on the file grew in this transaction by pages that were not written for it. */
  private growth = MAX_PAGES
  /** Single pages that the transaction has asked for, and that the last one committed had. */
  private allocated = 0
  /** True where a page of this transaction may have no block on the disk. */
  blockless = false
  private usual = 0
  /** Writes zeros to so many pages from `start` on, the end of the file; false where the disk has no room for them. */
  private readonly reserve: (start: number, count: number) => boolean

  constructor(reserve: (start: number, count: number) => boolean) {
    this.reserve = reserve
  }

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

  /** True where every page that the transaction has taken has its block, so that it can be written later, whatever happens to the disk. */
  get hasBlocks(): boolean {
    return !this.isBulk && !this.blockless
  }

  /**
   * True where the next transactions will find free pages that have their blocks, or may make the file longer. What commits in the journal
   * free only a checkpoint gives back, and on a full disk that one must not come too late.
   */
  hasSpare(): boolean {
    const spare = Math.min(SPARE_PAGES, this.pageCount >>> 2)
    return this.available.size >= spare || this.reserve(this.pageCount, spare)
  }

  /** Zeros behind the end for what commits in the journal will take until the next checkpoint, so that none of them has to write any. */
  reserveAhead(): void {
    this.reserve(this.pageCount, Math.max(0, Math.min(this.pageCount >>> 3, AHEAD_PAGES) - this.available.size))
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
   * taken wherever they are free, in 20. A bulk transaction has its pages in long pieces anyway, and commits of a few pages
   * have little to win.
   */
  private slack(): number {
    if (this.pageCount < SEGMENT_PAGES || this.isBulk || this.usual < MANY_PAGES) return 0
    return Math.max(this.pageCount >>> 4, Math.min(Math.floor(this.pageCount / 3), SLACK_PAGES))
  }

  /**
   * Makes the file longer by a region for the pages of a place, the larger the file the longer; answers its first page, or
   * -1 where there is no room. A small commit is fastest on blocks that were written before: 105 us where one that
   * extends the file takes 165. And where the disk is full later, a free page that has its block can be used still.
   */
  private extendRegion(place: number): number {
    const start = this.pageCount
    const most = this.isBulk || this.usual >= MANY_PAGES ? SEGMENT_PAGES : FEW_PAGES
    const count = Math.min(Math.max(1, start >>> 3), most, SEGMENT_PAGES - (start % SEGMENT_PAGES), MAX_PAGES - start)
    // A bulk transaction soon writes nearly all of them: zeros before that would be written for nothing.
    if (count < 1 || !(this.isBulk || this.reserve(start, count))) return -1
    if (this.isBulk) this.growth = Math.min(this.growth, start)
    this.addSkipped(this.extend(count), count)
    if (count > 1 && !this.isBulk) this.regionEnd = this.pageCount
    this.available.claim(segmentOf(start), place)
    return start
  }

  /** Where the disk has no room for that one either, the write that matters will say so. */
  private extendByOne(): number {
    if (!this.reserve(this.pageCount, 1)) this.blockless = true
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

  /**
   * Pages at the end that the transaction did not need in the end were never written: they do not become part of the file.
   * Those of a region do where the next commit would else begin one for another place there.
   */
  trim(mark: SpaceMark): void {
    const end = Math.max(mark.pageCount, this.pageCount < PARTED_PAGES ? 0 : this.regionEnd)
    while (this.pageCount > end && this.available.remove(this.pageCount - 1)) this.pageCount--
  }

  /** Free pages by which the transaction has made the file longer, and which it may not have written: short runs, as [start, count]. */
  *unwritten(): Generator<[start: number, count: number]> {
    for (let start = this.available.next(this.growth); start !== -1; ) {
      const end = Math.min(this.available.nextAbsent(start), start + SEGMENT_PAGES)
      yield [start, end - start]
      start = this.available.next(end)
    }
  }

  /** Takes back every page taken since the mark. */
  protected takeBack(mark: SpaceMark): void {
    for (let i = mark.taken; i < this.taken.length; i++) {
      const page = this.taken.at(i)
      if (page >= mark.pageCount) this.available.remove(page)
      else this.available.add(page)
    }
    this.taken.truncate(mark.taken)
    this.pageCount = mark.pageCount
    this.regionEnd = Math.min(this.regionEnd, this.pageCount)
    if (mark.taken === 0) this.startAnew()
  }

  /** The transaction has been committed: what it took is its. */
  protected keepTaken(): void {
    this.taken.truncate(0)
    this.usual = this.allocated
    this.startAnew()
  }

  private startAnew(): void {
    this.allocated = 0
    this.blockless = false
    this.growth = MAX_PAGES
  }
}
