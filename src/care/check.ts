import { CoppiceError, corrupt } from '../errors.js'
import { META_SLOTS } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { journalTotal } from '../page/meta.js'
import { Bitmap } from '../pager/bitmap.js'
import { loadSpace, readLog } from '../pager/free-log.js'
import { Readers } from '../pager/readers.js'
import { Space } from '../pager/space.js'
import type { Store } from '../pager/store.js'
import type { CommitView } from '../views.js'
import { takeCensus } from './census.js'

/** What {@link Database.check} found. */
export interface CheckReport {
  /** True where nothing is wrong. */
  ok: boolean
  /** What is wrong, each with its `page`, and with its `tree` where it is known; about 1,000 at most. */
  errors: CoppiceError[]
  /** Trees looked at, the default one included. */
  trees: number
  /** Entries in all of them. */
  entries: number
  /** Numbers of pages, of 4,096 bytes each. */
  pages: {
    /** All up to the last one in use; the three meta pages included. */
    total: number
    /** Those that a tree reaches. */
    reached: number
    /** Those that hold the list of free pages. */
    freeLog: number
    /** Those that are kept for the journal. */
    journal: number
    /** Free ones. */
    free: number
  }
}

/** Options of {@link Database.check}. */
export interface CheckOptions {
  /** Called for each page that a tree reaches, or each run of pages of a large value, with how many have been looked at and how many there are to be. */
  progress?: (pages: number, total: number) => void
}

/**
 * Checks the newest commit: every page of every tree, and that each page of the file is a meta slot, reached
 * by one tree, part of the free log, or free, and only one of these. Where `tell`, which hears what
 * {@link CheckOptions} says, may write, the caller holds the commit of the view.
 */
export function check(store: Store, view: CommitView, tell: NonNullable<CheckOptions['progress']> = () => undefined): CheckReport {
  store.seal()
  const { meta } = view.commit
  const { log, free, fault } = freePages(store, meta)
  const journalPages = journalTotal(meta.journal)
  const total = meta.pageCount - META_SLOTS - log.size - journalPages - free.size
  let pages = 0
  const census = takeCensus(view, (count) => tell((pages += count), total))
  const errors = [...census.faults]
  if (fault !== undefined) errors.push(fault)
  // With damage in a tree, pages below it could not be reached and would all be reported again.
  else compare(errors, meta, census.reached, log, free, census.faults.length === 0)
  return {
    ok: errors.length === 0,
    errors,
    trees: census.trees.length,
    entries: census.trees.reduce((sum, { census: { entries } }) => sum + entries, 0),
    pages: { total: meta.pageCount, reached: census.reached.size, freeLog: log.size, journal: journalPages, free: free.size },
  }
}

/** The pages of the free log, and those that it says are free; none where it is damaged. */
function freePages(store: Store, meta: Meta): { log: Set<number>; free: Bitmap; fault?: CoppiceError } {
  try {
    const log = readLog(store.pager, meta.log)
    const space = new Space(new Readers(), () => false)
    loadSpace(store.pager, space, { ...meta, delta: store.newestDelta() })
    return { log: new Set(log.map((stored) => stored.page)), free: space.unused }
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error
    return { log: new Set(), free: new Bitmap(), fault: error }
  }
}

function compare(errors: CoppiceError[], { pageCount, journal }: Meta, reached: Bitmap, log: Set<number>, free: Bitmap, complete: boolean): void {
  for (let page = 0; page < pageCount; page++) {
    const owners = Number(page < META_SLOTS) + Number(page >= journal.page && page < journal.page + journalTotal(journal)) + Number(reached.has(page)) + Number(log.has(page)) + Number(free.has(page))
    if (owners > 1) errors.push(corrupt(page, undefined, 'it is in use and free at once, or in use twice'))
    else if (owners === 0 && complete) errors.push(corrupt(page, undefined, 'nothing reaches it and it is not free'))
    if (errors.length > 1000) return
  }
}
