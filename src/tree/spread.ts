/**
 * What to do with the cells of a page that no longer fit it: lay them out anew in the page itself, share
 * them with a neighbour, or split the page in two.
 *
 * Sharing before splitting leaves pages 82 % full after random inserts, like making three pages of two full
 * neighbours (the B*-tree's way: 83 %), but each overflow writes one page more, not up to two. A run of
 * ascending inserts splits where it stands, and leaves full pages behind.
 */
import { assert } from '../assert.js'
import { corrupt } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { branchCellSize, branchFlags, childCrcOf, childOf, entriesOf, insertBranchCell, removeBranchCell, setBranchFlags, setEntries } from '../page/branch.js'
import { countOf, crcOf, formatPage, pageOf, setBirth } from '../page/header.js'
import { BRANCH_CELL, BRANCH_FLAG, MAX_DEPTH, PAGE_SIZE, SLOT, TYPE } from '../page/layout.js'
import { isOverflow } from '../page/leaf.js'
import { cellAt, gapOf, hasPrefix, prefixLengthOf, readKey, setPrefix, usedBytes } from '../page/node.js'
import { RECENT } from '../pager/pool.js'
import type { Cells } from './cells.js'
import { NO_KEY } from './cells.js'
import type { Tree } from './tree.js'

/** Inserts in a row, each behind the one before, from which on a run is believed to go on. */
const RUN = 4
/**
 * A neighbour takes cells over where both pages have this many bytes left afterwards, together: with less, the
 * next overflow is too near (200 bytes overflow twice as often), with more, pages stay emptier (900: below 80 % full).
 * Where so few cells fill both pages, any way in which they fit is taken, as one cell more is much room.
 */
export const SHARE_ROOM = 480
export const FEW_CELLS = 12

/** Pages that are laid out together are held together with the path, and the pool keeps the frames of no more. */
const MOST_PARTS = RECENT - MAX_DEPTH - 1

const separatorScratch = new Uint8Array(PAGE_SIZE)

/**
 * Lays `cells`, all that belongs in the page at `level` of the path, into that page and as many more as it
 * takes. `added` is the index of the cell that is new. The path no longer holds afterwards.
 */
export function spread(tree: Tree, level: number, cells: Cells, added: number): void {
  const { path } = tree
  if (fitsAlone(tree, level, cells)) return
  const cut = runCut(tree, level, cells, added)
  if (cut === undefined) share(tree, level, cells, 2)
  else lay(tree, level, cells, path.index[level + 1], [path.slots[level]], [0, cut, cells.count])
}

/**
 * The same for leaves side by side, the first at the end of the path, and very many new cells: they take at least as many pages as there
 * are leaves. Answers the slots of all that were laid out.
 */
export function spreadMany(tree: Tree, cells: Cells, slots: number[]): number[] {
  const { path } = tree
  const parts = Math.max(2, Math.ceil(cells.pages()))
  if (slots.length === 1) return fitsAlone(tree, 0, cells) ? slots : share(tree, 0, cells, parts)
  path.valid = false
  touchPath(tree)
  return lay(tree, 0, cells, path.index[1], slots, cutInto(tree, 0, cells, Math.max(slots.length, parts)))
}

/** Lays the cells into the page of the path where they fit it; else answers false, and there is a branch above. */
function fitsAlone(tree: Tree, level: number, cells: Cells): boolean {
  const { path, root } = tree
  path.valid = false
  touchPath(tree)
  if (cells.fits(0, cells.count)) {
    rewrite(tree, path.slots[level], level, cells, 0, cells.count)
    return true
  }
  if (level === root.depth - 1) growRoot(tree)
  return false
}

/** The pool keeps what was touched lately; an insert by the finger may not have come by the upper pages for long. */
export function touchPath(tree: Tree): void {
  const { pool } = tree.pager
  for (let level = 0; level < tree.root.depth; level++) pool.touch(pool.frameOf(tree.path.slots[level]))
}

