/**
 * The puts of one tree that have waited, in the order of their keys, the last one of each key alone.
 *
 * Where they stand in memory is sorted as numbers: 30 bits of the key, behind what all keys share, and then the place. Keys whose bits
 * are the same are compared as a whole, and no others, as each look at a key far away waits for memory.
 */
import { Arena, touch } from '../page/arena.js'
import { MAX_KEY_LENGTH, PAGE_SIZE } from '../page/layout.js'
import { align4 } from '../page/node.js'
import { copyWords } from './values.js'

/**
 * Entries stand one behind the other as they came, each at a multiple of 8 bytes:
 *
 *   number of the tree u32 | key length u16 | value length u16 | key | 0 to 3 bytes | value
 */
export const ENTRY_HEADER = 8

/** A place is kept in 23 bits, in units of 8 bytes. */
const PLACES = 2 ** 23
/** The bits that are left of the 53 in which numbers are exact. */
const HEAD_BITS = 30
export const MOST_ENTRY_BYTES = 8 * PLACES
/** Bytes an entry that sorting takes: a number and a place, and in V8 about 16 more where many keys have the same bits. */
export const SORTING = 28
/** Entries are asked of memory so many at a time, and the wait for them is one. */
const AHEAD = 8

/** Bytes of an entry. */
export function entrySize(keyLength: number, valueLength: number): number {
  return (ENTRY_HEADER + align4(keyLength) + valueLength + 7) & ~7
}

/** One of a kind is enough for all: nothing of a put outlives it. */
const keyMemory = new Uint8Array(MAX_KEY_LENGTH)
const valueMemory = new Arena(new ArrayBuffer(PAGE_SIZE))

export class SortedPuts {
  readonly count: number
  /** The last puts of all keys came in this order. */
  readonly ascending: boolean
  /** The put that `look` has brought here. */
  readonly key = keyMemory
  length = 0
  value = valueMemory.bytes.subarray(0, 0)
  private readonly memory: Arena
  private readonly places: Int32Array

  /** Entries in the order of their keys, each key once: the first `count` of `places` in the memory. */
  constructor(memory: Arena, places: Int32Array, count: number, ascending: boolean) {
    this.memory = memory
    this.places = places
    this.count = count
    this.ascending = ascending
  }

  /** Those of tree `number`, `count` of them, the first at `first`; all keys have `shared` bytes in common at their beginning. */
  static of(memory: Arena, number: number, count: number, first: number, shared: number): SortedPuts {
    const numbers = sortedNumbers(memory, number, count, first, shared)
    const places = new Int32Array(count)
    let kept = 0
    for (let start = 0; start < count; ) {
      const head = headOf(numbers[start])
      let end = start
      while (end < count && headOf(numbers[end]) === head) places[kept + end - start] = placeOf(numbers[end++])
      kept += end - start === 1 ? 1 : sortAlike(memory, places.subarray(kept, kept + end - start))
      start = end
    }
    return new SortedPuts(memory, places, kept, isAscending(places, kept))
  }

  /** Brings key and value of a put. */
  look(index: number): void {
    this.lookAtKey(index)
    const { memory } = this
    const at = this.places[index]
    const stored = valueLength(memory, at)
    // Most values are as long as the one before.
    if (stored !== this.value.length) this.value = valueMemory.bytes.subarray(0, stored)
    copyWords(memory, at + ENTRY_HEADER + align4(this.length), valueMemory.words, 0, stored)
  }

  lookAtKey(index: number): void {
    const { memory, places, key } = this
    const at = places[index]
    this.length = keyLength(memory, at)
    for (let i = 0; i < this.length; i++) key[i] = memory.bytes[at + ENTRY_HEADER + i]
  }

  /** Length of the value of a put. */
  valueLengthOf(index: number): number {
    return valueLength(this.memory, this.places[index])
  }

  entrySizeOf(index: number): number {
    return entrySizeAt(this.memory, this.places[index])
  }

  /** Copies the entry of a put as it stands in memory, and answers how many bytes that are. */
  copyTo(index: number, target: Arena, to: number): number {
    const size = this.entrySizeOf(index)
    copyEntry(this.memory, this.places[index], target, to, size)
    return size
  }

  /** Asks memory for the puts that come after those around `index`. */
  askAhead(index: number): void {
    if (index % AHEAD !== 0) return
    for (let next = index + AHEAD; next < index + 2 * AHEAD && next < this.count; next++) touch(this.memory, this.places[next])
  }
}

/** Each entry's bits and place as one number, in order. */
function sortedNumbers(memory: Arena, number: number, count: number, first: number, shared: number): Float64Array {
  const numbers = new Float64Array(count)
  for (let at = first, i = 0; i < count; at += entrySizeAt(memory, at)) {
    if (memory.words[at >>> 2] === number) numbers[i++] = headAt(memory, at, shared) * PLACES + (at >>> 3)
  }
  return numbers.sort()
}

/** Sorts entries whose bits are the same by their keys, and moves the last one of each key to the front; answers how many these are. */
function sortAlike(memory: Arena, places: Int32Array): number {
  places.sort((a, b) => compareEntries(memory, a, b) || a - b)
  let kept = 0
  for (let i = 0; i < places.length; i++) {
    if (i + 1 === places.length || compareEntries(memory, places[i], places[i + 1]) !== 0) places[kept++] = places[i]
  }
  return kept
}

function headOf(number: number): number {
  return Math.floor(number / PLACES)
}

function placeOf(number: number): number {
  return (number - headOf(number) * PLACES) << 3
}

/**
 * 30 bits of a key, from the byte at `from` on; where it ends there are zeros, whatever stands behind it. What is read may reach up to
 * three bytes beyond the entry, and memory goes on there, as a part of it is kept for sorting.
 */
function headAt(memory: Arena, at: number, from: number): number {
  const left = keyLength(memory, at) - from
  const word = left <= 0 ? 0 : memory.data.getInt32(at + ENTRY_HEADER + from, false) >>> (32 - HEAD_BITS)
  return left >= 4 || left <= 0 ? word : word & ~((1 << (HEAD_BITS - 8 * left)) - 1)
}

function keyLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 2]
}

function valueLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 3]
}

/** Bytes of the entry at a place. */
export function entrySizeAt(memory: Arena, at: number): number {
  return entrySize(keyLength(memory, at), valueLength(memory, at))
}

/** Copies the entry of `size` bytes at a place. */
export function copyEntry(memory: Arena, at: number, target: Arena, to: number, size: number): void {
  copyWords(memory, at, target.words, to >>> 2, size)
}

/** The order of two entries' keys, as bytes compare and the shorter first. */
export function compareEntries(memory: Arena, a: number, b: number): number {
  const { bytes } = memory
  const aLength = keyLength(memory, a)
  const bLength = keyLength(memory, b)
  const shared = Math.min(aLength, bLength)
  for (let i = 0; i < shared; i++) {
    const difference = bytes[a + ENTRY_HEADER + i] - bytes[b + ENTRY_HEADER + i]
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

function isAscending(places: Int32Array, count: number): boolean {
  for (let i = 1; i < count; i++) if (places[i] < places[i - 1]) return false
  return true
}
