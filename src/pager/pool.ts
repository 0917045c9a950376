/**
 * The buffer pool: frames for pages that are being changed, and for clean pages where the file cannot be
 * mapped. Its size is fixed; when no frame is free the coldest are spilled: dirty ones written to the place
 * they have anyway, clean ones forgotten.
 *
 *   free --acquire--> clean or dirty --release--> free
 *
 * Invariants:
 * - a page stands in at most one frame, and `where[page]` names that frame's slot;
 * - a frame that was acquired or touched among the last RECENT ones is not spilled, so that an operation may
 *   hold the slots of its path and of the neighbours it looks at.
 */
import { CoppiceError } from '../errors.js'
import { ARENA_PAGES, ARENA_SHIFT, Arena } from '../page/arena.js'
import { MAX_PAGES, PAGE_SIZE } from '../page/layout.js'
import { leaveSlab, takeSlab } from './slabs.js'

/** Slots of frames begin here; below, a slot is a page number in a window over the file. */
export const FRAME_SLOTS = MAX_PAGES
const FIRST_SLAB = FRAME_SLOTS >>> ARENA_SHIFT
const FIRST_SLAB_FRAMES = 256
export const RECENT = 128
const NO_ARENA = new Arena(new ArrayBuffer(0))

export class Pool {
  /** Frames at most. */
  readonly capacity: number
  private readonly arenas: Arena[]
  private readonly spill: (frames: number[]) => void
  private readonly slabStarts: number[] = []
  private readonly slots: Int32Array
  private readonly pages: Int32Array
  private readonly dirtyFlags: Uint8Array
  private readonly referenced: Uint8Array
  private readonly stamps: Float64Array
  private readonly pins: Int32Array
  private readonly views: Uint8Array[] = []
  private readonly free: number[] = []
  /** Frames in the order they became dirty; one that was spilled since may stand here too. */
  private becameDirty: number[] = []
  private frames = 0
  private hand = 0
  private clock = 0
  /** Dirty frames. */
  dirtyCount = 0
  /** No dirty frame is spilled: nobody is writing, and who reads must not. */
  keepsDirty = true
  /** Frames given to another page so far: whoever holds slots across operations looks whether it moved. */
  evictions = 0
  /** Dirty pages written before their transaction committed, since the store was opened. */
  spilled = 0

  /** `spill` writes the given dirty frames and marks each clean or releases it. */
  constructor(arenas: Arena[], capacity: number, spill: (frames: number[]) => void) {
    this.arenas = arenas
    this.capacity = capacity
    this.spill = spill
    this.slots = new Int32Array(capacity)
    this.pages = new Int32Array(capacity)
    this.dirtyFlags = new Uint8Array(capacity)
    this.referenced = new Uint8Array(capacity)
    this.stamps = new Float64Array(capacity)
    this.pins = new Int32Array(capacity)
  }

  frameOf(slot: number): number {
    return this.slabStarts[(slot >>> ARENA_SHIFT) - FIRST_SLAB] + (slot & (ARENA_PAGES - 1))
  }

  slotOf(frame: number): number {
    return this.slots[frame]
  }

  pageOf(frame: number): number {
    return this.pages[frame]
  }

  isDirty(frame: number): boolean {
    return this.dirtyFlags[frame] !== 0
  }

  /** The frame's 4 KiB, always the same object. */
  viewOf(frame: number): Uint8Array {
    return this.views[frame]
  }

  /** A frame for the page, with whatever bytes were left there; answers the frame. */
  acquire(page: number, dirty: boolean): number {
    if (this.free.length === 0) this.makeRoom()
    const frame = this.free.pop()
    if (frame === undefined) {
      throw new CoppiceError('COPPICE_BUSY', 'every frame of the pool is in use at once. Open the store with a larger poolSize.')
    }
    this.pages[frame] = page
    if (dirty) this.markDirty(frame)
    this.touch(frame)
    return frame
  }

