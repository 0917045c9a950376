import { CoppiceError, corrupt } from '../errors.js'
import { META_SLOTS } from '../page/layout.js'
import type { Bitmap } from '../pager/bitmap.js'
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
    /** Free ones. */
    free: number
  }
}

/**
 * Checks the newest commit: every page of every tree, and that each page of the file is a meta slot, reached
 * by one tree, part of the free log, or free, and only one of these.
 */
export function check(store: Store, view: CommitView): CheckReport {
  const census = takeCensus(view)
  const { meta } = view.commit
  const errors = [...census.faults]
  let freeLog = 0
  let free = 0
  try {
    const log = readLog(store.pager, meta.log)
    const space = new Space(new Readers(), () => false)
    loadSpace(store.pager, space, meta)
    freeLog = log.length
    free = space.unused.size
    const owned = new Set(log.map((stored) => stored.page))
    // With damage in a tree, pages below it could not be reached and would all be reported again.
    compare(errors, meta.pageCount, census.reached, owned, space.unused, census.faults.length === 0)
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error
    errors.push(error)
  }
  return {
    ok: errors.length === 0,
    errors,
    trees: census.trees.length,
    entries: census.trees.reduce((sum, { census: { entries } }) => sum + entries, 0),
    pages: { total: meta.pageCount, reached: census.reached.size, freeLog, free },
  }
}

function compare(errors: CoppiceError[], pageCount: number, reached: Bitmap, log: Set<number>, free: Bitmap, complete: boolean): void {
  for (let page = 0; page < pageCount; page++) {
    const owners = Number(page < META_SLOTS) + Number(reached.has(page)) + Number(log.has(page)) + Number(free.has(page))
    if (owners > 1) errors.push(corrupt(page, undefined, 'it is in use and free at once, or in use twice'))
    else if (owners === 0 && complete) errors.push(corrupt(page, undefined, 'nothing reaches it and it is not free'))
    if (errors.length > 1000) return
  }
}
