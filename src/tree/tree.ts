/**
 * A B+tree over pages: the root it begins at, and the descent to a leaf. A tree with a writer can be changed;
 * one without is a tree of a commit and never changes.
 *
 * Keys are key[0..length), so that a caller may use one buffer for all its keys. Results that would be more
 * than one number are left in fields: a descent allocates nothing.
 *
 * Invariants (checked by `check`):
 * - all leaves are at level 0, a branch is one level above its children, the root at depth - 1;
 * - a branch's separator i is greater than every key below child i - 1 and not greater than any below child i;
 * - a pointer's checksum and number of entries are those of the child; no page is without cells.
 */
import { assert } from '../assert.js'
import { corrupt } from '../errors.js'
import { ARENA_SHIFT, arenaOf, baseOf } from '../page/arena.js'
import { entriesOf, redirectChild, setEntries } from '../page/branch.js'
import { birthOf, crcOf, kindAt, kindOf, pageOf, wrongKind } from '../page/header.js'
import { BRANCH_CELL, BRANCH_FLAG, LEAF_CELL, MAX_DEPTH, TYPE } from '../page/layout.js'
import { cellAt, searchNode } from '../page/node.js'
import type { Pager } from '../pager/pager.js'
import type { Root } from '../pager/root.js'
import type { Writer } from '../pager/writer.js'
import { Cells } from './cells.js'
import { Path } from './path.js'
import type { PutBuffer } from './put-buffer.js'
import type { EntryReader } from './reader.js'

/**
 * Cells under way, a list for each level, as one that overflows may make the next one overflow. All trees
 * share them: nothing of a change outlives it.
 */
const cells: Cells[] = []

export class Tree {
  readonly pager: Pager
  readonly root: Root
  readonly writer: Writer | null
  /** Where puts of the transaction may wait. */
  readonly puts: PutBuffer | null
  /** Grows with every change: who remembers a place in the tree looks whether it still holds. */
  version = 0
  /** Where `find` and `seek` found something: slot of the leaf, and index in it. */
  slot = 0
  index = 0
  /** The way to the last leaf written to; see insert.ts for when it can be used again. */
  readonly path = new Path()
  /** Readers that nobody uses at the moment. */
  readonly idleReaders: EntryReader[] = []
  /** Younger pages may not be sealed yet. */
  private readonly base: number

  /** `base` is the checkpoint that what is read rests on. */
  constructor(pager: Pager, root: Root, writer: Writer | null, base: number, puts: PutBuffer | null = null) {
    this.pager = pager
    this.root = root
    this.writer = writer
    this.base = base
    this.puts = puts
  }

  /** True where the tree has the key; `slot` and `index` then say where. */
  find(key: Uint8Array, length: number): boolean {
    const { pager, root } = this
    const { arenas } = pager
    let page = root.page
    let crc = root.crc
    let level = root.depth - 1
    if (page === 0) return false
    for (;;) {
      const slot = pager.locate(page, root.tree)
      const arena = arenas[slot >>> ARENA_SHIFT]
      const base = baseOf(slot)
      const { words } = arena
      if (words[base >>> 2] !== crc || kindOf(arena, base) !== kindAt(level)) this.inspect(page, slot, level)
      if (level === 0) {
        this.slot = slot
        this.index = searchNode(arena, base, 0, LEAF_CELL.REST, key, length)
        return this.index >= 0
      }
      const found = searchNode(arena, base, 1, BRANCH_CELL.REST, key, length)
      const cell = cellAt(arena, base, found >= 0 ? found : ~found - 1)
      page = words[cell >>> 2]
      crc = words[(cell + BRANCH_CELL.CRC) >>> 2]
      level--
    }
  }

  /** The slot of a child, or of the root, that a pointer names with this checksum and level. */
  enter(page: number, crc: number, level: number): number {
    const slot = this.pager.locateAndKeep(page, this.root.tree)
    const arena = this.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    if (crcOf(arena, base) !== crc || kindOf(arena, base) !== kindAt(level)) this.inspect(page, slot, level)
    return slot
  }

  enterRoot(): number {
    return this.enter(this.root.page, this.root.crc, this.root.depth - 1)
  }

