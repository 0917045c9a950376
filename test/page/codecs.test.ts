/** The small codecs: what goes in comes out, at the offsets of the layout. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arena, arenaOf, baseOf, LITTLE_ENDIAN } from '../../src/page/arena.js'
import { branchCellSizeAt, branchFlags, childCrcOf, childOf, entriesOf, insertBranchCell, redirectChild, setBranchFlags, setChildCrc, setEntries } from '../../src/page/branch.js'
import { readLogPage, writeLogPage } from '../../src/page/free-log.js'
import { birthOf, countOf, crcOf, formatPage, levelOf, pageOf, readU64, setBirth, setCount, setCrc, setPage, treeOf, typeOf, writeU64 } from '../../src/page/header.js'
import { BRANCH_FLAG, FREE_LOG, HEADER, LEAF_FLAG, LOG_PAGE_RUNS, MAX_DEPTH, MAX_INLINE_CELL, OVERFLOW_REF, PAGE_SIZE, RUN, TREE_POINTER, TYPE } from '../../src/page/layout.js'
import { encodeOverflowRef, insertLeafCell, isOverflow, leafCellSize, leafCellSizeAt, needsOverflow, overwriteValue, readOverflowRef, shrinkLeafCell, storedLength, valueAt } from '../../src/page/leaf.js'
import { addFragmented, fragmentedOf, prefixLengthOf, setPrefix } from '../../src/page/node.js'
import { readRuns, writeRuns } from '../../src/page/runs.js'
import { EMPTY_TREE, readTreePointer, validateTreePointer, writeTreePointer } from '../../src/page/tree-pointer.js'
import { validatePage } from '../../src/page/validate.js'
import { bytesOf, NO_BYTES } from './crafted.js'

const BASE = PAGE_SIZE
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const u53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

function page(type: number): Arena {
  const arena = new Arena(new ArrayBuffer(2 * PAGE_SIZE))
  arena.bytes.fill(0xee, BASE)
  formatPage(arena, BASE, 9, type, type === TYPE.BRANCH ? 1 : 0, 2 ** 32 - 1)
  return arena
}

describe('the header', () => {
  it('of a formatted page has what was asked for and zeros', () => {
    const arena = page(TYPE.BRANCH)
    expect([pageOf(arena, BASE), typeOf(arena, BASE), levelOf(arena, BASE), treeOf(arena, BASE)]).toEqual([9, TYPE.BRANCH, 1, 2 ** 32 - 1])
    expect(arena.bytes.subarray(BASE + HEADER.SIZE).every((byte) => byte === 0)).toBe(true)
  })

  it('gives every field back, and none touches another', () => {
    fc.assert(fc.property(i32, u32, u53, fc.nat(65535), (crc, number, birth, count) => {
      const arena = page(TYPE.LEAF)
      setCrc(arena, BASE, crc)
      setPage(arena, BASE, number)
      setBirth(arena, BASE, birth)
      setCount(arena, BASE, count)
      expect([crcOf(arena, BASE), pageOf(arena, BASE), birthOf(arena, BASE), countOf(arena, BASE)]).toEqual([crc, number, birth, count])
      expect([typeOf(arena, BASE), levelOf(arena, BASE), treeOf(arena, BASE)]).toEqual([TYPE.LEAF, 0, 2 ** 32 - 1])
    }))
  })

  it('holds integers of 64 bits in little-endian order', () => {
    const arena = new Arena(new ArrayBuffer(8))
    writeU64(arena, 0, 2 ** 52 + 0x0102030405)
    expect(new DataView(arena.bytes.buffer).getBigUint64(0, true)).toBe(2n ** 52n + 0x0102030405n)
    expect(readU64(arena, 0)).toBe(2 ** 52 + 0x0102030405)
    expect(LITTLE_ENDIAN).toBe(true)
  })
})

it('a slot is an arena and a place in it', () => {
  expect([arenaOf(0), baseOf(0), arenaOf(2 ** 18 - 1), baseOf(2 ** 18 - 1)]).toEqual([0, 0, 0, 2 ** 30 - PAGE_SIZE])
  expect([arenaOf(2 ** 18), baseOf(2 ** 18), arenaOf(2 ** 30), baseOf(2 ** 30 + 5)]).toEqual([1, 0, 2 ** 12, 5 * PAGE_SIZE])
})

describe('a leaf cell', () => {
  it('takes another value of the same size, or a shorter one', () => {
    const arena = page(TYPE.LEAF)
    setPrefix(arena, BASE, NO_BYTES, 0, 0)
    insertLeafCell(arena, BASE, 0, bytesOf('a'), 1, 1, bytesOf('x'.repeat(100)), 0)
    insertLeafCell(arena, BASE, 1, bytesOf('bcdefg'), 6, 6, bytesOf('y'.repeat(90)), 0)
    overwriteValue(arena, BASE, 0, bytesOf('z'.repeat(20)), LEAF_FLAG.OVERFLOW)
    shrinkLeafCell(arena, BASE, 0, leafCellSize(1, 100), leafCellSize(1, 20))
    expect([storedLength(arena, BASE, 0), isOverflow(arena, BASE, 0), leafCellSizeAt(arena, BASE, 0)]).toEqual([20, true, 24])
    expect(fragmentedOf(arena, BASE)).toBe(80)
    expect(Buffer.from(arena.bytes.subarray(valueAt(arena, BASE, 1), valueAt(arena, BASE, 1) + 90)).toString()).toBe('y'.repeat(90))
    expect([isOverflow(arena, BASE, 1), prefixLengthOf(arena, BASE)]).toEqual([false, 0])
  })

  it('holds a value inside up to the line that the format names', () => {
    const line = MAX_INLINE_CELL - 4 - 10
    expect([needsOverflow(10, line), needsOverflow(10, line + 1)]).toEqual([false, true])
    expect([needsOverflow(2048, OVERFLOW_REF.SIZE), needsOverflow(2048, OVERFLOW_REF.SIZE + 1)]).toEqual([false, true])
    expect(2 * (leafCellSize(0, MAX_INLINE_CELL - 4) + 8)).toBeLessThanOrEqual(PAGE_SIZE - HEADER.SIZE)
  })
})

it('an overflow reference comes back from any byte of a page', () => {
  fc.assert(fc.property(u32, i32, u32, u53, fc.nat(100), (first, crc, length, birth, at) => {
    const arena = page(TYPE.LEAF)
    const ref = { page: first, crc, length, birth }
    arena.bytes.set(encodeOverflowRef(ref), BASE + at)
    expect(readOverflowRef(arena, BASE + at)).toEqual(ref)
  }))
})

it('a branch cell gives every field back, and is pointed to another page', () => {
  fc.assert(fc.property(fc.integer({ min: 3, max: 2 ** 30 - 1 }), i32, u48, i32, u48, (child, crc, entries, otherCrc, otherEntries) => {
    const arena = page(TYPE.BRANCH)
    setPrefix(arena, BASE, bytesOf('pre'), 0, 3)
    insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, 0, 0, 0)
    insertBranchCell(arena, BASE, 1, bytesOf('pre-fix'), 7, 4, child, crc, entries, BRANCH_FLAG.OVERFLOW_BELOW)
    expect([childOf(arena, BASE, 1), childCrcOf(arena, BASE, 1), entriesOf(arena, BASE, 1)]).toEqual([child, crc, entries])
    setChildCrc(arena, BASE, 1, otherCrc)
    setEntries(arena, BASE, 1, otherEntries)
    redirectChild(arena, BASE, 1, 33)
    expect([childOf(arena, BASE, 1), childCrcOf(arena, BASE, 1), entriesOf(arena, BASE, 1)]).toEqual([33, otherCrc, otherEntries])
    expect(branchFlags(arena, BASE, 1)).toBe(BRANCH_FLAG.OVERFLOW_BELOW | BRANCH_FLAG.UNSEALED)
    setBranchFlags(arena, BASE, 1, 0)
    expect([branchFlags(arena, BASE, 1), branchCellSizeAt(arena, BASE, 1)]).toEqual([0, 16])
  }))
})

describe('a tree pointer', () => {
  it('comes back as it was written', () => {
    fc.assert(fc.property(u32, i32, u48, fc.nat(65535), (root, crc, entries, depth) => {
      const view = new DataView(new ArrayBuffer(TREE_POINTER.SIZE + 8))
      writeTreePointer(view, 5, { page: root, crc, entries, depth })
      expect(readTreePointer(view, 5)).toEqual({ page: root, crc, entries, depth })
    }))
  })

  const good = { page: 50, crc: 1, entries: 5, depth: 2 }
  it.each([
    ['no root but entries', { ...EMPTY_TREE, entries: 1 }, 'entries'],
    ['no root but a depth', { ...EMPTY_TREE, depth: 1 }, 'entries'],
    ['a root in a meta slot', { ...good, page: 2 }, 'outside'],
    ['a root behind the end', { ...good, page: 100 }, 'outside'],
    ['no depth', { ...good, depth: 0 }, 'depth'],
    ['more levels than a tree can have', { ...good, depth: MAX_DEPTH + 1 }, 'depth'],
    ['a root but no entries', { ...good, entries: 0 }, 'no entries'],
  ])('with %s is refused', (_, pointer, why) => {
    expect(validateTreePointer(pointer, 100)).toContain(why)
  })

  it('that is empty, or right, is not refused', () => {
    expect([validateTreePointer(EMPTY_TREE, 3), validateTreePointer(good, 51), validateTreePointer({ ...good, depth: MAX_DEPTH }, 100)]).toEqual([undefined, undefined, undefined])
  })
})

const run = fc.record({ start: u32, length: fc.integer({ min: 0, max: 2 ** 31 - 1 }), freed: fc.boolean() })

describe('runs', () => {
  it('come back as they were written, also a part of a list', () => {
    fc.assert(fc.property(fc.array(run, { minLength: 2, maxLength: 20 }), (runs) => {
      const view = new DataView(new ArrayBuffer(21 * RUN.SIZE))
      writeRuns(view, RUN.SIZE, runs, 1, runs.length)
      expect(readRuns(view, RUN.SIZE, runs.length - 1)).toEqual(runs.slice(1))
      expect(view.getFloat64(0)).toBe(0)
    }))
  })

  it('in a free log page come back with the pointer to the page before', () => {
    fc.assert(fc.property(u32, i32, fc.array(run, { maxLength: LOG_PAGE_RUNS }), (previousPage, previousCrc, runs) => {
      const arena = page(TYPE.LEAF)
      writeLogPage(arena, BASE, 9, 4, { previousPage, previousCrc, runs })
      expect(readLogPage(arena, BASE)).toEqual({ previousPage, previousCrc, runs })
      expect([typeOf(arena, BASE), birthOf(arena, BASE), treeOf(arena, BASE), countOf(arena, BASE)]).toEqual([TYPE.FREE_LOG, 4, 0, runs.length])
      expect(validatePage(arena, BASE, 9, { pageCount: 10, newest: 4 })).toBeUndefined()
    }), { numRuns: 50 })
  })

  it('fill a free log page to its last byte', () => {
    expect(FREE_LOG.RUNS + LOG_PAGE_RUNS * RUN.SIZE).toBe(PAGE_SIZE)
  })
})

it('fragmented bytes add up', () => {
  const arena = page(TYPE.LEAF)
  addFragmented(arena, BASE, 12)
  addFragmented(arena, BASE, 8)
  expect(fragmentedOf(arena, BASE)).toBe(20)
})
