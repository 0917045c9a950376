/**
 * The free log: on the disk, which pages are free. A commit writes only what changed since the log's newest
 * page, and writes it into its meta page while it fits; then the changes move to pages of their own. When
 * the log has grown to several times what it says, it is written anew from the whole (a checkpoint).
 */
import { corrupt } from '../errors.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { pageCrc } from '../page/checksum.js'
import { readLogPage, writeLogPage } from '../page/free-log.js'
import { birthOf, crcOf, setCrc, typeOf } from '../page/header.js'
import { LOG_PAGE_RUNS, META_RUNS, META_SLOTS, TYPE } from '../page/layout.js'
import type { LogPointer, Meta } from '../page/meta.js'
import type { Run } from '../page/runs.js'
import type { Pager } from './pager.js'
import { PLACE } from './segments.js'
import type { Space } from './space.js'
import type { Writer } from './writer.js'

/** A page of the log in the file, newest first. */
interface StoredLogPage {
  page: number
  birth: number
  runs: Run[]
}

/** What a commit says of free space: the log's pages, and the delta in the meta page. */
export interface FreeState {
  log: LogPointer
  delta: readonly Run[]
}

/**
 * A delta of more pages than this goes to the log however few runs it has: each commit sorts its pages anew, and
 * after the deletion of 80,000 pages in a row a small commit took 3,300 us in place of 80.
 */
const DELTA_PAGES = 1024

/**
 * A delta that is nearly full, but for so many runs, goes to the log while so many pages can be had besides those of a
 * new log: on a full disk there may be none when it must, and then no commit could delete anything.
 */
const SPARE_RUNS = 64
const SPARE_PAGES = 8

export const NO_LOG: LogPointer = Object.freeze({ page: 0, crc: 0, length: 0, runs: 0 })

/** The pages of a log, newest first, each verified against the pointer to it. */
export function readLog(pager: Pager, log: LogPointer): StoredLogPage[] {
  const pages: StoredLogPage[] = []
  let { page, crc } = log
  for (let i = 0; i < log.length; i++) {
    if (page === 0 || page >= pager.physicalPages) throw corrupt(page, undefined, 'the free log breaks off')
    const slot = pager.locate(page, undefined)
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    if (crcOf(arena, base) !== crc || typeOf(arena, base) !== TYPE.FREE_LOG) throw corrupt(page, undefined, 'it is not the free log page that was written')
    const content = readLogPage(arena, base)
    pages.push({ page, birth: birthOf(arena, base), runs: content.runs })
    page = content.previousPage
    crc = content.previousCrc
  }
  if (page !== 0) throw corrupt(page, undefined, 'the free log goes on beyond its length')
  return pages
}

/** Fills an empty space with what a commit left free. */
export function loadSpace(pager: Pager, space: Space, meta: Meta): void {
  for (const stored of readLog(pager, meta.log).reverse()) {
    const outside = stored.runs.some((run) => run.start < META_SLOTS || run.start + run.length > meta.pageCount)
    if (outside) throw corrupt(stored.page, undefined, 'its runs name pages outside the file')
    space.apply(stored.runs)
  }
  space.pageCount = meta.pageCount
  space.loaded(meta.delta)
}

/** What the commit under way has to say of free space. Pages for it are taken from that same space, hence the loops. */
export function nextFreeState(writer: Writer, before: LogPointer): FreeState {
  const { space } = writer
  writer.trim()
  space.settle()
  const delta = space.delta()
  const fits = delta.length <= META_RUNS && space.changedCount <= DELTA_PAGES
  if (fits && (delta.length <= META_RUNS - SPARE_RUNS || space.available.size < before.length + SPARE_PAGES)) return { log: before, delta }
  const whole = space.allRuns().length
  const wordy = before.runs + delta.length > 4 * whole + 4 * LOG_PAGE_RUNS
  if (wordy || before.length > (4 * whole) / LOG_PAGE_RUNS + 16) return checkpoint(writer, before)
  return append(writer, before)
}

function append(writer: Writer, before: LogPointer): FreeState {
  const pages = takePages(writer, () => writer.space.delta())
  return writeLog(writer, pages, writer.space.delta(), before)
}

function checkpoint(writer: Writer, before: LogPointer): FreeState {
  for (const stored of readLog(writer.pager, before)) writer.discard(stored.page, stored.birth)
  const pages = takePages(writer, () => writer.space.allRuns())
  return writeLog(writer, pages, writer.space.allRuns(), NO_LOG)
}

/** Takes pages until what `runs` answers, these pages counted, fits in them. */
function takePages(writer: Writer, runs: () => Run[]): number[] {
  const pages: number[] = []
  for (;;) {
    writer.space.settle()
    const needed = Math.ceil(runs().length / LOG_PAGE_RUNS)
    if (needed <= pages.length) return pages
    while (pages.length < needed) pages.push(writer.space.allocate(PLACE.BRANCH))
  }
}

function writeLog(writer: Writer, pages: number[], runs: Run[], before: LogPointer): FreeState {
  const { pager } = writer
  const log = { ...before }
  for (let i = 0; i < pages.length; i++) {
    const slot = pager.pool.slotOf(pager.newFrame(pages[i]))
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    const part = runs.slice(i * LOG_PAGE_RUNS, (i + 1) * LOG_PAGE_RUNS)
    writeLogPage(arena, base, pages[i], writer.id, { previousPage: log.page, previousCrc: log.crc, runs: part })
    setCrc(arena, base, pageCrc(arena, base))
    log.page = pages[i]
    log.crc = crcOf(arena, base)
    log.length++
    log.runs += part.length
  }
  return { log, delta: [] }
}