/** A root above the root, with it as the only child. */
export function growRoot(tree: Tree): void {
  const { root, path, pager } = tree
  const level = root.depth
  const slot = tree.createPage(level)
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  formatNode(tree, arena, base, pageOf(arena, base), level)
  insertBranchCell(arena, base, 0, NO_KEY, 0, 0, root.page, root.crc, root.entries, BRANCH_FLAG.UNSEALED)
  path.slots[level] = slot
  path.index[level] = 0
  tree.setRoot(slot, level + 1)
}

/** Where to split behind a run of ascending inserts, or undefined where there is none. */
function runCut(tree: Tree, level: number, cells: Cells, added: number): number | undefined {
  const isLast = added === cells.count - 1
  if (!isAscending(tree, level, isLast)) return undefined
  if (isLast) return cells.fits(0, added) ? added : undefined
  return cells.fits(0, added + 1) && cells.fits(added + 1, cells.count) ? added + 1 : undefined
}

/** True where the new cell goes on with a run of ascending inserts, or, being the last of its page, extends the level. */
export function isAscending(tree: Tree, level: number, isLast: boolean): boolean {
  return (level === 0 && tree.path.run >= RUN) || (isLast && isRightmost(tree, level))
}

function isRightmost(tree: Tree, level: number): boolean {
  const { path, pager, root } = tree
  for (let up = level + 1; up < root.depth; up++) {
    const slot = path.slots[up]
    if (path.index[up] !== countOf(pager.arenas[arenaOf(slot)], baseOf(slot)) - 1) return false
  }
  return true
}

/** Shares the cells with the emptier neighbour where that saves a page and leaves room, else splits them over `parts` pages or more; answers their slots. */
function share(tree: Tree, level: number, cells: Cells, parts: number): number[] {
  const { path } = tree
  const at = path.index[level + 1]
  const neighbour = emptierNeighbour(tree, level, at)
  const shared = neighbour === undefined || isCrowded(tree, cells, neighbour, parts) ? undefined : shareAnew(tree, level, cells, neighbour, at, parts)
  return shared ?? lay(tree, level, cells, at, [path.slots[level]], cutInto(tree, level, cells, parts))
}

/** True where `parts` pages, the neighbour's among them, surely have too little room between them: that is cheaper to see than to try. */
function isCrowded(tree: Tree, cells: Cells, neighbour: Neighbour, parts: number): boolean {
  if (cells.branch || cells.count + countAt(tree, neighbour) <= FEW_CELLS) return false
  return cells.roomLeft(0, cells.count) + (parts - 1) * PAGE_SIZE - usedAt(tree, neighbour) < SHARE_ROOM
}

/** Shares by laying both pages out anew in `parts` pages, where that leaves room; else the cells are those of the page alone again, and undefined is the answer. */
function shareAnew(tree: Tree, level: number, cells: Cells, neighbour: Neighbour, at: number, parts: number): number[] | undefined {
  const { path } = tree
  const mine = cells.count
  const before = neighbour.index < at
  join(tree, level, cells, neighbour.slot, Math.min(at, neighbour.index), before)
  const cuts = cells.balance(parts)
  if (cuts === undefined || !isRoomy(cells, cuts)) {
    cells.keep(before ? cells.count - mine : 0, mine)
    return undefined
  }
  const other = tree.writableChild(path.slots[level + 1], neighbour.index, level + 1)
  const sources = before ? [other, path.slots[level]] : [path.slots[level], other]
  return lay(tree, level, cells, Math.min(at, neighbour.index), sources, cuts)
}

function isRoomy(cells: Cells, cuts: readonly number[]): boolean {
  if (cells.count <= FEW_CELLS) return true
  let room = 0
  for (let i = 1; i < cuts.length; i++) room += cells.roomLeft(cuts[i - 1], cuts[i])
  return room >= SHARE_ROOM
}

/** A page beside the path's below the same parent: its index there, and its slot. */
export interface Neighbour {
  index: number
  slot: number
}

/** The neighbour below the same parent that has more room, or undefined for an only child. */
export function emptierNeighbour(tree: Tree, level: number, at: number): Neighbour | undefined {
  const left = neighbourAt(tree, level, at - 1)
  const right = neighbourAt(tree, level, at + 1)
  if (left === undefined || right === undefined) return left ?? right
  return usedAt(tree, left) < usedAt(tree, right) ? left : right
}

