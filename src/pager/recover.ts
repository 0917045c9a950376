/**
 * Opening: which commit the file holds.
 *
 * 1. Read the three meta slots; a slot that is not whole is no candidate, one of a newer version ends it here.
 * 2. Take the candidate with the highest transaction id, of two the one that says more of it is durable.
 * 3. Walk what it reaches, but only pages born after the commit that it knows to be durable, and compare
 *    each with the checksum in the pointer to it. All there: this is the commit.
 * 4. Otherwise that commit never finished: back to 2 with the next candidate.
 * 5. The commits after it stand in its journal, up to the first page that is not there. They are made again.
 *
 * A commit that any slot knows to be durable is never passed over: its pages were on the disk, so if they are
 * not there now the file is damaged, and an older state would be wrong data.
 */
import { CoppiceError, corrupt } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { childCrcOf, childOf } from '../page/branch.js'
import { crc32 } from '../page/checksum.js'
import { birthOf, countOf, crcOf, kindAt, kindOf, typeOf, wrongKind } from '../page/header.js'
import { CATALOG_RECORD, CATALOG_TREE, DEFAULT_TREE, META_SLOTS, PAGE_SIZE, TYPE } from '../page/layout.js'
import type { OverflowRef } from '../page/leaf.js'
import { isOverflow, readOverflowRef, valueAt, storedLength } from '../page/leaf.js'
import type { Meta, MetaReading } from '../page/meta.js'
import { decodeMeta, journalStart } from '../page/meta.js'
import type { TreePointer } from '../page/tree-pointer.js'
import { readTreePointer, validateTreePointer } from '../page/tree-pointer.js'
import { readLog } from './free-log.js'
import type { JournalReading } from './journal.js'
import { readJournal } from './journal.js'
import type { Pager } from './pager.js'
import { FRAME_SLOTS } from './pool.js'
import { Root } from './root.js'

export interface Commit {
  /** Its meta page; for one in the journal what that would say, without the checksums of the roots. */
  meta: Meta
  /** The checkpoint that it rests on: itself, or the one whose journal it stands in. Younger pages may be in memory alone, not sealed yet. */
  base: number
  /** Number of the meta slot that holds that one. */
  slot: number
  defaultTree: Root
  catalog: Root
}

/** A commit as its meta page in this slot has it. */
export function checkpointOf(meta: Meta, slot: number): Commit {
  const { transaction: base } = meta
  return { meta, base, slot, defaultTree: new Root(DEFAULT_TREE, meta.defaultTree), catalog: new Root(CATALOG_TREE, meta.catalog) }
}

export interface Recovery {
  /** A checkpoint. */
  commit: Commit
  /** Two slots hold it. */
  standsTwice: boolean
  /** The commits after it. */
  journal: JournalReading
  /** Highest transaction id found in any slot, finished or not: the next one is above it. */
  highest: number
  /** The pages of the commit that were not known to be on the disk, its meta page among them. */
  unsettled: ReadonlySet<number>
  /** Meta slots that hold no commit, or one that never finished. */
  worthless: readonly number[]
  /** What was wrong with the slots that were passed over, for people. */
  passedOver: string[]
}

export function recover(pager: Pager): Recovery {
  const readings = readSlots(pager)
  // Whoever wrote that slot knows of commits that this version cannot read; an older one would be wrong data.
  if (readings.some((reading) => reading.kind === 'newer')) throw unreadable(pager, readings)
  const candidates = readings.flatMap((reading, slot) => (reading.kind === 'valid' ? [checkpointOf(reading.meta, slot)] : []))
  if (candidates.length === 0) throw unreadable(pager, readings)
  // A page that was meant for another store: which of them this file is nobody can tell.
  if (candidates.some(({ meta }) => Buffer.compare(meta.database, candidates[0].meta.database) !== 0)) {
    throw corrupt(0, undefined, `the meta slots of ${pager.file.path} belong to different stores`)
  }
  // Closing writes the newest commit a second time, then known to be durable: that one leaves nothing to walk.
  candidates.sort((a, b) => b.meta.transaction - a.meta.transaction || b.meta.durable - a.meta.durable)
  const highest = candidates[0].meta.transaction
  const durable = Math.max(...candidates.map(({ meta }) => meta.durable))
  const passedOver = readings.flatMap((reading, slot) => (reading.kind === 'valid' ? [] : [`meta slot ${slot}: ${whyInvalid(reading)}`]))
  const worthless = readings.flatMap((reading, slot) => (reading.kind === 'valid' ? [] : [slot]))
  let newest: CoppiceError | undefined
  for (const commit of candidates) {
    // The commit that is known to be durable has lost its own slot, and this one came before it.
    if (newest !== undefined && commit.meta.transaction < durable) throw newest
    const walk: Walk = { meta: commit.meta, found: new Set([commit.slot]) }
    const fault = commitFault(pager, walk)
    if (fault === undefined) {
      const journal = readJournal(pager, commit.meta)
      for (let i = 0; i < journal.pages; i++) walk.found.add(journalStart(commit.meta.journal) + i)
      const standsTwice = candidates.filter(({ base }) => base === commit.base).length > 1
      return { commit, standsTwice, journal, highest: Math.max(highest, journal.highest), unsettled: walk.found, worthless, passedOver }
    }
    if (commit.meta.transaction <= durable) throw fault
    worthless.push(commit.slot)
    passedOver.push(`transaction ${commit.meta.transaction}: ${fault.message}`)
    newest ??= fault
  }
  throw newest ?? unreadable(pager, readings)
}

