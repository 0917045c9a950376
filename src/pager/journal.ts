/**
 * The journal: pages in a row, kept by a checkpoint, to which the small commits after it write what they changed, one behind the
 * other. Such a commit writes a page and no pages of trees; those stay in the pool until the next checkpoint.
 *
 * Invariants:
 * - the records of a checkpoint stand from the first page on without a gap, their ids growing;
 * - a page of the journal is written once for each checkpoint, except after a write that failed, and never while a commit that is held
 *   by the store itself names an earlier use of it.
 */
import { corrupt } from '../errors.js'
import { Arena } from '../page/arena.js'
import { JOURNAL_PAGE_BYTES, MAX_JOURNAL_PAGES, PAGE_SIZE } from '../page/layout.js'
import type { JournalPage } from '../page/journal.js'
import { decodeJournalPage, journalPagesFor, writeJournalPage } from '../page/journal.js'
import type { JournalRegion, Meta } from '../page/meta.js'
import { MAX_RECORD } from '../page/record.js'
import type { Pager } from './pager.js'
import type { Writer } from './writer.js'

export const NO_JOURNAL: JournalRegion = Object.freeze({ page: 0, pages: 0 })

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

/** Pages for the journal of a store of so many. */
function journalPages(pageCount: number): number {
  return Math.min(Math.max(LEAST_PAGES, pageCount >>> 6), MAX_JOURNAL_PAGES)
}

/** So many pages may wait however large the store is, 64 MiB: whoever opens it for reading has to have all of them in memory. */
const MOST_WAITING_PAGES = 16384

/**
 * Changed pages that may wait for a checkpoint in a store of so many. The file has room for them beside those of the checkpoint before, and
 * opening makes their changes again.
 */
export function waitingPages(pageCount: number): number {
  return Math.min(Math.max(256, pageCount >>> 3), MOST_WAITING_PAGES)
}

/** The pages of the record under way, for all stores: memory that comes and goes makes V8 collect garbage. */
const outgoing = new Arena(new ArrayBuffer(journalPagesFor(MAX_RECORD) * PAGE_SIZE))

export class Journal {
  private readonly pager: Pager
  /** The region, the checkpoint that it belongs to, and the first one that did. */
  region: JournalRegion
  private base: number
  private birth: number
  /** Pages written since the checkpoint. */
  position: number

  constructor(pager: Pager, meta: Meta, position: number) {
    this.pager = pager
    this.region = meta.journal
    this.base = meta.transaction
    this.birth = meta.transaction
    this.position = position
  }

  hasRoomFor(bytes: number): boolean {
    return journalPagesFor(bytes) <= this.region.pages - this.position
  }

  /** Writes a record behind the others; it counts from `advance` on. */
  write(transaction: number, durable: number, record: Uint8Array): void {
    const pages = journalPagesFor(record.length)
    const first = this.region.page + this.position
    for (let part = 0; part < pages; part++) {
      const data = record.subarray(part * JOURNAL_PAGE_BYTES, (part + 1) * JOURNAL_PAGE_BYTES)
      const content = { transaction, base: this.base, durable, position: this.position + part, part, length: record.length, data }
      writeJournalPage(outgoing, part * PAGE_SIZE, first + part, content)
    }
    this.pager.writeFile([outgoing.bytes.subarray(0, pages * PAGE_SIZE)], first * PAGE_SIZE)
  }

  /** Takes back what a write that failed may have left. */
  erase(bytes: number): void {
    this.pager.writeFile([new Uint8Array(journalPagesFor(bytes) * PAGE_SIZE)], (this.region.page + this.position) * PAGE_SIZE)
  }

  advance(bytes: number): void {
    this.position += journalPagesFor(bytes)
  }

  /**
   * The region for the next checkpoint, made by this writer, in a store that has journals from so many pages on. One with records in it may
   * be needed still, so its pages become free as those of a tree do, and a transaction that would have had its place there takes others.
   */
  next({ space, recorder }: Writer, from: number): JournalRegion {
    const { page: first, pages } = this.region
    if (first !== 0 && this.position === 0) return this.region
    for (let page = first; page < first + pages; page++) space.free(page, this.birth)
    if (!recorder.fits || recorder.record.length === 0 || space.pageCount < from) return NO_JOURNAL
    const mark = space.mark()
    const region = { pages: journalPages(space.pageCount), page: 0 }
    region.page = space.allocateRun(region.pages)
    if (this.pager.reserve(region.page, region.pages)) return region
    space.rollback(mark)
    return NO_JOURNAL
  }

  /** A checkpoint has been made: its journal is empty. */
  restart({ journal, transaction }: Meta): void {
    if (journal.page !== this.region.page) this.birth = transaction
    this.region = journal
    this.base = transaction
    this.position = 0
  }
}

/**
 * Reads the journal of a checkpoint, up to the first page that is missing. Where a later page knows that more was on the disk, the page is
 * damaged, and a store without what it held would be wrong data.
 */
export function readJournal(pager: Pager, meta: Meta): JournalReading {
  const { page: first, pages } = meta.journal
  const reading: JournalReading = { records: [], pages: 0, highest: 0 }
  let last = meta.transaction
  let parts: JournalPage[] = []
  let broken = false
  for (let position = 0; position < pages; position++) {
    const content = readPage(pager, first + position, position, meta)
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
  return content?.base === meta.transaction ? content : undefined
}

/** Whether this is the next part of the record begun, or begins the record after `last`. */
function continues(content: JournalPage, parts: readonly JournalPage[], last: number): boolean {
  if (content.part !== parts.length || content.transaction <= last || content.transaction > Number.MAX_SAFE_INTEGER) return false
  return parts.length === 0 || (content.transaction === parts[0].transaction && content.length === parts[0].length)
}