/** The page at this index below the same parent, or undefined where there is none. */
export function neighbourAt(tree: Tree, level: number, index: number): Neighbour | undefined {
  const parent = tree.path.slots[level + 1]
  const arena = tree.pager.arenas[arenaOf(parent)]
  const base = baseOf(parent)
  if (index < 0 || index >= countOf(arena, base)) return undefined
  return { index, slot: tree.enter(childOf(arena, base, index), childCrcOf(arena, base, index), level) }
}

function countAt(tree: Tree, { slot }: Neighbour): number {
  return countOf(tree.pager.arenas[arenaOf(slot)], baseOf(slot))
}

function usedAt(tree: Tree, { slot }: Neighbour): number {
  return usedBytes(tree.pager.arenas[arenaOf(slot)], baseOf(slot))
}

/** Adds the cells of a neighbour to those of a page, before or behind them; `first` is the lower index of the two in the parent. */
export function join(tree: Tree, level: number, cells: Cells, other: number, first: number, before: boolean): void {
  const { pager, path } = tree
  const arena = pager.arenas[arenaOf(other)]
  const base = baseOf(other)
  const parent = path.slots[level + 1]
  const length = readKey(pager.arenas[arenaOf(parent)], baseOf(parent), first + 1, BRANCH_CELL.REST, separatorScratch, 0)
  if (before) {
    if (level > 0) cells.nameCell(0, separatorScratch, length)
    cells.prependPage(arena, base)
  } else {
    const { count } = cells
    cells.addPage(arena, base)
    if (level > 0) cells.nameCell(count, separatorScratch, length)
  }
}

/** Cuts for `least` pages, or for as many more as it takes: single cells always fit, unless keys in a damaged page do not begin with its prefix. */
function cutInto(tree: Tree, level: number, cells: Cells, least: number): number[] {
  for (let parts = least; parts <= Math.min(cells.count, MOST_PARTS); parts++) {
    const cuts = cells.balance(parts)
    if (cuts !== undefined) return cuts
  }
  const slot = tree.path.slots[level]
  throw corrupt(pageOf(tree.pager.arenas[arenaOf(slot)], baseOf(slot)), tree.root.tree, 'its keys are not in order')
}

/**
 * Lays the cells between the cuts into pages, those of `sources` first and then new ones, and puts pointers
 * to them in place of the pointers to `sources`, which begin at index `at` of the parent. Answers their slots.
 */
function lay(tree: Tree, level: number, cells: Cells, at: number, sources: number[], cuts: number[]): number[] {
  const slots = [...sources]
  while (slots.length < cuts.length - 1) slots.push(tree.createPage(level))
  for (let i = 0; i < slots.length; i++) rewrite(tree, slots[i], level, cells, cuts[i], cuts[i + 1])
  const separators = slots.map((_, i) => (i === 0 ? NO_KEY : cells.separator(cuts[i])))
  replaceChildren(tree, level + 1, at, sources.length, slots, separators)
  return slots
}

/** Writes cells [from..to) into a page of the transaction's, in place of what it held. */
export function rewrite(tree: Tree, slot: number, level: number, cells: Cells, from: number, to: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  formatNode(tree, arena, base, pageOf(arena, base), level)
  cells.write(arena, base, from, to)
}

function formatNode(tree: Tree, arena: Arena, base: number, page: number, level: number): void {
  formatPage(arena, base, page, level === 0 ? TYPE.LEAF : TYPE.BRANCH, level, tree.root.tree)
  setBirth(arena, base, tree.writing().id)
  setPrefix(arena, base, NO_KEY, 0, 0)
}

/**
 * Puts pointers to `slots` in place of `old` pointers of the branch at `level`, from index `at` on; the first keeps its separator.
 * Answers whether the branch took them as it stands, and the path holds still.
 */
export function replaceChildren(tree: Tree, level: number, at: number, old: number, slots: number[], separators: Uint8Array[]): boolean {
  const parent = tree.path.slots[level]
  const arena = tree.pager.arenas[arenaOf(parent)]
  const base = baseOf(parent)
  for (let i = old - 1; i > 0; i--) removeBranchCell(arena, base, at + i)
  pointTo(tree, arena, base, at, slots[0], level - 1)
  for (let i = 1; i < slots.length; i++) {
    if (!insertPointer(tree, arena, base, at + i, separators[i], slots[i], level - 1)) {
      overflowBranch(tree, level, at, i, slots, separators)
      return false
    }
  }
  return true
}

