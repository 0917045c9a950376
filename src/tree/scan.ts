/**
 * The entries between two bounds, one after the other. In each leaf the bound is searched once; from there
 * on an entry costs a comparison of indices.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf } from '../page/header.js'
import { LEAF_CELL } from '../page/layout.js'
import { searchNode } from '../page/node.js'
import { TreeCursor } from './cursor.js'
import type { Bound } from './cut.js'
import { rank } from './order.js'
import type { Tree } from './tree.js'

export class TreeScan {
  readonly cursor: TreeCursor
  private readonly tree: Tree
  private readonly low: Bound | undefined
  private readonly high: Bound | undefined
  private readonly reverse: boolean
  private left: number
  private readonly offset: number
  private started = false
  /** The leaf for which `edge` was searched, and the tree's version then. */
  private edgePage = -1
  private edgeVersion = -1
  private edge = 0

  constructor(tree: Tree, low: Bound | undefined, high: Bound | undefined, reverse: boolean, limit: number, offset: number) {
    this.tree = tree
    this.cursor = new TreeCursor(tree)
    this.low = low
    this.high = high
    this.reverse = reverse
    this.left = limit
    this.offset = offset
  }

  /** To the next entry in order; false at the end of the range, and from then on. */
  next(): boolean {
    if (this.left <= 0) return false
    const { cursor } = this
    const moved = !this.started ? this.start() : this.reverse ? cursor.previous() : cursor.next()
    if (moved && this.inRange()) {
      this.left--
      return true
    }
    this.left = 0
    return false
  }

  private start(): boolean {
    const { cursor, tree, low, high } = this
    this.started = true
    if (this.offset > 0) return this.startAtOffset()
    if (this.reverse) return high === undefined ? cursor.last() : cursor.seekBefore(high.key, high.length)
    if (tree.root.page === 0) return false
    return low === undefined ? cursor.first() : cursor.seek(low.key, low.length)
  }

  private startAtOffset(): boolean {
    const { cursor, tree, low, high } = this
    if (this.reverse) {
      const end = high === undefined ? tree.root.entries : rank(tree, high.key, high.length)
      return cursor.seekPosition(end - 1 - this.offset)
    }
    const begin = low === undefined ? 0 : rank(tree, low.key, low.length)
    return cursor.seekPosition(begin + this.offset)
  }

  private inRange(): boolean {
    const bound = this.reverse ? this.low : this.high
    if (bound === undefined) return true
    const { cursor } = this
    if (cursor.page !== this.edgePage || this.tree.version !== this.edgeVersion) this.findEdge(bound)
    return this.reverse ? cursor.index >= this.edge : cursor.index < this.edge
  }

  private findEdge(bound: Bound): void {
    const { cursor, tree } = this
    const arena = tree.pager.arenas[arenaOf(cursor.slot)]
    const base = baseOf(cursor.slot)
    this.edgePage = cursor.page
    this.edgeVersion = tree.version
    const found = searchNode(arena, base, 0, LEAF_CELL.REST, bound.key, bound.length)
    this.edge = found >= 0 ? found : Math.min(~found, countOf(arena, base))
  }
}
