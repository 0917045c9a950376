/** What the bytes of one page mean, as a plain object that is printed or becomes JSON. */
import type { Arena } from '../../page/arena.js'
import { branchCellSizeAt, branchFlags, childCrcOf, childOf, entriesOf } from '../../page/branch.js'
import { pageCrc } from '../../page/checksum.js'
import { readLogPage } from '../../page/free-log.js'
import { birthOf, countOf, crcOf, levelOf, pageOf, readU64, treeOf, typeOf } from '../../page/header.js'
import { BRANCH_CELL, CATALOG_TREE, DEFAULT_TREE, JOURNAL, JOURNAL_REGIONS, LEAF_CELL, LOG_PAGE_RUNS, MAX_KEY_LENGTH, META_SLOTS, PAGE_SIZE, SLOT, TYPE } from '../../page/layout.js'
import { isOverflow, leafCellSizeAt, leafFlags, readOverflowRef, storedLength, valueAt } from '../../page/leaf.js'
import type { Meta } from '../../page/meta.js'
import { cellTopOf, fragmentedOf, gapOf, prefixLengthOf, readKey, slotAt, suffixLengthOf, usedBytes } from '../../page/node.js'
import type { Run } from '../../page/runs.js'
import type { TreePointer } from '../../page/tree-pointer.js'
import { validatePage } from '../../page/validate.js'
import { counted, number } from '../format.js'
import type { Notation } from '../text.js'
import type { PageFile, Use } from './source.js'

/** A field of a page: its name, its value, and what that says. */
export type Field = readonly [name: string, value: string | number, remark: string]

/** A cell and its slot: the slot's number and what stands in it, how long the cell is, its key, and what it holds. */
export interface Cell {
  slot: number
  /** The first four bytes of the suffix, in hex digits. */
  head: string
  offset: number
  suffixLength: number
  size: number
  key: ReturnType<Notation['json']>
  keyText: string
  /** A leaf's value, where it stands in the page. */
  value?: Uint8Array
  /** Where a large value stands. */
  overflow?: { page: number; pages: number; bytes: number; crc: string; birth: number }
  /** A branch's child. */
  child?: { page: number; entries: number; crc: string }
  flags: number
}

/** A page with all that could be made out. */
export interface Decoded {
  page: number
  kind: 'meta' | 'leaf' | 'branch' | 'free log' | 'journal' | 'raw'
  use: Use
  /** What is wrong with the page, where something is. */
  wrong: string | undefined
  fields: Field[]
  cells: Cell[]
  runs: readonly Run[]
  bytes: Uint8Array
}

const KINDS: Readonly<Record<number, Decoded['kind']>> = { [TYPE.LEAF]: 'leaf', [TYPE.BRANCH]: 'branch', [TYPE.FREE_LOG]: 'free log', [TYPE.JOURNAL]: 'journal' }

/** Decodes a page of the file. */
export function decodePage(file: PageFile, page: number, notation: Notation): Decoded {
  const newest = file.newest()
  const arena = file.read(page)
  const found = { page, use: file.useOf(page, newest), cells: [], runs: [], bytes: arena.bytes }
  if (page < META_SLOTS) return { ...found, ...decodeMetaSlot(file, arena, page, newest) }
  const kind = KINDS[typeOf(arena, 0)]
  // Parts of large values have no header; that one of them says its own number by chance is next to impossible.
  if (kind === undefined || pageOf(arena, 0) !== page) return { ...found, kind: 'raw', wrong: undefined, fields: [] }
  if (kind === 'journal') return { ...found, kind, wrong: checksumFits(arena) ? undefined : 'its checksum does not fit', fields: journalFields(arena) }
  const bounds = { pageCount: newest?.pageCount ?? file.pages, newest: newest?.transaction ?? Number.MAX_SAFE_INTEGER }
  const wrong = validatePage(arena, 0, page, bounds)
  const decoded = { ...found, kind, wrong: checksumFits(arena) ? wrong : `its checksum does not fit${wrong === undefined ? '' : `, and ${wrong}`}` }
  if (kind === 'free log') return { ...decoded, fields: logFields(arena), runs: countOf(arena, 0) <= LOG_PAGE_RUNS ? readLogPage(arena, 0).runs : [] }
  // Offsets that have not passed the validation may lead anywhere.
  return { ...decoded, fields: [...headerFields(arena), ...nodeFields(arena)], cells: wrong === undefined ? cellsOf(arena, notation) : [] }
}

function decodeMetaSlot(file: PageFile, arena: Arena, slot: number, newest: Meta | undefined): Pick<Decoded, 'kind' | 'wrong' | 'fields' | 'runs'> {
  const reading = file.meta(slot)
  if (reading.kind !== 'valid') {
    const why = reading.kind === 'foreign' ? 'it does not begin as a meta page does' : reading.kind === 'newer' ? `a newer coppice wrote it: ${reading.why}` : reading.why
    return { kind: 'meta', wrong: why, fields: headerFields(arena), runs: [] }
  }
  const { meta } = reading
  return { kind: 'meta', wrong: undefined, fields: [...headerFields(arena), ...metaFields(meta, meta.transaction === newest?.transaction)], runs: meta.delta }
}

function checksumFits(arena: Arena): boolean {
  return crcOf(arena, 0) === pageCrc(arena, 0)
}

function hexWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

