/**
 * A page of the journal: a part of the record of one commit. A page is believed only whole and in its place: checksum, page number,
 * type and position are looked at here, and whether it follows the right checkpoint by who asks.
 */
import { Arena } from './arena.js'
import { pageCrc } from './checksum.js'
import { birthOf, crcOf, formatPage, pageOf, readU64, setBirth, setCrc, typeOf, writeU64 } from './header.js'
import { CATALOG_TREE, JOURNAL, JOURNAL_PAGE_BYTES, PAGE_SIZE, TYPE } from './layout.js'

export interface JournalPage {
  /** The commit that the record is of. */
  transaction: number
  /** The checkpoint that the journal follows, and its salt. */
  base: number
  salt: number
  /** The last commit known to be on the disk when this page was written. */
  durable: number
  /** The page's place in the journal, 0 for the first. */
  position: number
  /** Number of the part, 0 for the first, and bytes of the whole record. */
  part: number
  length: number
  /** The part's bytes. */
  data: Uint8Array
}

/** Pages that a record of so many bytes takes. */
export function journalPagesFor(length: number): number {
  return Math.max(1, Math.ceil(length / JOURNAL_PAGE_BYTES))
}

/** Writes a page of the journal to memory at `base`. */
export function writeJournalPage(arena: Arena, base: number, page: number, content: JournalPage): void {
  formatPage(arena, base, page, TYPE.JOURNAL, 0, CATALOG_TREE)
  setBirth(arena, base, content.transaction)
  writeU64(arena, base + JOURNAL.BASE, content.base)
  writeU64(arena, base + JOURNAL.DURABLE, content.durable)
  arena.words[(base + JOURNAL.POSITION) >>> 2] = content.position
  arena.words[(base + JOURNAL.PART) >>> 2] = content.part
  arena.words[(base + JOURNAL.LENGTH) >>> 2] = content.length
  arena.words[(base + JOURNAL.SALT) >>> 2] = content.salt
  arena.bytes.set(content.data, base + JOURNAL.DATA)
  setCrc(arena, base, pageCrc(arena, base))
}

/** Reads the 4 KiB of a page; undefined where it is no whole page of a journal, written for this place. */
export function decodeJournalPage(bytes: Uint8Array, page: number, position: number): JournalPage | undefined {
  const arena = new Arena(new ArrayBuffer(PAGE_SIZE))
  arena.bytes.set(bytes)
  if (typeOf(arena, 0) !== TYPE.JOURNAL || pageOf(arena, 0) !== page || crcOf(arena, 0) !== pageCrc(arena, 0)) return undefined
  const at = arena.words[JOURNAL.POSITION >>> 2] >>> 0
  const part = arena.words[JOURNAL.PART >>> 2] >>> 0
  const length = arena.words[JOURNAL.LENGTH >>> 2] >>> 0
  if (at !== position || part >= journalPagesFor(length)) return undefined
  const end = Math.min(length - part * JOURNAL_PAGE_BYTES, JOURNAL_PAGE_BYTES)
  return {
    transaction: birthOf(arena, 0),
    base: readU64(arena, JOURNAL.BASE),
    salt: arena.words[JOURNAL.SALT >>> 2] >>> 0,
    durable: readU64(arena, JOURNAL.DURABLE),
    position,
    part,
    length,
    data: arena.bytes.subarray(JOURNAL.DATA, JOURNAL.DATA + end),
  }
}
