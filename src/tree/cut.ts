/** Range delete: whole subtrees are cut off, and only the two edges of the range are looked into. */
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { branchFlags, childCrcOf, childOf, removeBranchCell } from '../page/branch.js'
import { birthOf, countOf, pageOf } from '../page/header.js'
import { BRANCH_CELL, BRANCH_FLAG, LEAF_CELL } from '../page/layout.js'
import { isOverflow, readOverflowRef, removeLeafCell, valueAt } from '../page/leaf.js'
import { searchNode } from '../page/node.js'
import { freeValue } from './insert.js'
import { rank } from './order.js'
import { merge, mend } from './remove.js'
import { pointTo } from './spread.js'
import type { Tree } from './tree.js'

/** Deletes the entries whose keys are `low` or greater and less than `high`, those that are given; answers how many there were. */
export function removeRange(tree: Tree, low: Uint8Array | undefined, high: Uint8Array | undefined): number {
  const { root } = tree
  const from = low === undefined ? 0 : rank(tree, low, low.length)
  const to = high === undefined ? root.entries : rank(tree, high, high.length)
  if (to <= from) return 0
  tree.path.valid = false
  const slot = tree.writableRoot()
  cut(tree, slot, root.depth - 1, low, high)
  root.entries -= to - from
  tree.path.slots[root.depth - 1] = slot
  mend(tree, root.depth - 1)
  tree.changed()
  return to - from
}

/** Cuts the range out of the page at `slot`, which may be left without cells. */
function cut(tree: Tree, slot: number, level: number, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
  if (level === 0) {
    cutLeaf(tree, slot, low, high)
    return
  }
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const first = low === undefined ? 0 : childFor(tree, slot, low)
  const last = high === undefined ? countOf(arena, base) - 1 : childFor(tree, slot, high)
  // Looking through what is cut off may take many frames; this page stays in its own.
  const { pool } = tree.pager
  pool.pin(slot)
  if (first === last) cutChild(tree, slot, first, level, low, high)
  else {
    // From the right to the left, so that an index stays good when a child behind it goes.
    if (high === undefined) dropChild(tree, slot, last, level)
    else cutChild(tree, slot, last, level, undefined, high)
    for (let i = last - 1; i > first; i--) dropChild(tree, slot, i, level)
    if (low === undefined) dropChild(tree, slot, first, level)
    else cutChild(tree, slot, first, level, low, undefined)
  }
  pool.unpin(slot)
  pool.touch(pool.frameOf(slot))
  mergeAround(tree, slot, first, level)
}

function childFor(tree: Tree, slot: number, bound: Uint8Array): number {
  const found = searchNode(tree.pager.arenas[arenaOf(slot)], baseOf(slot), 1, BRANCH_CELL.REST, bound, bound.length)
  return found >= 0 ? found : ~found - 1
}

function cutLeaf(tree: Tree, slot: number, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const from = low === undefined ? 0 : entryFor(tree, slot, low)
  const to = high === undefined ? countOf(arena, base) : entryFor(tree, slot, high)
  for (let i = to - 1; i >= from; i--) {
    freeValue(tree, arena, base, i)
    removeLeafCell(arena, base, i)
  }
}

function entryFor(tree: Tree, slot: number, bound: Uint8Array): number {
  const found = searchNode(tree.pager.arenas[arenaOf(slot)], baseOf(slot), 0, LEAF_CELL.REST, bound, bound.length)
  return found >= 0 ? found : ~found
}

/** Cuts the range out of a child; one that is left empty goes. */
function cutChild(tree: Tree, slot: number, index: number, level: number, low: Uint8Array | undefined, high: Uint8Array | undefined): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const child = tree.writableChild(slot, index, level)
  cut(tree, child, level - 1, low, high)
  const childArena = tree.pager.arenas[arenaOf(child)]
  if (countOf(childArena, baseOf(child)) > 0) {
    pointTo(tree, arena, base, index, child, level - 1)
    return
  }
  tree.writing().discard(pageOf(childArena, baseOf(child)), birthOf(childArena, baseOf(child)))
  removeBranchCell(arena, base, index)
}

function dropChild(tree: Tree, slot: number, index: number, level: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const child = readChild(arena, base, index)
  removeBranchCell(arena, base, index)
  discardSubtree(tree, child, level - 1)
}

/** What a pointer of a branch says. */
interface Child {
  page: number
  crc: number
  overflow: boolean
}

function readChild(arena: Arena, base: number, index: number): Child {
  const overflow = (branchFlags(arena, base, index) & BRANCH_FLAG.OVERFLOW_BELOW) !== 0
  return { page: childOf(arena, base, index), crc: childCrcOf(arena, base, index), overflow }
}

/** The children on both sides of the gap may be sparse now. */
function mergeAround(tree: Tree, slot: number, index: number, level: number): void {
  tree.path.slots[level] = slot
  merge(tree, level - 1, index)
  if (index > 0) merge(tree, level - 1, index - 1)
}

/** Gives back every page of a tree. */
export function discardTree(tree: Tree): void {
  const { root } = tree
  if (root.page !== 0) discardSubtree(tree, { page: root.page, crc: root.crc, overflow: true }, root.depth - 1)
  tree.clearRoot()
  root.entries = 0
  tree.path.valid = false
  tree.changed()
}

/**
 * Gives back a page to which nothing points any more, and then all below it: a page on its way out of the
 * pool is sealed with all that it points to, so it may never point to a page that has been given back.
 */
function discardSubtree(tree: Tree, { page, crc, overflow }: Child, level: number): void {
  const writer = tree.writing()
  if (level === 0 && !overflow && !writer.birthsMatter() && !tree.pager.isDirty(page) && !tree.pager.written.has(page)) {
    writer.discardUnread(page)
    return
  }
  const slot = tree.enter(page, crc, level)
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const below: Child[] = []
  for (let i = 0, count = countOf(arena, base); i < count; i++) {
    if (level === 0) discardValue(tree, slot, i)
    else below.push(readChild(arena, base, i))
  }
  writer.discard(page, birthOf(arena, base))
  for (const child of below) discardSubtree(tree, child, level - 1)
}

function discardValue(tree: Tree, slot: number, index: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (isOverflow(arena, base, index)) tree.writing().discardExtent(readOverflowRef(arena, valueAt(arena, base, index)))
}