/**
 * Writes what recovery found again, byte for byte, to be synced before anything is written over pages that an older meta slot
 * reaches: where an earlier process saw a sync fail, the system may go on showing pages that never reached the disk, and
 * another sync alone would not write them. Meta slots of no worth are filled with zeros: a commit that lacks a page might find it in what is
 * written from now on, and a slot that shows nothing may hold a failed commit on the disk, by that same failure of a sync.
 */
export function writeAgain(pager: Pager, unsettled: Iterable<number>, worthless: readonly number[]): void {
  const bytes = new Uint8Array(PAGE_SIZE)
  for (const page of unsettled) {
    pager.readFile(bytes, page * PAGE_SIZE)
    pager.writeFile([bytes], page * PAGE_SIZE)
  }
  for (const slot of worthless) pager.writeFile([new Uint8Array(PAGE_SIZE)], slot * PAGE_SIZE)
}

function readSlots(pager: Pager): MetaReading[] {
  const readings: MetaReading[] = []
  const page = new Uint8Array(PAGE_SIZE)
  for (let slot = 0; slot < META_SLOTS; slot++) {
    if (slot >= pager.physicalPages) {
      readings.push({ kind: 'damaged', why: 'the file ends before it' })
      continue
    }
    pager.readFile(page, slot * PAGE_SIZE)
    readings.push(decodeMeta(page, slot))
  }
  return readings
}

function whyInvalid(reading: MetaReading): string {
  if (reading.kind === 'foreign') return 'it has no mark of coppice'
  return reading.kind === 'valid' ? 'none' : reading.why
}

/** The error for a file without a single usable slot. */
function unreadable(pager: Pager, readings: MetaReading[]): CoppiceError {
  const { path } = pager.file
  const newer = readings.find((reading) => reading.kind === 'newer')
  if (newer !== undefined) {
    return new CoppiceError('COPPICE_VERSION', `${path} was written by a newer coppice (${whyInvalid(newer)}). Update the package to open it.`)
  }
  if (pager.file.size() === 0) {
    return new CoppiceError('COPPICE_NOT_A_DATABASE', `${path} is empty, so it is not a coppice file. Delete it to have a new store made there, or correct the path.`)
  }
  if (readings.some((reading) => reading.kind === 'damaged' && reading.why !== 'the file ends before it')) {
    const each = readings.map((reading, slot) => `page ${slot}: ${whyInvalid(reading)}`).join('; ')
    return new CoppiceError('COPPICE_CORRUPT', `all three meta pages of ${path} are damaged (${each}). Restore the file from a backup.`, { page: 0 })
  }
  return new CoppiceError('COPPICE_NOT_A_DATABASE', `${path} is not a coppice file. Correct the path; it has not been changed.`)
}

/** What keeps this from being a finished commit, or undefined. */
function commitFault(pager: Pager, walk: Walk): CoppiceError | undefined {
  const { meta } = walk
  if (meta.pageCount > pager.physicalPages) {
    return corrupt(pager.physicalPages, undefined, `the file is cut short: it has ${pager.physicalPages} pages of ${meta.pageCount}`)
  }
  pager.committed = meta.transaction
  pager.newest = meta.transaction
  pager.usedPages = meta.pageCount
  pager.solidPages = meta.pageCount
  // All of it was on the disk. What has been damaged since shows when it is read, and the rest can still be read.
  if (meta.durable === meta.transaction) return undefined
  try {
    walkTree(pager, meta.defaultTree, DEFAULT_TREE, walk)
    walkTree(pager, meta.catalog, CATALOG_TREE, walk)
    if (meta.log.page !== 0 && isNew(pager, meta.log.page, meta.log.crc, undefined, meta)) {
      for (const { page } of readLog(pager, meta.log)) walk.found.add(page)
    }
    // The length that the file has grown to may be missing on the disk as pages may: whatever the last page holds, writing it brings that back.
    if (meta.pageCount > META_SLOTS) walk.found.add(meta.pageCount - 1)
    return undefined
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_CORRUPT') return error
    throw error
  }
}

