/** Damage to single fields, found by the structure of the page they stand in. */
import { Arena } from '../../src/page/arena.js'
import { countOf, levelOf } from '../../src/page/header.js'
import {
  BRANCH_CELL, CATALOG_RECORD, CATALOG_TREE, FREE_LOG, HEADER, JOURNAL, LEAF_CELL, LOG_PAGE_RUNS, META, META_RUNS, META_SLOTS, OVERFLOW_REF, PAGE_SIZE, RUN, SLOT, TREE_POINTER,
} from '../../src/page/layout.js'
import { isOverflow, storedLength, valueAt } from '../../src/page/leaf.js'
import { cellAt, prefixLengthOf, slotAt, suffixLengthOf } from '../../src/page/node.js'
import type { Dice } from './dice.js'
import { pagesOf } from './raw.js'
import type { Mutation, Target } from './raw.js'

/** A field of a page: its bytes from the page's start. */
interface Field {
  name: string
  at: number
  size: number
}

const HEADER_FIELDS: readonly Field[] = [
  { name: 'page', at: HEADER.PAGE, size: 4 },
  { name: 'birth', at: HEADER.BIRTH, size: 8 },
  { name: 'type', at: HEADER.TYPE, size: 1 },
  { name: 'level', at: HEADER.LEVEL, size: 1 },
  { name: 'count', at: HEADER.COUNT, size: 2 },
  { name: 'prefix length', at: HEADER.PREFIX_LENGTH, size: 2 },
  { name: 'cell top', at: HEADER.CELL_TOP, size: 2 },
  { name: 'fragmented', at: HEADER.FRAGMENTED, size: 2 },
  { name: 'flags', at: HEADER.FLAGS, size: 2 },
  { name: 'tree', at: HEADER.TREE, size: 4 },
]

function pointerFields(name: string, at: number): Field[] {
  return [
    { name: `${name} page`, at: at + TREE_POINTER.PAGE, size: 4 },
    { name: `${name} crc`, at: at + TREE_POINTER.CRC, size: 4 },
    { name: `${name} entries`, at: at + TREE_POINTER.ENTRIES, size: 6 },
    { name: `${name} depth`, at: at + TREE_POINTER.DEPTH, size: 2 },
  ]
}

function runFields(at: number, index: number): Field[] {
  return [
    { name: `start of run ${index}`, at: at + index * RUN.SIZE + RUN.START, size: 4 },
    { name: `length of run ${index}`, at: at + index * RUN.SIZE + RUN.LENGTH, size: 4 },
  ]
}

const META_FIELDS: readonly Field[] = [
  { name: 'magic', at: META.MAGIC, size: 8 },
  { name: 'version', at: META.VERSION, size: 4 },
  { name: 'page size', at: META.PAGE_SIZE, size: 4 },
  { name: 'required', at: META.REQUIRED, size: 4 },
  { name: 'compatible', at: META.COMPATIBLE, size: 4 },
  { name: 'database', at: META.DATABASE, size: 8 },
  { name: 'durable', at: META.DURABLE, size: 8 },
  { name: 'page count', at: META.PAGE_COUNT, size: 4 },
  { name: 'next tree', at: META.NEXT_TREE, size: 4 },
  ...pointerFields('default tree', META.DEFAULT_TREE),
  ...pointerFields('catalog', META.CATALOG),
  { name: 'log page', at: META.LOG_PAGE, size: 4 },
  { name: 'log crc', at: META.LOG_CRC, size: 4 },
  { name: 'log length', at: META.LOG_LENGTH, size: 4 },
  { name: 'log runs', at: META.LOG_RUNS, size: 4 },
  { name: 'timestamp', at: META.TIMESTAMP, size: 8 },
  { name: 'journal page', at: META.JOURNAL_PAGE, size: 4 },
  { name: 'journal pages', at: META.JOURNAL_PAGES, size: 2 },
  { name: 'journal region', at: META.JOURNAL_REGION, size: 2 },
]

/** Those of a page in the journal; the record begins with an operation and the lengths that belong to it. */
const JOURNAL_FIELDS: readonly Field[] = [
  { name: 'crc', at: HEADER.CRC, size: 4 },
  ...HEADER_FIELDS,
  { name: 'base', at: JOURNAL.BASE, size: 8 },
  { name: 'durable', at: JOURNAL.DURABLE, size: 8 },
  { name: 'position', at: JOURNAL.POSITION, size: 4 },
  { name: 'part', at: JOURNAL.PART, size: 4 },
  { name: 'length', at: JOURNAL.LENGTH, size: 4 },
  { name: 'operation', at: JOURNAL.DATA, size: 1 },
  { name: 'first length', at: JOURNAL.DATA + 1, size: 2 },
  { name: 'second length', at: JOURNAL.DATA + 3, size: 4 },
  { name: 'bytes', at: JOURNAL.DATA + 7, size: 8 },
]

