import { META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import { journalTotal } from '../page/meta.js'
import type { Store } from '../pager/store.js'
import type { TreeCensus } from '../tree/check.js'
import type { CommitView } from '../views.js'
import { takeCensus } from './census.js'

/** Figures of one tree. */
export interface TreeStats {
  /** Undefined for the default tree. */
  name: string | undefined
  /** Number of entries. */
  entries: number
  /** Levels, leaves included; 0 for a tree without entries. */
  depth: number
  /** Pages that hold entries. */
  leafPages: number
  /** Pages that lead to others. */
  branchPages: number
  /** Pages that hold large values. */
  overflowPages: number
  /** Share of the leaves' bytes that is in use, from 0 to 1; 0 without leaves. */
  leafFill: number
  /** The same of the branches. */
  branchFill: number
  /** Bytes of all keys, as encoded. */
  keyBytes: number
  /** Bytes of all values, as encoded. */
  valueBytes: number
}

/** Pages that wait because somebody can still see them. */
export interface PendingStats {
  /** Number of the commit that is held. */
  transaction: number
  /** Pages that this hold keeps from being used again. */
  pages: number
  /** Transactions, snapshots, iterators and the store's own syncs that hold it. */
  holders: number
  /** True where only the store itself holds it, until its next checkpoint or sync. */
  awaitsSync: boolean
}

/** Figures about a store, from {@link Database.stats}. */
export interface Stats {
  /** The file's path, or `':memory:'`. */
  path: string
  /** Bytes of a page: 4,096. */
  pageSize: number
  /** Bytes of the file. */
  fileBytes: number
  /** Bytes up to the last page in use. */
  usedBytes: number
  /** Number of the newest commit. */
  transaction: number
  /** Number of the newest commit that is known to be on the disk. */
  durableTransaction: number
  /** Numbers of pages, by kind; those of the catalog of named trees are among them. */
  pages: {
    /** All up to the last one in use. */
    total: number
    /** Pages that name the newest commits: 3. */
    meta: number
    /** Pages that hold entries. */
    leaf: number
    /** Pages that lead to others. */
    branch: number
    /** Pages that hold large values. */
    overflow: number
    /** Pages that hold the list of free ones. */
    freeLog: number
    /** Pages kept for the journal of small commits. */
    journal: number
    /** Free, pending ones included. */
    free: number
    /** Free, but kept for those who can still see them. */
    pending: number
  }
  /** Who keeps pending pages, by the commit that they hold. */
  pending: PendingStats[]
  /** The default tree, then the named ones in the order of their names' bytes. */
  trees: TreeStats[]
  /** The memory for pages being changed, and for clean ones where the file is not mapped. */
  pool: {
    /** Pages that the pool has room for. */
    frames: number
    /** Changed pages in it now: not yet committed, or waiting for a checkpoint. */
    dirty: number
    /** Pages moved to the file before their commit, since the store was opened. */
    spilledPages: number
  }
  /** What opening passed over, such as a damaged meta slot or a commit that never finished; empty in the normal case. */
  passedOver: readonly string[]
}

export function stats(store: Store, view: CommitView): Stats {
  store.seal()
  const { trees, catalog, faults } = takeCensus(view)
  // What cannot be read cannot be counted, and figures that leave it out would be wrong.
  if (faults.length > 0) throw faults[0]
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
      journal: journalTotal(meta.journal),
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

