/**
 * The puts of one tree that have waited, in the order of their keys, the last one of each key alone.
 *
 * Where they stand in memory is sorted as numbers: 30 bits of the key, behind what all keys share, and then the place. Keys whose bits
 * are the same are compared as a whole.
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
  count = 0
  /** They came in this order. */
  readonly ascending: boolean
  /** The put that `look` has brought here. */
  readonly key = keyMemory
  length = 0
  value = valueMemory.bytes.subarray(0, 0)
  private readonly memory: Arena
  private readonly places: Int32Array

  /** Those of tree `number`, `count` of them, the first at `first`; all keys have `shared` bytes in common at their beginning. */
  constructor(memory: Arena, number: number, count: number, first: number, shared: number) {
    this.memory = memory
    this.places = sortedPlaces(memory, number, count, first, shared)
    this.ascending = isAscending(this.places)
    for (let i = 0; i < count; i++) {
      const place = this.places[i]
      if (i + 1 === count || compareAt(memory, place, this.places[i + 1]) !== 0) this.places[this.count++] = place
    }
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

  /** Asks memory for the puts that come after those around `index`. */
  askAhead(index: number): void {
    if (index % AHEAD !== 0) return
    for (let next = index + AHEAD; next < index + 2 * AHEAD && next < this.count; next++) touch(this.memory, this.places[next])
  }
}

function sortedPlaces(memory: Arena, number: number, count: number, first: number, shared: number): Int32Array {
  const numbers = new Float64Array(count)
  for (let at = first, i = 0; i < count; at += entrySize(keyLength(memory, at), valueLength(memory, at))) {
    if (memory.words[at >>> 2] === number) numbers[i++] = headAt(memory, at, shared) * PLACES + (at >>> 3)
  }
  numbers.sort()
  const places = new Int32Array(count)
  for (let i = 0; i < count; i++) places[i] = (numbers[i] - headOf(numbers[i]) * PLACES) << 3
  for (let start = 0; start < count; ) {
    const head = headOf(numbers[start])
    let end = start + 1
    while (end < count && headOf(numbers[end]) === head) end++
    if (end > start + 1) places.subarray(start, end).sort((a, b) => compareAt(memory, a, b) || a - b)
    start = end
  }
  return places
}

function headOf(number: number): number {
  return Math.floor(number / PLACES)
}

/**
 * 30 bits of a key, from the byte at `from` on; where it ends there are zeros, whatever stands behind it. What is read may reach up to
 * three bytes beyond the entry, and memory goes on there, as a part of it is kept for sorting.
 */
function headAt(memory: Arena, at: number, from: number): number {
  const left = keyLength(memory, at) - from
  const word = left <= 0 ? 0 : memory.data.getInt32(at + ENTRY_HEADER + from, false) >>> 2
  return left >= 4 || left <= 0 ? word : word & ~((1 << (30 - 8 * left)) - 1)
}

function keyLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 2]
}

function valueLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 3]
}

/** The order of two keys, as bytes compare and the shorter first. */
function compareAt(memory: Arena, a: number, b: number): number {
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

function isAscending(places: Int32Array): boolean {
  for (let i = 1; i < places.length; i++) if (places[i] < places[i - 1]) return false
  return true
}
