/**
 * The entries between two bounds, in runs that stand in one leaf. In each leaf the bound is searched once; from there
 * on an entry costs a comparison of indices.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf } from '../page/header.js'
import { LEAF_CELL } from '../page/layout.js'
import { searchNode } from '../page/node.js'
import { TreeCursor } from './cursor.js'
import { rank } from './order.js'
import type { Tree } from './tree.js'

/**
 * The entries of a tree whose keys are `low` or greater and less than `high`, those that are given; `offset` and `limit` count in the order
 * of the scan. No literal: in every second process V8 made those in old space, where they kept other garbage alive until a full collection.
 */
export class Range {
  readonly low: Uint8Array | undefined
  readonly high: Uint8Array | undefined
  readonly reverse: boolean
  readonly limit: number
  readonly offset: number

  constructor(low: Uint8Array | undefined, high: Uint8Array | undefined, reverse = false, limit = Infinity, offset = 0) {
    this.low = low
    this.high = high
    this.reverse = reverse
    this.limit = limit
    this.offset = offset
  }
}

export const EVERYTHING = new Range(undefined, undefined)

export class TreeScan {
  readonly cursor: TreeCursor
  range: Range
  private readonly tree: Tree
  private left: number
  private started = false
  /** Entries of the last run. */
  private run = 0
  /** The leaf for which `edge` was searched, and the tree's version then. */
  private edgePage = -1
  private edgeVersion = -1
  private edge = 0

  constructor(tree: Tree, range: Range) {
    this.tree = tree
    this.cursor = new TreeCursor(tree)
    this.range = range
    this.left = range.limit
  }

  /** Goes over another range from now on. */
  restart(range: Range): void {
    this.range = range
    this.left = range.limit
    this.started = false
    this.edgePage = -1
  }

  /** To the next entry in order; false at the end of the range, and from then on. */
  next(): boolean {
    return this.nextRun(1) > 0
  }

  /**
   * To the entry behind the last run; answers how many from there on stand in its leaf and in the range, `most` at most. 0 at the end of
   * the range, and from then on. In a tree that may change meanwhile a run has one entry.
   */
  nextRun(most: number): number {
    if (this.left <= 0) return 0
    this.run = this.move() ? Math.min(this.inRange(), most, this.left) : 0
    this.left = this.run > 0 ? this.left - this.run : 0
    return this.run
  }

  private move(): boolean {
    const { cursor } = this
    if (!this.started) return this.start()
    return this.range.reverse ? cursor.previous(this.run) : cursor.next(this.run)
  }

  private start(): boolean {
    const { cursor, tree } = this
    const { low, high, reverse, offset } = this.range
    this.started = true
    if (offset > 0) return this.startAtOffset()
    if (reverse) return high === undefined ? cursor.last() : cursor.seekBefore(high, high.length)
    if (tree.root.page === 0) return false
    return low === undefined ? cursor.first() : cursor.seek(low, low.length)
  }

  private startAtOffset(): boolean {
    const { cursor, tree } = this
    const { low, high, reverse, offset } = this.range
    if (reverse) {
      const end = high === undefined ? tree.root.entries : rank(tree, high, high.length)
      return cursor.seekPosition(end - 1 - offset)
    }
    const begin = low === undefined ? 0 : rank(tree, low, low.length)
    return cursor.seekPosition(begin + offset)
  }

  /** How many entries of this leaf are in the range, from that of the cursor on. */
  private inRange(): number {
    const { cursor, tree } = this
    if (cursor.page !== this.edgePage || tree.version !== this.edgeVersion) this.findEdge()
    const distance = cursor.index - this.edge
    return this.range.reverse ? distance + 1 : -distance
  }

  /** The first entry of this leaf that is in the range, going down, or behind it, going up. */
  private findEdge(): void {
    const { cursor, tree } = this
    const { low, high, reverse } = this.range
    const arena = tree.pager.arenas[arenaOf(cursor.slot)]
    const base = baseOf(cursor.slot)
    this.edgePage = cursor.page
    this.edgeVersion = tree.version
    const bound = reverse ? low : high
    if (bound === undefined) this.edge = reverse ? 0 : countOf(arena, base)
    else {
      const found = searchNode(arena, base, 0, LEAF_CELL.REST, bound, bound.length)
      this.edge = found >= 0 ? found : ~found
    }
  }
}
