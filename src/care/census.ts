/** One walk over all trees of a commit: what `check` and `stats` have in common. */
import { CoppiceError, corrupt } from '../errors.js'
import { Bitmap } from '../pager/bitmap.js'
import type { TreeCensus } from '../tree/check.js'
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

export function takeCensus(view: CommitView): Census {
  const reached = new Bitmap()
  const faults: CoppiceError[] = []
  const walk = (tree: Tree): TreeCensus => {
    return checkTree(tree, {
      page: (page, count) => claim(reached, faults, tree, page, count),
      fault: (error) => void (faults.length < MAX_FAULTS && faults.push(error)),
    })
  }
  const catalog = walk(view.catalog)
  const trees = [{ name: undefined as string | undefined, census: walk(view.defaultTree) }]
  for (const name of namesOf(view, faults)) {
    const tree = openNamed(view, name, faults)
    if (tree !== undefined) trees.push({ name, census: walk(tree) })
  }
  return { trees, catalog, reached, faults }
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
    if (!faults.some((fault) => fault.page === error.page)) faults.push(error)
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

