/**
 * Puts of a large transaction that wait, to be made in the order of their keys. In an order of its own each waits for memory at every
 * level of the tree; sorted, most come to the leaf that the one before has brought into the cache.
 *
 * Entries stand one behind the other as they came, each at a multiple of 8 bytes:
 *
 *   number of the tree u32 | key length u16 | value length u16 | key | 0 to 3 bytes | value
 *
 * Invariants:
 * - only puts wait: whatever else a transaction does, or reads, comes after `settle`;
 * - of a tree without a root none waits, so that a tree with entries shows that it has some.
 */
import { Arena, touch } from '../page/arena.js'
import { MAX_KEY_LENGTH, PAGE_SIZE } from '../page/layout.js'
import { needsOverflow } from '../page/leaf.js'
import { align4 } from '../page/node.js'
import { leaveSlab, takeSlab } from '../pager/slabs.js'
import type { Tree } from './tree.js'
import { copyWords, putValue } from './values.js'

/** A tree's puts wait once so many in a row have each gone to another leaf than the one before. */
const SCATTERED = 64
/** Trees whose puts may wait at a time: each is looked for in all of the memory. */
const MAX_TREES = 8
/** A place is kept in 23 bits, in units of 8 bytes. */
const MOST = 2 ** 26
const HEADER = 8
/** Entries are asked of memory so many at a time, and the wait for them is one. */
const AHEAD = 8

/** Numbers that sort as 30 bits of the key, behind what all keys share, and then as the place: `head * PLACES + place`. */
const PLACES = 2 ** 23

/** The puts of one tree. */
interface Waiting {
  tree: Tree
  count: number
  /** Where the first one stands, and how many bytes all keys have in common at their beginning. */
  first: number
  shared: number
}

const key = new Uint8Array(MAX_KEY_LENGTH)
const valueMemory = new Arena(new ArrayBuffer(PAGE_SIZE))

export class PutBuffer {
  private readonly capacity: number
  private memory: Arena | undefined
  private end = 0
  /** Puts that have waited are being made. */
  settling = false
  private readonly waiting: Waiting[] = []
  /** The value under way; most are as long as the one before. */
  private value = valueMemory.bytes.subarray(0, 0)

  /** Takes up to `capacity` bytes, once they are needed. */
  constructor(capacity: number) {
    this.capacity = Math.min(capacity, MOST)
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  /** Lets a put wait; false where this one is to be made at once, behind those that wait. */
  add(tree: Tree, source: Uint8Array, length: number, value: Uint8Array): boolean {
    if (tree.path.scattered < SCATTERED || tree.root.page === 0 || needsOverflow(length, value.length)) return false
    const size = sizeOf(length, value.length)
    if (size > this.capacity - HEADER) return false
    let number = this.numberOf(tree)
    if (this.end + size > this.capacity - HEADER || number === MAX_TREES) {
      this.settle()
      number = 0
    }
    const at = this.end
    const memory = (this.memory ??= new Arena(takeSlab(this.capacity)))
    memory.words[at >>> 2] = number
    memory.words[(at >>> 2) + 1] = length | (value.length << 16)
    for (let i = 0; i < length; i++) memory.bytes[at + HEADER + i] = source[i]
    memory.bytes.set(value, at + HEADER + align4(length))
    this.end = at + size
    if (number === this.waiting.length) this.waiting.push({ tree, count: 0, first: at, shared: length })
    this.waiting[number].count++
    this.narrow(memory, this.waiting[number], source, length)
    return true
  }

  private numberOf(tree: Tree): number {
    const { waiting } = this
    for (let i = 0; i < waiting.length; i++) if (waiting[i].tree === tree) return i
    return waiting.length
  }

  private narrow({ bytes }: Arena, waiting: Waiting, source: Uint8Array, length: number): void {
    const first = waiting.first + HEADER
    const most = Math.min(waiting.shared, length)
    let shared = 0
    while (shared < most && bytes[first + shared] === source[shared]) shared++
    waiting.shared = shared
  }

  /** Makes all puts that wait. Where one fails the transaction is half-way in it, and nothing waits any more. */
  settle(): void {
    const { waiting, memory } = this
    if (memory === undefined || this.isEmpty) return
    this.settling = true
    try {
      for (let number = 0; number < waiting.length; number++) this.make(memory, number)
    } finally {
      this.settling = false
      this.discard()
    }
  }

  /** Forgets what waits. */
  discard(): void {
    this.waiting.length = 0
    this.end = 0
  }

  /** The transaction has ended. */
  close(): void {
    this.discard()
    if (this.memory !== undefined) leaveSlab(this.memory.bytes.buffer)
    this.memory = undefined
  }

  private make(memory: Arena, number: number): void {
    const { tree, count } = this.waiting[number]
    const places = this.sorted(memory, number)
    for (let i = 0; i < count; i++) {
      if (i % AHEAD === 0) for (let next = i + AHEAD; next < i + 2 * AHEAD && next < count; next++) touch(memory, places[next])
      // Of several puts of a key the last one counts.
      if (i + 1 < count && compareAt(memory, places[i], places[i + 1]) === 0) continue
      this.put(memory, tree, places[i])
    }
    tree.path.scattered = isAscending(places) ? 0 : SCATTERED
  }

  private put(memory: Arena, tree: Tree, at: number): void {
    const { bytes } = memory
    const length = keyLength(memory, at)
    for (let i = 0; i < length; i++) key[i] = bytes[at + HEADER + i]
    const stored = valueLength(memory, at)
    if (stored !== this.value.length) this.value = valueMemory.bytes.subarray(0, stored)
    copyWords(memory, at + HEADER + align4(length), valueMemory.words, 0, stored)
    putValue(tree, key, length, this.value)
  }

  /** Where the tree's entries stand, in the order of their keys; those of a key in the order in which they came. */
  private sorted(memory: Arena, number: number): Int32Array {
    const { count, first, shared } = this.waiting[number]
    const numbers = new Float64Array(count)
    for (let at = first, i = 0; i < count; at += sizeAt(memory, at)) {
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
}

function headOf(number: number): number {
  return Math.floor(number / PLACES)
}

function keyLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 2]
}

function valueLength({ halves }: Arena, at: number): number {
  return halves[(at >>> 1) + 3]
}

/** Bytes of an entry. */
function sizeOf(keyLength: number, valueLength: number): number {
  return (HEADER + align4(keyLength) + valueLength + 7) & ~7
}

function sizeAt(memory: Arena, at: number): number {
  return sizeOf(keyLength(memory, at), valueLength(memory, at))
}

/** 30 bits of a key, from the byte at `from` on; where it ends there are zeros. */
function headAt(memory: Arena, at: number, from: number): number {
  const left = keyLength(memory, at) - from
  const word = left <= 0 ? 0 : memory.data.getInt32(at + HEADER + from, false) >>> 2
  // What stands behind the key is none of it.
  return left >= 4 || left <= 0 ? word : word & ~((1 << (30 - 8 * left)) - 1)
}

/** The order of two keys, as bytes compare and the shorter first. */
function compareAt(memory: Arena, a: number, b: number): number {
  const { bytes } = memory
  const aLength = keyLength(memory, a)
  const bLength = keyLength(memory, b)
  const shared = Math.min(aLength, bLength)
  for (let i = 0; i < shared; i++) {
    const difference = bytes[a + HEADER + i] - bytes[b + HEADER + i]
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

function isAscending(places: Int32Array): boolean {
  for (let i = 1; i < places.length; i++) if (places[i] < places[i - 1]) return false
  return true
}
