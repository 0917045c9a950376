/**
 * The meta page: everything that a commit is, in one page. Three slots hold one each (pages 0, 1 and 2).
 * A meta page is believed only whole: checksum, page number, magic and every range are looked at here.
 */
import { corrupt } from '../errors.js'
import { Arena } from './arena.js'
import { pageCrc } from './checksum.js'
import { birthOf, crcOf, formatPage, pageOf, readU64, setBirth, setCount, setCrc, typeOf, writeU64, countOf } from './header.js'
import { CATALOG_TREE, DEFAULT_TREE, FORMAT_VERSION, JOURNAL_REGIONS, MAGIC, MAX_JOURNAL_PAGES, MAX_PAGES, META, META_RUNS, META_SLOTS, PAGE_SIZE, TYPE } from './layout.js'
import type { Run } from './runs.js'
import { readRuns, writeRuns } from './runs.js'
import type { TreePointer } from './tree-pointer.js'
import { readTreePointer, validateTreePointer, writeTreePointer } from './tree-pointer.js'

/** Where the free log begins: its newest page, or page 0 for none. */
export interface LogPointer {
  page: number
  crc: number
  /** Pages in the chain. */
  length: number
  /** Runs in all pages of the chain. */
  runs: number
}

/** Where a checkpoint has its journal: in one of JOURNAL_REGIONS regions, which lie side by side. */
export interface JournalPlace {
  /** First page of the first region, and pages in each; 0 and 0 where there is no journal. */
  page: number
  pages: number
  /** Number of the region. */
  region: number
  /** Drawn anew for each checkpoint: an id may have been another's, which a crash has lost. */
  salt: number
}

/** Pages of all regions together. */
export function journalTotal({ pages }: JournalPlace): number {
  return pages * JOURNAL_REGIONS
}

/** First page of the region. */
export function journalStart({ page, pages, region }: JournalPlace): number {
  return page + region * pages
}

export interface Meta {
  /** 16 random bytes, drawn when the database was made. */
  database: Uint8Array
  transaction: number
  /** The last transaction known to be on the disk when this page was written; pages born later are checked on recovery. */
  durable: number
  pageCount: number
  nextTree: number
  defaultTree: TreePointer
  catalog: TreePointer
  log: LogPointer
  /** The pages kept for the journal of the commits after this one. */
  journal: JournalPlace
  /** Milliseconds since 1970. */
  timestamp: number
  /** What became free or taken since the newest page of the free log. */
  delta: readonly Run[]
}

/** What reading a meta slot may end in. `foreign`: no trace of coppice; `newer`: a version or feature of later years. */
export type MetaReading =
  | { kind: 'valid'; meta: Meta }
  | { kind: 'damaged'; why: string }
  | { kind: 'foreign' }
  | { kind: 'newer'; why: string }

/** Feature bits that this version knows; a file with any other required bit is refused. */
const KNOWN_REQUIRED = 0

export function encodeMeta(meta: Meta, slot: number): Uint8Array {
  const arena = new Arena(new ArrayBuffer(PAGE_SIZE))
  const view = new DataView(arena.bytes.buffer)
  formatPage(arena, 0, slot, TYPE.META, 0, CATALOG_TREE)
  setBirth(arena, 0, meta.transaction)
  setCount(arena, 0, meta.delta.length)
  arena.bytes.set(MAGIC, META.MAGIC)
  view.setUint32(META.VERSION, FORMAT_VERSION, true)
  view.setUint32(META.PAGE_SIZE, PAGE_SIZE, true)
  arena.bytes.set(meta.database, META.DATABASE)
  writeU64(arena, META.DURABLE, meta.durable)
  view.setUint32(META.PAGE_COUNT, meta.pageCount, true)
  view.setUint32(META.NEXT_TREE, meta.nextTree, true)
  writeTreePointer(view, META.DEFAULT_TREE, meta.defaultTree)
  writeTreePointer(view, META.CATALOG, meta.catalog)
  view.setUint32(META.LOG_PAGE, meta.log.page, true)
  view.setInt32(META.LOG_CRC, meta.log.crc, true)
  view.setUint32(META.LOG_LENGTH, meta.log.length, true)
  view.setUint32(META.LOG_RUNS, meta.log.runs, true)
  writeU64(arena, META.TIMESTAMP, meta.timestamp)
  view.setUint32(META.JOURNAL_PAGE, meta.journal.page, true)
  view.setUint16(META.JOURNAL_PAGES, meta.journal.pages, true)
  view.setUint16(META.JOURNAL_REGION, meta.journal.region, true)
  view.setUint32(META.JOURNAL_SALT, meta.journal.salt, true)
  writeRuns(view, META.DELTA, meta.delta, 0, meta.delta.length)
  setCrc(arena, 0, pageCrc(arena, 0))
  return arena.bytes
}

