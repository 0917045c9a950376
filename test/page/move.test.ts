/** Cells that move between leaves, and separators that are replaced: what sharing with a neighbour does to the pages. */
import { describe, expect, it } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { childCrcOf, childOf, entriesOf, insertBranchCell, setSeparator } from '../../src/page/branch.js'
import { countOf, formatPage } from '../../src/page/header.js'
import { BRANCH_CELL, LEAF_CELL, PAGE_SIZE, SLOT, TYPE } from '../../src/page/layout.js'
import { insertLeafCell, leafCellSize, moveLeafCells, removeLeafCell, storedLength, valueAt } from '../../src/page/leaf.js'
import { fragmentedOf, gapOf, readKey, samePrefix, setPrefix, usedBytes } from '../../src/page/node.js'
import { validatePage } from '../../src/page/validate.js'
import { bytesOf, NO_BYTES, random } from './crafted.js'

const BASE = PAGE_SIZE
const BOUNDS = { pageCount: 1000, newest: 10 }

function newPage(type: number, prefix: string): Arena {
  const arena = new Arena(new ArrayBuffer(2 * PAGE_SIZE))
  formatPage(arena, BASE, 7, type, type === TYPE.LEAF ? 0 : 1, 1)
  setPrefix(arena, BASE, bytesOf(prefix), 0, prefix.length)
  return arena
}

function keysOf(arena: Arena, rest: number): string[] {
  const out = new Uint8Array(3000)
  return Array.from({ length: countOf(arena, BASE) }, (_, i) => Buffer.from(out.subarray(0, readKey(arena, BASE, i, rest, out, 0))).toString('latin1'))
}

function valuesOf(arena: Arena): string[] {
  return Array.from({ length: countOf(arena, BASE) }, (_, i) => {
    const at = valueAt(arena, BASE, i)
    return Buffer.from(arena.bytes.subarray(at, at + storedLength(arena, BASE, i))).toString('latin1')
  })
}

function add(arena: Arena, index: number, key: string, value: string, prefixLength: number): void {
  insertLeafCell(arena, BASE, index, bytesOf(key), key.length, key.length - prefixLength, bytesOf(value), 0)
}

describe('cells that move to another leaf', () => {
  it.each([1, 2, 3, 4, 5, 6])('are there as they were, and those left behind stay as they are, wherever they lie (seed %i)', (seed) => {
    const below = random(seed)
    for (let round = 0; round < 40; round++) {
      const prefix = ['', 'user:'][below(2)]
      const even = below(2) === 0
      const value = () => 'v'.repeat(even ? 20 : below(90))
      const from = newPage(TYPE.LEAF, prefix)
      const to = newPage(TYPE.LEAF, prefix)
      const mine: [string, string][] = []
      // Inserted in any order, and some taken out again, so that cells and holes lie anywhere.
      for (let i = 0; i < 25; i++) {
        const entry: [string, string] = [`${prefix}b${String(below(10000)).padStart(even ? 6 : 1 + below(9), '0')}`, value()]
        if (mine.some(([key]) => key === entry[0])) continue
        const at = mine.filter(([key]) => key < entry[0]).length
        add(from, at, ...entry, prefix.length)
        mine.splice(at, 0, entry)
      }
      for (let i = below(5); i > 0; i--) {
        const at = below(mine.length)
        removeLeafCell(from, BASE, at)
        mine.splice(at, 1)
      }
      const before = below(2) === 0
      const theirs: [string, string][] = [[`${prefix}${before ? 'a' : 'c'}1`, value()], [`${prefix}${before ? 'a' : 'c'}2`, value()]]
      theirs.forEach((entry, i) => add(to, i, ...entry, prefix.length))
      const count = 1 + below(mine.length - 1)
      const used = usedBytes(from, BASE) + usedBytes(to, BASE)
      if (before) moveLeafCells(from, BASE, 0, count, to, BASE, 2)
      else moveLeafCells(from, BASE, mine.length - count, count, to, BASE, 0)
      const moved = before ? mine.splice(0, count) : mine.splice(mine.length - count, count)
      const there = before ? [...theirs, ...moved] : [...moved, ...theirs]
      expect([keysOf(from, LEAF_CELL.REST), valuesOf(from)], `seed ${seed}, round ${round}`).toEqual([mine.map(([key]) => key), mine.map(([, text]) => text)])
      expect([keysOf(to, LEAF_CELL.REST), valuesOf(to)], `seed ${seed}, round ${round}`).toEqual([there.map(([key]) => key), there.map(([, text]) => text)])
      for (const arena of [from, to]) expect(validatePage(arena, BASE, 7, BOUNDS), `seed ${seed}, round ${round}`).toBeUndefined()
      expect(usedBytes(from, BASE) + usedBytes(to, BASE)).toBe(used)
    }
  })

  it('leave no holes where all cells are of one size, in whatever order they were written', () => {
    const below = random(7)
    const from = newPage(TYPE.LEAF, '')
    const keys: string[] = []
    for (let i = 0; gapOf(from, BASE) >= SLOT.SIZE + leafCellSize(6, 100); i++) {
      const key = `${below(900000) + 100000}`
      if (keys.includes(key)) continue
      const at = keys.filter((other) => other < key).length
      add(from, at, key, 'v'.repeat(100), 0)
      keys.splice(at, 0, key)
    }
    for (const count of [3, 1, 4, 2]) {
      moveLeafCells(from, BASE, 0, count, newPage(TYPE.LEAF, ''), BASE, 0)
      expect(fragmentedOf(from, BASE)).toBe(0)
    }
  })
})

