/** Each thing that a page read from a disk may have wrong with it is refused, and named. */
import { describe, expect, it } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { insertBranchCell } from '../../src/page/branch.js'
import { writeLogPage } from '../../src/page/free-log.js'
import { formatPage, setBirth } from '../../src/page/header.js'
import { BRANCH_CELL, BRANCH_FLAG, HEADER, LEAF_FLAG, LOG_PAGE_RUNS, MAX_VALUE_LENGTH, OVERFLOW_REF, PAGE_SIZE, SLOT, TYPE } from '../../src/page/layout.js'
import { encodeOverflowRef, insertLeafCell } from '../../src/page/leaf.js'
import { setPrefix } from '../../src/page/node.js'
import { validatePage } from '../../src/page/validate.js'
import { bytesOf, NO_BYTES } from './crafted.js'

const BASE = PAGE_SIZE
const BOUNDS = { pageCount: 2 ** 19, newest: 10 }
const REF = { page: 20, crc: 1, length: 5000, birth: 10 }

type Change = (view: DataView, arena: Arena) => void

const slot = (index: number): number => BASE + HEADER.SIZE + index * SLOT.SIZE

/** A page of three cells with the prefix "key"; in the leaf the second one is an overflow reference. */
function draft(type: number): Arena {
  const arena = new Arena(new ArrayBuffer(3 * PAGE_SIZE))
  formatPage(arena, BASE, 7, type, type === TYPE.BRANCH ? 1 : 0, 1)
  setBirth(arena, BASE, 10)
  setPrefix(arena, BASE, bytesOf('key'), 0, 3)
  for (const [i, key] of ['key', 'keyabcdef', 'keyb'].entries()) {
    const bytes = bytesOf(key)
    if (type === TYPE.BRANCH) insertBranchCell(arena, BASE, i, bytes, i === 0 ? 3 : bytes.length, i === 0 ? 0 : bytes.length - 3, 3 + i, 5, 6, i === 1 ? BRANCH_FLAG.OVERFLOW_BELOW : 0)
    else insertLeafCell(arena, BASE, i, bytes, bytes.length, bytes.length - 3, i === 1 ? encodeOverflowRef(REF) : bytesOf('value'), i === 1 ? LEAF_FLAG.OVERFLOW : 0)
  }
  return arena
}

function fault(type: number, change: Change, page = 7): string | undefined {
  const arena = draft(type)
  change(new DataView(arena.bytes.buffer), arena)
  return validatePage(arena, BASE, page, BOUNDS)
}

const cellOffset = (view: DataView, index: number): number => BASE + view.getUint16(slot(index) + SLOT.OFFSET, true)

/** The reference of slot 1, put in anew with something changed. */
function withRef(change: Partial<typeof REF>): Change {
  return (view, arena) => arena.bytes.set(encodeOverflowRef({ ...REF, ...change }), cellOffset(view, 1) + 4 + 2)
}

const both = [['leaf', TYPE.LEAF], ['branch', TYPE.BRANCH]] as const

describe.each(both)('a %s', (_, type) => {
  it('that is right is not refused', () => {
    expect(fault(type, () => {})).toBeUndefined()
  })

  const cases: [string, Change, RegExp][] = [
    ['the number of another page', (view) => view.setUint32(BASE + HEADER.PAGE, 8, true), /says that it is page 8/],
    ['a birth that is still to come', (view) => view.setUint32(BASE + HEADER.BIRTH, 11, true), /transaction 11, which never was/],
    ['a birth past 2^53', (view) => view.setUint32(BASE + HEADER.BIRTH + 4, 0xffffffff, true), /which never was/],
    ['the level of the other type', (view) => view.setUint8(BASE + HEADER.LEVEL, type === TYPE.LEAF ? 1 : 0), /cannot be at level/],
    ['a level that no tree has', (view) => view.setUint8(BASE + HEADER.LEVEL, 32), /cannot be at level 32/],
    ['a prefix longer than a key', (view) => {
      view.setUint16(BASE + HEADER.PREFIX_LENGTH, 2049, true)
      view.setUint16(BASE + HEADER.CELL_TOP, 100, true)
    }, /prefix has 2049 bytes/],
    ['no cells', (view) => view.setUint16(BASE + HEADER.COUNT, 0, true), /no cells/],
    ['more slots than there is room for', (view) => view.setUint16(BASE + HEADER.COUNT, 65535, true), /65535 slots and its cells/],
    ['cells that begin among the slots', (view) => view.setUint16(BASE + HEADER.CELL_TOP, 52, true), /overlap/],
    ['cells that begin behind the page', (view) => view.setUint16(BASE + HEADER.CELL_TOP, 0xfffc, true), /overlap/],
    ['a key that is too long', (view) => view.setUint16(slot(1) + SLOT.SUFFIX_LENGTH, 2046, true), /key in slot 1 is too long/],
    ['a slot that points above the cells', (view) => view.setUint16(slot(1) + SLOT.OFFSET, 64, true), /slot 1 points outside/],
    ['a slot that points between two words', (view) => view.setUint16(slot(1) + SLOT.OFFSET, view.getUint16(slot(1) + SLOT.OFFSET, true) + 2, true), /slot 1 points outside/],
    ['a slot that points behind the page', (view) => view.setUint16(slot(1) + SLOT.OFFSET, 0xfffc, true), /slot 1 points outside/],
    ['a slot that points to the last word', (view) => view.setUint16(slot(2) + SLOT.OFFSET, PAGE_SIZE - 4, true), /slot 2 points outside/],
    ['a cell that reaches beyond the cells', (view) => view.setUint16(slot(0) + SLOT.SUFFIX_LENGTH, 2000, true), /slot 0 reaches beyond/],
    ['more fragmented bytes than there are', (view) => view.setUint16(BASE + HEADER.FRAGMENTED, 4, true), /do not add up/],
    ['cells that it does not count', (view) => view.setUint16(BASE + HEADER.COUNT, 2, true), /do not add up/],
    ['the type of a meta page', (view) => view.setUint8(BASE + HEADER.TYPE, TYPE.META), /its type is 3/],
    ['no type at all', (view) => view.setUint8(BASE + HEADER.TYPE, 0), /its type is 0/],
  ]
  it.each(cases)('with %s is refused', (_what, change, why) => {
    expect(fault(type, change)).toMatch(why)
  })
})