/** Reads the 4 KiB of a slot. */
export function decodeMeta(bytes: Uint8Array, slot: number): MetaReading {
  const copy = new Uint8Array(PAGE_SIZE)
  copy.set(bytes)
  const arena = new Arena(copy.buffer)
  const view = new DataView(copy.buffer)
  const hasMagic = MAGIC.every((byte, i) => copy[META.MAGIC + i] === byte)
  if (!hasMagic) return { kind: 'foreign' }
  const version = view.getUint32(META.VERSION, true)
  if (crcOf(arena, 0) !== pageCrc(arena, 0)) return { kind: 'damaged', why: 'its checksum does not match' }
  if (version > FORMAT_VERSION) return { kind: 'newer', why: `format version ${version}` }
  const required = view.getUint32(META.REQUIRED, true)
  if ((required & ~KNOWN_REQUIRED) !== 0) return { kind: 'newer', why: `required features 0x${required.toString(16)}` }
  const why = fixedFieldsWrong(arena, view, slot)
  if (why !== undefined) return { kind: 'damaged', why }
  const meta = readFields(arena, view)
  const wrong = metaFault(meta)
  return wrong === undefined ? { kind: 'valid', meta } : { kind: 'damaged', why: wrong }
}

function fixedFieldsWrong(arena: Arena, view: DataView, slot: number): string | undefined {
  if (pageOf(arena, 0) !== slot || typeOf(arena, 0) !== TYPE.META) return 'it is not the meta page of this slot'
  if (view.getUint32(META.VERSION, true) !== FORMAT_VERSION) return 'its format version never was'
  if (view.getUint32(META.PAGE_SIZE, true) !== PAGE_SIZE) return 'its page size is not 4096'
  return countOf(arena, 0) > META_RUNS ? 'its free delta does not fit' : undefined
}

function readFields(arena: Arena, view: DataView): Meta {
  return {
    database: arena.bytes.slice(META.DATABASE, META.DURABLE),
    transaction: birthOf(arena, 0),
    durable: readU64(arena, META.DURABLE),
    pageCount: view.getUint32(META.PAGE_COUNT, true),
    nextTree: view.getUint32(META.NEXT_TREE, true),
    defaultTree: readTreePointer(view, META.DEFAULT_TREE),
    catalog: readTreePointer(view, META.CATALOG),
    log: {
      page: view.getUint32(META.LOG_PAGE, true),
      crc: view.getInt32(META.LOG_CRC, true),
      length: view.getUint32(META.LOG_LENGTH, true),
      runs: view.getUint32(META.LOG_RUNS, true),
    },
    journal: {
      page: view.getUint32(META.JOURNAL_PAGE, true),
      pages: view.getUint16(META.JOURNAL_PAGES, true),
      region: view.getUint16(META.JOURNAL_REGION, true),
      salt: view.getUint32(META.JOURNAL_SALT, true),
    },
    timestamp: readU64(arena, META.TIMESTAMP),
    delta: readRuns(view, META.DELTA, countOf(arena, 0)),
  }
}

/** What is wrong with a commit, read or about to be written, or undefined. */
function metaFault(meta: Meta): string | undefined {
  const { pageCount, log, journal } = meta
  if (meta.transaction > Number.MAX_SAFE_INTEGER) return 'its transaction id is impossible'
  if (meta.durable > meta.transaction) return 'it says that a later transaction is durable'
  if (pageCount < META_SLOTS || pageCount > MAX_PAGES) return `its page count is ${pageCount}`
  if (meta.nextTree <= DEFAULT_TREE || meta.nextTree >= 2 ** 32) return `its next tree is ${meta.nextTree}`
  if (log.page >= pageCount || (log.page !== 0 && log.page < META_SLOTS) || log.length > pageCount) return 'its free log lies outside the file'
  if ((log.page === 0) !== (log.length === 0)) return 'its free log has a length but no page'
  if ((journal.page === 0) !== (journal.pages === 0)) return 'its journal has a length but no page'
  if (journal.pages > MAX_JOURNAL_PAGES) return `its journal has ${journal.pages} pages`
  if (journal.region >= JOURNAL_REGIONS || (journal.page === 0 && journal.region !== 0)) return `its journal has the region ${journal.region}`
  if (journal.page + journalTotal(journal) > pageCount || (journal.page !== 0 && journal.page < META_SLOTS)) return 'its journal lies outside the file'
  if (meta.delta.some((run) => run.start < META_SLOTS || run.start + run.length > pageCount || run.length === 0)) {
    return 'its free delta names pages outside the file'
  }
  return validateTreePointer(meta.defaultTree, pageCount) ?? validateTreePointer(meta.catalog, pageCount)
}

/** The commit itself, about to be made: writing to a damaged tree may end in a state that no reader would take. */
export function validMeta(meta: Meta): Meta {
  const wrong = metaFault(meta)
  if (wrong !== undefined) throw corrupt(0, undefined, `the commit would not be valid, as ${wrong}`)
  return meta
}