describe('another separator of a pointer', () => {
  it.each([1, 2, 3])('leaves the pointer and its neighbours as they are, whether it is longer or shorter (seed %i)', (seed) => {
    const below = random(seed)
    for (const prefix of ['', 'user:']) {
      const arena = newPage(TYPE.BRANCH, prefix)
      insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, -1, 5, 0)
      const keys = ['', ...[1, 2, 3, 4].map((i) => `${prefix}${i}`)]
      keys.forEach((key, i) => i > 0 && insertBranchCell(arena, BASE, i, bytesOf(key), key.length, 1, 3 + i, -i, 2 ** 40 + i, 0))
      let refused = 0
      for (let step = 0; step < 300; step++) {
        const index = 1 + below(4)
        const key = `${prefix}${index}${'x'.repeat(below(60))}`
        if (setSeparator(arena, BASE, index, bytesOf(key), key.length)) keys[index] = key
        else refused++
        expect(validatePage(arena, BASE, 7, BOUNDS), `seed ${seed}, step ${step}`).toBeUndefined()
        expect(keysOf(arena, BRANCH_CELL.REST).slice(1)).toEqual(keys.slice(1))
      }
      expect(refused, 'holes take up the page in the end').toBeGreaterThan(0)
      expect(keys.map((_, i) => [childOf(arena, BASE, i), childCrcOf(arena, BASE, i), entriesOf(arena, BASE, i)])).toEqual(keys.map((_, i) => [3 + i, i === 0 ? -1 : -i, i === 0 ? 5 : 2 ** 40 + i]))
    }
  })

  it('that does not begin with the prefix of the page is refused, and changes nothing', () => {
    const arena = newPage(TYPE.BRANCH, 'ab')
    insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, 0, 0, 0)
    insertBranchCell(arena, BASE, 1, bytesOf('abc'), 3, 1, 4, 0, 0, 0)
    const held = arena.bytes.slice()
    expect(setSeparator(arena, BASE, 1, bytesOf('ac'), 2)).toBe(false)
    expect(arena.bytes).toEqual(held)
  })
})

it('pages have the same prefix where both its length and its bytes are the same', () => {
  const pages = ['', 'a', 'b', 'ab', 'a'].map((prefix) => newPage(TYPE.LEAF, prefix))
  expect(pages.map((page) => samePrefix(pages[1], BASE, page, BASE))).toEqual([false, true, false, false, true])
})
