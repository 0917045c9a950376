import type { Arena } from './arena.js'
import { countOf, formatPage, setBirth, setCount } from './header.js'
import { CATALOG_TREE, FREE_LOG, TYPE } from './layout.js'
import type { Run } from './runs.js'
import { readRuns, writeRuns } from './runs.js'

/**
 * A page of the free log: runs, and a pointer to the page written before it. Read from the oldest page to
 * the newest and then the delta in the meta page, the runs tell which pages are free: a page is as the last
 * run that names it says, and taken where none does.
 */
export interface LogPage {
  previousPage: number
  previousCrc: number
  runs: Run[]
}

export function writeLogPage(arena: Arena, base: number, page: number, birth: number, content: LogPage): void {
  const view = new DataView(arena.bytes.buffer)
  formatPage(arena, base, page, TYPE.FREE_LOG, 0, CATALOG_TREE)
  setBirth(arena, base, birth)
  setCount(arena, base, content.runs.length)
  view.setUint32(base + FREE_LOG.PREVIOUS_PAGE, content.previousPage, true)
  view.setInt32(base + FREE_LOG.PREVIOUS_CRC, content.previousCrc, true)
  writeRuns(view, base + FREE_LOG.RUNS, content.runs, 0, content.runs.length)
}

export function readLogPage(arena: Arena, base: number): LogPage {
  const view = new DataView(arena.bytes.buffer)
  return {
    previousPage: view.getUint32(base + FREE_LOG.PREVIOUS_PAGE, true),
    previousCrc: view.getInt32(base + FREE_LOG.PREVIOUS_CRC, true),
    runs: readRuns(view, base + FREE_LOG.RUNS, countOf(arena, base)),
  }
}