/** Makes the pointer at `index` name the page at `child`. */
export function pointTo(tree: Tree, arena: Arena, base: number, index: number, child: number, level: number): void {
  const { pager } = tree
  const cell = cellAt(arena, base, index)
  arena.words[(cell + BRANCH_CELL.CHILD) >>> 2] = pageOf(pager.arenas[arenaOf(child)], baseOf(child))
  arena.words[(cell + BRANCH_CELL.CRC) >>> 2] = crcOf(pager.arenas[arenaOf(child)], baseOf(child))
  setEntries(arena, base, index, entriesIn(tree, child, level))
  setBranchFlags(arena, base, index, flagsFor(tree, child, level))
}

function insertPointer(tree: Tree, arena: Arena, base: number, index: number, separator: Uint8Array, child: number, level: number): boolean {
  if (!hasPrefix(arena, base, separator, separator.length)) return false
  const suffixLength = separator.length - prefixLengthOf(arena, base)
  if (gapOf(arena, base) < SLOT.SIZE + branchCellSize(suffixLength)) return false
  insertBranchCell(arena, base, index, separator, separator.length, suffixLength, 0, 0, 0, 0)
  pointTo(tree, arena, base, index, child, level)
  return true
}

/** The pointers from `slots[done]` on do not fit the branch as it is: its cells are spread, with these among them. */
function overflowBranch(tree: Tree, level: number, at: number, done: number, slots: number[], separators: Uint8Array[]): void {
  const parent = tree.path.slots[level]
  const arena = tree.pager.arenas[arenaOf(parent)]
  const base = baseOf(parent)
  const cells = tree.cellsFor(level)
  const page = cells.take(arena, base)
  cells.addFrom(page, 0, at + done)
  for (let i = done; i < slots.length; i++) {
    const separator = separators[i]
    cells.add(separator, separator.length, pointerHeader(tree, slots[i], level - 1), NO_KEY)
  }
  cells.addFrom(page, at + done, countOf(arena, base))
  spread(tree, level, cells, at + slots.length - 1)
}

const header = new Uint8Array(BRANCH_CELL.REST)
const headerView = new DataView(header.buffer)

export function pointerHeader(tree: Tree, child: number, level: number): Uint8Array {
  const arena = tree.pager.arenas[arenaOf(child)]
  const entries = entriesIn(tree, child, level)
  headerView.setUint32(BRANCH_CELL.CHILD, pageOf(arena, baseOf(child)), true)
  headerView.setInt32(BRANCH_CELL.CRC, crcOf(arena, baseOf(child)), true)
  headerView.setUint32(BRANCH_CELL.ENTRIES, entries % 2 ** 32, true)
  headerView.setUint16(BRANCH_CELL.ENTRIES + 4, Math.floor(entries / 2 ** 32), true)
  headerView.setUint16(BRANCH_CELL.FLAGS, flagsFor(tree, child, level), true)
  return header
}

/** Entries in the page at `slot` and below. */
export function entriesIn(tree: Tree, slot: number, level: number): number {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (level === 0) return count
  let entries = 0
  for (let i = 0; i < count; i++) entries += entriesOf(arena, base, i)
  return entries
}

/** Flags of a pointer to the page at `slot`, which is dirty. */
function flagsFor(tree: Tree, slot: number, level: number): number {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  assert(tree.pager.isDirty(pageOf(arena, base)), 'a pointer is written for a page of the transaction')
  for (let i = 0, count = countOf(arena, base); i < count; i++) {
    const overflow = level === 0 ? isOverflow(arena, base, i) : (branchFlags(arena, base, i) & BRANCH_FLAG.OVERFLOW_BELOW) !== 0
    if (overflow) return BRANCH_FLAG.UNSEALED | BRANCH_FLAG.OVERFLOW_BELOW
  }
  return BRANCH_FLAG.UNSEALED
}
