/**
 * A place in a tree that moves from entry to entry, in either direction.
 *
 *   nowhere --seek, first, last, seekPosition--> at an entry --next, previous--> at an entry, or nowhere
 *
 * A cursor follows the keys: when the tree has been changed, the next move begins from the key the cursor was
 * at, whether that is still there or not, and so sees every change ahead of it. For this a cursor over a
 * write transaction copies each key it comes to; others need not, as their tree never changes.
 *
 * A hostile file may hold branches that share children, and keys in any order. So that going over all entries
 * ends there too, no cursor goes further than to as many leaves as there are pages, nor from a change on to a
 * key that it has passed.
 */
import { corrupt } from '../errors.js'
import { Arena, arenaOf, baseOf } from '../page/arena.js'
import { childCrcOf, childOf } from '../page/branch.js'
import { countOf, pageOf } from '../page/header.js'
import { BRANCH_CELL, LEAF_CELL, MAX_DEPTH, MAX_KEY_LENGTH, PAGE_SIZE } from '../page/layout.js'
import { compareKey, keyLengthOf, readKey, searchNode } from '../page/node.js'
import { descendTo } from './order.js'
import type { Tree } from './tree.js'

const NO_ANCHOR = new Uint8Array(0)

export class TreeCursor {
  readonly tree: Tree
  /** True while the cursor stands at an entry. */
  positioned = false
  // Plain arrays no longer than the tree is deep: three typed ones of 32 made up half of the cost of a short range.
  private readonly slots: number[]
  private readonly indices: number[]
  private readonly pages: number[]
  /** Entries of the leaf. */
  private count = 0
  private readonly anchor: Uint8Array
  private anchorLength = 0
  private readonly follows: boolean
  private version = 0
  private evictions = 0
  /** A copy of the leaf `copiedPage`, as of a version of the tree; made when first asked for. */
  private copy: Arena | undefined
  private copiedPage = 0
  private copiedVersion = 0
  /** Leaves between where the cursor was put and where it is, below 0 where those come before. */
  private leaves = 0

  constructor(tree: Tree) {
    this.tree = tree
    this.follows = tree.writer !== null
    const levels = this.follows ? MAX_DEPTH : tree.root.depth
    this.slots = new Array<number>(levels).fill(0)
    this.indices = new Array<number>(levels).fill(0)
    this.pages = new Array<number>(levels).fill(0)
    this.anchor = this.follows ? new Uint8Array(MAX_KEY_LENGTH) : NO_ANCHOR
  }

  /** Slot of the leaf of the entry, and its index there; `settle` first where the tree may have changed. */
  get slot(): number {
    return this.slots[0]
  }

  get index(): number {
    return this.indices[0]
  }

  /** Page number of the leaf. */
  get page(): number {
    return this.pages[0]
  }

  /** To the first entry whose key is key[0..length) or greater; answers whether there is one. */
  seek(key: Uint8Array, length: number): boolean {
    const { tree } = this
    if (tree.root.page === 0) return this.leave()
    this.start()
    let slot = tree.enterRoot()
    for (let level = tree.root.depth - 1; level > 0; level--) {
      const arena = tree.pager.arenas[arenaOf(slot)]
      const base = baseOf(slot)
      const found = searchNode(arena, base, 1, BRANCH_CELL.REST, key, length)
      slot = this.step(level, slot, found >= 0 ? found : ~found - 1)
    }
    const found = searchNode(tree.pager.arenas[arenaOf(slot)], baseOf(slot), 0, LEAF_CELL.REST, key, length)
    this.slots[0] = slot
    this.indices[0] = found >= 0 ? found : ~found
    return this.forward()
  }

  /** To the last entry whose key is less than key[0..length). */
  seekBefore(key: Uint8Array, length: number): boolean {
    if (this.seek(key, length)) return this.previous()
    return this.last()
  }

  first(): boolean {
    if (this.tree.root.page === 0) return this.leave()
    this.start()
    this.fall(this.tree.root.depth - 1, this.tree.enterRoot(), false)
    return this.arrive()
  }

  last(): boolean {
    if (this.tree.root.page === 0) return this.leave()
    this.start()
    this.fall(this.tree.root.depth - 1, this.tree.enterRoot(), true)
    return this.arrive()
  }

  /** To the entry with `position` entries before it. */
  seekPosition(position: number): boolean {
    if (position < 0 || position >= this.tree.root.entries) return this.leave()
    this.start()
    descendTo(this.tree, position, this.slots, this.indices, this.pages)
    return this.arrive()
  }

  /** To the next entry, or over that many entries of the leaf and to the one behind them. */
  next(count = 1): boolean {
    if (!this.positioned) return false
    // Most steps stay in a leaf that nobody changes and that has not moved.
    if (!this.follows && this.indices[0] + count < this.count && this.tree.pager.pool.evictions === this.evictions) {
      this.indices[0] += count
      return true
    }
    if (this.follows && this.version !== this.tree.version) return this.seekAfterAnchor()
    this.relocate()
    this.indices[0] += count
    return this.forward()
  }

  /** To the entry before, or over that many entries of the leaf and to the one before them. */
  previous(count = 1): boolean {
    if (!this.positioned) return false
    if (this.follows && this.version !== this.tree.version) return this.seekBeforeAnchor()
    this.relocate()
    if (this.indices[0] < count) return this.climb(true)
    this.indices[0] -= count
    return this.arrive()
  }

