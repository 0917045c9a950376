/**
 * The puts of one tree that have waited, in the order of their keys, the last one of each key alone.
 *
 * Where they stand in memory is sorted by heads: four bytes of the key, behind what all keys share. Keys with the same head are compared as
 * a whole, and no others, as each look at a key far away waits for memory.
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

/** Offsets are small integers, which need no boxing. */
export const MOST_ENTRY_BYTES = 2 ** 28
/** Bytes an entry that sorting takes: its head and its place, twice, and in V8 about 16 more where many keys have the same head. */
export const SORTING = 32
/** So few are sorted by their keys alone. */
const FEW = 64
/** Heads are sorted by a digit of so many bits at a time, the lowest first. */
const DIGIT = 8
/** Entries are asked of memory so many at a time, and the wait for them is one. */
const AHEAD = 8

/** A stretch of the memory with puts, one behind the other, of whatever trees. */
export interface Part {
  readonly start: number
  end: number
  count: number
}

/** Bytes of an entry. */
export function entrySize(keyLength: number, valueLength: number): number {
  return (ENTRY_HEADER + align4(keyLength) + valueLength + 7) & ~7
}

/** One of a kind is enough for all: nothing of a put outlives it. */
const keyMemory = new Uint8Array(MAX_KEY_LENGTH)
const valueMemory = new Arena(new ArrayBuffer(PAGE_SIZE))

export class SortedPuts {
  readonly count: number
  /** The put that `look` has brought here. */
  readonly key = keyMemory
  length = 0
  value = valueMemory.bytes.subarray(0, 0)
  readonly memory: Arena
  readonly places: Int32Array

  /** Entries in the order of their keys, each key once: the first `count` of `places` in the memory. */
  constructor(memory: Arena, places: Int32Array, count: number) {
    this.memory = memory
    this.places = places
    this.count = count
  }

  /** Those of tree `number` in these parts, oldest first, `count` of them; all keys have `shared` bytes in common at their beginning. */
  static of(memory: Arena, parts: readonly Part[], number: number, count: number, shared: number): SortedPuts {
    const unsorted = headsOf(memory, parts, number, count, shared)
    if (count <= FEW) return new SortedPuts(memory, unsorted.places, sortAlike(memory, unsorted.places))
    const { heads, places } = sortedHeads(unsorted)
    let kept = 0
    for (let start = 0; start < count; ) {
      let end = start + 1
      while (end < count && heads[end] === heads[start]) end++
      places.copyWithin(kept, start, end)
      kept += end - start === 1 ? 1 : sortAlike(memory, places.subarray(kept, kept + end - start))
      start = end
    }
    return new SortedPuts(memory, places, kept)
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

/** The head of each entry and where it stands, as they came. */
function headsOf(memory: Arena, parts: readonly Part[], number: number, count: number, shared: number): Heads {
  const list = new Heads(count)
  let i = 0
  for (const { start, end } of parts) {
    for (let at = start; at < end; at += entrySizeAt(memory, at)) {
      if (memory.words[at >>> 2] !== number) continue
      list.heads[i] = headAt(memory, at, shared)
      list.places[i++] = at
    }
  }
  return list
}

class Heads {
  readonly heads: Uint32Array
  readonly places: Int32Array

  constructor(count: number) {
    this.heads = new Uint32Array(count)
    this.places = new Int32Array(count)
  }

  /** Copies all to `to`, in the order of one digit. */
  distribute(to: Heads, shift: number): void {
    const { heads, places } = this
    const { heads: toHeads, places: toPlaces } = to
    const next = new Int32Array((1 << DIGIT) + 1)
    const mask = (1 << DIGIT) - 1
    for (let i = 0; i < heads.length; i++) next[((heads[i] >>> shift) & mask) + 1]++
    for (let digit = 0; digit < mask; digit++) next[digit + 1] += next[digit]
    for (let i = 0; i < heads.length; i++) {
      const at = next[(heads[i] >>> shift) & mask]++
      toHeads[at] = heads[i]
      toPlaces[at] = places[i]
    }
  }
}

/** Sorts by heads; entries of the same head stay in the order in which they are. */
function sortedHeads(list: Heads): Heads {
  let from = list
  let to = new Heads(list.heads.length)
  for (let shift = 0; shift < 32; shift += DIGIT) {
    from.distribute(to, shift)
    const next = from
    from = to
    to = next
  }
  return from
}

/** Sorts entries of the same head by their keys, and moves the last one of each key to the front; answers how many these are. */
function sortAlike(memory: Arena, places: Int32Array): number {
  places.sort((a, b) => compareEntries(memory, a, memory, b))
  let kept = 0
  for (let i = 0; i < places.length; i++) {
    if (i + 1 === places.length || compareEntries(memory, places[i], memory, places[i + 1]) !== 0) places[kept++] = places[i]
  }
  return kept
}

/**
 * Four bytes of a key as a number, from the byte at `from` on; where it ends there are zeros, whatever stands behind it. What is read may
 * reach up to three bytes beyond the entry, and memory goes on there, as a part of it is kept for sorting.
 */
function headAt(memory: Arena, at: number, from: number): number {
  const left = keyLength(memory, at) - from
  if (left <= 0) return 0
  const word = memory.data.getUint32(at + ENTRY_HEADER + from, false)
  return left >= 4 ? word : (word & ~((1 << (32 - 8 * left)) - 1)) >>> 0
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

/** Writes an entry of tree `number`. */
export function writeEntry(memory: Arena, at: number, number: number, key: Uint8Array, length: number, value: Uint8Array): void {
  const { bytes, words } = memory
  words[at >>> 2] = number
  words[(at >>> 2) + 1] = length | (value.length << 16)
  for (let i = 0; i < length; i++) bytes[at + ENTRY_HEADER + i] = key[i]
  bytes.set(value, at + ENTRY_HEADER + align4(length))
}

/** The order of two entries' keys, as bytes compare and the shorter first. */
export function compareEntries(memory: Arena, a: number, other: Arena, b: number): number {
  const aLength = keyLength(memory, a)
  const bLength = keyLength(other, b)
  const shared = Math.min(aLength, bLength)
  for (let i = 0; i < shared; i++) {
    const difference = memory.bytes[a + ENTRY_HEADER + i] - other.bytes[b + ENTRY_HEADER + i]
    if (difference !== 0) return difference
  }
  return aLength - bLength
}
