import { META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import type { Store } from '../pager/store.js'
import type { TreeCensus } from '../tree/check.js'
import type { CommitView } from '../views.js'
import { takeCensus } from './census.js'

/** Figures of one tree. Fill is the share of a page's bytes in use, 0 to 1, on average; 0 without pages. */
export interface TreeStats {
  /** Undefined for the default tree. */
  name: string | undefined
  entries: number
  /** Levels, leaves included. */
  depth: number
  leafPages: number
  branchPages: number
  overflowPages: number
  leafFill: number
  branchFill: number
  /** Bytes of all keys, and of all values. */
  keyBytes: number
  valueBytes: number
}

/** Pages that wait because somebody can still see them. */
export interface PendingStats {
  /** The commit that is held. */
  transaction: number
  pages: number
  /** Transactions, snapshots, iterators and the store's own syncs that hold it. */
  holders: number
  /** True where only the store itself holds it, until its next sync. */
  awaitsSync: boolean
}

export interface Stats {
  path: string
  pageSize: number
  /** Bytes of the file, and bytes up to the last page in use. */
  fileBytes: number
  usedBytes: number
  /** Id of the newest commit, and of the last one known to be on the disk. */
  transaction: number
  durableTransaction: number
  pages: {
    total: number
    meta: number
    leaf: number
    branch: number
    overflow: number
    freeLog: number
    /** Free, pending ones included. */
    free: number
    pending: number
  }
  pending: PendingStats[]
  trees: TreeStats[]
  pool: { frames: number; dirty: number; spilledPages: number }
  /** What opening passed over, such as a damaged meta slot or a commit that never finished; empty in the normal case. */
  passedOver: readonly string[]
}

export function stats(store: Store, view: CommitView): Stats {
  const { trees, catalog } = takeCensus(view)
  const { meta } = view.commit
  const all = [catalog, ...trees.map(({ census }) => census)]
  const sum = (field: 'leafPages' | 'branchPages' | 'overflowPages') => all.reduce((total, census) => total + census[field], 0)
  const pending = pendingStats(store)
  const { pool } = store.pager
  return {
    path: store.file.path,
    pageSize: PAGE_SIZE,
    fileBytes: store.pager.fileBytes(),
    usedBytes: meta.pageCount * PAGE_SIZE,
    transaction: meta.transaction,
    durableTransaction: store.durableTransaction,
    pages: {
      total: meta.pageCount,
      meta: META_SLOTS,
      leaf: sum('leafPages'),
      branch: sum('branchPages'),
      overflow: sum('overflowPages'),
      freeLog: meta.log.length,
      free: store.space().unused.size,
      pending: pending.reduce((total, { pages }) => total + pages, 0),
    },
    pending,
    trees: trees.map(({ name, census }) => treeStats(name, census)),
    pool: { frames: pool.capacity, dirty: pool.dirtyCount, spilledPages: pool.spilled },
    passedOver: store.passedOver,
  }
}

function pendingStats(store: Store): PendingStats[] {
  return store.space().pendingByHolder().map(({ transaction, pages }) => {
    const holders = store.readers.count(transaction)
    return { transaction, pages, holders, awaitsSync: holders === store.ownHolds(transaction) }
  })
}

function treeStats(name: string | undefined, census: TreeCensus): TreeStats {
  const { entries, depth, leafPages, branchPages, overflowPages, keyBytes, valueBytes } = census
  return {
    name,
    entries,
    depth,
    leafPages,
    branchPages,
    overflowPages,
    leafFill: fill(census.leafBytes, leafPages),
    branchFill: fill(census.branchBytes, branchPages),
    keyBytes,
    valueBytes,
  }
}

function fill(bytes: number, pages: number): number {
  return pages === 0 ? 0 : bytes / (pages * PAGE_SIZE)
}

