/**
 * Where pages are: in a window over the file, or in a frame of the pool. `where[page]` names the slot of a
 * page that has been looked at; 0 stands for one that has not, and the first look verifies it. For the first
 * page of an overflow extent whose bytes were verified it is less than 0: such a page has not been looked at as
 * a page of a tree, whatever points to it.
 *
 * One table serves every snapshot at once, because a page number never means two things: a page is changed
 * only under a new number, and a number is used again only when nobody can reach its old content.
 */
import { corrupt, ioError } from '../errors.js'
import type { StoreFile } from '../file/file.js'
import { ARENA_SHIFT, Arena, arenaOf, baseOf } from '../page/arena.js'
import { pageCrc } from '../page/checksum.js'
import { crcOf } from '../page/header.js'
import { HEADER, MAX_PAGES, META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import { validatePage } from '../page/validate.js'
import { Bitmap } from './bitmap.js'
import { longer } from './int-list.js'
import { FRAME_SLOTS, Pool } from './pool.js'
import { SyncAhead } from './sync-ahead.js'
import { NO_WINDOW, Windows } from './windows.js'
import { ZERO_PAGES, zeroPages } from './zeros.js'

/** Arenas that windows may take; frames of the pool follow. */
const WINDOWS = FRAME_SLOTS >>> ARENA_SHIFT
/** Pages joined into one write at most, 4 MiB. */
const MAX_WRITE_PAGES = 1024

export class Pager {
  readonly file: StoreFile
  readonly arenas: Arena[] = new Array<Arena>(WINDOWS).fill(NO_WINDOW)
  readonly pool: Pool
  /** Slot of each page that has been looked at. */
  where: Int32Array
  /** Whole pages that the file has; no page from here on may be touched in a window. */
  physicalPages: number
  /** Pages from the first on that are known to have their blocks on the disk. */
  solidPages = 0
  private readonly windows: Windows
  /** Pages that this process wrote where no window reached: it need not verify them when it sees them in one. */
  private readonly known = new Bitmap()
  private readonly seal: (frames: number[]) => number[]
  /** Pages up to the last one that a commit, or the transaction under way, has in use: no pointer names one from here on. */
  usedPages = 0
  /** Highest transaction id that a committed page may carry. */
  committed = 0
  /** Highest that a page of the transaction under way may carry. */
  newest = 0
  /** Pages that the transaction under way has written so far; where there is no window they may be read back. */
  readonly written = new Bitmap()
  /** Checksums of these. */
  private crcs = new Int32Array(0)
  private readonly ahead: SyncAhead

  /** `seal` makes the checksums of dirty frames, and of all dirty pages below them, final, and answers all frames it sealed. */
  constructor(file: StoreFile, poolPages: number, seal: (frames: number[]) => number[]) {
    this.file = file
    this.physicalPages = Math.min(Math.floor(file.size() / PAGE_SIZE), MAX_PAGES)
    this.where = new Int32Array(Math.max(1024, this.physicalPages))
    this.seal = seal
    this.ahead = new SyncAhead(file)
    this.windows = new Windows(file, this.arenas)
    this.pool = new Pool(this.arenas, poolPages, (frames) => this.spill(frames))
    this.windows.coverAll(this.physicalPages)
  }

  /** The slot of a page; the first look at a page reads and verifies it. `tree` is who asks, for the error. */
  locate(page: number, tree: number | undefined): number {
    const slot = this.where[page]
    // Nearly always they are equal, and a processor goes on with the one it has before the other has come from memory.
    if (slot > 0) return slot === page ? page : slot
    return this.fault(page, tree)
  }

  /** The same, and the pool keeps the page for a while. */
  locateAndKeep(page: number, tree: number | undefined): number {
    const slot = this.locate(page, tree)
    if (slot >= FRAME_SLOTS) this.pool.touch(this.pool.frameOf(slot))
    return slot
  }

  private fault(page: number, tree: number | undefined): number {
    if (page >= this.physicalPages) throw corrupt(page, tree, `the file ends before it, after ${this.physicalPages} pages`)
    // Where trees of a hostile file share pages, a page may be changed under a reader of the other tree: no number is then too odd.
    if (!(page >= META_SLOTS && page < this.usedPages)) throw corrupt(page, tree, `the store has pages ${META_SLOTS} to ${this.usedPages - 1}`)
    this.windows.cover(page, this.physicalPages)
    const slot = this.bring(page)
    const arena = this.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const wrong = slot < FRAME_SLOTS && this.known.has(page) ? undefined : this.faultOf(arena, base, page)
    if (wrong !== undefined) {
      if (slot >= FRAME_SLOTS) this.pool.release(this.pool.frameOf(slot))
      throw corrupt(page, tree, wrong)
    }
    this.where[page] = slot
    return slot
  }

  /** What is wrong with a page, or undefined. */
  private faultOf(arena: Arena, base: number, page: number): string | undefined {
    if (crcOf(arena, base) !== pageCrc(arena, base)) return 'its checksum does not match'
    return validatePage(arena, base, page, { pageCount: this.usedPages, newest: this.written.has(page) ? this.newest : this.committed })
  }

  /** Bytes of a page not yet looked at: the window's own, or a copy in a frame. */
  private bring(page: number): number {
    if (this.isMapped(page)) return page
    const frame = this.pool.acquire(page, false)
    try {
      this.readFile(this.pool.viewOf(frame), page * PAGE_SIZE)
    } catch (error) {
      this.pool.release(frame)
      throw error
    }
    return this.pool.slotOf(frame)
  }

  /** True where the page stands in a window. */
  isMapped(page: number): boolean {
    return this.windows.has(page)
  }

  /** The frame of a page that is being changed, in the pool from now on; `slot` is where it stands. */
  frameFor(page: number, slot: number): number {
    if (slot >= FRAME_SLOTS) {
      const frame = this.pool.frameOf(slot)
      this.pool.markDirty(frame)
      this.pool.touch(frame)
      return slot
    }
    return this.copyToFrame(page, slot)
  }

  /**
   * A dirty frame for page number `page` with what stands at `slot`, where page `old` is looked for now. A clean frame is handed over as it
   * is, where a window shows the old page from then on.
   */
  takeOver(page: number, old: number, slot: number): number {
    const { pool } = this
    const frame = slot < FRAME_SLOTS ? -1 : pool.frameOf(slot)
    if (frame === -1 || pool.isDirty(frame) || pool.isPinned(frame) || !this.isMapped(old)) return this.copyToFrame(page, slot)
    if (page >= this.where.length) this.growTable(page + 1)
    this.forget(page)
    this.where[old] = old
    this.where[page] = slot
    pool.rename(frame, page)
    return slot
  }

  /** A dirty frame for page number `page` with a copy of what stands at `slot`. */
  copyToFrame(page: number, slot: number): number {
    const target = this.pool.slotOf(this.newFrame(page))
    // The windows of a memory file and the pool may have moved since `slot` was found, so both are looked up here.
    const from = this.arenas[arenaOf(slot)].words
    const to = this.arenas[arenaOf(target)].words
    const start = baseOf(slot) >>> 2
    to.set(from.subarray(start, start + (PAGE_SIZE >>> 2)), baseOf(target) >>> 2)
    return target
  }

  /** A dirty frame for a page number that nothing in memory stands for yet. */
  newFrame(page: number): number {
    if (page >= this.where.length) this.growTable(page + 1)
    this.forget(page)
    const frame = this.pool.acquire(page, true)
    this.where[page] = this.pool.slotOf(frame)
    return frame
  }

  /** What is in memory of this page is stale: the next look reads it anew. */
  forget(page: number): void {
    if (page >= this.where.length) return
    const slot = this.where[page]
    this.where[page] = 0
    this.known.remove(page)
    if (slot >= FRAME_SLOTS) this.pool.release(this.pool.frameOf(slot))
  }

  /** The extent of so many bytes that begins with this page has been verified, and stands in its window. */
  markVerified(page: number, length: number): void {
    this.where[page] = -length
  }

  isVerified(page: number, length: number): boolean {
    return this.where[page] === -length
  }

  /** The checksum that the page carries where it stands in the file. */
  storedCrc(page: number): number {
    if (this.written.has(page)) return this.crcs[page]
    const { arena, base } = this.storedHeader(page)
    return crcOf(arena, base)
  }

  /** The header of a page where it stands in the file, unverified. */
  storedHeader(page: number): { arena: Arena; base: number } {
    this.windows.cover(page, this.physicalPages)
    if (this.isMapped(page)) return { arena: this.arenas[arenaOf(page)], base: baseOf(page) }
    const arena = new Arena(new ArrayBuffer(HEADER.SIZE))
    this.readFile(arena.bytes, page * PAGE_SIZE)
    return { arena, base: 0 }
  }

  /** True where the page stands in a dirty frame. */
  isDirty(page: number): boolean {
    const slot = this.where[page]
    return slot >= FRAME_SLOTS && this.pool.isDirty(this.pool.frameOf(slot))
  }

  /** A transaction begins. */
  restart(): void {
    this.written.clear()
    this.ahead.restart()
  }

  // Writing.

  private spill(frames: readonly number[]): void {
    const dirty = frames.filter((frame) => this.pool.isDirty(frame))
    if (dirty.length > 0) {
      const sealed = this.seal(dirty)
      for (const frame of sealed) this.noteWritten(this.pool.pageOf(frame))
      this.writeFrames(sealed)
      this.pool.spilled += sealed.length
    }
    for (const frame of frames) if (this.pool.pageOf(frame) !== 0) this.drop(frame)
  }

  /** Writes pages that their transaction will hardly change any more, and gives their frames back; some may have been spilled already, or be in use. */
  writeEarly(pages: readonly number[]): void {
    const frames = pages.filter((page) => this.isDirty(page)).map((page) => this.pool.frameOf(this.where[page]))
    this.spill(frames.filter((frame) => !this.pool.isPinned(frame)))
  }

  private noteWritten(page: number): void {
    const slot = this.where[page]
    if (page >= this.crcs.length) this.crcs = longer(this.crcs, page + 1)
    this.crcs[page] = crcOf(this.arenas[arenaOf(slot)], baseOf(slot))
    this.written.add(page)
  }

  private drop(frame: number): void {
    const page = this.pool.pageOf(frame)
    const mapped = this.isMapped(page)
    this.where[page] = mapped ? page : 0
    if (!mapped && this.hasWindows()) this.known.add(page)
    this.pool.release(frame)
  }

  /** True where the file can be mapped, as far as one can tell. */
  private hasWindows(): boolean {
    return this.isMapped(0)
  }

  /** Writes the frames' pages to their places in page order, neighbours together, and marks them clean. */
  writeFrames(frames: number[]): void {
    const { pool } = this
    frames.sort((a, b) => pool.pageOf(a) - pool.pageOf(b))
    for (let from = 0; from < frames.length; ) {
      const first = pool.pageOf(frames[from])
      let to = from + 1
      while (to < frames.length && to - from < MAX_WRITE_PAGES && pool.pageOf(frames[to]) === first + to - from) to++
      this.writeFile(frames.slice(from, to).map((frame) => pool.viewOf(frame)), first * PAGE_SIZE)
      this.wrote(to - from, first + to - from)
      from = to
    }
    for (const frame of frames) pool.markClean(frame)
  }

  /** Gives frames back whose pages a window shows from now on, or from when somebody looks at them. */
  dropMapped(frames: readonly number[]): void {
    if (!this.hasWindows()) return
    for (const frame of frames) this.drop(frame)
  }

  /** Writes raw bytes from the start of a page on: an overflow extent. */
  writeBytes(page: number, bytes: Uint8Array): void {
    const pages = Math.ceil(bytes.length / PAGE_SIZE)
    for (let i = page; i < page + pages; i++) {
      this.forget(i)
      this.written.remove(i)
    }
    const rest = pages * PAGE_SIZE - bytes.length
    this.writeFile(rest === 0 ? [bytes] : [bytes, new Uint8Array(rest)], page * PAGE_SIZE)
    this.wrote(pages, page + pages)
  }

  /** Bytes of an extent: the window's own where it is mapped, else a copy. */
  readBytes(page: number, length: number): Uint8Array {
    const last = page + Math.ceil(length / PAGE_SIZE) - 1
    if (last >= this.physicalPages) throw corrupt(page, undefined, 'the file ends before the end of this overflow extent')
    this.windows.cover(last, this.physicalPages)
    if (this.isMapped(last) && arenaOf(page) === arenaOf(last)) {
      const base = baseOf(page)
      return this.arenas[arenaOf(page)].bytes.subarray(base, base + length)
    }
    const copy = new Uint8Array(length)
    this.readFile(copy, page * PAGE_SIZE)
    return copy
  }

  /**
   * Writes zeros to these pages, the end of the file, where they have no blocks yet; answers false where the disk has no room. Pages
   * that come next are then written over blocks that the filesystem has already placed.
   */
  reserve(start: number, count: number): boolean {
    const from = Math.max(start, this.solidPages)
    const end = start + count
    if (from >= end) return true
    try {
      this.fill(from, end - from)
    } catch {
      // Without the reserve commits are only slower; where the disk is full, the write that matters will say so.
      return false
    }
    this.solidPages = end
    return true
  }

  /** Writes zeros to pages. */
  fill(start: number, count: number): void {
    const end = start + count
    for (let from = start; from < end; from += ZERO_PAGES) {
      this.writeFile([zeroPages(Math.min(end - from, ZERO_PAGES))], from * PAGE_SIZE)
    }
    this.extended(end)
  }

  /** Reads from the file; what the system refuses becomes a typed error. */
  readFile(target: Uint8Array, position: number): void {
    try {
      this.file.read(target, position)
    } catch (error) {
      throw ioError(error, `reading ${this.file.path}`)
    }
  }

  /** Writes to the file; what the system refuses becomes a typed error. */
  writeFile(sources: readonly Uint8Array[], position: number): void {
    try {
      this.file.write(sources, position)
    } catch (error) {
      throw ioError(error, `writing ${this.file.path}`)
    }
  }

  /** Length of the file, asked of the system. */
  fileBytes(): number {
    try {
      return this.file.size()
    } catch (error) {
      throw ioError(error, `asking for the length of ${this.file.path}`)
    }
  }

  /** Gives the pool's memory away. The file has been closed: who still looks for a page in a frame asks the file, which refuses. */
  close(): void {
    this.pool.close()
    this.where = new Int32Array(0)
  }

  /** So many pages have been written, up to page `end`. */
  private wrote(pages: number, end: number): void {
    this.extended(end)
    this.usedPages = Math.max(this.usedPages, end)
    this.ahead.wrote(pages)
  }

  private extended(pages: number): void {
    if (pages > this.physicalPages) this.physicalPages = pages
    if (pages > this.where.length) this.growTable(pages)
    this.windows.renew(this.physicalPages)
  }

  private growTable(pages: number): void {
    this.where = longer(this.where, pages)
  }
}