function headerFields(arena: Arena): Field[] {
  const type = typeOf(arena, 0)
  const isNode = type === TYPE.BRANCH || type === TYPE.LEAF
  const fits = checksumFits(arena) ? 'fits' : `does not fit: the page's bytes make ${hexWord(pageCrc(arena, 0))}`
  return [
    ['checksum', hexWord(crcOf(arena, 0)), fits],
    ['page', pageOf(arena, 0), ''],
    ['birth', birthOf(arena, 0), 'the transaction that wrote it'],
    ['type', type, type === TYPE.META ? 'meta' : (KINDS[type] ?? 'unknown')],
    ['level', levelOf(arena, 0), type === TYPE.BRANCH ? 'above the leaves' : ''],
    ['count', countOf(arena, 0), isNode ? 'cells' : 'runs'],
    ['tree', treeOf(arena, 0), isNode ? treeRemark(treeOf(arena, 0)) : ''],
  ]
}

function treeRemark(tree: number): string {
  if (tree === CATALOG_TREE) return 'the catalog'
  return tree === DEFAULT_TREE ? 'the default tree' : 'a named tree'
}

function nodeFields(arena: Arena): Field[] {
  const used = usedBytes(arena, 0)
  return [
    ['prefix', prefixLengthOf(arena, 0), 'bytes that all keys begin with'],
    ['cell top', cellTopOf(arena, 0), `${number(Math.max(0, gapOf(arena, 0)))} bytes free between slots and cells`],
    ['fragmented', fragmentedOf(arena, 0), 'bytes free between cells'],
    ['used', used, `bytes, ${Math.round((used / PAGE_SIZE) * 100)} %`],
  ]
}

function logFields(arena: Arena): Field[] {
  const { previousPage, previousCrc } = readLogPage(arena, 0)
  return [...headerFields(arena), ['previous', previousPage, previousPage === 0 ? 'the first of the log' : `with checksum ${hexWord(previousCrc)}`]]
}

function journalFields(arena: Arena): Field[] {
  const field = (at: number) => arena.words[at >>> 2] >>> 0
  return [
    ...headerFields(arena).filter(([name]) => name !== 'count'),
    ['checkpoint', readU64(arena, JOURNAL.BASE), 'the commit whose journal it belongs to'],
    ['durable', readU64(arena, JOURNAL.DURABLE), 'known to be on the disk when this was written'],
    ['position', field(JOURNAL.POSITION), 'its place in the journal'],
    ['part', field(JOURNAL.PART), `of a record of ${counted(field(JOURNAL.LENGTH), 'byte')}`],
  ]
}

function metaFields(meta: Meta, isNewest: boolean): Field[] {
  const { database, transaction, durable, pageCount, nextTree, log, journal, timestamp } = meta
  return [
    ['database', Buffer.from(database).toString('hex'), ''],
    ['transaction', transaction, isNewest ? 'the newest' : 'an earlier one'],
    ['durable', durable, 'known to be on the disk when this was written'],
    ['page count', pageCount, ''],
    ['next tree', nextTree, ''],
    pointerField('default tree', meta.defaultTree),
    pointerField('catalog', meta.catalog),
    ['free log', log.page, log.length === 0 ? 'none' : `its newest page; ${counted(log.length, 'page')} with ${counted(log.runs, 'run')}, checksum ${hexWord(log.crc)}`],
    ['journal', journal.page, journal.pages === 0 ? 'none' : `region ${journal.region + 1} of ${JOURNAL_REGIONS} from this page on, of ${counted(journal.pages, 'page')} each`],
    ['timestamp', timestamp <= 8.64e15 ? new Date(timestamp).toISOString() : timestamp, 'when it was committed'],
  ]
}

function pointerField(name: string, { page, crc, entries, depth }: TreePointer): Field {
  return [name, page, page === 0 ? 'without entries' : `its root; ${counted(entries, 'entry', 'entries')}, depth ${depth}, checksum ${hexWord(crc)}`]
}

const keyBuffer = new Uint8Array(MAX_KEY_LENGTH)

function cellsOf(arena: Arena, notation: Notation): Cell[] {
  const isLeaf = typeOf(arena, 0) === TYPE.LEAF
  return Array.from({ length: countOf(arena, 0) }, (_, slot) => {
    const key = keyBuffer.slice(0, readKey(arena, 0, slot, isLeaf ? LEAF_CELL.REST : BRANCH_CELL.REST, keyBuffer, 0))
    const offset = arena.halves[(slotAt(0, slot) + SLOT.OFFSET) >>> 1]
    const head = hexWord(arena.words[(slotAt(0, slot) + SLOT.HEAD) >>> 2])
    const cell = { slot, head, offset, suffixLength: suffixLengthOf(arena, 0, slot), key: notation.json(key), keyText: notation.show(key) }
    return isLeaf ? leafCell(arena, slot, cell) : branchCell(arena, slot, cell)
  })
}

type CellHead = Pick<Cell, 'slot' | 'head' | 'offset' | 'suffixLength' | 'key' | 'keyText'>

function leafCell(arena: Arena, slot: number, head: CellHead): Cell {
  const cell = { ...head, size: leafCellSizeAt(arena, 0, slot), flags: leafFlags(arena, 0, slot) }
  const at = valueAt(arena, 0, slot)
  if (!isOverflow(arena, 0, slot)) return { ...cell, value: arena.bytes.slice(at, at + storedLength(arena, 0, slot)) }
  const { page, crc, length, birth } = readOverflowRef(arena, at)
  return { ...cell, overflow: { page, pages: Math.ceil(length / PAGE_SIZE), bytes: length, crc: hexWord(crc), birth } }
}

function branchCell(arena: Arena, slot: number, head: CellHead): Cell {
  const child = { page: childOf(arena, 0, slot), entries: entriesOf(arena, 0, slot), crc: hexWord(childCrcOf(arena, 0, slot)) }
  return { ...head, size: branchCellSizeAt(arena, 0, slot), child, flags: branchFlags(arena, 0, slot) }
}