function slotFields(index: number): Field[] {
  const at = slotAt(0, index)
  return [
    { name: `head of slot ${index}`, at: at + SLOT.HEAD, size: 4 },
    { name: `offset of slot ${index}`, at: at + SLOT.OFFSET, size: 2 },
    { name: `suffix length of slot ${index}`, at: at + SLOT.SUFFIX_LENGTH, size: 2 },
  ]
}

function leafCellFields(arena: Arena, base: number, index: number, tree: number): Field[] {
  const cell = cellAt(arena, base, index) - base
  const value = valueAt(arena, base, index) - base
  const fields: Field[] = [
    { name: `length of cell ${index}`, at: cell + LEAF_CELL.LENGTH, size: 2 },
    { name: `flags of cell ${index}`, at: cell + LEAF_CELL.FLAGS, size: 2 },
  ]
  if (suffixLengthOf(arena, base, index) > 4) fields.push({ name: `key of cell ${index}`, at: cell + LEAF_CELL.REST, size: 1 })
  if (isOverflow(arena, base, index)) {
    fields.push(
      { name: `extent of cell ${index}`, at: value + OVERFLOW_REF.PAGE, size: 4 },
      { name: `extent's crc of cell ${index}`, at: value + OVERFLOW_REF.CRC, size: 4 },
      { name: `extent's length of cell ${index}`, at: value + OVERFLOW_REF.LENGTH, size: 4 },
      { name: `extent's birth of cell ${index}`, at: value + OVERFLOW_REF.BIRTH, size: 8 },
    )
  } else if (tree === CATALOG_TREE) {
    fields.push(
      ...pointerFields(`record ${index}`, value + CATALOG_RECORD.POINTER),
      { name: `tree of record ${index}`, at: value + CATALOG_RECORD.TREE, size: 4 },
      { name: `flags of record ${index}`, at: value + CATALOG_RECORD.FLAGS, size: 4 },
    )
  } else if (storedLength(arena, base, index) > 0) fields.push({ name: `value of cell ${index}`, at: value, size: 1 })
  return fields
}

function branchCellFields(arena: Arena, base: number, index: number): Field[] {
  const cell = cellAt(arena, base, index) - base
  const fields: Field[] = [
    { name: `child of cell ${index}`, at: cell + BRANCH_CELL.CHILD, size: 4 },
    { name: `child's crc of cell ${index}`, at: cell + BRANCH_CELL.CRC, size: 4 },
    { name: `entries of cell ${index}`, at: cell + BRANCH_CELL.ENTRIES, size: 6 },
    { name: `flags of cell ${index}`, at: cell + BRANCH_CELL.FLAGS, size: 2 },
  ]
  if (suffixLengthOf(arena, base, index) > 4) fields.push({ name: `separator of cell ${index}`, at: cell + BRANCH_CELL.REST, size: 1 })
  return fields
}

/** The fields of one group in a page of the newest commit: its header, a slot, a cell. */
function nodeFields(arena: Arena, page: number, tree: number, dice: Dice): readonly Field[] {
  const base = page * PAGE_SIZE
  const index = dice.below(countOf(arena, base))
  const draw = dice.below(10)
  if (draw < 3) return HEADER_FIELDS
  if (draw < 5) return slotFields(index)
  const prefix = prefixLengthOf(arena, base)
  if (draw < 6 && prefix > 0) return [{ name: 'prefix', at: PAGE_SIZE - 1 - dice.below(prefix), size: 1 }]
  return levelOf(arena, base) > 0 ? branchCellFields(arena, base, index) : leafCellFields(arena, base, index, tree)
}

const VALUES = [0, 1, 2, 3, 4, 5, 20, 24, 31, 32, 33, 255, 256, 494, 495, 507, 508, 2048, 2049, 4064, 4088, 4095, 4096, 0x7fff, 0x8000, 0xfffc, 0xffff, 2 ** 18, 2 ** 30, 2 ** 31, 2 ** 31 - 1, 2 ** 31 + 1, 2 ** 32 - 1]

