/** Positions by number: how many entries come before a key, and which entry comes at a number. O(depth) pages. */
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { childCrcOf, childOf, entriesOf } from '../page/branch.js'
import { countOf, pageOf } from '../page/header.js'
import { BRANCH_CELL, LEAF_CELL } from '../page/layout.js'
import { searchNode } from '../page/node.js'
import { corrupt } from '../errors.js'
import type { Tree } from './tree.js'

/** Number of entries whose keys are less than key[0..length). */
export function rank(tree: Tree, key: Uint8Array, length: number): number {
  const { root, pager } = tree
  if (root.page === 0) return 0
  let before = 0
  let slot = tree.enterRoot()
  for (let level = root.depth - 1; level > 0; level--) {
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const found = searchNode(arena, base, 1, BRANCH_CELL.REST, key, length)
    const index = found >= 0 ? found : ~found - 1
    before += entriesBefore(arena, base, index)
    slot = tree.enter(childOf(arena, base, index), childCrcOf(arena, base, index), level - 1)
  }
  const found = searchNode(pager.arenas[arenaOf(slot)], baseOf(slot), 0, LEAF_CELL.REST, key, length)
  return before + (found >= 0 ? found : ~found)
}

function entriesBefore(arena: Arena, base: number, index: number): number {
  let entries = 0
  for (let i = 0; i < index; i++) entries += entriesOf(arena, base, i)
  return entries
}

/**
 * Goes to the entry with `position` entries before it and leaves the way to it in the arrays, by level as in
 * `Path`. The caller has seen that there are that many.
 */
export function descendTo(tree: Tree, position: number, slots: number[], indices: number[], pages: number[]): void {
  const { root, pager } = tree
  let slot = tree.enterRoot()
  let left = position
  for (let level = root.depth - 1; level > 0; level--) {
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const count = countOf(arena, base)
    let index = 0
    while (index < count && left >= entriesOf(arena, base, index)) left -= entriesOf(arena, base, index++)
    if (index === count) throw corrupt(root.page, root.tree, 'a branch counts more entries than stand below it')
    slots[level] = slot
    pages[level] = pageOf(arena, base)
    indices[level] = index
    slot = tree.enter(childOf(arena, base, index), childCrcOf(arena, base, index), level - 1)
  }
  if (left >= countOf(pager.arenas[arenaOf(slot)], baseOf(slot))) throw corrupt(root.page, root.tree, 'a branch counts more entries than stand below it')
  slots[0] = slot
  indices[0] = left
}