/** The commit that is walked, and its pages walked so far. */
interface Walk {
  meta: Meta
  /** Pages written by this commit, or by others since the durable one. */
  found: Set<number>
}

function walkTree(pager: Pager, pointer: TreePointer, tree: number, walk: Walk): void {
  if (pointer.page !== 0) walkPage(pager, pointer.page, pointer.crc, pointer.depth - 1, tree, walk)
}

/** Reads only the header of a page: false where the page is old enough to be durable, an error where it is not the page meant. */
function isNew(pager: Pager, page: number, crc: number, tree: number | undefined, meta: Meta): boolean {
  if (page >= pager.physicalPages) throw corrupt(page, tree, 'the file ends before it')
  const { arena, base } = pager.storedHeader(page)
  if (crcOf(arena, base) !== crc) throw corrupt(page, tree, 'it is not the page that the commit wrote')
  return birthOf(arena, base) > meta.durable
}

function walkPage(pager: Pager, page: number, crc: number, level: number, tree: number, walk: Walk): void {
  if (!isNew(pager, page, crc, tree, walk.meta)) return
  // Pages that shared their children would be walked along every way to them, for ever.
  if (walk.found.has(page)) throw corrupt(page, tree, 'it is reached twice')
  walk.found.add(page)
  const slot = pager.locate(page, tree)
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (kindOf(arena, base) !== kindAt(level)) throw corrupt(page, tree, wrongKind(arena, base, level))
  const branch = typeOf(arena, base) === TYPE.BRANCH
  const framed = slot >= FRAME_SLOTS
  // Without a map the pages below need frames too, more of them than the pool may have.
  if (framed) pager.pool.pin(slot)
  try {
    for (let i = 0, count = countOf(arena, base); i < count; i++) {
      if (branch) walkPage(pager, childOf(arena, base, i), childCrcOf(arena, base, i), level - 1, tree, walk)
      else walkEntry(pager, arena, base, i, tree, walk)
    }
  } finally {
    if (framed) pager.pool.unpin(slot)
  }
}

function walkEntry(pager: Pager, arena: Arena, base: number, index: number, tree: number, walk: Walk): void {
  const at = valueAt(arena, base, index)
  if (isOverflow(arena, base, index)) {
    const ref = readOverflowRef(arena, at)
    if (ref.birth <= walk.meta.durable) return
    verifyExtent(pager, ref, tree)
    for (let page = ref.page; page < ref.page + Math.ceil(ref.length / PAGE_SIZE); page++) walk.found.add(page)
  } else if (tree === CATALOG_TREE) {
    const record = readCatalogRecord(arena.bytes, at, storedLength(arena, base, index), walk.meta.pageCount)
    walkTree(pager, record.pointer, record.tree, walk)
  }
}

/** Compares an overflow value with the checksum in its reference, once: the pager remembers. */
export function verifyExtent(pager: Pager, ref: OverflowRef, tree: number): Uint8Array {
  const bytes = pager.readBytes(ref.page, ref.length)
  if (!pager.isVerified(ref.page, ref.length)) {
    if (crc32(bytes) !== ref.crc) throw corrupt(ref.page, tree, 'the checksum of the value in this overflow extent does not match')
    if (pager.isMapped(ref.page)) pager.markVerified(ref.page, ref.length)
  }
  return bytes
}

/** A named tree, as the catalog has it. */
export interface CatalogRecord {
  pointer: TreePointer
  tree: number
}

/** Reads a catalog value of `length` bytes at `at`; throws `COPPICE_CORRUPT` where it is impossible. */
export function readCatalogRecord(bytes: Uint8Array, at: number, length: number, pageCount: number): CatalogRecord {
  if (length !== CATALOG_RECORD.SIZE) throw corrupt(0, CATALOG_TREE, 'a record of the catalog has a wrong length')
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, length)
  const record = { pointer: readTreePointer(view, CATALOG_RECORD.POINTER), tree: view.getUint32(CATALOG_RECORD.TREE, true) }
  const wrong = validateTreePointer(record.pointer, pageCount)
  if (wrong !== undefined) throw corrupt(0, CATALOG_TREE, `a record of the catalog is impossible: ${wrong}`)
  return record
}