  /**
   * A copy of the leaf of the entry, good until the cursor comes to another one or the tree changes; `settle` first. Cells
   * lie in any order in their page: with all of it copied in one go, their entries cost 20 ns each where they took 80.
   */
  leaf(): Arena {
    const { tree } = this
    this.copy ??= new Arena(new ArrayBuffer(PAGE_SIZE))
    if (this.copiedPage !== this.page || this.copiedVersion !== tree.version) {
      const start = baseOf(this.slot) >>> 2
      this.copy.words.set(tree.pager.arenas[arenaOf(this.slot)].words.subarray(start, start + (PAGE_SIZE >>> 2)))
      this.copiedPage = this.page
      this.copiedVersion = tree.version
    }
    return this.copy
  }

  /** Makes `slot` and `index` good again after changes; false where the entry is no longer there. */
  settle(): boolean {
    if (!this.positioned) return false
    if (!this.follows || this.version === this.tree.version) {
      this.relocate()
      return true
    }
    const { tree } = this
    if (!tree.find(this.anchor, this.anchorLength)) return false
    return this.seek(this.anchor, this.anchorLength)
  }

  private seekAfterAnchor(): boolean {
    const key = this.anchor.slice()
    const length = this.anchorLength
    if (!this.seek(key, length)) return false
    const arena = this.tree.pager.arenas[arenaOf(this.slots[0])]
    const base = baseOf(this.slots[0])
    const same = searchNode(arena, base, 0, LEAF_CELL.REST, key, length) === this.indices[0]
    if (same && !this.next()) return false
    return this.orderFrom(key, length) < 0 || this.refuseOrder()
  }

  private seekBeforeAnchor(): boolean {
    const key = this.anchor.slice()
    const length = this.anchorLength
    if (!this.seekBefore(key, length)) return false
    return this.orderFrom(key, length) > 0 || this.refuseOrder()
  }

  /** Order of key[0..length) against the key of the entry here. */
  private orderFrom(key: Uint8Array, length: number): number {
    return compareKey(this.tree.pager.arenas[arenaOf(this.slot)], baseOf(this.slot), this.index, LEAF_CELL.REST, key, length)
  }

  private refuseOrder(): never {
    throw corrupt(this.page, this.tree.root.tree, 'its keys are not in order')
  }

  private start(): void {
    this.evictions = this.tree.pager.pool.evictions
    this.leaves = 0
  }

  /** From an index in the leaf that may be just behind its last entry, to the entry there or in the next leaf. */
  private forward(): boolean {
    const slot = this.slots[0]
    if (this.indices[0] < countOf(this.tree.pager.arenas[arenaOf(slot)], baseOf(slot))) return this.arrive()
    return this.climb(false)
  }

  /** To the next leaf in a direction: up to the first branch with a child there, and down its near edge. */
  private climb(backwards: boolean): boolean {
    const { tree } = this
    this.leaves += backwards ? -1 : 1
    if (Math.abs(this.leaves) > tree.pager.where.length) throw corrupt(tree.root.page, tree.root.tree, 'pages below it are reached more than once')
    for (let level = 1; level < tree.root.depth; level++) {
      const slot = this.slots[level]
      const index = this.indices[level] + (backwards ? -1 : 1)
      if (index < 0 || index >= countOf(tree.pager.arenas[arenaOf(slot)], baseOf(slot))) continue
      this.fall(level - 1, this.step(level, slot, index), backwards)
      return this.arrive()
    }
    return this.leave()
  }

  /** Down to the first or the last entry below the page at `slot`. */
  private fall(level: number, slot: number, toLast: boolean): void {
    for (; level > 0; level--) slot = this.step(level, slot, toLast ? this.lastIndex(slot) : 0)
    this.slots[0] = slot
    this.indices[0] = toLast ? this.lastIndex(slot) : 0
  }

  private lastIndex(slot: number): number {
    return countOf(this.tree.pager.arenas[arenaOf(slot)], baseOf(slot)) - 1
  }

  /** Notes the branch on the way and answers the slot of the child. */
  private step(level: number, slot: number, index: number): number {
    this.slots[level] = slot
    this.indices[level] = index
    const arena = this.tree.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    this.pages[level] = pageOf(arena, base)
    return this.tree.enter(childOf(arena, base, index), childCrcOf(arena, base, index), level - 1)
  }

  private leave(): boolean {
    this.positioned = false
    return false
  }

  private arrive(): boolean {
    const { tree } = this
    this.positioned = true
    const arena = tree.pager.arenas[arenaOf(this.slots[0])]
    const base = baseOf(this.slots[0])
    this.pages[0] = pageOf(arena, base)
    this.count = countOf(arena, base)
    if (this.follows) this.remember()
    return true
  }

  private remember(): void {
    const { tree } = this
    const arena = tree.pager.arenas[arenaOf(this.slots[0])]
    const base = baseOf(this.slots[0])
    this.version = tree.version
    this.anchorLength = keyLengthOf(arena, base, this.indices[0])
    readKey(arena, base, this.indices[0], LEAF_CELL.REST, this.anchor, 0)
  }

  /**
   * Frames may have been given to other pages since the last move; the pages themselves are the same. Looking
   * one up may push another one of them out, but what was just looked up stays, so the loop ends.
   */
  private relocate(): void {
    const { pager, root } = this.tree
    while (pager.pool.evictions !== this.evictions) {
      this.evictions = pager.pool.evictions
      for (let level = root.depth - 1; level >= 0; level--) this.slots[level] = pager.locateAndKeep(this.pages[level], root.tree)
    }
  }
}
