import { corrupt } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { branchFlags, setBranchFlags } from '../page/branch.js'
import { BRANCH_CELL, BRANCH_FLAG, LEAF_CELL, LEAF_FLAG, PAGE_SIZE, SLOT } from '../page/layout.js'
import { countOf, pageOf } from '../page/header.js'
import {
  insertLeafCell, isOverflow, leafCellSize, leafCellSizeAt, overwriteValue, readOverflowRef, removeLeafCell, shrinkLeafCell, valueAt,
} from '../page/leaf.js'
import { compareKey, gapOf, hasPrefix, prefixLengthOf, searchNode, suffixLengthOf, usedBytes } from '../page/node.js'
import { append } from './append.js'
import { shift } from './shift.js'
import { isAscending, spread } from './spread.js'
import type { Tree } from './tree.js'

const header = new Uint8Array(LEAF_CELL.REST)
const headerView = new DataView(header.buffer)

/**
 * Puts an entry, in place of one with the same key. `stored` is the value, or a reference to its overflow
 * extent where `flags` says so. Answers whether the key is new.
 */
export function insert(tree: Tree, key: Uint8Array, length: number, stored: Uint8Array, flags: number): boolean {
  if (tree.root.page === 0) tree.setRoot(tree.createPage(0), 1)
  approach(tree, key, length)
  const { path } = tree
  const slot = path.slots[0]
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const found = searchNode(arena, base, 0, LEAF_CELL.REST, key, length)
  const added = found < 0
  const index = added ? ~found : found
  if (added) addEntries(tree, 1)
  else freeValue(tree, arena, base, index)
  if ((flags & LEAF_FLAG.OVERFLOW) !== 0) markOverflowBelow(tree)
  noteRun(tree, index)
  if (added || !replace(arena, base, index, stored, flags)) place(tree, index, key, length, stored, flags)
  tree.changed()
  return added
}

/** Makes the path lead to the leaf for the key. The tree has a root. */
export function approach(tree: Tree, key: Uint8Array, length: number): void {
  if (reach(tree, key, length)) tree.path.scattered = 0
  else {
    tree.descend(key, length)
    tree.remember()
    tree.path.scattered++
  }
}

/** Puts the value in place where its cell does not grow; else takes the cell away and answers false. */
function replace(arena: Arena, base: number, index: number, stored: Uint8Array, flags: number): boolean {
  const before = leafCellSizeAt(arena, base, index)
  const after = leafCellSize(suffixLengthOf(arena, base, index), stored.length)
  if (after > before) {
    removeLeafCell(arena, base, index)
    return false
  }
  overwriteValue(arena, base, index, stored, flags)
  if (after < before) shrinkLeafCell(arena, base, index, before, after)
  return true
}

/**
 * Writes a new cell into the leaf at the end of the path. Where that is full the cell opens a new leaf behind it, if it goes on
 * with an ascending run; else some of the leaf's cells go to a neighbour, or all are spread over more pages with the new one.
 */
function place(tree: Tree, index: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): void {
  if (insertHere(tree, index, key, length, stored, flags) || append(tree, index, key, length, stored, flags)) return
  if (makeRoom(tree, index, key, length, stored)) {
    findPlace(tree, key, length)
    if (insertHere(tree, tree.path.index[0], key, length, stored, flags)) return
  }
  spreadWith(tree, tree.path.index[0], key, length, stored, flags)
}

/** Cells have moved, and the new one may belong to the neighbour now. */
function findPlace(tree: Tree, key: Uint8Array, length: number): void {
  const { path, pager } = tree
  const slot = path.slots[0]
  const arena = pager.arenas[arenaOf(slot)]
  const found = searchNode(arena, baseOf(slot), 0, LEAF_CELL.REST, key, length)
  // In a hostile page a key that was not found may be there now.
  if (found >= 0) throw corrupt(pageOf(arena, baseOf(slot)), tree.root.tree, 'its keys are not in order')
  path.lastSlot = slot
  path.index[0] = ~found
}

