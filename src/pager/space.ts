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
import { corrupt } from '../errors.js'
import type { Run } from '../page/runs.js'
import type { SpaceMark } from './allocator.js'
import { Allocator } from './allocator.js'
import { Bitmap } from './bitmap.js'
import { IntList } from './int-list.js'
import type { Readers } from './readers.js'

/** Pages that wait for one holder, with their lives. */
interface PendingList {
  pages: IntList
  births: number[]
  freed: number[]
}

export class Space extends Allocator {
  readonly readers: Readers
  readonly unused = new Bitmap()
  private readonly pending = new Map<number, PendingList>()

  private readonly freedPages = new IntList()
  private readonly freedBirths: number[] = []
  private readonly freedNow = new Bitmap()

  /** Pages whose membership of `unused` differs from what the free log's pages say. */
  private readonly changed = new Bitmap()
  private readonly changedPages = new IntList()
  /** So many of them, from the first on, are members, in page order, each once. */
  private changedInOrder = 0
  private readonly flipped = new IntList()
  private readonly dropped: (page: number) => void

  /** `dropped` is told of every page that nobody can see any more. */
  constructor(readers: Readers, reserve: (start: number, count: number) => boolean, dropped: (page: number) => void = nothing) {
    super(reserve)
    this.readers = readers
    this.dropped = dropped
  }

  // The transaction.

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

  /** Pages in use as of the newest commit, and those by which the transaction has made the file longer. */
  get usedCount(): number {
    return this.pageCount - this.unused.size
  }

  mark(): SpaceMark {
    return { taken: this.taken.length, freed: this.freedPages.length, pageCount: this.pageCount }
  }

  /** Undoes every allocation and every free since the mark. */
  rollback(mark: SpaceMark): void {
    this.takeBack(mark)
    for (let i = mark.freed; i < this.freedPages.length; i++) this.freedNow.remove(this.freedPages.at(i))
    this.freedPages.truncate(mark.freed)
    this.freedBirths.length = mark.freed
  }

  // Commit.

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
    this.keepTaken()
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
      this.dropped(page)
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

function nothing(): void {
  // Whoever only looks at free space has no pages in memory.
}
