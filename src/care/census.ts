/** One walk over all trees of a commit: what `check` and `stats` have in common. */
import { CoppiceError, corrupt } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { birthOf, pageOf } from '../page/header.js'
import { CATALOG_TREE, DEFAULT_TREE } from '../page/layout.js'
import { isOverflow, storedLength, valueAt } from '../page/leaf.js'
import { Bitmap } from '../pager/bitmap.js'
import { readCatalogRecord } from '../pager/recover.js'
import type { TreeCensus, Visitor } from '../tree/check.js'
import { checkTree } from '../tree/check.js'
import type { Tree } from '../tree/tree.js'
import type { CommitView } from '../views.js'

export interface Census {
  /** Each tree with its figures: undefined names the default tree. */
  trees: { name: string | undefined; census: TreeCensus }[]
  catalog: TreeCensus
  /** Every page that a tree reaches. */
  reached: Bitmap
  faults: CoppiceError[]
}

/** Faults reported at most: a page that is gone would otherwise be named again by everything that reaches it. */
const MAX_FAULTS = 1000

/** `pagesRead` is told of every page that a tree reaches. */
export function takeCensus(view: CommitView, pagesRead?: (count: number) => void): Census {
  const reached = new Bitmap()
  const faults: CoppiceError[] = []
  const walk = (tree: Tree, youngest?: number, entry?: Visitor['entry']): TreeCensus => {
    const visitor: Visitor = {
      page: (page, count) => {
        pagesRead?.(count)
        return claim(reached, faults, tree, page, count)
      },
      fault: (error) => void (faults.length < MAX_FAULTS && faults.push(error)),
    }
    return checkTree(tree, entry === undefined ? visitor : { ...visitor, entry }, youngest)
  }
  const records = new Map<number, number>()
  const catalog = walk(view.catalog, undefined, (arena, base, index) => void orFault(() => noteRecord(view, records, arena, base, index), faults))
  const trees = [{ name: undefined as string | undefined, census: walk(view.defaultTree) }]
  for (const name of namesOf(view, faults)) {
    const tree = openNamed(view, name, faults)
    if (tree !== undefined) trees.push({ name, census: walk(tree, records.get(tree.root.tree)) })
  }
  return { trees, catalog, reached, faults }
}

/** Notes under a tree's id the birth of the catalog leaf with its record: nothing in the tree is younger. */
function noteRecord(view: CommitView, records: Map<number, number>, arena: Arena, base: number, index: number): void {
  // A record outside the page is damage that opening the tree finds.
  if (isOverflow(arena, base, index)) return
  const { pageCount, nextTree } = view.commit.meta
  const { tree } = readCatalogRecord(arena.bytes, valueAt(arena, base, index), storedLength(arena, base, index), pageCount)
  if (tree <= DEFAULT_TREE || tree >= nextTree) throw corrupt(pageOf(arena, base), CATALOG_TREE, `the record in slot ${index} has the tree id ${tree}, which was never given`)
  if (records.has(tree)) throw corrupt(pageOf(arena, base), CATALOG_TREE, `the record in slot ${index} has the tree id ${tree}, which another tree has`)
  records.set(tree, birthOf(arena, base))
}

function namesOf(view: CommitView, faults: CoppiceError[]): string[] {
  return orFault(() => view.names(), faults) ?? []
}

function openNamed(view: CommitView, name: string, faults: CoppiceError[]): Tree | undefined {
  return orFault(() => view.tree(name), faults)
}

function orFault<T>(read: () => T, faults: CoppiceError[]): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error
    if (faults.length < MAX_FAULTS && !faults.some((fault) => fault.page === error.page)) faults.push(error)
    return undefined
  }
}

function claim(reached: Bitmap, faults: CoppiceError[], tree: Tree, page: number, count: number): boolean {
  for (let i = page; i < page + count; i++) {
    if (reached.add(i)) continue
    if (faults.length < MAX_FAULTS) faults.push(corrupt(i, tree.root.tree, 'it is reached twice'))
    return false
  }
  return true
}

