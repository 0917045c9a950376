/**
 * Bulk load: a tree built from the left to the right out of sorted entries. Each level has one open page;
 * one that is full is closed, and a pointer to it goes to the open page above. Nothing is searched or split, and
 * pages are left as full as is wanted.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { branchCellSize, insertBranchCell } from '../page/branch.js'
import { countOf, pageOf } from '../page/header.js'
import { LEAF_CELL, SLOT } from '../page/layout.js'
import { insertLeafCell, leafCellSize } from '../page/leaf.js'
import { gapOf, hasPrefix, prefixLengthOf, setPrefix } from '../page/node.js'
import { beginLeaf, isPacked, separatorBehind, sharedWith } from './append.js'
import { NO_KEY } from './cells.js'
import { pointTo, pointerHeader, rewrite } from './spread.js'
import type { Tree } from './tree.js'

/** The open page of a level, and the separator that its pointer will have. */
interface OpenPage {
  slot: number
  separator: Uint8Array
}

export class Loader {
  private readonly tree: Tree
  private readonly room: number
  private readonly early: boolean
  private readonly open: OpenPage[] = []
  private readonly header = new Uint8Array(LEAF_CELL.REST)
  private readonly headerView = new DataView(this.header.buffer)
  private entries = 0

  /**
   * The tree has no entries yet. Entries of up to `room` bytes leave about so many free in each leaf. `early`: leaves are written as soon as they
   * are full, so that few frames serve for all.
   */
  constructor(tree: Tree, room = 0, early = true) {
    this.tree = tree
    this.room = room
    this.early = early
  }

  /** Adds an entry whose key is greater than all before. */
  add(key: Uint8Array, length: number, stored: Uint8Array, flags: number): void {
    this.entries++
    if (this.open.length === 0) this.begin(0, NO_KEY)
    const { slot } = this.open[0]
    const arena = this.tree.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const count = countOf(arena, base)
    if (count > 0 && hasPrefix(arena, base, key, length)) {
      const suffixLength = length - prefixLengthOf(arena, base)
      const size = SLOT.SIZE + leafCellSize(suffixLength, stored.length)
      if (gapOf(arena, base) >= (size <= this.room ? size + this.room : size)) {
        insertLeafCell(arena, base, count, key, length, suffixLength, stored, flags)
        return
      }
    }
    if (count === 0 || !isPacked(arena, base, key, length)) this.addAnew(slot, key, length, stored, flags)
    else this.addBehind(slot, prefixLengthOf(arena, base), key, length, stored, flags)
  }

  /** Lays the leaf out anew with the entry, under another prefix; where that does not fit, the entry opens the next leaf. */
  private addAnew(slot: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): void {
    const { tree } = this
    const arena = tree.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    this.headerView.setUint16(LEAF_CELL.LENGTH, stored.length, true)
    this.headerView.setUint16(LEAF_CELL.FLAGS, flags, true)
    const cells = tree.cellsFor(0)
    cells.addPage(arena, base)
    cells.add(key, length, this.header, stored)
    if (cells.fits(0, cells.count)) rewrite(tree, slot, 0, cells, 0, cells.count)
    else this.addBehind(slot, sharedWith(arena, base, 0, key, length), key, length, stored, flags)
  }

  /** Closes the leaf; the entry opens the next one, under a prefix of up to so many bytes. */
  private addBehind(slot: number, prefixLength: number, key: Uint8Array, length: number, stored: Uint8Array, flags: number): void {
    const { arenas } = this.tree.pager
    const separator = separatorBehind(arenas[arenaOf(slot)], baseOf(slot), key, length)
    this.close(0)
    const next = this.begin(0, separator)
    beginLeaf(arenas[arenaOf(next)], baseOf(next), prefixLength, key, length, stored, flags)
  }

  /** Opens a page; it stays in its frame until it is closed. */
  private begin(level: number, separator: Uint8Array): number {
    const { tree } = this
    const slot = tree.createPage(level)
    tree.pager.pool.pin(slot)
    setPrefix(tree.pager.arenas[arenaOf(slot)], baseOf(slot), NO_KEY, 0, 0)
    this.open[level] = { slot, separator }
    return slot
  }

  /** Closes the open page of a level: the level above points to it from now on. */
  private close(level: number): void {
    const { slot, separator } = this.open[level]
    const { tree } = this
    if (this.open.length === level + 1) this.begin(level + 1, NO_KEY)
    const parent = this.open[level + 1].slot
    const arena = tree.pager.arenas[arenaOf(parent)]
    const base = baseOf(parent)
    const count = countOf(arena, base)
    const named = count === 0 ? NO_KEY : separator
    if (count === 0 || (hasPrefix(arena, base, named, named.length) && this.hasRoom(parent, named))) {
      insertBranchCell(arena, base, count, named, named.length, count === 0 ? 0 : named.length - prefixLengthOf(arena, base), 0, 0, 0, 0)
      pointTo(tree, arena, base, count, slot, level)
    } else this.closeAnew(level, slot, separator)
    tree.pager.pool.unpin(slot)
    if (level === 0 && this.early) tree.writing().writeSoon(pageOf(tree.pager.arenas[arenaOf(slot)], baseOf(slot)))
  }

  private hasRoom(slot: number, separator: Uint8Array): boolean {
    const arena = this.tree.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    return gapOf(arena, base) >= SLOT.SIZE + branchCellSize(separator.length - prefixLengthOf(arena, base))
  }

  /** Lays the branch out anew with the pointer; where that does not fit, the pointer opens the next branch. */
  private closeAnew(level: number, child: number, separator: Uint8Array): void {
    const { tree } = this
    const parent = this.open[level + 1].slot
    const cells = tree.cellsFor(level + 1)
    cells.addPage(tree.pager.arenas[arenaOf(parent)], baseOf(parent))
    cells.add(separator, separator.length, pointerHeader(tree, child, level), NO_KEY)
    if (cells.fits(0, cells.count)) {
      rewrite(tree, parent, level + 1, cells, 0, cells.count)
      return
    }
    this.close(level + 1)
    const next = this.begin(level + 1, separator)
    rewrite(tree, next, level + 1, cells, cells.count - 1, cells.count)
  }

  /** Closes all pages; the last one open is the root. */
  finish(): void {
    if (this.open.length === 0) return
    for (let level = 0; level < this.open.length - 1; level++) this.close(level)
    const top = this.open.length - 1
    const { slot } = this.open[top]
    this.tree.setRoot(slot, top + 1)
    this.tree.root.entries = this.entries
    this.tree.pager.pool.unpin(slot)
    this.tree.path.valid = false
    this.tree.changed()
  }
}