/** Writes the cell where the leaf has room for it as it stands; else answers false. */
function insertHere(tree: Tree, index: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): boolean {
  const slot = tree.path.slots[0]
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (countOf(arena, base) === 0 || !hasPrefix(arena, base, key, length)) return false
  const suffixLength = length - prefixLengthOf(arena, base)
  if (gapOf(arena, base) < SLOT.SIZE + leafCellSize(suffixLength, stored.length)) return false
  insertLeafCell(arena, base, index, key, length, suffixLength, stored, flags)
  return true
}

/**
 * Lets a neighbour take cells of a leaf that is full; answers whether one did. Free bytes between the cells are had by laying
 * the leaf out anew, and a run of ascending inserts leaves its pages full.
 */
function makeRoom(tree: Tree, index: number, key: Uint8Array, length: number, stored: Uint8Array): boolean {
  const slot = tree.path.slots[0]
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (count === 0 || !hasPrefix(arena, base, key, length)) return false
  const size = SLOT.SIZE + leafCellSize(length - prefixLengthOf(arena, base), stored.length)
  if (usedBytes(arena, base) + size <= PAGE_SIZE || isAscending(tree, 0, index === count)) return false
  return shift(tree, index, size, key, length)
}

/** Lays the leaf's cells out anew, in as many pages as it takes, with the new one among them. */
function spreadWith(tree: Tree, index: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): void {
  const slot = tree.path.slots[0]
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const cells = tree.cellsFor(0)
  headerView.setUint16(LEAF_CELL.LENGTH, stored.length, true)
  headerView.setUint16(LEAF_CELL.FLAGS, flags, true)
  const page = cells.take(arena, base)
  cells.addFrom(page, 0, index)
  cells.add(key, length, header, stored)
  cells.addFrom(page, index, countOf(arena, base))
  spread(tree, 0, cells, index)
}

/** The value at `index` is about to go: what it has outside the page goes with it. */
export function freeValue(tree: Tree, arena: Arena, base: number, index: number): void {
  if (isOverflow(arena, base, index)) tree.writing().discardExtent(readOverflowRef(arena, valueAt(arena, base, index)))
}

/** Adds to the number of entries in every pointer on the path. */
export function addEntries(tree: Tree, difference: number): void {
  const { path, root } = tree
  for (let level = root.depth - 1; level > 0; level--) tree.addEntries(path.slots[level], path.index[level], difference)
  root.entries += difference
}

function markOverflowBelow(tree: Tree): void {
  const { path, root, pager } = tree
  for (let level = root.depth - 1; level > 0; level--) {
    const slot = path.slots[level]
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    setBranchFlags(arena, base, path.index[level], branchFlags(arena, base, path.index[level]) | BRANCH_FLAG.OVERFLOW_BELOW)
  }
}

// The finger: neighbouring keys skip the descent.

/** True where the path of the last write leads to the key's leaf too, with every page on it still in its frame and the writer's own. */
function reach(tree: Tree, key: Uint8Array, length: number): boolean {
  const { path, pager } = tree
  if (!path.valid || path.evictions !== pager.pool.evictions || path.id !== tree.writing().id) return false
  const slot = path.slots[0]
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (count === 0 || compareKey(arena, base, 0, LEAF_CELL.REST, key, length) < 0) return false
  return compareKey(arena, base, count - 1, LEAF_CELL.REST, key, length) <= 0 || belowNextSeparator(tree, key, length)
}

/** True where the key sorts before the leaf that follows the path's, or none follows. */
export function belowNextSeparator(tree: Tree, key: Uint8Array, length: number): boolean {
  const { path, pager, root } = tree
  for (let level = 1; level < root.depth; level++) {
    const slot = path.slots[level]
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const next = path.index[level] + 1
    if (next < countOf(arena, base)) return compareKey(arena, base, next, BRANCH_CELL.REST, key, length) < 0
  }
  return true
}

/** Counts how many inserts in a row went each behind the one before: such a run splits where it stands. */
function noteRun(tree: Tree, index: number): void {
  const { path } = tree
  path.run = path.slots[0] === path.lastSlot && index === path.index[0] + 1 ? path.run + 1 : 0
  path.lastSlot = path.slots[0]
  path.index[0] = index
}
