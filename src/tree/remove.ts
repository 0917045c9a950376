import { arenaOf, baseOf } from '../page/arena.js'
import { branchFlags, childCrcOf, childOf, removeBranchCell } from '../page/branch.js'
import { birthOf, countOf, pageOf } from '../page/header.js'
import { BRANCH_FLAG, PAGE_SIZE } from '../page/layout.js'
import { removeLeafCell } from '../page/leaf.js'
import { usedBytes } from '../page/node.js'
import { addEntries, freeValue } from './insert.js'
import { join, pointTo, rewrite } from './spread.js'
import type { Tree } from './tree.js'

/** A page with less than this in it looks for a neighbour to be merged with. */
const SPARSE = PAGE_SIZE / 3

/** Deletes an entry; answers whether there was one. Nothing is written for a key that is not there. */
export function remove(tree: Tree, key: Uint8Array, length: number): boolean {
  if (!tree.find(key, length)) return false
  const { index } = tree
  tree.descend(key, length)
  const { path } = tree
  path.valid = false
  const arena = tree.pager.arenas[arenaOf(path.slots[0])]
  const base = baseOf(path.slots[0])
  freeValue(tree, arena, base, index)
  addEntries(tree, -1)
  removeLeafCell(arena, base, index)
  mend(tree, 0)
  tree.changed()
  return true
}

/** After cells were taken out of the page at `level` of the path: an empty page goes, a sparse one is merged. */
export function mend(tree: Tree, level: number): void {
  const { path, pager, root } = tree
  const slot = path.slots[level]
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (level === root.depth - 1) {
    mendRoot(tree, level)
    return
  }
  if (count === 0) {
    discardPage(tree, slot)
    const parent = path.slots[level + 1]
    removeBranchCell(pager.arenas[arenaOf(parent)], baseOf(parent), path.index[level + 1])
    mend(tree, level + 1)
    return
  }
  if (usedBytes(arena, base) >= SPARSE) return
  const at = path.index[level + 1]
  if (merge(tree, level, at) || (at > 0 && merge(tree, level, at - 1))) mend(tree, level + 1)
}

/** An empty root goes; one with a single child gives way to it. */
function mendRoot(tree: Tree, level: number): void {
  const { pager, root } = tree
  const slot = tree.enterRoot()
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (count === 0) {
    discardPage(tree, slot)
    tree.clearRoot()
  } else if (level > 0 && count === 1) {
    root.page = childOf(arena, base, 0)
    root.crc = childCrcOf(arena, base, 0)
    root.unsealed = (branchFlags(arena, base, 0) & BRANCH_FLAG.UNSEALED) !== 0
    root.depth = level
    discardPage(tree, slot)
    mendRoot(tree, level - 1)
  }
}

function discardPage(tree: Tree, slot: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  tree.writing().discard(pageOf(arena, base), birthOf(arena, base))
}

/**
 * Merges children `left` and `left + 1` of the branch above `level` on the path, where their cells fit one
 * page; answers whether they did.
 */
export function merge(tree: Tree, level: number, left: number): boolean {
  const { path, pager } = tree
  const parent = path.slots[level + 1]
  const arena = pager.arenas[arenaOf(parent)]
  const base = baseOf(parent)
  if (left + 1 >= countOf(arena, base)) return false
  const slots = [left, left + 1].map((index) => tree.enter(childOf(arena, base, index), childCrcOf(arena, base, index), level))
  const used = slots.map((slot) => usedBytes(pager.arenas[arenaOf(slot)], baseOf(slot)))
  if (used[0] + used[1] > PAGE_SIZE) return false
  const cells = tree.cellsFor(level)
  cells.addPage(pager.arenas[arenaOf(slots[0])], baseOf(slots[0]))
  join(tree, level, cells, slots[1], left, false)
  if (!cells.fits(0, cells.count)) return false
  discardPage(tree, tree.enter(childOf(arena, base, left + 1), childCrcOf(arena, base, left + 1), level))
  const kept = tree.writableChild(parent, left, level + 1)
  rewrite(tree, kept, level, cells, 0, cells.count)
  removeBranchCell(arena, base, left + 1)
  pointTo(tree, arena, base, left, kept, level)
  return true
}
