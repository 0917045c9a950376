/**
 * Sharing by the least work: some cells of a full leaf move over to the emptier of its neighbours, and nothing else in the
 * two pages is touched. Where keys come in random order nine of ten shares can be had so, and random
 * inserts take an eighth less than where one of the pages is laid out anew for it.
 */
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { branchFlags, setSeparator } from '../page/branch.js'
import { countOf } from '../page/header.js'
import { BRANCH_FLAG, LEAF_CELL, PAGE_SIZE, SLOT } from '../page/layout.js'
import { leafCellSizeAt, moveLeafCells } from '../page/leaf.js'
import { gapOf, readKey, samePrefix, usedBytes } from '../page/node.js'
import { sharedLength } from './compare.js'
import type { Neighbour } from './spread.js'
import { emptierNeighbour, FEW_CELLS, SHARE_ROOM, touchPath } from './spread.js'
import type { Tree } from './tree.js'

/** What moves: the first or last `cells` of the leaf, and the new cell with them where it stands among these. */
interface Part {
  cells: number
  bytes: number
  withNew: boolean
}

const left = new Uint8Array(PAGE_SIZE)
const right = new Uint8Array(PAGE_SIZE)

/**
 * Makes room for a new cell of `size` bytes, slot included, that belongs at `index` of the leaf at the end of the path and has
 * its prefix. Answers false, with nothing moved, where the neighbours have no room or cannot take cells as they stand. Otherwise
 * the path leads to where the cell belongs now.
 */
export function shift(tree: Tree, index: number, size: number, key: Uint8Array, length: number): boolean {
  const { path, pager, root } = tree
  if (root.depth === 1) return false
  touchPath(tree)
  const at = path.index[1]
  const neighbour = emptierNeighbour(tree, 0, at)
  if (neighbour === undefined) return false
  const before = neighbour.index < at
  const arena = pager.arenas[arenaOf(path.slots[0])]
  const base = baseOf(path.slots[0])
  const part = partFor(tree, arena, base, index, size, neighbour, before)
  if (part === undefined) return false
  const separator = separatorFor(arena, base, index, key, length, before, part)
  const parent = path.slots[1]
  const branch = pager.arenas[arenaOf(parent)]
  const other = tree.writableChild(parent, neighbour.index, 1)
  if (!setSeparator(branch, baseOf(parent), Math.max(at, neighbour.index), right, separator)) return false
  const count = countOf(arena, base)
  const theirs = pager.arenas[arenaOf(other)]
  if (before) moveLeafCells(arena, base, 0, part.cells, theirs, baseOf(other), countOf(theirs, baseOf(other)))
  else moveLeafCells(arena, base, count - part.cells, part.cells, theirs, baseOf(other), 0)
  const moved = part.withNew ? part.cells + 1 : part.cells
  tree.addEntries(parent, at, -moved)
  tree.addEntries(parent, neighbour.index, moved)
  if (part.withNew) {
    path.slots[0] = other
    path.index[1] = neighbour.index
  }
  return true
}

/** What to move so that both pages are about equally full afterwards; undefined where they cannot share like this. */
function partFor(tree: Tree, arena: Arena, base: number, index: number, size: number, neighbour: Neighbour, before: boolean): Part | undefined {
  const other = tree.pager.arenas[arenaOf(neighbour.slot)]
  const otherBase = baseOf(neighbour.slot)
  const count = countOf(arena, base)
  const mine = usedBytes(arena, base) + size
  const theirs = usedBytes(other, otherBase)
  if (2 * PAGE_SIZE - mine - theirs < SHARE_ROOM || count + countOf(other, otherBase) < FEW_CELLS) return undefined
  if (hasOverflow(tree, tree.path.index[1]) || hasOverflow(tree, neighbour.index) || !samePrefix(arena, base, other, otherBase)) return undefined
  const part: Part = { cells: 0, bytes: 0, withNew: false }
  while (part.bytes < (mine - theirs) / 2) {
    const next = before ? part.cells : count - 1 - part.cells
    if (!part.withNew && index === (before ? next : next + 1)) {
      part.withNew = true
      part.bytes += size
    } else {
      part.cells++
      part.bytes += SLOT.SIZE + leafCellSizeAt(arena, base, next)
    }
  }
  const fits = part.bytes <= gapOf(other, otherBase) && mine - part.bytes <= PAGE_SIZE
  return fits && part.cells > 0 && part.cells < count ? part : undefined
}

/** The flag of a pointer says of all cells below whether any has an overflow value: which of them do is not worth a look at each. */
function hasOverflow({ path, pager }: Tree, index: number): boolean {
  const parent = path.slots[1]
  return (branchFlags(pager.arenas[arenaOf(parent)], baseOf(parent), index) & BRANCH_FLAG.OVERFLOW_BELOW) !== 0
}

/** Length of the shortest key that parts what moves from what stays; `right` begins with it. */
function separatorFor(arena: Arena, base: number, index: number, key: Uint8Array, length: number, before: boolean, part: Part): number {
  // The new cell is counted as if it were there already.
  const moved = part.withNew ? part.cells + 1 : part.cells
  const first = before ? moved : countOf(arena, base) + 1 - moved
  const end = readVirtualKey(arena, base, first, index, key, length, right)
  const last = Math.min(readVirtualKey(arena, base, first - 1, index, key, length, left), end)
  // In a hostile page both may be the same key.
  return Math.min(sharedLength(left, right, last) + 1, end)
}

/** Reads the key at `i` of the leaf as it would be with the new key at `index`. */
function readVirtualKey(arena: Arena, base: number, i: number, index: number, key: Uint8Array, length: number, out: Uint8Array): number {
  if (i !== index) return readKey(arena, base, i < index ? i : i - 1, LEAF_CELL.REST, out, 0)
  for (let k = 0; k < length; k++) out[k] = key[k]
  return length
}
