import type { Arena } from './arena.js'
import { arenaOf } from './arena.js'
import {
  BRANCH_CELL, HEADER, LEAF_CELL, LEAF_FLAG, BRANCH_FLAG, LOG_PAGE_RUNS, MAX_DEPTH, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, META_SLOTS,
  OVERFLOW_REF, PAGE_SIZE, SLOT, TYPE,
} from './layout.js'
import { birthOf, countOf, levelOf, pageOf, typeOf } from './header.js'
import { branchCellSize, branchFlags, childOf } from './branch.js'
import { isOverflow, leafFlags, readOverflowRef, storedLength, valueAt, leafCellSize } from './leaf.js'
import { cellTopOf, fragmentedOf, prefixLengthOf, slotAt, suffixLengthOf } from './node.js'

/**
 * The structure of a page read from the disk, looked at before anything in it is believed: every offset,
 * length and page number that a later read will follow. A page that passes cannot lead a reader outside
 * itself or outside the file. The order of keys is left to `check`, as it costs a pass over the keys.
 *
 * Each function answers what is wrong, or undefined.
 */

/** What a page number may be, and which transactions can have written a page. */
export interface Bounds {
  pageCount: number
  /** Id of the newest transaction that can have written the page. */
  newest: number
}

export function validatePage(arena: Arena, base: number, page: number, bounds: Bounds): string | undefined {
  if (pageOf(arena, base) !== page) return `it says that it is page ${pageOf(arena, base)}`
  if (birthOf(arena, base) > bounds.newest) return `it was written by transaction ${birthOf(arena, base)}, which never was`
  const type = typeOf(arena, base)
  if (type === TYPE.LEAF || type === TYPE.BRANCH) return validateNode(arena, base, type, bounds)
  if (type === TYPE.FREE_LOG) return countOf(arena, base) > LOG_PAGE_RUNS ? 'it has more runs than fit' : undefined
  return `its type is ${type}`
}

function validateNode(arena: Arena, base: number, type: number, bounds: Bounds): string | undefined {
  const count = countOf(arena, base)
  const level = levelOf(arena, base)
  const prefixLength = prefixLengthOf(arena, base)
  const top = cellTopOf(arena, base)
  const end = (PAGE_SIZE - prefixLength) & ~3
  if ((type === TYPE.LEAF) !== (level === 0) || level >= MAX_DEPTH) return `a page of type ${type} cannot be at level ${level}`
  if (prefixLength > MAX_KEY_LENGTH) return `its prefix has ${prefixLength} bytes`
  if (count === 0) return 'it has no cells'
  if (top > end || top < HEADER.SIZE + count * SLOT.SIZE) return `its ${count} slots and its cells from ${top} overlap`
  let cells = fragmentedOf(arena, base)
  claimed.fill(0)
  for (let i = 0; i < count; i++) {
    if (prefixLength + suffixLengthOf(arena, base, i) > MAX_KEY_LENGTH) return `the key in slot ${i} is too long`
    const offset = arena.halves[(slotAt(base, i) + SLOT.OFFSET) >>> 1]
    if (offset < top || (offset & 3) !== 0 || offset + cellHeader(type) > end) return `slot ${i} points outside the cells`
    const size = cellSize(arena, base, i, type)
    if (offset + size > end) return `the cell of slot ${i} reaches beyond the cells`
    if (!claim(offset, size)) return `the cell of slot ${i} overlaps another one`
    cells += size
    const wrong = type === TYPE.LEAF ? validateLeafCell(arena, base, i, bounds) : validateBranchCell(arena, base, i, bounds)
    if (wrong !== undefined) return wrong
  }
  return cells === end - top ? undefined : 'its cells do not add up to the space they take'
}

/** A bit for every four bytes of the page: set where a cell lies. */
const claimed = new Int32Array(PAGE_SIZE / 4 / 32)

/** Takes the bytes for a cell; false where some of them belong to another one: a write to one would change both. */
function claim(offset: number, size: number): boolean {
  const end = (offset + size) >>> 2
  for (let unit = offset >>> 2; unit < end; ) {
    const word = unit >>> 5
    const count = Math.min(end, (word + 1) << 5) - unit
    const bits = (count === 32 ? -1 : (1 << count) - 1) << (unit & 31)
    if ((claimed[word] & bits) !== 0) return false
    claimed[word] |= bits
    unit += count
  }
  return true
}

function cellHeader(type: number): number {
  return type === TYPE.LEAF ? LEAF_CELL.REST : BRANCH_CELL.REST
}

function cellSize(arena: Arena, base: number, index: number, type: number): number {
  const suffixLength = suffixLengthOf(arena, base, index)
  return type === TYPE.LEAF ? leafCellSize(suffixLength, storedLength(arena, base, index)) : branchCellSize(suffixLength)
}

function validateLeafCell(arena: Arena, base: number, index: number, bounds: Bounds): string | undefined {
  const flags = leafFlags(arena, base, index)
  if ((flags & ~LEAF_FLAG.OVERFLOW) !== 0) return `the cell of slot ${index} has unknown flags ${flags}`
  if (!isOverflow(arena, base, index)) return undefined
  if (storedLength(arena, base, index) !== OVERFLOW_REF.SIZE) return `the overflow reference of slot ${index} has a wrong length`
  const ref = readOverflowRef(arena, valueAt(arena, base, index))
  const pages = Math.ceil(ref.length / PAGE_SIZE)
  const fits = ref.length > 0 && ref.length <= MAX_VALUE_LENGTH && ref.page >= META_SLOTS && ref.page + pages <= bounds.pageCount
  if (!fits) return `the overflow extent of slot ${index} lies outside the file`
  if (arenaOf(ref.page) !== arenaOf(ref.page + pages - 1)) return `the overflow extent of slot ${index} crosses the end of a window`
  return ref.birth > bounds.newest ? `the overflow extent of slot ${index} comes from a transaction that never was` : undefined
}

function validateBranchCell(arena: Arena, base: number, index: number, bounds: Bounds): string | undefined {
  const child = childOf(arena, base, index)
  if (child < META_SLOTS || child >= bounds.pageCount) return `the child of slot ${index}, page ${child}, lies outside the file`
  if ((branchFlags(arena, base, index) & ~BRANCH_FLAG.OVERFLOW_BELOW) !== 0) return `the cell of slot ${index} has unknown flags`
  if (index === 0 && suffixLengthOf(arena, base, 0) !== 0) return 'its first separator is not empty'
  return undefined
}
