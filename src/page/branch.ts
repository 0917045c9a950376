import type { Arena } from './arena.js'
import { BRANCH_CELL, BRANCH_FLAG, SLOT } from './layout.js'
import {
  addFragmented, align4, cellAt, cellTopOf, gapOf, hasPrefix, insertCell, prefixLengthOf, releaseBytes, removeCell, restLength, setCellTop, setSuffix, slotAt,
  suffixLengthOf,
} from './node.js'

/**
 * Branch cells: child page u32 | child crc u32 | entries below u48 | flags u16 | rest of the separator.
 * The first cell has the empty key: it takes everything below the second cell's separator.
 */

const TWO_32 = 2 ** 32

export function childOf(arena: Arena, base: number, index: number): number {
  return arena.words[(cellAt(arena, base, index) + BRANCH_CELL.CHILD) >>> 2]
}

export function childCrcOf(arena: Arena, base: number, index: number): number {
  return arena.words[(cellAt(arena, base, index) + BRANCH_CELL.CRC) >>> 2]
}

/** Entries in the leaves below a child. */
export function entriesOf(arena: Arena, base: number, index: number): number {
  return readU48(arena, cellAt(arena, base, index) + BRANCH_CELL.ENTRIES)
}

export function setEntries(arena: Arena, base: number, index: number, entries: number): void {
  writeU48(arena, cellAt(arena, base, index) + BRANCH_CELL.ENTRIES, entries)
}

export function branchFlags(arena: Arena, base: number, index: number): number {
  return arena.halves[(cellAt(arena, base, index) + BRANCH_CELL.FLAGS) >>> 1]
}

export function setBranchFlags(arena: Arena, base: number, index: number, flags: number): void {
  arena.halves[(cellAt(arena, base, index) + BRANCH_CELL.FLAGS) >>> 1] = flags
}

export function setChildCrc(arena: Arena, base: number, index: number, crc: number): void {
  arena.words[(cellAt(arena, base, index) + BRANCH_CELL.CRC) >>> 2] = crc
}

/** Points the cell at the page that now stands for the child; its checksum is known when that page is sealed. */
export function redirectChild(arena: Arena, base: number, index: number, page: number): void {
  const cell = cellAt(arena, base, index)
  arena.words[(cell + BRANCH_CELL.CHILD) >>> 2] = page
  arena.halves[(cell + BRANCH_CELL.FLAGS) >>> 1] |= BRANCH_FLAG.UNSEALED
}

export function branchCellSize(suffixLength: number): number {
  return align4(BRANCH_CELL.REST + restLength(suffixLength))
}

export function branchCellSizeAt(arena: Arena, base: number, index: number): number {
  return branchCellSize(suffixLengthOf(arena, base, index))
}

/** Writes a new cell; the caller has seen that key and size fit the page as it is. */
export function insertBranchCell(
  arena: Arena, base: number, index: number, key: Uint8Array, length: number, suffixLength: number,
  child: number, crc: number, entries: number, flags: number,
): void {
  const cell = insertCell(arena, base, index, BRANCH_CELL.REST, branchCellSize(suffixLength), key, length - suffixLength, length)
  arena.words[(cell + BRANCH_CELL.CHILD) >>> 2] = child
  arena.words[(cell + BRANCH_CELL.CRC) >>> 2] = crc
  writeU48(arena, cell + BRANCH_CELL.ENTRIES, entries)
  arena.halves[(cell + BRANCH_CELL.FLAGS) >>> 1] = flags
}

/**
 * Gives the pointer at `index`, which is not the first, another separator; false, with nothing changed, where the page as it
 * stands has no room for that.
 */
export function setSeparator(arena: Arena, base: number, index: number, key: Uint8Array, length: number): boolean {
  if (!hasPrefix(arena, base, key, length)) return false
  const from = prefixLengthOf(arena, base)
  const before = branchCellSizeAt(arena, base, index)
  const after = branchCellSize(length - from)
  const cell = cellAt(arena, base, index)
  if (after > before) {
    if (gapOf(arena, base) < after) return false
    const top = cellTopOf(arena, base) - after
    arena.words.copyWithin((base + top) >>> 2, cell >>> 2, (cell + BRANCH_CELL.REST) >>> 2)
    arena.halves[(slotAt(base, index) + SLOT.OFFSET) >>> 1] = top
    setCellTop(arena, base, top)
    addFragmented(arena, base, before)
  } else releaseTail(arena, base, cell - base, before, after)
  setSuffix(arena, base, index, BRANCH_CELL.REST, key, from, length)
  return true
}

/** Takes a cell away; the cell that becomes the first gives up its separator. */
export function removeBranchCell(arena: Arena, base: number, index: number): void {
  removeCell(arena, base, index, branchCellSizeAt(arena, base, index))
  if (index === 0) clearFirstKey(arena, base)
}

function clearFirstKey(arena: Arena, base: number): void {
  const before = branchCellSizeAt(arena, base, 0)
  const slot = slotAt(base, 0)
  const offset = arena.halves[(slot + SLOT.OFFSET) >>> 1]
  arena.words[slot >>> 2] = 0
  arena.halves[(slot + SLOT.SUFFIX_LENGTH) >>> 1] = 0
  releaseTail(arena, base, offset, before, BRANCH_CELL.REST)
}

/** Gives back what a cell of `before` bytes at `offset` has more than `after`: never its header, so these bytes never lie lowest. */
function releaseTail(arena: Arena, base: number, offset: number, before: number, after: number): void {
  if (before > after) releaseBytes(arena, base, offset + after, before - after)
}

function readU48(arena: Arena, at: number): number {
  return (arena.words[at >>> 2] >>> 0) + arena.halves[(at + 4) >>> 1] * TWO_32
}

function writeU48(arena: Arena, at: number, value: number): void {
  arena.words[at >>> 2] = value
  arena.halves[(at + 4) >>> 1] = value / TWO_32
}
