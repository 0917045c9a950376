/** Sorted puts are made leaf by leaf: those that fit it one by one, more of them with the cells that are there in one go. */
import { corrupt } from '../errors.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf, pageOf } from '../page/header.js'
import { LEAF_CELL, PAGE_SIZE, SLOT } from '../page/layout.js'
import { leafCellSize } from '../page/leaf.js'
import { hasPrefix, prefixLengthOf, searchNode, usedBytes } from '../page/node.js'
import type { Cells } from './cells.js'
import { addEntries, approach, belowNextSeparator, freeValue, insert } from './insert.js'
import { Rebuild } from './rebuild.js'
import type { SortedPuts } from './sorted-puts.js'
import { neighbourAt, spreadMany, touchPath } from './spread.js'
import type { Tree } from './tree.js'

/** Puts of so many bytes at most come to a leaf at once, sixteen pages: the frames of all that are laid out are held together. */
const MOST_PAGES = 16
const MOST_BYTES = MOST_PAGES * PAGE_SIZE
/** Leaves that would be emptier than this share are laid out with the one behind them. */
const FULL_ENOUGH = 0.85
/** Bytes by which prefixes of such leaves may differ: under the shorter one all cells of the other are so much larger. */
const LIKE_PREFIX = 8

/**
 * Makes `count` puts to a tree, in batches of which each is behind the one before. Where they are the `last` ones of a transaction, the disk
 * gets leaves as soon as they have been laid out.
 */
export function makeSorted(tree: Tree, count: number, batches: Iterable<SortedPuts>, last: boolean): void {
  const rebuild = Rebuild.of(tree, count, last)
  for (const puts of batches) {
    if (rebuild === undefined) merge(tree, puts, last)
    else rebuild.make(puts)
  }
  rebuild?.finish()
}

function merge(tree: Tree, puts: SortedPuts, last: boolean): void {
  for (let from = 0; from < puts.count; ) {
    puts.lookAtKey(from)
    approach(tree, puts.key, puts.length)
    from = mergeIntoLeaf(tree, puts, from, last)
  }
}

/** Makes those from index `from` on that belong in the leaf at the end of the path, and perhaps in leaves behind it; answers the index behind them. */
function mergeIntoLeaf(tree: Tree, puts: SortedPuts, from: number, last: boolean): number {
  const slot = tree.path.slots[0]
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  // The first one may lack the leaf's prefix, or in a hostile tree not belong there.
  const to = Math.max(from + 1, endOfLeaf(tree, puts, from, 0, slot))
  if (to > from + 1 && countOf(arena, base) > 0 && usedBytes(arena, base) + runBytes > PAGE_SIZE) return layOut(tree, puts, from, to, last)
  for (let i = from; i < to; i++) {
    puts.look(i)
    insert(tree, puts.key, puts.length, puts.value, 0)
  }
  return to
}

/** Bytes of the cells for the puts that `endOfLeaf` has passed. */
let runBytes = 0
/** It has passed all that belong in the leaf. */
let runIsWhole = false

/**
 * The index behind the puts from `from` on that belong in the leaf at `slot`, which is `offset` behind the one at the end of the path. It
 * stops at `MOST_BYTES`, and at a key without the leaf's prefix, under which its cells would become much larger.
 */
function endOfLeaf(tree: Tree, puts: SortedPuts, from: number, offset: number, slot: number): number {
  const { path } = tree
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const prefixLength = prefixLengthOf(arena, base)
  path.index[1] += offset
  runBytes = 0
  runIsWhole = false
  let to = from
  for (; to < puts.count && runBytes < MOST_BYTES; to++) {
    puts.askAhead(to)
    puts.lookAtKey(to)
    runIsWhole = !belowNextSeparator(tree, puts.key, puts.length)
    if (runIsWhole || !hasPrefix(arena, base, puts.key, puts.length)) break
    runBytes += SLOT.SIZE + leafCellSize(puts.length - prefixLength, puts.valueLengthOf(to))
  }
  runIsWhole ||= to === puts.count
  path.index[1] -= offset
  return to
}

/**
 * Lays the cells of the leaf and puts [from..to) out anew, in as many pages as they take. Where these would be far from full, the leaf
 * behind it is laid out with them, and its puts; answers the index behind all that were made.
 */
function layOut(tree: Tree, puts: SortedPuts, from: number, to: number, last: boolean): number {
  const { path } = tree
  touchPath(tree)
  const cells = tree.cellsFor(0)
  const slots = [path.slots[0]]
  let added = join(tree, cells, path.slots[0], puts, from, to)
  let end = to
  while (runIsWhole && tree.root.depth > 1 && wantsMore(cells, slots.length)) {
    const neighbour = neighbourAt(tree, 0, path.index[1] + slots.length)
    if (neighbour === undefined || !hasLikePrefix(tree, neighbour.slot, path.slots[0])) break
    const slot = tree.writableChild(path.slots[1], neighbour.index, 1)
    const next = endOfLeaf(tree, puts, end, slots.length, slot)
    slots.push(slot)
    added += join(tree, cells, slot, puts, end, next)
    end = next
  }
  addEntries(tree, added)
  const laid = spreadMany(tree, cells, slots)
  tree.changed()
  if (last) writeSoon(tree, laid)
  return end
}

/** Their frames are given back, sooner or later; nobody knows of them any more. */
function writeSoon(tree: Tree, slots: number[]): void {
  const { arenas } = tree.pager
  const pages = slots.map((slot) => pageOf(arenas[arenaOf(slot)], baseOf(slot)))
  for (const page of pages) tree.writing().writeSoon(page)
}

/** Whether the leaf's cells stay about as large beside those of the other one. */
function hasLikePrefix(tree: Tree, slot: number, other: number): boolean {
  const { arenas } = tree.pager
  return Math.abs(prefixLengthOf(arenas[arenaOf(slot)], baseOf(slot)) - prefixLengthOf(arenas[arenaOf(other)], baseOf(other))) <= LIKE_PREFIX
}

/** Whether the cells of so many leaves leave much room in the pages that they take, which are more than the leaves. */
function wantsMore(cells: Cells, leaves: number): boolean {
  const pages = cells.pages()
  return leaves < Math.ceil(pages) && pages < MOST_PAGES && pages / Math.ceil(pages) < FULL_ENOUGH
}

const header = new Uint8Array(LEAF_CELL.REST)
const headerView = new DataView(header.buffer)

/** Adds the cells of a leaf and puts [from..to), which belong there; answers how many keys are new. */
function join(tree: Tree, cells: Cells, slot: number, puts: SortedPuts, from: number, to: number): number {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const page = cells.take(arena, base)
  const prefixLength = prefixLengthOf(arena, base)
  let next = 0
  let added = 0
  for (let i = from; i < to; i++) {
    puts.look(i)
    const { key, length, value } = puts
    const found = searchNode(arena, base, 0, LEAF_CELL.REST, key, length)
    const index = found < 0 ? ~found : found
    if (index < next) throw corrupt(pageOf(arena, base), tree.root.tree, 'its keys are not in order')
    cells.addFrom(page, next, index)
    headerView.setUint16(LEAF_CELL.LENGTH, value.length, true)
    cells.addUnder(prefixLength, key, length, header, value)
    next = index
    if (found < 0) added++
    else freeValue(tree, arena, base, next++)
  }
  cells.addFrom(page, next, countOf(arena, base))
  return added
}