/** Sets a field to a value at some boundary, near what it was, or of no meaning; answers how. */
function distort(target: Target, page: number, { at, size, name }: Field, dice: Dice): Uint8Array {
  const bytes = target.bytes.slice(page * PAGE_SIZE + at, page * PAGE_SIZE + at + size)
  const width = Math.min(size, 4)
  const number = Buffer.from(bytes.buffer).readUIntLE(0, width)
  const limit = 2 ** (8 * width)
  const pages = pagesOf(target)
  const choices = [
    () => dice.pick(VALUES),
    () => number + dice.pick([-4, -1, 1, 4]),
    () => number ^ (1 << dice.below(8 * width)),
    () => pages + dice.pick([-1, 0, 1]),
    () => dice.below(pages),
    () => dice.below(limit),
  ]
  if (name.startsWith('offset')) choices.push(() => 4 * dice.below(PAGE_SIZE / 4))
  const value = ((dice.pick(choices)() % limit) + limit) % limit
  Buffer.from(bytes.buffer).writeUIntLE(value, 0, width)
  if (size > 4 && dice.chance(0.3)) bytes[4 + dice.below(size - 4)] = dice.pick([1, 0x1f, 0x20, 0xff])
  return bytes
}

/** Puts the same bytes into a field of a page, or of all meta pages with the newest commit. */
function put(target: Target, pages: readonly number[], field: Field, bytes: Uint8Array): string {
  for (const page of pages) {
    target.bytes.set(bytes, page * PAGE_SIZE + field.at)
    target.touched.add(page)
  }
  const where = pages[0] < META_SLOTS ? `meta pages ${pages.join()}` : `page ${pages[0]}`
  return `${field.name} in ${where} becomes 0x${Buffer.from(bytes).reverse().toString('hex')}`
}

function changeField(target: Target, pages: readonly number[], fields: readonly Field[], dice: Dice): string {
  const field = dice.pick(fields)
  return put(target, pages, field, distort(target, pages[0], field, dice))
}

export const FIELDS: Record<string, Mutation> = {
  'field of a node': (target, dice) => {
    const { nodes } = target.base.anatomy
    if (nodes.length === 0) return FIELDS['field of a meta page'](target, dice)
    const { first, tree } = dice.pick(nodes)
    return changeField(target, [first], nodeFields(arenaOf(target.base.image), first, tree, dice), dice)
  },

  'field of the catalog': (target, dice) => {
    const nodes = target.base.anatomy.nodes.filter(({ tree }) => tree === CATALOG_TREE)
    if (nodes.length === 0) return FIELDS['field of a node'](target, dice)
    const { first } = dice.pick(nodes)
    return changeField(target, [first], nodeFields(arenaOf(target.base.image), first, CATALOG_TREE, dice), dice)
  },

  'field of a meta page': (target, dice) => {
    const { slots, meta } = target.base.anatomy
    const pages = dice.chance(0.3) ? [dice.below(META_SLOTS)] : slots
    const draw = dice.below(8)
    if (draw === 0) return changeField(target, pages, HEADER_FIELDS, dice)
    if (draw === 1) return changeField(target, pages, runFields(META.DELTA, dice.below(Math.min(meta.delta.length + 1, META_RUNS))), dice)
    return changeField(target, pages, META_FIELDS, dice)
  },

  'field of the free log': (target, dice) => {
    const logs = target.base.anatomy.parts.filter(({ kind }) => kind === 'log')
    if (logs.length === 0) return FIELDS['field of a meta page'](target, dice)
    const { first } = dice.pick(logs)
    const count = countOf(arenaOf(target.base.image), first * PAGE_SIZE)
    const fields = dice.chance(0.3)
      ? [{ name: 'previous log page', at: FREE_LOG.PREVIOUS_PAGE, size: 4 }, { name: 'crc of the previous log page', at: FREE_LOG.PREVIOUS_CRC, size: 4 }, ...HEADER_FIELDS]
      : runFields(FREE_LOG.RUNS, dice.below(Math.min(count + 1, LOG_PAGE_RUNS)))
    return changeField(target, [first], fields, dice)
  },

  'field of the journal': (target, dice) => {
    const pages = target.base.anatomy.parts.filter(({ kind }) => kind === 'journal')
    if (pages.length === 0) return FIELDS['field of a node'](target, dice)
    return changeField(target, [dice.pick(pages).first], JOURNAL_FIELDS, dice)
  },
}

function arenaOf(image: Uint8Array): Arena {
  return new Arena(image.buffer as ArrayBuffer)
}
