/** Damage to the shape of trees and of free space: whole pointers, slots and runs in places where they do not belong. */
import { Arena } from '../../src/page/arena.js'
import { insertBranchCell } from '../../src/page/branch.js'
import { pageCrc } from '../../src/page/checksum.js'
import { countOf, crcOf, formatPage, setBirth, setCrc } from '../../src/page/header.js'
import {
  BRANCH_CELL, CATALOG_RECORD, CATALOG_TREE, DEFAULT_TREE, HEADER, LEAF_CELL, MAX_DEPTH, META, META_RUNS, OVERFLOW_REF, PAGE_SIZE, RUN, SLOT, TYPE,
} from '../../src/page/layout.js'
import { isOverflow, valueAt } from '../../src/page/leaf.js'
import { cellAt, setPrefix, slotAt } from '../../src/page/node.js'
import { writeTreePointer } from '../../src/page/tree-pointer.js'
import type { Part } from './anatomy.js'
import type { Dice } from './dice.js'
import { FIELDS } from './fields.js'
import type { Mutation, Target } from './raw.js'
import { pagesOf } from './raw.js'

/** Where in the undamaged file something stands that can be put elsewhere: byte `at`, in `page`. */
interface Place {
  page: number
  at: number
}

function arenaOf(bytes: Uint8Array): Arena {
  return new Arena(bytes.buffer as ArrayBuffer)
}

function cells({ base }: Target, kind: Part['kind']): { page: number; index: number; level: number; tree: number }[] {
  const arena = arenaOf(base.image)
  return base.anatomy.nodes.filter((part) => part.kind === kind).flatMap(({ first: page, level, tree }) =>
    Array.from({ length: countOf(arena, page * PAGE_SIZE) }, (_, index) => ({ page, index, level, tree })))
}

function children(target: Target): (Place & { level: number })[] {
  const arena = arenaOf(target.base.image)
  return cells(target, 'branch').map(({ page, index, level }) => ({ page, level, at: cellAt(arena, page * PAGE_SIZE, index) }))
}

function references(target: Target): Place[] {
  const arena = arenaOf(target.base.image)
  return cells(target, 'leaf')
    .filter(({ page, index }) => isOverflow(arena, page * PAGE_SIZE, index))
    .map(({ page, index }) => ({ page, at: valueAt(arena, page * PAGE_SIZE, index) }))
}

function records(target: Target): Place[] {
  const arena = arenaOf(target.base.image)
  return cells(target, 'leaf')
    .filter(({ tree }) => tree === CATALOG_TREE)
    .map(({ page, index }) => ({ page, at: valueAt(arena, page * PAGE_SIZE, index) }))
}

/** Puts what stands in the undamaged file at one place to another one, or changes the two. */
function move(target: Target, dice: Dice, what: string, places: readonly Place[], length: number): string {
  if (places.length < 2) return FIELDS['field of a node'](target, dice)
  const [from, to] = [dice.pick(places), dice.pick(places)]
  const { image } = target.base
  target.bytes.set(image.subarray(from.at, from.at + length), to.at)
  target.touched.add(to.page)
  const swapped = dice.chance(0.3)
  if (swapped) {
    target.bytes.set(image.subarray(to.at, to.at + length), from.at)
    target.touched.add(from.page)
  }
  const name = ({ page, at }: Place) => `page ${page}, offset ${at - page * PAGE_SIZE}`
  return swapped ? `the ${what}s at ${name(from)} and ${name(to)} are swapped` : `the ${what} at ${name(to)} becomes that at ${name(from)}`
}

/** Two slots of one page. */
function slots(target: Target, dice: Dice): { page: number; one: number; other: number; count: number } | undefined {
  const { nodes } = target.base.anatomy
  const arena = arenaOf(target.base.image)
  const larger = nodes.filter(({ first }) => countOf(arena, first * PAGE_SIZE) > 1)
  if (larger.length === 0) return undefined
  const { first: page } = dice.pick(larger)
  const count = countOf(arena, page * PAGE_SIZE)
  const one = dice.below(count)
  return { page, one, other: (one + 1 + dice.below(count - 1)) % count, count }
}

