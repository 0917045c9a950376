/**
 * Entries in ascending order: where a leaf is full, the next entry opens a leaf behind it. The new leaf begins with the prefix
 * that served the one before, as its keys most likely share as much; nothing is laid out anew for that.
 */
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf, pageOf } from '../page/header.js'
import { LEAF_CELL, PAGE_SIZE } from '../page/layout.js'
import { insertLeafCell } from '../page/leaf.js'
import { fragmentedOf, hasPrefix, prefixLengthOf, readKey, setPrefix } from '../page/node.js'
import { NO_KEY } from './cells.js'
import { sharedLength } from './compare.js'
import { growRoot, isAscending, replaceChildren, touchPath } from './spread.js'
import type { Tree } from './tree.js'

const keyScratch = new Uint8Array(PAGE_SIZE)

/**
 * Puts an entry that belongs behind the last one of a full leaf, the one at the end of the path, into a new leaf. Answers false,
 * with nothing done, where the entry does not go on with an ascending run, or the leaf may get room by being laid out anew.
 */
export function append(tree: Tree, index: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): boolean {
  const { path, pager } = tree
  const slot = path.slots[0]
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const count = countOf(arena, base)
  if (count === 0 || index !== count || !isAscending(tree, 0, true) || !isPacked(arena, base, key, length)) return false
  path.valid = false
  touchPath(tree)
  if (tree.root.depth === 1) growRoot(tree)
  const next = tree.createPage(0)
  beginLeaf(pager.arenas[arenaOf(next)], baseOf(next), prefixLengthOf(arena, base), key, length, stored, flags)
  const at = path.index[1]
  if (replaceChildren(tree, 1, at, 1, [slot, next], [NO_KEY, separatorBehind(arena, base, key, length)])) {
    path.slots[0] = next
    path.index[1] = at + 1
    path.index[0] = 0
    path.lastSlot = next
    tree.remember()
  }
  // Sorted puts are followed by others, which come to the same leaves.
  if (tree.puts?.settling !== true) tree.writing().writeSoon(pageOf(arena, base))
  return true
}

/** Whether the leaf would have no more room if it were laid out anew with this key behind its last one. */
export function isPacked(arena: Arena, base: number, key: Uint8Array, length: number): boolean {
  return hasPrefix(arena, base, key, length) && fragmentedOf(arena, base) === 0 && sharedWith(arena, base, 0, key, length) <= prefixLengthOf(arena, base)
}

/** Bytes that the key at `index` and key[0..length) have in common at their beginning. */
export function sharedWith(arena: Arena, base: number, index: number, key: Uint8Array, length: number): number {
  const end = Math.min(readKey(arena, base, index, LEAF_CELL.REST, keyScratch, 0), length)
  return sharedLength(keyScratch, key, end)
}

/** The shortest key that is above the last one of the leaf and not above key[0..length). */
export function separatorBehind(arena: Arena, base: number, key: Uint8Array, length: number): Uint8Array {
  // In a hostile page both may be the same key.
  return key.slice(0, Math.min(sharedWith(arena, base, countOf(arena, base) - 1, key, length) + 1, length))
}

/** Makes the entry the first of a leaf without cells, whose prefix gets up to `prefixLength` bytes. */
export function beginLeaf(
  arena: Arena, base: number, prefixLength: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number,
): void {
  const prefix = Math.min(prefixLength, length)
  setPrefix(arena, base, key, 0, prefix)
  insertLeafCell(arena, base, 0, key, length, length - prefix, stored, flags)
}
