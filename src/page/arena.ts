import { PAGE_SHIFT } from './layout.js'

/**
 * Up to 1 GiB of pages in memory: a window over the file, or a slab of pool frames. A page is named by its
 * arena and its base, the byte offset in the arena, so that offsets stay small integers.
 *
 * Three views of the same bytes stand side by side because a typed array read at an index is the fastest
 * read there is; fields are aligned to their size throughout the format for this. Values are not, and `data`
 * reads them a word at a time all the same.
 */
export class Arena {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly halves: Uint16Array
  readonly data: DataView
  /** What `touch` has read. */
  touched = 0

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
    this.halves = new Uint16Array(buffer)
    this.data = new DataView(buffer)
  }
}

/**
 * Asks memory for what stands at `at` before it is known to be needed, so that the wait for it is one with other waits. What was read is
 * put down, as the compiler leaves out reads that nobody uses.
 */
export function touch(arena: Arena, at: number): void {
  arena.touched = arena.words[at >>> 2]
}

/** Pages in an arena, as a shift: 2^18 pages are 1 GiB. */
export const ARENA_SHIFT = 18
export const ARENA_PAGES = 1 << ARENA_SHIFT
const ARENA_MASK = ARENA_PAGES - 1

/** Number of the arena that holds a slot. */
export function arenaOf(slot: number): number {
  return slot >>> ARENA_SHIFT
}

/** Byte offset of a slot in its arena. */
export function baseOf(slot: number): number {
  return (slot & ARENA_MASK) << PAGE_SHIFT
}

/** The formats and the engine read integers through typed arrays, which have the machine's byte order. */
export const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