function setPointer(target: Target, at: number, pointer: { page: number; crc: number; entries: number; depth: number }): void {
  for (const slot of target.base.anatomy.slots) {
    writeTreePointer(new DataView(target.bytes.buffer, slot * PAGE_SIZE), at, pointer)
    target.touched.add(slot)
  }
}

/** A page above `child` that points to it again and again. */
function addLevel(arena: Arena, page: number, level: number, child: number, width: number, entries: number): void {
  const base = page * PAGE_SIZE
  formatPage(arena, base, page, TYPE.BRANCH, level, DEFAULT_TREE)
  setBirth(arena, base, 1)
  setPrefix(arena, base, new Uint8Array(0), 0, 0)
  for (let i = 0; i < width; i++) insertBranchCell(arena, base, i, Uint8Array.of(i), i === 0 ? 0 : 1, i === 0 ? 0 : 1, child, crcOf(arena, child * PAGE_SIZE), entries, 1)
  setCrc(arena, base, pageCrc(arena, base))
}

export const SHAPES: Record<string, Mutation> = {
  'misplaced child': (target, dice) => {
    const all = children(target)
    if (all.length === 0) return FIELDS['field of a node'](target, dice)
    const { level } = dice.pick(all)
    const same = dice.chance(0.8) ? all.filter((child) => child.level === level) : all
    return move(target, dice, 'child', same, dice.chance(0.5) ? BRANCH_CELL.FLAGS : BRANCH_CELL.ENTRIES)
  },

  'misplaced extent': (target, dice) => move(target, dice, 'overflow reference', references(target), OVERFLOW_REF.SIZE),

  'misplaced record': (target, dice) => move(target, dice, 'catalog record', records(target), dice.chance(0.5) ? CATALOG_RECORD.SIZE : CATALOG_RECORD.TREE),

  'slots out of order': (target, dice) => {
    const found = slots(target, dice)
    if (found === undefined) return FIELDS['field of a meta page'](target, dice)
    const { page, one, other } = found
    const [a, b] = [slotAt(page * PAGE_SIZE, one), slotAt(page * PAGE_SIZE, other)]
    const held = target.bytes.slice(a, a + SLOT.SIZE)
    target.bytes.copyWithin(a, b, b + SLOT.SIZE)
    target.bytes.set(held, b)
    target.touched.add(page)
    return `slots ${one} and ${other} of page ${page} are swapped`
  },

  'two slots with one cell': (target, dice) => {
    const found = slots(target, dice)
    if (found === undefined) return FIELDS['field of a meta page'](target, dice)
    const { page, one, other } = found
    const [a, b] = [slotAt(page * PAGE_SIZE, one) + SLOT.OFFSET, slotAt(page * PAGE_SIZE, other) + SLOT.OFFSET]
    target.bytes.copyWithin(a, b, b + 2)
    target.touched.add(page)
    return `slot ${one} of page ${page} has the cell of slot ${other}`
  },

  'missing slot': (target, dice) => {
    const found = slots(target, dice)
    if (found === undefined) return FIELDS['field of a meta page'](target, dice)
    const { page, one, count } = found
    const base = page * PAGE_SIZE
    const arena = arenaOf(target.bytes)
    target.bytes.copyWithin(slotAt(base, one), slotAt(base, one + 1), slotAt(base, count))
    arena.halves[(base + HEADER.COUNT) >>> 1] = count - 1
    // With the right number of bytes that belong to no cell the page is whole in itself.
    if (dice.chance(0.7)) arena.halves[(base + HEADER.FRAGMENTED) >>> 1] += 4 * (1 + dice.below(8))
    target.touched.add(page)
    return `slot ${one} of page ${page} is taken out`
  },

  'another root': (target, dice) => {
    const { nodes } = target.base.anatomy
    if (nodes.length === 0) return FIELDS['field of a meta page'](target, dice)
    const { first, level } = dice.pick(nodes)
    const entries = 1 + dice.below(400)
    const [at, name] = dice.chance(0.7) ? [META.DEFAULT_TREE, 'default tree'] : [META.CATALOG, 'catalog']
    setPointer(target, at, { page: first, crc: crcOf(arenaOf(target.base.image), first * PAGE_SIZE), entries, depth: level + 1 })
    return `the root of the ${name} is page ${first} at level ${level}, with ${entries} entries`
  },

  'no root': (target, dice) => {
    const [at, name] = dice.chance(0.5) ? [META.DEFAULT_TREE, 'default tree'] : [META.CATALOG, 'catalog']
    setPointer(target, at, { page: 0, crc: 0, entries: 0, depth: 0 })
    return `the ${name} has no root`
  },

  'tower of shared children': (target, dice) => {
    const { meta, slots: metas } = target.base.anatomy
    const { defaultTree } = meta
    const before = pagesOf(target)
    const height = 1 + dice.below(MAX_DEPTH - defaultTree.depth)
    if (defaultTree.page === 0) return FIELDS['field of a meta page'](target, dice)
    const width = 2 + dice.below(80)
    const bytes = new Uint8Array((before + height) * PAGE_SIZE)
    bytes.set(target.bytes)
    target.bytes = bytes
    let { page, entries } = defaultTree
    for (let i = 0; i < height; i++) {
      addLevel(arenaOf(bytes), before + i, defaultTree.depth + i, page, width, entries)
      page = before + i
      entries = Math.min(entries * width, 2 ** 48 - 1)
    }
    if (dice.chance(0.3)) entries = 1 + dice.below(1000)
    setPointer(target, META.DEFAULT_TREE, { page, crc: crcOf(arenaOf(bytes), page * PAGE_SIZE), entries, depth: defaultTree.depth + height })
    for (const slot of metas) new DataView(bytes.buffer).setUint32(slot * PAGE_SIZE + META.PAGE_COUNT, before + height, true)
    return `${height} branches above the root point ${width} times each to the one below`
  },

  'free run added': (target, dice) => {
    const { meta, slots: metas } = target.base.anatomy
    if (meta.delta.length >= META_RUNS) return FIELDS['field of the free log'](target, dice)
    const start = 3 + dice.below(meta.pageCount)
    const length = 1 + dice.below(4)
    const freed = dice.chance(0.7)
    for (const slot of metas) {
      const view = new DataView(target.bytes.buffer, slot * PAGE_SIZE)
      view.setUint32(META.DELTA + meta.delta.length * RUN.SIZE + RUN.START, start, true)
      view.setUint32(META.DELTA + meta.delta.length * RUN.SIZE + RUN.LENGTH, (length | (freed ? RUN.FREED : 0)) >>> 0, true)
      view.setUint16(HEADER.COUNT, meta.delta.length + 1, true)
      target.touched.add(slot)
    }
    return `pages ${start} to ${start + length - 1} became ${freed ? 'free' : 'taken'} in the delta`
  },

  'shorter page count': (target, dice) => {
    const { meta, slots: metas } = target.base.anatomy
    const pageCount = Math.max(3, meta.pageCount - 1 - dice.below(8))
    for (const slot of metas) {
      new DataView(target.bytes.buffer).setUint32(slot * PAGE_SIZE + META.PAGE_COUNT, pageCount, true)
      target.touched.add(slot)
    }
    return `the page count becomes ${pageCount}`
  },

  'extent inside a node': (target, dice) => {
    const places = references(target)
    if (places.length === 0) return FIELDS['field of a node'](target, dice)
    const { page, at } = dice.pick(places)
    const { first } = dice.pick(target.base.anatomy.nodes)
    new DataView(target.bytes.buffer).setUint32(at + OVERFLOW_REF.PAGE, first, true)
    target.touched.add(page)
    return `the overflow reference at page ${page}, offset ${at - page * PAGE_SIZE} names page ${first}, a node`
  },

  'value of another length': (target, dice) => {
    const found = cells(target, 'leaf')
    if (found.length === 0) return FIELDS['field of a meta page'](target, dice)
    const { page, index } = dice.pick(found)
    const cell = cellAt(arenaOf(target.base.image), page * PAGE_SIZE, index)
    const view = new DataView(target.bytes.buffer)
    const length = view.getUint16(cell + LEAF_CELL.LENGTH, true)
    view.setUint16(cell + LEAF_CELL.LENGTH, Math.max(0, length + dice.pick([-8, -4, -3, -1, 1, 2, 3, 4, 8])), true)
    target.touched.add(page)
    return `the value in slot ${index} of page ${page} has ${view.getUint16(cell + LEAF_CELL.LENGTH, true)} bytes in place of ${length}`
  },
}

