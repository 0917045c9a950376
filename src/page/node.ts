/**
 * What leaves and branches share: slots in key order from byte 32, cells from the end of the page downwards,
 * and the common prefix of all keys once, at the very end.
 *
 * Invariants, held by every function here and checked by `validateNode`:
 * - slots are sorted by key; no two keys are equal;
 * - every key begins with the page's prefix; its slot has the first four bytes of the suffix as a number
 *   whose order is the bytes' order, the cell has the bytes after those;
 * - cells lie between cell top and the prefix, each at a multiple of four; the bytes there that belong to no
 *   cell are counted in `fragmented`.
 *
 * `rest` is the offset of the suffix's rest in a cell: 4 in leaves, 16 in branches.
 */
import type { Arena } from './arena.js'
import { touch } from './arena.js'
import { HEADER, PAGE_SIZE, SLOT } from './layout.js'
import { countOf, setCount } from './header.js'

/** Bytes of a suffix that stand in the slot. */
const HEAD_LENGTH = 4
/** Flips the order of unsigned heads into the order of signed integers, which need no boxing. */
const FLIP = 0x80000000 | 0

export function align4(length: number): number {
  return (length + 3) & ~3
}

/** Bytes of a suffix that stand in the cell. */
export function restLength(suffixLength: number): number {
  return suffixLength > HEAD_LENGTH ? suffixLength - HEAD_LENGTH : 0
}

export function slotAt(base: number, index: number): number {
  return base + HEADER.SIZE + index * SLOT.SIZE
}

/** Offset of a cell in its arena. */
export function cellAt(arena: Arena, base: number, index: number): number {
  return base + arena.halves[(slotAt(base, index) + SLOT.OFFSET) >>> 1]
}

export function suffixLengthOf(arena: Arena, base: number, index: number): number {
  return arena.halves[(slotAt(base, index) + SLOT.SUFFIX_LENGTH) >>> 1]
}

export function prefixLengthOf(arena: Arena, base: number): number {
  return arena.halves[(base + HEADER.PREFIX_LENGTH) >>> 1]
}

export function cellTopOf(arena: Arena, base: number): number {
  return arena.halves[(base + HEADER.CELL_TOP) >>> 1]
}

export function setCellTop(arena: Arena, base: number, top: number): void {
  arena.halves[(base + HEADER.CELL_TOP) >>> 1] = top
}

export function fragmentedOf(arena: Arena, base: number): number {
  return arena.halves[(base + HEADER.FRAGMENTED) >>> 1]
}

export function addFragmented(arena: Arena, base: number, bytes: number): void {
  arena.halves[(base + HEADER.FRAGMENTED) >>> 1] += bytes
}

/** Free bytes between the last slot and the first cell. */
export function gapOf(arena: Arena, base: number): number {
  return cellTopOf(arena, base) - HEADER.SIZE - countOf(arena, base) * SLOT.SIZE
}

/** Bytes of the page that hold something: header, slots, cells and prefix. */
export function usedBytes(arena: Arena, base: number): number {
  return PAGE_SIZE - gapOf(arena, base) - fragmentedOf(arena, base)
}

/** First four bytes of key[at..length), zero-padded, as a signed integer in byte order. */
function headOf(key: Uint8Array, at: number, length: number): number {
  if (length - at >= HEAD_LENGTH) {
    return ((key[at] << 24) | (key[at + 1] << 16) | (key[at + 2] << 8) | key[at + 3]) ^ FLIP
  }
  let head = 0
  for (let i = 0; i < HEAD_LENGTH; i++) head = (head << 8) | (at + i < length ? key[at + i] : 0)
  return head ^ FLIP
}

/** Below 0 where the key sorts before every key with the page's prefix, above 0 where after, 0 where it has the prefix. */
function comparePrefix(arena: Arena, base: number, prefixLength: number, key: Uint8Array, length: number): number {
  const bytes = arena.bytes
  const start = base + PAGE_SIZE - prefixLength
  const shared = length < prefixLength ? length : prefixLength
  for (let i = 0; i < shared; i++) {
    const difference = key[i] - bytes[start + i]
    if (difference !== 0) return difference
  }
  return length < prefixLength ? -1 : 0
}