describe('a leaf', () => {
  const cases: [string, Change, RegExp][] = [
    ['a value that reaches beyond the cells', (view) => view.setUint16(cellOffset(view, 0), 65535, true), /slot 0 reaches beyond/],
    ['a compressed value', (view) => view.setUint16(cellOffset(view, 2) + 2, LEAF_FLAG.COMPRESSED, true), /slot 2 has unknown flags 2/],
    ['an entry that expires', (view) => view.setUint16(cellOffset(view, 2) + 2, LEAF_FLAG.EXPIRY, true), /slot 2 has unknown flags 4/],
    ['a flag of nobody\'s', (view) => view.setUint16(cellOffset(view, 2) + 2, 0x8000, true), /unknown flags/],
    ['a reference of another length', (view) => view.setUint16(cellOffset(view, 2) + 2, LEAF_FLAG.OVERFLOW, true), /slot 2 has a wrong length/],
    ['an extent of no bytes', withRef({ length: 0 }), /slot 1 lies outside the file/],
    ['an extent longer than a value', withRef({ length: MAX_VALUE_LENGTH + 1 }), /slot 1 lies outside the file/],
    ['an extent in the meta slots', withRef({ page: 2 }), /slot 1 lies outside the file/],
    ['an extent that begins behind the end', withRef({ page: 2 ** 32 - 1 }), /slot 1 lies outside the file/],
    ['an extent that ends behind the end', withRef({ page: 2 ** 19 - 1 }), /slot 1 lies outside the file/],
    ['an extent in two windows', withRef({ page: 2 ** 18 - 1 }), /crosses the end of a window/],
    ['an extent from a transaction to come', withRef({ birth: 11 }), /slot 1 comes from a transaction that never was/],
  ]
  it.each(cases)('with %s is refused', (_, change, why) => {
    expect(fault(TYPE.LEAF, change)).toMatch(why)
  })

  it('whose extents reach just to the end of the file, or of a window, is not refused', () => {
    expect(fault(TYPE.LEAF, withRef({ page: 2 ** 19 - 2 }))).toBeUndefined()
    expect(fault(TYPE.LEAF, withRef({ page: 2 ** 18 - 2 }))).toBeUndefined()
    expect(fault(TYPE.LEAF, withRef({ page: 2 ** 18, length: MAX_VALUE_LENGTH }))).toBeUndefined()
    expect(OVERFLOW_REF.SIZE).toBe(encodeOverflowRef(REF).length)
  })
})

describe('a branch', () => {
  const cases: [string, Change, RegExp][] = [
    ['a child in the meta slots', (view) => view.setUint32(cellOffset(view, 1), 2, true), /child of slot 1, page 2, lies outside/],
    ['a child behind the end', (view) => view.setUint32(cellOffset(view, 1), 2 ** 19, true), /child of slot 1, page 524288, lies outside/],
    ['a child past 2^31', (view) => view.setUint32(cellOffset(view, 1), 2 ** 32 - 1, true), /child of slot 1/],
    ['a pointer that was never sealed', (view) => view.setUint16(cellOffset(view, 1) + BRANCH_CELL.FLAGS, BRANCH_FLAG.UNSEALED, true), /slot 1 has unknown flags/],
    ['a flag of nobody\'s', (view) => view.setUint16(cellOffset(view, 1) + BRANCH_CELL.FLAGS, 2, true), /slot 1 has unknown flags/],
    ['a first separator', (view) => view.setUint16(slot(0) + SLOT.SUFFIX_LENGTH, 4, true), /first separator is not empty/],
  ]
  it.each(cases)('with %s is refused', (_, change, why) => {
    expect(fault(TYPE.BRANCH, change)).toMatch(why)
  })

  it('with a single child is not refused', () => {
    const arena = new Arena(new ArrayBuffer(2 * PAGE_SIZE))
    formatPage(arena, BASE, 7, TYPE.BRANCH, 31, 1)
    setPrefix(arena, BASE, NO_BYTES, 0, 0)
    insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, 0, 1, 0)
    expect(validatePage(arena, BASE, 7, BOUNDS)).toBeUndefined()
  })
})

it('a free log page with more runs than fit is refused', () => {
  const arena = draft(TYPE.LEAF)
  writeLogPage(arena, BASE, 7, 1, { previousPage: 0, previousCrc: 0, runs: [] })
  expect(validatePage(arena, BASE, 7, BOUNDS)).toBeUndefined()
  new DataView(arena.bytes.buffer).setUint16(BASE + HEADER.COUNT, LOG_PAGE_RUNS + 1, true)
  expect(validatePage(arena, BASE, 7, BOUNDS)).toMatch(/more runs than fit/)
})
