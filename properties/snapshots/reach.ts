/**
 * What a commit reaches, found from bytes alone: those of the file, and of the pages that wait in memory for a checkpoint. The oracle for
 * what may be reused, and when.
 */
import { Arena } from '../../src/page/arena.js'
import { childCrcOf, childOf } from '../../src/page/branch.js'
import { crc32, pageCrc } from '../../src/page/checksum.js'
import { readLogPage } from '../../src/page/free-log.js'
import { countOf, crcOf, pageOf, typeOf } from '../../src/page/header.js'
import { CATALOG_RECORD, CATALOG_TREE, DEFAULT_TREE, JOURNAL_REGIONS, PAGE_SIZE, TYPE } from '../../src/page/layout.js'
import { isOverflow, readOverflowRef, valueAt } from '../../src/page/leaf.js'
import type { Meta } from '../../src/page/meta.js'
import type { Run } from '../../src/page/runs.js'
import type { TreePointer } from '../../src/page/tree-pointer.js'
import { readTreePointer } from '../../src/page/tree-pointer.js'

export interface Reach {
  /** Checksum of the 4 KiB of every page of the commit: of trees, of extents, and of the free log; 0 for those of the journal, which are written to. */
  pages: Map<number, number>
  /** How many of them are the free log's. */
  logPages: number
  /** Pages that the log and the delta say are free. */
  free: Set<number>
}

/**
 * Follows every pointer of a commit and compares each checksum on the way, so that a byte that changed shows (I4 to I7). `delta` is what the
 * commit says of free space besides the log.
 */
export function reach(image: Uint8Array, meta: Meta, delta: readonly Run[]): Reach {
  const walk = new Walk(image)
  walk.tree(meta.defaultTree, DEFAULT_TREE)
  walk.tree(meta.catalog, CATALOG_TREE)
  walk.journal(meta)
  const runs = walk.log(meta)
  const free = new Set<number>()
  for (const run of [...runs, ...delta]) {
    for (let page = run.start; page < run.start + run.length; page++) {
      if (run.freed) free.add(page)
      else free.delete(page)
    }
  }
  return { pages: walk.pages, logPages: meta.log.length, free }
}

class Walk {
  readonly pages = new Map<number, number>()
  private readonly arena: Arena

  constructor(image: Uint8Array) {
    this.arena = new Arena(image.buffer as ArrayBuffer)
  }

  tree(pointer: TreePointer, tree: number): void {
    if (pointer.page !== 0) this.page(pointer.page, pointer.crc, tree)
  }

  private page(page: number, crc: number, tree: number): void {
    const { arena } = this
    const base = this.sealed(page, crc)
    for (let i = 0, count = countOf(arena, base); i < count; i++) {
      if (typeOf(arena, base) === TYPE.BRANCH) this.page(childOf(arena, base, i), childCrcOf(arena, base, i), tree)
      else this.entry(valueAt(arena, base, i), isOverflow(arena, base, i), tree)
    }
  }

  private entry(at: number, overflow: boolean, tree: number): void {
    if (overflow) this.extent(at)
    else if (tree === CATALOG_TREE) {
      const record = new DataView(this.arena.bytes.buffer, at, CATALOG_RECORD.SIZE)
      this.tree(readTreePointer(record, CATALOG_RECORD.POINTER), record.getUint32(CATALOG_RECORD.TREE, true))
    }
  }

  private extent(at: number): void {
    const ref = readOverflowRef(this.arena, at)
    const start = ref.page * PAGE_SIZE
    if (crc32(this.arena.bytes.subarray(start, start + ref.length)) !== ref.crc) throw new Error(`the extent at page ${ref.page} has changed`)
    const pages = Math.ceil(ref.length / PAGE_SIZE)
    for (let page = ref.page; page < ref.page + pages; page++) this.claim(page, crc32(this.arena.bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)))
  }

  /** The runs of the free log, oldest first. */
  log(meta: Meta): Run[] {
    const parts: Run[][] = []
    let { page, crc } = meta.log
    while (page !== 0) {
      const content = readLogPage(this.arena, this.sealed(page, crc))
      parts.unshift(content.runs)
      page = content.previousPage
      crc = content.previousCrc
    }
    return parts.flat()
  }

  /** The regions of the journal: all of them belong to the commit, whichever it writes to. */
  journal({ journal: { page, pages } }: Meta): void {
    for (let i = page; i < page + pages * JOURNAL_REGIONS; i++) this.claim(i, 0)
  }

  private sealed(page: number, crc: number): number {
    const base = page * PAGE_SIZE
    if (base + PAGE_SIZE > this.arena.bytes.length) throw new Error(`page ${page} lies behind the end of the file`)
    if (crcOf(this.arena, base) !== crc || pageCrc(this.arena, base) !== crc) throw new Error(`page ${page} is not what its pointer says: it has changed`)
    if (pageOf(this.arena, base) !== page) throw new Error(`page ${page} carries another number`)
    this.claim(page, crc)
    return base
  }

  private claim(page: number, crc: number): void {
    if (this.pages.has(page)) throw new Error(`page ${page} is reached twice`)
    this.pages.set(page, crc)
  }
}
