/**
 * The journal: pages in a row to which the small commits after a checkpoint write what they changed, one behind the other. Such a
 * commit writes a page and no pages of trees; those stay in the pool until the next checkpoint. Three regions of pages serve in turn,
 * as the meta slots do, so that the journals that recovery may need stay.
 *
 * Invariants:
 * - the records of a checkpoint stand from the first page of its region on without a gap, their ids growing;
 * - a page of a region is written once for each checkpoint, except after a write that failed, and never while the checkpoint of the
 *   durable or of the syncing commit has its journal there.
 */
import { corrupt } from '../errors.js'
import { Arena } from '../page/arena.js'
import { JOURNAL_PAGE_BYTES, JOURNAL_REGIONS, MAX_JOURNAL_PAGES, PAGE_SIZE } from '../page/layout.js'
import type { JournalPage } from '../page/journal.js'
import { decodeJournalPage, journalPagesFor, writeJournalPage } from '../page/journal.js'
import type { JournalPlace, Meta } from '../page/meta.js'
import { journalStart } from '../page/meta.js'
import { MAX_RECORD } from '../page/record.js'
import type { Pager } from './pager.js'
import type { Writer } from './writer.js'

export const NO_JOURNAL: JournalPlace = Object.freeze({ page: 0, pages: 0, region: 0, salt: 0 })

/** Smaller stores have no journal: their commits write two or three pages, and it would make up much of the file. */
export const JOURNAL_FROM_PAGES = 64
const LEAST_PAGES = 8

/** What a commit wrote down. */
export interface JournalRecord {
  transaction: number
  bytes: Uint8Array
}

/** What the journal of a checkpoint holds. */
export interface JournalReading {
  records: JournalRecord[]
  /** The pages that they fill. */
  pages: number
  /** Highest transaction id in any of its pages, or 0. */
  highest: number
}

/** Pages for a region in a store that uses so many. */
function journalPages(used: number): number {
  return Math.min(Math.max(LEAST_PAGES, used >>> 6), MAX_JOURNAL_PAGES)
}

/** So many pages may wait however large the store is, 64 MiB: whoever opens it for reading has to have all of them in memory. */
const MOST_WAITING_PAGES = 16384

/**
 * Changed pages that may wait for a checkpoint in a store that uses so many. The file has room for them beside those of the checkpoint before, and
 * opening makes their changes again.
 */
export function waitingPages(used: number): number {
  return Math.min(Math.max(256, used >>> 3), MOST_WAITING_PAGES)
}

/** The pages of the record under way, for all stores: memory that comes and goes makes V8 collect garbage. */
const outgoing = new Arena(new ArrayBuffer(journalPagesFor(MAX_RECORD) * PAGE_SIZE))

export class Journal {
  private readonly pager: Pager
  /** The checkpoint's place, its id, and that of the first checkpoint whose journal was in these regions. */
  place: JournalPlace
  private base: number
  private birth: number
  /** Pages written since the checkpoint. */
  position: number

  constructor(pager: Pager, meta: Meta, position: number) {
    this.pager = pager
    this.place = meta.journal
    this.base = meta.transaction
    this.birth = meta.transaction
    this.position = position
  }

  /**
   * True where a commit may be written here, and not be a checkpoint; `changed` pages wait for the next one. That has to come before the
   * pool is full of them, and pages without blocks cannot wait for it. Those that were spilled count as well: who opens the store for
   * reading has to have all of them in memory.
   */
  takes({ recorder, space }: Writer, changed: number): boolean {
    const { pool } = this.pager
    if (!recorder.fits || journalPagesFor(recorder.record.length) > this.place.pages - this.position) return false
    return pool.dirtyCount <= pool.capacity >>> 1 && changed <= waitingPages(space.usedCount) && space.hasBlocks && space.hasSpare()
  }

