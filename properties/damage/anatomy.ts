/** What stands where in an undamaged file, and where the checksum of each part stands: so damage can be aimed, and sealed again. */
import { Arena } from '../../src/page/arena.js'
import { childOf } from '../../src/page/branch.js'
import { crc32, pageCrc } from '../../src/page/checksum.js'
import { readLogPage } from '../../src/page/free-log.js'
import { countOf, crcOf, levelOf, setCrc } from '../../src/page/header.js'
import { decodeJournalPage } from '../../src/page/journal.js'
import type { JournalPage } from '../../src/page/journal.js'
import { BRANCH_CELL, CATALOG_RECORD, CATALOG_TREE, DEFAULT_TREE, FREE_LOG, JOURNAL_REGIONS, META, META_SLOTS, OVERFLOW_REF, PAGE_SIZE, TREE_POINTER } from '../../src/page/layout.js'
import { isOverflow, readOverflowRef, valueAt } from '../../src/page/leaf.js'
import { decodeMeta, journalStart } from '../../src/page/meta.js'
import type { Meta } from '../../src/page/meta.js'
import { cellAt } from '../../src/page/node.js'
import { readTreePointer } from '../../src/page/tree-pointer.js'

/** Where a checksum stands: byte `at` of the file, in page `page`. */
interface Sum {
  page: number
  at: number
}

/** What a checkpoint reaches, but for meta pages, and the pages of its journal: `first` and the pages behind it. Nothing points to those of the journal. */
export interface Part {
  kind: 'leaf' | 'branch' | 'extent' | 'log' | 'journal'
  first: number
  tree: number
  level: number
  /** Bytes of an extent's value. */
  length: number
  sums: Sum[]
}

export interface Anatomy {
  /** Parts of the newest checkpoint, each before those that point to it. */
  parts: Part[]
  nodes: Part[]
  /** Meta slots that hold the newest checkpoint, and the checkpoint. */
  slots: number[]
  meta: Meta
}

export function anatomyOf(image: Uint8Array): Anatomy {
  const arena = new Arena(image.buffer as ArrayBuffer)
  const slots = [0, 1, 2].flatMap((slot) => {
    const reading = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    return reading.kind === 'valid' ? [{ slot, meta: reading.meta }] : []
  })
  const newest = Math.max(...slots.map(({ meta }) => meta.transaction))
  const holders = slots.filter(({ meta }) => meta.transaction === newest)
  const numbers = holders.map(({ slot }) => slot)
  const { meta } = holders[0]
  const parts: Part[] = []
  const sumsAt = (at: number): Sum[] => numbers.map((page) => ({ page, at: page * PAGE_SIZE + at }))
  for (const { page } of journalPagesOf(image, meta)) parts.push({ kind: 'journal', first: page, tree: CATALOG_TREE, level: 0, length: PAGE_SIZE, sums: [] })
  if (meta.log.page !== 0) addLog(arena, meta.log.page, sumsAt(META.LOG_CRC), parts)
  addTree(arena, meta.catalog.page, CATALOG_TREE, sumsAt(META.CATALOG + TREE_POINTER.CRC), parts)
  addTree(arena, meta.defaultTree.page, DEFAULT_TREE, sumsAt(META.DEFAULT_TREE + TREE_POINTER.CRC), parts)
  return { parts, nodes: parts.filter(({ kind }) => kind === 'leaf' || kind === 'branch'), slots: numbers, meta }
}

/** The pages of a checkpoint's journal that count, whether or not one goes on from the one before (I29). */
export function journalPagesOf(image: Uint8Array, { journal, transaction }: Meta): { page: number; content: JournalPage }[] {
  const first = journalStart(journal)
  return Array.from({ length: journal.pages }, (_, position) => first + position).flatMap((page, position) => {
    const bytes = image.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    const content = bytes.length < PAGE_SIZE ? undefined : decodeJournalPage(bytes, page, position)
    return content?.base === transaction ? [{ page, content }] : []
  })
}

