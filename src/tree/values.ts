/** Entries as bytes: storing a value inside its leaf or in an overflow extent, and reading it back. */
import { markAsUntransferable } from 'node:worker_threads'
import { CoppiceError } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { LEAF_CELL, LEAF_FLAG, MAX_KEY_LENGTH, PAGE_SIZE, SLOT } from '../page/layout.js'
import { encodeOverflowRef, isOverflow, needsOverflow, readOverflowRef, storedLength, valueAt } from '../page/leaf.js'
import { align4, readKey, restLength, slotAt } from '../page/node.js'
import { FRAME_SLOTS } from '../pager/pool.js'
import { verifyExtent } from '../pager/recover.js'
import type { TreeCursor } from './cursor.js'
import { insert } from './insert.js'
import type { Loader } from './load.js'
import type { Tree } from './tree.js'

/** Puts an entry; answers whether the key is new. */
export function putValue(tree: Tree, key: Uint8Array, length: number, value: Uint8Array): boolean {
  if (!needsOverflow(length, value.length)) return insert(tree, key, length, value, 0)
  return insert(tree, key, length, encodeOverflowRef(tree.writing().writeExtent(value)), LEAF_FLAG.OVERFLOW)
}

/** Adds an entry to a bulk load. */
export function loadValue(tree: Tree, loader: Loader, key: Uint8Array, length: number, value: Uint8Array): void {
  if (!needsOverflow(length, value.length)) loader.add(key, length, value, 0)
  else loader.add(key, length, encodeOverflowRef(tree.writing().writeExtent(value)), LEAF_FLAG.OVERFLOW)
}

/** What makes a value out of its bytes, source[start..end). */
export interface Decoder<T> {
  decode(source: Uint8Array, start: number, end: number): T
  /** The same where nobody writes to these bytes ever again, so that the value may share their memory. */
  decodeOwned?(source: Buffer, start: number, end: number): T
}

/** The value of the entry at `index` of the leaf at `slot`. */
export function valueOf<T>(tree: Tree, slot: number, index: number, decoder: Decoder<T>): T {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const at = valueAt(arena, base, index)
  if (!isOverflow(arena, base, index)) return decodeStored(decoder, slot, at, arena, storedLength(arena, base, index))
  const bytes = verifyExtent(tree.pager, readOverflowRef(arena, at), tree.root.tree)
  return decode(decoder, bytes, 0, bytes.length)
}

/** Whether the value of that entry stands in an overflow extent. */
export function isOverflowAt(tree: Tree, slot: number, index: number): boolean {
  return isOverflow(tree.pager.arenas[arenaOf(slot)], baseOf(slot), index)
}

/** Memory for copies comes in pieces of four pages: making a Buffer takes longer than filling it. */
const SLAB_SIZE = 4 * PAGE_SIZE
export let slab = newSlab(SLAB_SIZE)
export let slabWords = new Int32Array(slab.buffer)
export let slabData = new DataView(slab.buffer)
let slabUsed = 0

/** As Node does with its own pool: who transferred the memory of one value to a worker would take that of the others with it. */
function newSlab(size: number): Buffer<ArrayBuffer> {
  const made = Buffer.allocUnsafeSlow(size)
  markAsUntransferable(made.buffer)
  return made
}

/** Takes so many bytes of the slab; answers where they begin, at a multiple of four. */
export function takeFromSlab(length: number): number {
  if (slabUsed + length > slab.length) {
    slab = newSlab(Math.max(SLAB_SIZE, align4(length)))
    slabWords = new Int32Array(slab.buffer)
    slabData = new DataView(slab.buffer)
    slabUsed = 0
  }
  const start = slabUsed
  slabUsed += align4(length)
  return start
}

/**
 * Up to so many bytes are copied word by word: `set` needs a view of the source made for it, and a value is to leave no garbage. That is
 * faster for 128 bytes, 14 against 36 ns, and for 256, 40 against 125 on a busy machine. Larger ones get memory of their own, as few of
 * them would fill a slab.
 */
const WORDWISE_MAX = 256

/**
 * The value in bytes [at..at + length) of the arena, where the page at `slot` stands. One that may share memory is a part of the slab, and
 * so one object is made for it. A frame may become another page's while the user's code decodes, so that this gets a copy.
 */
function decodeStored<T>(decoder: Decoder<T>, slot: number, at: number, arena: Arena, length: number): T {
  const framed = slot >= FRAME_SLOTS
  const owned = decoder.decodeOwned !== undefined
  if (length > WORDWISE_MAX) {
    if (!framed) return decode(decoder, arena.bytes, at, at + length)
    const copy = Buffer.from(arena.bytes.subarray(at, at + length))
    return owned ? decodeOwned(decoder, copy, 0, length) : decode(decoder, copy, 0, length)
  }
  if (!framed && !owned) return decode(decoder, arena.bytes, at, at + length)
  const start = takeFromSlab(length)
  copyWords(arena, at, slabWords, start >>> 2, length)
  return owned ? decodeOwned(decoder, slab, start, start + length) : decode(decoder, slab, start, start + length)
}

