/**
 * Looks at everything in a tree that a read does not look at by itself: the order of keys, separators against
 * what stands below them, numbers of entries, checksums of pages already seen and of overflow extents.
 */
import { CoppiceError, corrupt } from '../errors.js'
import { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { childCrcOf, childOf, entriesOf, branchFlags } from '../page/branch.js'
import { crc32, pageCrc } from '../page/checksum.js'
import { birthOf, countOf, crcOf, treeOf } from '../page/header.js'
import { BRANCH_CELL, BRANCH_FLAG, LEAF_CELL, MAX_KEY_LENGTH, PAGE_SIZE } from '../page/layout.js'
import { isOverflow, readOverflowRef, storedLength, valueAt } from '../page/leaf.js'
import { keyLengthOf, readKey, slotAt, suffixLengthOf, usedBytes } from '../page/node.js'
import { validatePage } from '../page/validate.js'
import { FRAME_SLOTS } from '../pager/pool.js'
import type { Tree } from './tree.js'

/** What a walk over a tree adds up. */
export interface TreeCensus {
  entries: number
  depth: number
  leafPages: number
  branchPages: number
  overflowPages: number
  /** Bytes in use in all leaves, and in all branches. */
  leafBytes: number
  branchBytes: number
  /** Bytes of keys, and of values wherever they stand. */
  keyBytes: number
  valueBytes: number
}

/** Told of every page of a tree, and of every entry; answers to `page` whether to look below. */
export interface Visitor {
  page(page: number, count: number): boolean
  entry?(arena: Arena, base: number, index: number): void
  fault(error: CoppiceError): void
}

interface Bounds {
  low: Uint8Array | undefined
  high: Uint8Array | undefined
}

interface Subtree {
  entries: number
  overflow: boolean
}

const keyScratch = new Uint8Array(2 * MAX_KEY_LENGTH)

/**
 * Walks the whole tree; every fault goes to the visitor, and the walk goes on beside it. `youngest` is the birth of
 * the page that names the root, where that is not a meta page.
 */
export function checkTree(tree: Tree, visitor: Visitor, youngest = Infinity): TreeCensus {
  const { root } = tree
  const census: TreeCensus = {
    entries: 0, depth: root.depth, leafPages: 0, branchPages: 0, overflowPages: 0, leafBytes: 0, branchBytes: 0, keyBytes: 0, valueBytes: 0,
  }
  if (root.page === 0) return census
  const found = new Check(tree, visitor, census).page(root.page, root.crc, root.depth - 1, { low: undefined, high: undefined }, youngest)
  if (found !== undefined && found.entries !== root.entries) {
    visitor.fault(corrupt(root.page, root.tree, `the tree counts ${root.entries} entries and has ${found.entries}`))
  }
  census.entries = found?.entries ?? 0
  return census
}

class Check {
  private readonly tree: Tree
  private readonly visitor: Visitor
  private readonly census: TreeCensus

  constructor(tree: Tree, visitor: Visitor, census: TreeCensus) {
    this.tree = tree
    this.visitor = visitor
    this.census = census
  }

  /** Checks a page and all below it; undefined where a fault keeps it from being read. `youngest` is the birth of the page above. */
  page(page: number, crc: number, level: number, bounds: Bounds, youngest: number): Subtree | undefined {
    const copy = this.read(page, crc, level)
    if (copy === undefined || !this.visitor.page(page, 1)) return undefined
    const { arena, base } = copy
    if (birthOf(arena, base) > youngest) this.fault(page, 'it is younger than the page that points to it')
    this.heads(arena, base, page)
    this.order(arena, base, page, level, bounds)
    return level === 0 ? this.leaf(arena, base, page) : this.branch(arena, base, page, level, bounds)
  }

  /** The page, in memory that stays as it is while the pages below are read. */
  private read(page: number, crc: number, level: number): { arena: Arena; base: number } | undefined {
    try {
      const slot = this.tree.enter(page, crc, level)
      const arena = this.tree.pager.arenas[arenaOf(slot)]
      const base = baseOf(slot)
      if (crcOf(arena, base) !== crc) throw corrupt(page, this.tree.root.tree, 'it is not the page that its parent points to')
      if (pageCrc(arena, base) !== crc) throw corrupt(page, this.tree.root.tree, 'its checksum does not match')
      // Pages that this process wrote were never looked at, and a fault of the engine's own would show only elsewhere.
      const { usedPages: pageCount, committed: newest } = this.tree.pager
      const wrong = validatePage(arena, base, page, { pageCount, newest })
      if (wrong !== undefined) throw corrupt(page, this.tree.root.tree, wrong)
      if (treeOf(arena, base) !== this.tree.root.tree) throw corrupt(page, this.tree.root.tree, `it belongs to tree ${treeOf(arena, base)}`)
      return slot < FRAME_SLOTS ? { arena, base } : copyOf(arena, base)
    } catch (error) {
      if (!(error instanceof CoppiceError)) throw error
      this.visitor.fault(error)
      return undefined
    }
  }

  /** A short suffix is padded with zeros in its head: anything else would hide the key from a search. */
  private heads(arena: Arena, base: number, page: number): void {
    for (let i = 0, count = countOf(arena, base); i < count; i++) {
      const length = suffixLengthOf(arena, base, i)
      const head = arena.words[slotAt(base, i) >>> 2]
      if (length < 4 && (length === 0 ? head : head << (8 * length)) !== 0) this.fault(page, `the head in slot ${i} does not end with zeros`)
    }
  }

  private order(arena: Arena, base: number, page: number, level: number, bounds: Bounds): void {
    const rest = level === 0 ? LEAF_CELL.REST : BRANCH_CELL.REST
    let before = bounds.low
    for (let i = level === 0 ? 0 : 1, count = countOf(arena, base); i < count; i++) {
      const key = keyOf(arena, base, i, rest)
      const order = before === undefined ? 1 : Buffer.compare(key, before)
      const first = i === (level === 0 ? 0 : 1)
      if (order < 0 || (order === 0 && !first)) this.fault(page, `the key in slot ${i} is not greater than the one before`)
      if (bounds.high !== undefined && Buffer.compare(key, bounds.high) >= 0) this.fault(page, `the key in slot ${i} belongs in the next page`)
      before = key
    }
  }

  private leaf(arena: Arena, base: number, page: number): Subtree {
    const { census, visitor } = this
    const entries = countOf(arena, base)
    let overflow = false
    census.leafPages++
    census.leafBytes += usedBytes(arena, base)
    for (let i = 0; i < entries; i++) {
      census.keyBytes += keyLengthOf(arena, base, i)
      if (isOverflow(arena, base, i)) {
        overflow = true
        this.extent(arena, base, page, i)
      } else census.valueBytes += storedLength(arena, base, i)
      visitor.entry?.(arena, base, i)
    }
    return { entries, overflow }
  }

  private extent(arena: Arena, base: number, page: number, index: number): void {
    const { census, tree } = this
    const ref = readOverflowRef(arena, valueAt(arena, base, index))
    const pages = Math.ceil(ref.length / PAGE_SIZE)
    census.overflowPages += pages
    census.valueBytes += ref.length
    if (ref.birth > birthOf(arena, base)) this.fault(page, `the overflow extent of slot ${index} is younger than the page that points to it`)
    if (!this.visitor.page(ref.page, pages)) return
    if (crc32(tree.pager.readBytes(ref.page, ref.length)) !== ref.crc) {
      this.fault(ref.page, 'the checksum of the value in this overflow extent does not match')
    }
  }

  private branch(arena: Arena, base: number, page: number, level: number, bounds: Bounds): Subtree {
    const { census } = this
    const subtree: Subtree = { entries: 0, overflow: false }
    census.branchPages++
    census.branchBytes += usedBytes(arena, base)
    const count = countOf(arena, base)
    for (let i = 0; i < count; i++) {
      const low = i === 0 ? bounds.low : keyOf(arena, base, i, BRANCH_CELL.REST)
      const high = i + 1 < count ? keyOf(arena, base, i + 1, BRANCH_CELL.REST) : bounds.high
      const found = this.page(childOf(arena, base, i), childCrcOf(arena, base, i), level - 1, { low, high }, birthOf(arena, base))
      const said = entriesOf(arena, base, i)
      const saidOverflow = (branchFlags(arena, base, i) & BRANCH_FLAG.OVERFLOW_BELOW) !== 0
      subtree.entries += said
      subtree.overflow ||= saidOverflow
      if (found === undefined) continue
      if (found.entries !== said) this.fault(page, `slot ${i} counts ${said} entries where there are ${found.entries}`)
      if (found.overflow && !saidOverflow) this.fault(page, `slot ${i} does not say that there are overflow values below`)
    }
    return subtree
  }

  private fault(page: number, what: string): void {
    this.visitor.fault(corrupt(page, this.tree.root.tree, what))
  }
}

function keyOf(arena: Arena, base: number, index: number, rest: number): Uint8Array {
  return keyScratch.slice(0, readKey(arena, base, index, rest, keyScratch, 0))
}

function copyOf(arena: Arena, base: number): { arena: Arena; base: number } {
  return { arena: new Arena(arena.bytes.slice(base, base + PAGE_SIZE).buffer), base: 0 }
}