  /**
   * A page that does not carry the checksum its parent knows. That is so for pages that this process has changed since the last
   * checkpoint, until they are sealed; any other is damage.
   */
  private inspect(page: number, slot: number, level: number): void {
    const arena = this.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    if (kindOf(arena, base) !== kindAt(level)) throw corrupt(page, this.root.tree, wrongKind(arena, base, level))
    if (birthOf(arena, base) <= this.base) throw corrupt(page, this.root.tree, 'it is not the page that its parent points to')
  }

  // Writing.

  /** The writer of a tree that can be changed. */
  writing(): Writer {
    assert(this.writer !== null, 'only a tree of a write transaction is written to')
    return this.writer
  }

  /** Walks to the leaf for the key and leaves the way in `path`, every page on it one that may be changed. The tree has a root. */
  descend(key: Uint8Array, length: number): void {
    const { pager, root, path } = this
    let slot = this.writableRoot()
    let level = root.depth - 1
    for (;;) {
      path.slots[level] = slot
      if (level === 0) return
      const arena = pager.arenas[arenaOf(slot)]
      const base = baseOf(slot)
      const found = searchNode(arena, base, 1, BRANCH_CELL.REST, key, length)
      slot = this.writableChild(slot, found >= 0 ? found : ~found - 1, level)
      path.index[level] = found >= 0 ? found : ~found - 1
      level--
    }
  }

  /** The path leads to the leaf written to now, and may serve the next write. */
  remember(): void {
    const { path } = this
    path.valid = true
    path.evictions = this.pager.pool.evictions
    path.id = this.writing().id
  }

  /** The slot of the root, from now on one that may be changed. */
  writableRoot(): number {
    const { pager, root } = this
    if (root.unsealed) {
      const own = this.writing().ownSlot(root.page)
      if (own !== -1) return own
    }
    const slot = this.writing().writable(root.page, this.enterRoot())
    root.page = pageOf(pager.arenas[arenaOf(slot)], baseOf(slot))
    root.unsealed = true
    return slot
  }

  /** The slot of child `index` of the branch at `slot`, from now on one that may be changed. */
  writableChild(slot: number, index: number, level: number): number {
    const { pager } = this
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const cell = cellAt(arena, base, index)
    const page = arena.words[cell >>> 2]
    if ((arena.halves[(cell + BRANCH_CELL.FLAGS) >>> 1] & BRANCH_FLAG.UNSEALED) !== 0) {
      const own = this.writing().ownSlot(page)
      if (own !== -1) return own
    }
    const child = this.enter(page, arena.words[(cell + BRANCH_CELL.CRC) >>> 2], level - 1)
    const target = this.writing().writable(page, child)
    redirectChild(arena, base, index, pageOf(pager.arenas[arenaOf(target)], baseOf(target)))
    return target
  }

  /** Adds to the entries that pointer `index` of the branch at `slot` counts. */
  addEntries(slot: number, index: number, difference: number): void {
    const arena = this.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const entries = entriesOf(arena, base, index) + difference
    if (entries < 0) throw corrupt(pageOf(arena, base), this.root.tree, 'it counts fewer entries than there are')
    setEntries(arena, base, index, entries)
  }

  /** An empty list of cells for pages of this level. */
  cellsFor(level: number): Cells {
    while (cells.length <= level) cells.push(new Cells(cells.length > 0))
    cells[level].clear()
    return cells[level]
  }

  /** A new page of this tree. */
  createPage(level: number): number {
    return this.writing().create(level === 0 ? TYPE.LEAF : TYPE.BRANCH, level, this.root.tree)
  }

  /** Puts a new root above the old one. */
  setRoot(slot: number, depth: number): void {
    const { root } = this
    // Branches out of order may be split again and again, as what is split off is never found full.
    if (depth > MAX_DEPTH) throw corrupt(root.page, root.tree, `it would become more than ${MAX_DEPTH} levels deep`)
    const arena = this.pager.arenas[arenaOf(slot)]
    root.page = pageOf(arena, baseOf(slot))
    root.crc = crcOf(arena, baseOf(slot))
    root.depth = depth
    root.unsealed = true
  }

  /** The tree has no entries any more. */
  clearRoot(): void {
    const { root } = this
    root.page = 0
    root.crc = 0
    root.depth = 0
    root.unsealed = false
  }

  /** To be called after every change: places remembered elsewhere no longer hold. */
  changed(): void {
    this.version++
  }
}