/** Order of key against the cell at `index`, both known to have the prefix and equal heads. */
function compareRest(arena: Arena, base: number, index: number, rest: number, key: Uint8Array, from: number, length: number): number {
  const suffixLength = suffixLengthOf(arena, base, index)
  const keyLeft = length - from
  const difference = keyLeft - suffixLength
  if (keyLeft <= HEAD_LENGTH || suffixLength <= HEAD_LENGTH) return difference
  const { bytes, words } = arena
  let at = cellAt(arena, base, index) + rest
  let k = from + HEAD_LENGTH
  const end = from + (difference < 0 ? keyLeft : suffixLength)
  // A word a turn as long as they are equal: the rest of a suffix begins at a multiple of four.
  for (; k <= end - 4; k += 4, at += 4) {
    if (words[at >>> 2] !== (key[k] | (key[k + 1] << 8) | (key[k + 2] << 16) | (key[k + 3] << 24))) break
  }
  for (; k < end; k++, at++) {
    const order = key[k] - bytes[at]
    if (order !== 0) return order
  }
  return difference
}

/** Among more slots than these the place is halved before they are looked through in strides. */
const RUN = 32
/** Slots passed by in one stride. */
const STRIDE = 4

/**
 * The first slot from `low` on, `high` where there is none, whose head is not less than this one. The last few slots are looked through
 * in strides: what is read next does not hang on what was read last, so that memory is asked for all of it at once.
 */
function firstNotLess(words: Int32Array, slots: number, low: number, high: number, head: number): number {
  while (high - low > RUN) {
    const middle = (low + high) >>> 1
    if ((words[slots + middle * 2] ^ FLIP) < head) low = middle + 1
    else high = middle
  }
  while (low + STRIDE <= high && (words[slots + (low + STRIDE - 1) * 2] ^ FLIP) < head) low += STRIDE
  while (low < high && (words[slots + low * 2] ^ FLIP) < head) low++
  return low
}

/**
 * Where key[0..length) stands among the cells from `low` on: the index of the cell with this very key, or
 * the bitwise complement of the index of the first cell with a greater one.
 */
export function searchNode(arena: Arena, base: number, low: number, rest: number, key: Uint8Array, length: number): number {
  // The prefix stands at the end, and where it begins is known only once the header has come.
  touch(arena, base + PAGE_SIZE - HEAD_LENGTH)
  const { words } = arena
  const prefixLength = prefixLengthOf(arena, base)
  let high = countOf(arena, base)
  if (prefixLength !== 0) {
    const order = comparePrefix(arena, base, prefixLength, key, length)
    if (order !== 0) return order < 0 ? ~low : ~high
  }
  const head = headOf(key, prefixLength, length)
  const slots = (base + HEADER.SIZE) >>> 2
  low = firstNotLess(words, slots, low, high, head)
  // The key is this one, or stands before it, or among those after it that have the same head.
  let middle = low
  while (low < high) {
    const other = words[slots + middle * 2] ^ FLIP
    if (other !== head) high = middle
    else {
      const order = compareRest(arena, base, middle, rest, key, prefixLength, length)
      if (order === 0) return middle
      if (order > 0) low = middle + 1
      else high = middle
    }
    middle = (low + high) >>> 1
  }
  return ~low
}

/** Order of key[0..length) against the key at `index`. */
export function compareKey(arena: Arena, base: number, index: number, rest: number, key: Uint8Array, length: number): number {
  const prefixLength = prefixLengthOf(arena, base)
  const order = comparePrefix(arena, base, prefixLength, key, length)
  if (order !== 0) return order
  const head = headOf(key, prefixLength, length)
  const other = arena.words[slotAt(base, index) >>> 2] ^ FLIP
  if (head !== other) return head < other ? -1 : 1
  return compareRest(arena, base, index, rest, key, prefixLength, length)
}