/** Whether the page is kept for the journal, in whichever region. */
export function isKeptForJournal(page: number, { journal }: Meta): boolean {
  return page >= journal.page && page < journal.page + journal.pages * JOURNAL_REGIONS
}

function addLog(arena: Arena, page: number, sums: Sum[], parts: Part[]): void {
  const { previousPage } = readLogPage(arena, page * PAGE_SIZE)
  if (previousPage !== 0) addLog(arena, previousPage, [{ page, at: page * PAGE_SIZE + FREE_LOG.PREVIOUS_CRC }], parts)
  parts.push({ kind: 'log', first: page, tree: CATALOG_TREE, level: 0, length: PAGE_SIZE, sums })
}

function addTree(arena: Arena, page: number, tree: number, sums: Sum[], parts: Part[]): void {
  if (page === 0) return
  const base = page * PAGE_SIZE
  const level = levelOf(arena, base)
  for (let i = 0; i < countOf(arena, base); i++) {
    if (level > 0) addTree(arena, childOf(arena, base, i), tree, [{ page, at: cellAt(arena, base, i) + BRANCH_CELL.CRC }], parts)
    else addValue(arena, page, i, tree, parts)
  }
  parts.push({ kind: level === 0 ? 'leaf' : 'branch', first: page, tree, level, length: PAGE_SIZE, sums })
}

function addValue(arena: Arena, page: number, index: number, tree: number, parts: Part[]): void {
  const at = valueAt(arena, page * PAGE_SIZE, index)
  if (isOverflow(arena, page * PAGE_SIZE, index)) {
    const ref = readOverflowRef(arena, at)
    parts.push({ kind: 'extent', first: ref.page, tree, level: 0, length: ref.length, sums: [{ page, at: at + OVERFLOW_REF.CRC }] })
  } else if (tree === CATALOG_TREE) {
    const view = new DataView(arena.bytes.buffer)
    const pointer = readTreePointer(view, at + CATALOG_RECORD.POINTER)
    addTree(arena, pointer.page, view.getUint32(at + CATALOG_RECORD.TREE, true), [{ page, at: at + CATALOG_RECORD.POINTER + TREE_POINTER.CRC }], parts)
  }
}

/** How far the checksums are made right again after damage: not at all, in the damaged page itself, or in all that leads to it. */
export type Seal = 'none' | 'page' | 'path'

/** Seals the touched pages of an image; extents have no checksum of their own, so only a path seals them. */
export function seal(image: Uint8Array, { parts }: Anatomy, touched: ReadonlySet<number>, how: Seal): void {
  if (how === 'none') return
  const arena = new Arena(image.buffer as ArrayBuffer)
  const view = new DataView(image.buffer)
  const changed = new Set(touched)
  const extents = new Set<number>()
  for (const { kind, first, length, sums } of parts) {
    const end = first + Math.ceil(length / PAGE_SIZE)
    let hit = false
    for (let page = first; page < end; page++) hit ||= changed.has(page)
    if (kind === 'extent') for (let page = first; page < end; page++) extents.add(page)
    if (!hit) continue
    if (kind !== 'extent') sealPage(arena, first)
    if (how === 'page') continue
    for (const { page, at } of sums) {
      view.setInt32(at, kind === 'extent' ? crc32(image.subarray(first * PAGE_SIZE, first * PAGE_SIZE + length)) : crcOf(arena, first * PAGE_SIZE), true)
      changed.add(page)
    }
  }
  // Meta slots come last, and with them pages that only older commits reach, or none.
  const reached = new Set(parts.map(({ first }) => first))
  for (const page of changed) if (page < META_SLOTS || (!reached.has(page) && !extents.has(page))) sealPage(arena, page)
}

function sealPage(arena: Arena, page: number): void {
  setCrc(arena, page * PAGE_SIZE, pageCrc(arena, page * PAGE_SIZE))
}