/** Copies bytes to whole words, the last of which gets no more than belongs in it. */
export function copyWords(arena: Arena, at: number, target: Int32Array, word: number, length: number): void {
  const { data } = arena
  const end = at + (length & ~3)
  // Four words a turn take 11 ns for 128 bytes, one 18.
  for (const last = end - 16; at <= last; at += 16, word += 4) {
    target[word] = data.getInt32(at, true)
    target[word + 1] = data.getInt32(at + 4, true)
    target[word + 2] = data.getInt32(at + 8, true)
    target[word + 3] = data.getInt32(at + 12, true)
  }
  for (; at < end; at += 4) target[word++] = data.getInt32(at, true)
  let last = 0
  for (let i = (length & 3) - 1; i >= 0; i--) last = (last << 8) | arena.bytes[at + i]
  if ((length & 3) !== 0) target[word] = last
}

/** Calls `use` with memory in which the value at the cursor stands from `start` to `end`: a copy of its leaf. */
export function viewAt<T>(cursor: TreeCursor, use: (bytes: Uint8Array, start: number, end: number) => T): T {
  const { bytes, halves } = cursor.leaf()
  // Written out, as calls of the functions in leaf.ts are too many here to be inlined all: 36 ns a value in place of 60.
  const slot = slotAt(0, cursor.index) >>> 1
  const cell = halves[slot + (SLOT.OFFSET >>> 1)]
  if ((halves[(cell + LEAF_CELL.FLAGS) >>> 1] & LEAF_FLAG.OVERFLOW) !== 0) return viewLarge(cursor, use)
  const start = cell + LEAF_CELL.REST + restLength(halves[slot + (SLOT.SUFFIX_LENGTH >>> 1)])
  return use(bytes, start, start + halves[(cell + LEAF_CELL.LENGTH) >>> 1])
}

function viewLarge<T>(cursor: TreeCursor, use: (bytes: Uint8Array, start: number, end: number) => T): T {
  const bytes = bytesOf(cursor.tree, cursor.slot, cursor.index)
  return use(bytes, 0, bytes.length)
}

/**
 * The bytes of a large value for somebody to look at: the very ones, but in a write transaction, which may use their pages for
 * something else meanwhile.
 */
export function bytesOf(tree: Tree, slot: number, index: number): Uint8Array {
  return valueOf(tree, slot, index, tree.writer === null ? bytesInPlace : copiedBytes)
}

const bytesInPlace: Decoder<Uint8Array> = { decode: (source, start, end) => source.subarray(start, end) }
const copiedBytes: Decoder<Uint8Array> = { decode: (source, start, end) => source.slice(start, end) }

/** Calls `use` with the value of the entry at `index` of the leaf at `slot`, in memory that is used again once it has returned. */
export function viewStored<T>(tree: Tree, slot: number, index: number, use: (bytes: Uint8Array) => T): T {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const at = valueAt(arena, base, index)
  const length = storedLength(arena, base, index)
  const bytes = viewing < SCRATCHES.length ? SCRATCHES[viewing].copy(arena, at, length) : arena.bytes.slice(at, at + length)
  viewing++
  try {
    return use(bytes)
  } finally {
    viewing--
  }
}

/**
 * Memory for a value that stands in a leaf. Copying 128 bytes here takes as long as making a Uint8Array over the
 * page, and that would be garbage.
 */
class Scratch {
  private readonly words = new Int32Array(PAGE_SIZE >>> 2)
  private readonly bytes = new Uint8Array(this.words.buffer)
  /** The first n bytes, for each n up to the largest that came up: an array with gaps would be slow to read. */
  private readonly views: Uint8Array[] = []

  copy(arena: Arena, at: number, length: number): Uint8Array {
    const { words, bytes, views } = this
    copyWords(arena, at, words, 0, length)
    while (views.length <= length) views.push(bytes.subarray(0, views.length))
    return views[length]
  }
}

/** Views open inside each other have a scratch each, and those deeper than this a copy. */
const SCRATCHES = [new Scratch(), new Scratch()]
/** Views open now. */
let viewing = 0

/** Bytes of the value of that entry; an overflow extent is not read for it. */
export function valueLength(tree: Tree, slot: number, index: number): number {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (!isOverflow(arena, base, index)) return storedLength(arena, base, index)
  return readOverflowRef(arena, valueAt(arena, base, index)).length
}

const keyScratch = new Uint8Array(MAX_KEY_LENGTH)

/** The key of the entry at `index` of the leaf at `slot`. */
export function keyOf<T>(tree: Tree, slot: number, index: number, decoder: Decoder<T>): T {
  const length = readKey(tree.pager.arenas[arenaOf(slot)], baseOf(slot), index, LEAF_CELL.REST, keyScratch, 0)
  return decode(decoder, keyScratch, 0, length)
}

export function decode<T>(decoder: Decoder<T>, source: Uint8Array, start: number, end: number): T {
  try {
    return decoder.decode(source, start, end)
  } catch (error) {
    throw unreadable(error)
  }
}

/** The same where the value may keep the memory; `decoder.decodeOwned` is there. */
export function decodeOwned<T>(decoder: Decoder<T>, source: Buffer, start: number, end: number): T {
  try {
    return decoder.decodeOwned!(source, start, end)
  } catch (error) {
    throw unreadable(error)
  }
}

function unreadable(cause: unknown): CoppiceError {
  return new CoppiceError('COPPICE_INVALID_VALUE', 'what is stored here is not of this encoding. Open the tree with the encoding it was written with.', { cause })
}
