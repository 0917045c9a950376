/**
 * A tree with few entries beside the puts that come to it is built anew from both, as a bulk load builds one: nothing is searched, and no
 * page is laid out again for other puts.
 */
import { corrupt } from '../errors.js'
import { Arena, arenaOf, baseOf } from '../page/arena.js'
import { LEAF_CELL, PAGE_SIZE } from '../page/layout.js'
import { isOverflow, storedLength, valueAt } from '../page/leaf.js'
import { keyLengthOf, readKey } from '../page/node.js'
import { discardTree } from './cut.js'
import { Loader } from './load.js'
import { EVERYTHING, TreeScan } from './scan.js'
import { compareEntries, entrySize, SortedPuts, writeEntry } from './sorted-puts.js'
import type { Tree } from './tree.js'

/** There are to be so many puts for each entry of the tree. */
const PUTS_AN_ENTRY = 2
/** Memory for the entries of the tree, 512 KiB. */
const MOST_BYTES = 2 ** 19
/** Bytes that leaves keep free for entries as small as that: more puts in no order are to come. */
const ROOM = PAGE_SIZE / 16

export class Rebuild {
  private readonly loader: Loader
  /** What the tree had, and how many of these entries have been loaded or replaced. */
  private readonly kept: SortedPuts
  private at = 0

  private constructor(kept: SortedPuts, loader: Loader) {
    this.kept = kept
    this.loader = loader
  }

  /** Takes the tree's entries out of it for `count` puts, or some less where runs have the same keys; undefined, with nothing done, where it has too many, or some that have extents. */
  static of(tree: Tree, count: number, last: boolean): Rebuild | undefined {
    if (tree.root.entries * PUTS_AN_ENTRY > count) return undefined
    const kept = entriesOf(tree)
    if (kept === undefined) return undefined
    discardTree(tree)
    return new Rebuild(kept, new Loader(tree, ROOM, last))
  }

  /** Makes puts, each batch behind the one before. */
  make(puts: SortedPuts): void {
    for (let i = 0; i < puts.count; i++) {
      puts.askAhead(i)
      this.keepBefore(puts, i)
      this.load(puts, i)
    }
  }

  /** Loads the tree's entries before a put; one with its key is replaced. */
  private keepBefore(puts: SortedPuts, index: number): void {
    const { kept } = this
    while (this.at < kept.count) {
      const order = compareEntries(kept.memory, kept.places[this.at], puts.memory, puts.places[index])
      if (order > 0) return
      if (order < 0) this.load(kept, this.at)
      this.at++
    }
  }

  private load(puts: SortedPuts, index: number): void {
    puts.look(index)
    this.loader.add(puts.key, puts.length, puts.value, 0)
  }

  finish(): void {
    for (; this.at < this.kept.count; this.at++) this.load(this.kept, this.at)
    this.loader.finish()
  }
}

/** The entries of a tree, as puts; undefined where they are too many, or some have extents. */
function entriesOf(tree: Tree): SortedPuts | undefined {
  const memory = new Arena(new ArrayBuffer(MOST_BYTES))
  const places = new Int32Array(tree.root.entries)
  const scan = new TreeScan(tree, EVERYTHING)
  let end = 0
  let i = 0
  for (; scan.next(); i++) {
    const { slot, index, page } = scan.cursor
    const arena = tree.pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const size = entrySize(keyLengthOf(arena, base, index), storedLength(arena, base, index))
    if (isOverflow(arena, base, index) || end + size > MOST_BYTES || i === places.length) return undefined
    copyFrom(arena, base, index, memory, end)
    if (i > 0 && compareEntries(memory, places[i - 1], memory, end) >= 0) throw corrupt(page, tree.root.tree, 'its keys are not in order')
    places[i] = end
    end += size
  }
  if (i < places.length) throw corrupt(tree.root.page, tree.root.tree, 'it counts more entries than there are')
  return new SortedPuts(memory, places, places.length)
}

const keyScratch = new Uint8Array(PAGE_SIZE)

function copyFrom(arena: Arena, base: number, index: number, memory: Arena, to: number): void {
  const length = readKey(arena, base, index, LEAF_CELL.REST, keyScratch, 0)
  const start = valueAt(arena, base, index)
  writeEntry(memory, to, 0, keyScratch, length, arena.bytes.subarray(start, start + storedLength(arena, base, index)))
}