/** Length in bytes of the whole key at `index`. */
export function keyLengthOf(arena: Arena, base: number, index: number): number {
  return prefixLengthOf(arena, base) + suffixLengthOf(arena, base, index)
}

/** Copies the whole key at `index` to out[at..) and answers its length. */
export function readKey(arena: Arena, base: number, index: number, rest: number, out: Uint8Array, at: number): number {
  const bytes = arena.bytes
  const prefixLength = prefixLengthOf(arena, base)
  const suffixLength = suffixLengthOf(arena, base, index)
  const start = base + PAGE_SIZE - prefixLength
  for (let i = 0; i < prefixLength; i++) out[at + i] = bytes[start + i]
  at += prefixLength
  const head = arena.words[slotAt(base, index) >>> 2]
  if (suffixLength > 0) out[at] = head >>> 24
  if (suffixLength > 1) out[at + 1] = head >>> 16
  if (suffixLength > 2) out[at + 2] = head >>> 8
  if (suffixLength > 3) out[at + 3] = head
  if (suffixLength > HEAD_LENGTH) {
    const cell = cellAt(arena, base, index) + rest
    const length = suffixLength - HEAD_LENGTH
    for (let i = 0; i < length; i++) out[at + HEAD_LENGTH + i] = bytes[cell + i]
  }
  return prefixLength + suffixLength
}

/**
 * The same in steps of four bytes, which takes a twentieth off a scan of short keys. It writes up to three bytes behind the key: these must be
 * there, and hold nothing yet.
 */
export function readKeyWordwise(arena: Arena, base: number, index: number, rest: number, out: DataView, at: number): number {
  const { data, words } = arena
  const prefixLength = prefixLengthOf(arena, base)
  const suffixLength = suffixLengthOf(arena, base, index)
  if (prefixLength !== 0) copyPrefix(data, base, prefixLength, out, at)
  at += prefixLength
  if (suffixLength !== 0) out.setInt32(at, words[slotAt(base, index) >>> 2])
  if (suffixLength > HEAD_LENGTH) {
    let word = (cellAt(arena, base, index) + rest) >>> 2
    const end = at + suffixLength
    for (at += HEAD_LENGTH; at < end; at += 4) out.setInt32(at, words[word++], true)
  }
  return prefixLength + suffixLength
}

/** Copies a page's prefix: its last bytes may stand in half a word, and behind that one is another page, or nothing. */
function copyPrefix(data: DataView, base: number, length: number, out: DataView, at: number): void {
  const end = base + PAGE_SIZE
  for (let from = end - length; from < end - 3; from += 4, at += 4) out.setInt32(at, data.getInt32(from, true), true)
  if ((length & 3) !== 0) out.setInt32(at, data.getInt32(end - 4, true) >>> (32 - 8 * (length & 3)), true)
}

/** True where the key begins with the page's prefix, so that it can stand in the page as it is. */
export function hasPrefix(arena: Arena, base: number, key: Uint8Array, length: number): boolean {
  return comparePrefix(arena, base, prefixLengthOf(arena, base), key, length) === 0
}

/** True where two pages have the same prefix, so that a cell of the one can stand in the other as it is. */
export function samePrefix(arena: Arena, base: number, other: Arena, otherBase: number): boolean {
  const length = prefixLengthOf(arena, base)
  if (length !== prefixLengthOf(other, otherBase)) return false
  const start = base + PAGE_SIZE - length
  return comparePrefix(other, otherBase, length, arena.bytes.subarray(start, start + length), length) === 0
}

/** Gives a page without cells its prefix, key[from..from + length). */
export function setPrefix(arena: Arena, base: number, key: Uint8Array, from: number, length: number): void {
  const start = base + PAGE_SIZE - length
  for (let i = 0; i < length; i++) arena.bytes[start + i] = key[from + i]
  arena.halves[(base + HEADER.PREFIX_LENGTH) >>> 1] = length
  setCellTop(arena, base, (PAGE_SIZE - length) & ~3)
}