  /** Writes a record behind the others; it counts from `advance` on. */
  write(transaction: number, durable: number, record: Uint8Array): void {
    const pages = journalPagesFor(record.length)
    const first = journalStart(this.place) + this.position
    for (let part = 0; part < pages; part++) {
      const data = record.subarray(part * JOURNAL_PAGE_BYTES, (part + 1) * JOURNAL_PAGE_BYTES)
      const content = { transaction, base: this.base, salt: this.place.salt, durable, position: this.position + part, part, length: record.length, data }
      writeJournalPage(outgoing, part * PAGE_SIZE, first + part, content)
    }
    this.pager.writeFile([outgoing.bytes.subarray(0, pages * PAGE_SIZE)], first * PAGE_SIZE)
  }

  /** Takes back what a write that failed may have left. */
  erase(bytes: number): void {
    this.pager.writeFile([new Uint8Array(journalPagesFor(bytes) * PAGE_SIZE)], (journalStart(this.place) + this.position) * PAGE_SIZE)
  }

  advance(bytes: number): void {
    this.position += journalPagesFor(bytes)
  }

  /**
   * The place for the next checkpoint, made by this writer, which has region number `region`. A store gets regions with its first small
   * commit once it uses `from` pages, and others when it has become much larger or smaller; those before become free as the pages of a tree do.
   */
  next({ space, recorder }: Writer, from: number, region: number): JournalPlace {
    const { page, pages } = this.place
    const wanted = journalPages(space.usedCount)
    const salt = Math.floor(Math.random() * 2 ** 32)
    const kept = page === 0 ? NO_JOURNAL : { page, pages, region, salt }
    const small = recorder.fits && recorder.record.length > 0
    if (page === 0 ? !small || space.usedCount < from : wanted < 2 * pages && pages < 4 * wanted) return kept
    const mark = space.mark()
    const start = space.allocateRun(wanted * JOURNAL_REGIONS)
    if (!this.pager.reserve(start, wanted * JOURNAL_REGIONS)) {
      space.rollback(mark)
      return kept
    }
    for (let old = page; old < page + pages * JOURNAL_REGIONS; old++) space.free(old, this.birth)
    return { page: start, pages: wanted, region, salt }
  }

  /** A checkpoint has been made: its journal is empty. */
  restart({ journal, transaction }: Meta): void {
    if (journal.page !== this.place.page) this.birth = transaction
    this.place = journal
    this.base = transaction
    this.position = 0
  }
}

/**
 * Reads the journal of a checkpoint, up to the first page that is missing. Where a later page knows that more was on the disk, the page is
 * damaged, and a store without what it held would be wrong data.
 */
export function readJournal(pager: Pager, meta: Meta): JournalReading {
  const { pages } = meta.journal
  const first = journalStart(meta.journal)
  const reading: JournalReading = { records: [], pages: 0, highest: 0 }
  let last = meta.transaction
  let parts: JournalPage[] = []
  let broken = false
  for (let position = 0; position < pages; position++) {
    const content = readPage(pager, first + position, position, meta)
    if (content !== undefined && content.transaction > Number.MAX_SAFE_INTEGER) throw corrupt(first + position, undefined, 'its transaction id is impossible')
    if (content !== undefined) reading.highest = Math.max(reading.highest, content.transaction)
    if (broken && content !== undefined && content.durable > last) throw corrupt(first + reading.pages, undefined, 'it is a page of the journal, and what it held has been lost')
    broken ||= content === undefined || !continues(content, parts, last)
    if (broken || content === undefined) continue
    parts.push(content)
    if (parts.length < journalPagesFor(content.length)) continue
    reading.records.push({ transaction: content.transaction, bytes: Buffer.concat(parts.map(({ data }) => data)) })
    reading.pages = position + 1
    last = content.transaction
    parts = []
  }
  return reading
}

function readPage(pager: Pager, page: number, position: number, meta: Meta): JournalPage | undefined {
  const bytes = new Uint8Array(PAGE_SIZE)
  pager.readFile(bytes, page * PAGE_SIZE)
  const content = decodeJournalPage(bytes, page, position)
  return content?.base === meta.transaction && content.salt === meta.journal.salt ? content : undefined
}

/** Whether this is the next part of the record begun, or begins the record after `last`. */
function continues(content: JournalPage, parts: readonly JournalPage[], last: number): boolean {
  if (content.part !== parts.length || content.transaction <= last) return false
  return parts.length === 0 || (content.transaction === parts[0].transaction && content.length === parts[0].length)
}
