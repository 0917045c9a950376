/**
 * The one write transaction, as the pages see it: which pages it may change in place, where new ones come
 * from, and what becomes of those that it no longer reaches.
 *
 * A page born in transaction `id` is its own and is changed in place; any other is copied under a new number
 * first. A savepoint takes a new id, which freezes all that was written before it: going back is then no more
 * than pointing at the old roots again.
 */
import { crc32 } from '../page/checksum.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { birthOf, formatPage, setBirth, setPage, typeOf } from '../page/header.js'
import { PAGE_SIZE, TYPE } from '../page/layout.js'
import type { OverflowRef } from '../page/leaf.js'
import type { Recorder } from '../page/record.js'
import type { Pager } from './pager.js'
import { FRAME_SLOTS } from './pool.js'
import { PLACE } from './segments.js'
import type { SpaceMark } from './allocator.js'
import type { Space } from './space.js'

/** Pages written in one go while the transaction goes on, 1 MiB. */
const WRITE_PAGES = 256

export class Writer {
  readonly pager: Pager
  readonly space: Space
  /** What the transaction does, for the journal. */
  readonly recorder: Recorder
  /** Birth of the pages written from now on; the id that the commit will have. */
  id: number
  /** Pages of overflow extents written so far. */
  extentPages = 0
  /** Pages that are full and not written yet; some may have been given back, and their numbers taken again. */
  private readonly full: number[] = []
  private readonly start: SpaceMark
  private readonly checkpoint: number

  constructor(pager: Pager, space: Space, recorder: Recorder, checkpoint: number, id: number) {
    this.recorder = recorder
    this.checkpoint = checkpoint
    this.pager = pager
    this.space = space
    this.id = id
    this.start = space.mark()
    recorder.restart()
    pager.newest = id
  }

  /** The slot of a frame in which the page at `slot` may be changed; its header names the page's number. */
  writable(page: number, slot: number): number {
    const { pager } = this
    const source = pager.arenas[arenaOf(slot)]
    const birth = birthOf(source, baseOf(slot))
    if (birth === this.id) return pager.frameFor(page, slot)
    const copy = this.space.allocate(placeOf(typeOf(source, baseOf(slot))))
    const target = pager.takeOver(copy, page, slot)
    const arena = pager.arenas[arenaOf(target)]
    const base = baseOf(target)
    setPage(arena, base, copy)
    setBirth(arena, base, this.id)
    this.space.free(page, birth)
    return target
  }

  /**
   * The slot of a page that the transaction has changed and that is in its frame still, or -1. A transaction comes by such
   * pages at nearly every step, and by the pointer to one it may skip what is asked of others.
   */
  ownSlot(page: number): number {
    const { pager } = this
    const slot = pager.where[page]
    if (slot < FRAME_SLOTS) return -1
    const { pool } = pager
    const frame = pool.frameOf(slot)
    if (!pool.isDirty(frame) || birthOf(pager.arenas[arenaOf(slot)], baseOf(slot)) !== this.id) return -1
    pool.touch(frame)
    return slot
  }

  /** The slot of a new, empty page. */
  create(type: number, level: number, tree: number): number {
    const page = this.space.allocate(placeOf(type))
    const slot = this.pager.pool.slotOf(this.pager.newFrame(page))
    const arena = this.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    formatPage(arena, base, page, type, level, tree)
    setBirth(arena, base, this.id)
    return slot
  }

  /**
   * Writes this page soon, with others: it will hardly be changed again, and its frame is worth more to the pages to come, as its memory is
   * in the cache. Takes frames away that somebody may know of.
   */
  writeSoon(page: number): void {
    this.full.push(page)
    if (this.full.length < WRITE_PAGES) return
    this.pager.writeEarly(this.full)
    this.full.length = 0
  }

  /** The transaction's trees no longer reach this page. */
  discard(page: number, birth: number): void {
    if (birth === this.id) {
      this.pager.forget(page)
      this.space.giveBack(page)
    } else this.space.free(page, birth)
  }

  /** True where someone holds another commit than the newest checkpoint: only then does the age of a freed page decide anything. */
  birthsMatter(): boolean {
    return this.space.readers.holdsOthers(this.checkpoint)
  }

  /** Discards a page of the newest commit without reading how old it is. */
  discardUnread(page: number): void {
    this.space.free(page, 0)
  }

  /** Writes a value to an extent of its own, at once: it would only push other pages out of the pool. */
  writeExtent(bytes: Uint8Array): OverflowRef {
    const pages = Math.ceil(bytes.length / PAGE_SIZE)
    const page = this.space.allocateRun(pages)
    this.extentPages += pages
    this.recorder.giveUp()
    this.pager.writeBytes(page, bytes)
    return { page, crc: crc32(bytes), length: bytes.length, birth: this.id }
  }

  discardExtent(ref: OverflowRef): void {
    const end = ref.page + Math.ceil(ref.length / PAGE_SIZE)
    for (let page = ref.page; page < end; page++) this.discard(page, ref.birth)
  }

  /** Takes back what the file does not need to grow by; to be called before free space is settled. */
  trim(): void {
    this.space.trim(this.start)
  }

  /** Freezes what was written so far; `rollback` with the mark comes back to here. */
  savepoint(): SpaceMark {
    this.id++
    this.pager.newest = this.id
    return this.space.mark()
  }

  /** Forgets everything written since the mark, or since the transaction began. */
  rollback(mark: SpaceMark = this.start): void {
    for (const page of this.space.takenSince(mark)) this.pager.forget(page)
    this.space.rollback(mark)
  }
}

function placeOf(type: number): number {
  return type === TYPE.LEAF ? PLACE.LEAF : PLACE.BRANCH
}