/**
 * Makes a slot and a cell of `size` bytes (a multiple of 4) for the suffix key[from..end), writes the suffix
 * into both, and answers the cell's offset in the arena. The caller has seen that the gap holds it.
 */
export function insertCell(arena: Arena, base: number, index: number, rest: number, size: number, key: Uint8Array, from: number, end: number): number {
  const top = cellTopOf(arena, base) - size
  openSlots(arena, base, index, 1)
  setCellTop(arena, base, top)
  arena.halves[(slotAt(base, index) + SLOT.OFFSET) >>> 1] = top
  setSuffix(arena, base, index, rest, key, from, end)
  return base + top
}

/** Writes the suffix key[from..end) into the slot and the cell at `index`, which has room for it. */
export function setSuffix(arena: Arena, base: number, index: number, rest: number, key: Uint8Array, from: number, end: number): void {
  const { bytes } = arena
  const slot = slotAt(base, index)
  arena.words[slot >>> 2] = headOf(key, from, end) ^ FLIP
  arena.halves[(slot + SLOT.SUFFIX_LENGTH) >>> 1] = end - from
  let at = cellAt(arena, base, index) + rest
  for (let i = from + HEAD_LENGTH; i < end; i++) bytes[at++] = key[i]
}

/** Makes `count` slots at `index`, to be filled by the caller, who has seen that the gap holds them. */
export function openSlots(arena: Arena, base: number, index: number, count: number): void {
  const end = countOf(arena, base)
  if (index < end) arena.bytes.copyWithin(slotAt(base, index + count), slotAt(base, index), slotAt(base, end))
  setCount(arena, base, end + count)
}

/** Takes `count` slots from `index` on away, whose cells are gone. */
export function closeSlots(arena: Arena, base: number, index: number, count: number): void {
  const end = countOf(arena, base)
  if (index + count < end) arena.bytes.copyWithin(slotAt(base, index), slotAt(base, index + count), slotAt(base, end))
  setCount(arena, base, end - count)
}

/** Copies the cell of `size` bytes at `index` to the slot `at` of another page with the same prefix. */
export function copyCell(arena: Arena, base: number, index: number, target: Arena, targetBase: number, at: number, size: number): void {
  const top = cellTopOf(target, targetBase) - size
  const slot = slotAt(base, index) >>> 2
  const targetSlot = slotAt(targetBase, at) >>> 2
  const { words } = arena
  const to = target.words
  to[targetSlot] = words[slot]
  to[targetSlot + 1] = top | (words[slot + 1] & ~0xffff)
  let from = (base + (words[slot + 1] & 0xffff)) >>> 2
  let next = (targetBase + top) >>> 2
  for (const end = next + (size >>> 2); next < end; ) to[next++] = words[from++]
  setCellTop(target, targetBase, top)
}

/** Takes slot and cell away; the cell's `size` bytes are free only after a rebuild, or at once where it lies lowest. */
export function removeCell(arena: Arena, base: number, index: number, size: number): void {
  releaseBytes(arena, base, arena.halves[(slotAt(base, index) + SLOT.OFFSET) >>> 1], size)
  closeSlots(arena, base, index, 1)
}

/** The slot of the cell at `offset` from the page's start, or -1 where none begins there. */
export function slotOfCell(arena: Arena, base: number, offset: number): number {
  const { halves } = arena
  const first = (slotAt(base, 0) + SLOT.OFFSET) >>> 1
  for (let i = 0, count = countOf(arena, base); i < count; i++) if (halves[first + i * (SLOT.SIZE >>> 1)] === offset) return i
  return -1
}

/** Gives back `size` bytes of the cell area at `offset` from the page's start. */
export function releaseBytes(arena: Arena, base: number, offset: number, size: number): void {
  if (offset === cellTopOf(arena, base)) setCellTop(arena, base, offset + size)
  else addFragmented(arena, base, size)
}
