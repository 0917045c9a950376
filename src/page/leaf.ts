import { Arena } from './arena.js'
import { LEAF_CELL, LEAF_FLAG, MAX_INLINE_CELL, OVERFLOW_REF, SLOT } from './layout.js'
import { readU64, writeU64 } from './header.js'
import {
  align4, cellAt, cellTopOf, closeSlots, copyCell, insertCell, openSlots, releaseBytes, removeCell, restLength, setCellTop, slotAt, slotOfCell,
  suffixLengthOf,
} from './node.js'

/** Leaf cells: length u16 | flags u16 | rest of the suffix | value, or a reference to an overflow extent. */

/** Bytes that the value, or the reference in its place, takes in the cell. */
export function storedLength(arena: Arena, base: number, index: number): number {
  return arena.halves[(cellAt(arena, base, index) + LEAF_CELL.LENGTH) >>> 1]
}

export function leafFlags(arena: Arena, base: number, index: number): number {
  return arena.halves[(cellAt(arena, base, index) + LEAF_CELL.FLAGS) >>> 1]
}

export function isOverflow(arena: Arena, base: number, index: number): boolean {
  return (leafFlags(arena, base, index) & LEAF_FLAG.OVERFLOW) !== 0
}

/** Offset in the arena of the value, or of the reference in its place. */
export function valueAt(arena: Arena, base: number, index: number): number {
  return cellAt(arena, base, index) + LEAF_CELL.REST + restLength(suffixLengthOf(arena, base, index))
}

/** Bytes of a cell, for a suffix and a stored value of these lengths. */
export function leafCellSize(suffixLength: number, stored: number): number {
  return align4(LEAF_CELL.REST + restLength(suffixLength) + stored)
}

export function leafCellSizeAt(arena: Arena, base: number, index: number): number {
  return leafCellSize(suffixLengthOf(arena, base, index), storedLength(arena, base, index))
}

/** True where a value of this length has to stand in an overflow extent. */
export function needsOverflow(keyLength: number, valueLength: number): boolean {
  return valueLength > OVERFLOW_REF.SIZE && LEAF_CELL.REST + keyLength + valueLength > MAX_INLINE_CELL
}

/** Writes a new cell; the caller has seen that key and size fit the page as it is. */
export function insertLeafCell(
  arena: Arena, base: number, index: number, key: Uint8Array, length: number, suffixLength: number, stored: Uint8Array, flags: number,
): void {
  const size = leafCellSize(suffixLength, stored.length)
  const cell = insertCell(arena, base, index, LEAF_CELL.REST, size, key, length - suffixLength, length)
  writeCellHeader(arena, cell, stored.length, flags)
  arena.bytes.set(stored, cell + LEAF_CELL.REST + restLength(suffixLength))
}

/** Puts another value of the same cell size in place of the one there. */
export function overwriteValue(arena: Arena, base: number, index: number, stored: Uint8Array, flags: number): void {
  writeCellHeader(arena, cellAt(arena, base, index), stored.length, flags)
  arena.bytes.set(stored, valueAt(arena, base, index))
}

function writeCellHeader(arena: Arena, cell: number, stored: number, flags: number): void {
  arena.halves[(cell + LEAF_CELL.LENGTH) >>> 1] = stored
  arena.halves[(cell + LEAF_CELL.FLAGS) >>> 1] = flags
}

export function removeLeafCell(arena: Arena, base: number, index: number): void {
  removeCell(arena, base, index, leafCellSizeAt(arena, base, index))
}

/**
 * Moves `count` cells from index `from` on to index `at` of another leaf, which has the same prefix and a gap that holds them.
 */
export function moveLeafCells(arena: Arena, base: number, from: number, count: number, target: Arena, targetBase: number, at: number): void {
  openSlots(target, targetBase, at, count)
  for (let i = 0; i < count; i++) {
    const size = leafCellSizeAt(arena, base, from + i)
    copyCell(arena, base, from + i, target, targetBase, at + i, size)
    vacate(arena, base, from + i, size)
  }
  closeSlots(arena, base, from, count)
}

/**
 * Frees the cell of `size` bytes of a slot that is about to go. Where the lowest cell is as long it comes to lie in its
 * place, so that the free bytes join the gap: leaves of even cells never need to be laid out anew for that.
 */
function vacate(arena: Arena, base: number, index: number, size: number): void {
  const { halves, words } = arena
  const own = (slotAt(base, index) + SLOT.OFFSET) >>> 1
  const offset = halves[own]
  const top = cellTopOf(arena, base)
  // From now on no search for a cell finds this one.
  halves[own] = 0
  const lowest = slotOfCell(arena, base, top)
  if (lowest !== -1 && leafCellSizeAt(arena, base, lowest) === size) {
    words.copyWithin((base + offset) >>> 2, (base + top) >>> 2, (base + top + size) >>> 2)
    halves[(slotAt(base, lowest) + SLOT.OFFSET) >>> 1] = offset
    setCellTop(arena, base, top + size)
  } else releaseBytes(arena, base, offset, size)
}

/** Gives back the bytes that a smaller value at `index` will not need: `before` and `after` are cell sizes. */
export function shrinkLeafCell(arena: Arena, base: number, index: number, before: number, after: number): void {
  const offset = cellAt(arena, base, index) - base
  releaseBytes(arena, base, offset + after, before - after)
}

/** Where an overflow value stands: `length` bytes from the start of `page`, with their checksum. */
export interface OverflowRef {
  page: number
  crc: number
  length: number
  birth: number
}

/** Reads the reference that begins at `at` in the arena. */
export function readOverflowRef(arena: Arena, at: number): OverflowRef {
  // The reference follows the rest of a suffix and may begin at any byte, so it is read byte-wise.
  const copy = scratchRef
  copy.bytes.set(arena.bytes.subarray(at, at + OVERFLOW_REF.SIZE))
  return {
    page: copy.words[OVERFLOW_REF.PAGE >>> 2] >>> 0,
    crc: copy.words[OVERFLOW_REF.CRC >>> 2],
    length: copy.words[OVERFLOW_REF.LENGTH >>> 2] >>> 0,
    birth: readU64(copy, OVERFLOW_REF.BIRTH),
  }
}

/** The bytes of a reference, valid until the next call. */
export function encodeOverflowRef(ref: OverflowRef): Uint8Array {
  outgoingRef.words[OVERFLOW_REF.PAGE >>> 2] = ref.page
  outgoingRef.words[OVERFLOW_REF.CRC >>> 2] = ref.crc
  outgoingRef.words[OVERFLOW_REF.LENGTH >>> 2] = ref.length
  writeU64(outgoingRef, OVERFLOW_REF.BIRTH, ref.birth)
  return outgoingRef.bytes
}

// Two scratches, as putting a reference in place of another reads the old one in between.
const scratchRef = new Arena(new ArrayBuffer(OVERFLOW_REF.SIZE))
const outgoingRef = new Arena(new ArrayBuffer(OVERFLOW_REF.SIZE))