  /** Keeps the frame from being spilled for a while. Each touch counts, so that never more than RECENT frames are kept. */
  touch(frame: number): void {
    this.referenced[frame] = 1
    this.stamps[frame] = ++this.clock
  }

  /** Keeps the frame's page from being spilled until `unpin`, or until the frame is released. */
  pin(slot: number): void {
    this.pins[this.frameOf(slot)]++
  }

  isPinned(frame: number): boolean {
    return this.pins[frame] !== 0
  }

  unpin(slot: number): void {
    const frame = this.frameOf(slot)
    if (this.pins[frame] > 0) this.pins[frame]--
  }

  markDirty(frame: number): void {
    if (this.dirtyFlags[frame] !== 0) return
    this.dirtyFlags[frame] = 1
    this.dirtyCount++
    if (this.becameDirty.length > 4 * this.capacity) this.becameDirty = this.dirtyFrames()
    this.becameDirty.push(frame)
  }

  /** The frame's page has become another one, which is dirty. */
  rename(frame: number, page: number): void {
    this.pages[frame] = page
    this.evictions++
    this.markDirty(frame)
    this.touch(frame)
  }

  markClean(frame: number): void {
    if (this.dirtyFlags[frame] !== 0) this.dirtyCount--
    this.dirtyFlags[frame] = 0
  }

  release(frame: number): void {
    this.markClean(frame)
    this.pages[frame] = 0
    this.pins[frame] = 0
    this.evictions++
    this.free.push(frame)
  }

  /** All dirty frames, without a look at the clean ones: a small commit must not cost a pass over the pool. */
  dirtyFrames(): number[] {
    return [...new Set(this.becameDirty)].filter((frame) => this.isDirty(frame))
  }

  /** Every frame is clean now: the transaction has ended. */
  forgetDirty(): void {
    this.becameDirty.length = 0
  }

  /** Gives the memory of all frames away: nothing is read or written any more. */
  close(): void {
    for (let slab = 0; slab < this.slabStarts.length; slab++) {
      leaveSlab(this.arenas[FIRST_SLAB + slab].bytes.buffer)
      this.arenas[FIRST_SLAB + slab] = NO_ARENA
    }
    this.views.length = 0
    this.evictions++
  }

  private makeRoom(): void {
    if (this.frames < this.capacity) this.addSlab()
    else this.evict(Math.max(16, this.capacity >>> 4))
  }

  /** Memory is taken as it is needed: a store that changes little never has its whole pool. */
  private addSlab(): void {
    const count = Math.min(Math.max(this.frames, FIRST_SLAB_FRAMES), this.capacity - this.frames, ARENA_PAGES)
    const slab = this.slabStarts.length
    const arena = new Arena(takeSlab(count * PAGE_SIZE))
    this.arenas[FIRST_SLAB + slab] = arena
    this.slabStarts.push(this.frames)
    for (let i = 0; i < count; i++) {
      this.slots[this.frames + i] = FRAME_SLOTS + (slab << ARENA_SHIFT) + i
      this.views.push(arena.bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE))
    }
    for (let i = count - 1; i >= 0; i--) this.free.push(this.frames + i)
    this.frames += count
  }

  private evict(wanted: number): void {
    const dirty: number[] = []
    let found = 0
    for (let step = 0; step < this.capacity * 2 && found < wanted; step++) {
      const frame = this.hand
      this.hand = (this.hand + 1) % this.capacity
      if (this.clock - this.stamps[frame] < RECENT || this.pages[frame] === 0 || this.pins[frame] !== 0 || (this.keepsDirty && this.isDirty(frame))) continue
      if (this.referenced[frame] !== 0) {
        this.referenced[frame] = 0
        continue
      }
      found++
      if (this.isDirty(frame)) dirty.push(frame)
      else this.spill([frame])
    }
    if (dirty.length > 0) this.spill(dirty)
  }
}
