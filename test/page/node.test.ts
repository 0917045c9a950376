/** Leaves and branches, cell by cell, against a sorted array of plain keys. */
import { describe, expect, it } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { branchCellSize, childOf, entriesOf, insertBranchCell, removeBranchCell } from '../../src/page/branch.js'
import { countOf, formatPage } from '../../src/page/header.js'
import { BRANCH_CELL, LEAF_CELL, PAGE_SIZE, SLOT, TYPE } from '../../src/page/layout.js'
import { insertLeafCell, leafCellSize, removeLeafCell, storedLength, valueAt } from '../../src/page/leaf.js'
import { compareKey, fragmentedOf, gapOf, hasPrefix, keyLengthOf, readKey, readKeyWordwise, searchNode, setPrefix, usedBytes } from '../../src/page/node.js'
import { validatePage } from '../../src/page/validate.js'
import { bytesOf, NO_BYTES, random } from './crafted.js'

const BASE = PAGE_SIZE
const BOUNDS = { pageCount: 1000, newest: 10 }

interface Entry {
  key: Uint8Array
  value: Uint8Array
  /** The child, in branches. */
  child: number
}

function newPage(branch: boolean, prefix: Uint8Array): Arena {
  const arena = new Arena(new ArrayBuffer(3 * PAGE_SIZE))
  arena.bytes.fill(0xee)
  formatPage(arena, BASE, 7, branch ? TYPE.BRANCH : TYPE.LEAF, branch ? 1 : 0, 1)
  setPrefix(arena, BASE, prefix, 0, prefix.length)
  return arena
}

/** Keys that tie in their first bytes more often than not: few letters, zeros among them, all lengths about 4. */
function randomKey(below: (bound: number) => number, prefix: Uint8Array): Uint8Array {
  const lengths = [0, 1, 2, 3, 4, 5, 6, 8, 9, 40]
  const suffix = Array.from({ length: lengths[below(lengths.length)] }, () => [0, 0, 1, 0x61, 0x7f, 0x80, 0xff][below(7)])
  return Uint8Array.of(...prefix, ...suffix)
}

function keyAt(arena: Arena, index: number, rest: number): Uint8Array {
  const out = new Uint8Array(3000)
  const length = readKey(arena, BASE, index, rest, out, 100)
  expect(length).toBe(keyLengthOf(arena, BASE, index))
  return out.slice(100, 100 + length)
}

describe.each(['', 'p', 'user:', 'x'.repeat(1001)])('a page with the prefix "%.8s"', (text) => {
  const prefix = bytesOf(text)

  it.each([1, 2, 3])('as a leaf holds what a sorted array holds, through inserts and removes (seed %i)', (seed) => {
    const below = random(seed)
    const arena = newPage(false, prefix)
    const model: Entry[] = []
    for (let step = 0; step < 400; step++) {
      const key = randomKey(below, prefix)
      const found = searchNode(arena, BASE, 0, LEAF_CELL.REST, key, key.length)
      const place = model.findIndex((entry) => Buffer.compare(entry.key, key) >= 0)
      const at = place === -1 ? model.length : place
      const there = at < model.length && Buffer.compare(model[at].key, key) === 0
      expect(found, `seed ${seed}, step ${step}`).toBe(there ? at : ~at)
      const value = new Uint8Array(below(30)).fill(step)
      const suffixLength = key.length - prefix.length
      if (there) {
        removeLeafCell(arena, BASE, at)
        model.splice(at, 1)
      } else if (gapOf(arena, BASE) >= SLOT.SIZE + leafCellSize(suffixLength, value.length)) {
        insertLeafCell(arena, BASE, at, key, key.length, suffixLength, value, 0)
        model.splice(at, 0, { key, value, child: 0 })
      } else {
        for (let n = below(model.length); n > 0; n--) {
          const victim = below(model.length)
          removeLeafCell(arena, BASE, victim)
          model.splice(victim, 1)
        }
      }
      if (model.length > 0) expect(validatePage(arena, BASE, 7, BOUNDS), `seed ${seed}, step ${step}`).toBeUndefined()
      expect(countOf(arena, BASE)).toBe(model.length)
    }
    model.forEach(({ key, value }, i) => {
      expect(Buffer.from(keyAt(arena, i, LEAF_CELL.REST)).equals(key)).toBe(true)
      const start = valueAt(arena, BASE, i)
      expect([...arena.bytes.subarray(start, start + storedLength(arena, BASE, i))]).toEqual([...value])
    })
    expect(arena.bytes.subarray(0, BASE).every((byte) => byte === 0xee), 'the page before is untouched').toBe(true)
    expect(arena.bytes.subarray(BASE + PAGE_SIZE).every((byte) => byte === 0xee), 'the page behind is untouched').toBe(true)
  })

  it.each([4, 5])('as a branch finds children as a sorted array does, through inserts and removes (seed %i)', (seed) => {
    const below = random(seed)
    const arena = newPage(true, prefix)
    insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, -1, 2 ** 40, 0)
    const model: Entry[] = [{ key: NO_BYTES, value: NO_BYTES, child: 3 }]
    for (let step = 0; step < 200; step++) {
      const key = randomKey(below, prefix)
      const suffixLength = key.length - prefix.length
      const found = searchNode(arena, BASE, 1, BRANCH_CELL.REST, key, key.length)
      const at = 1 + model.slice(1).filter((entry) => Buffer.compare(entry.key, key) < 0).length
      const there = at < model.length && Buffer.compare(model[at].key, key) === 0
      expect(found, `seed ${seed}, step ${step}`).toBe(there ? at : ~at)
      if (!there && below(3) > 0 && gapOf(arena, BASE) >= SLOT.SIZE + branchCellSize(suffixLength)) {
        insertBranchCell(arena, BASE, at, key, key.length, suffixLength, 4 + step, step, step, 0)
        model.splice(at, 0, { key, value: NO_BYTES, child: 4 + step })
      } else if (model.length > 1) {
        const victim = below(model.length)
        removeBranchCell(arena, BASE, victim)
        model.splice(victim, 1)
        model[0] = { ...model[0], key: NO_BYTES }
      }
      expect(validatePage(arena, BASE, 7, BOUNDS), `seed ${seed}, step ${step}`).toBeUndefined()
    }
    expect(model.map((_, i) => childOf(arena, BASE, i))).toEqual(model.map(({ child }) => child))
    for (let i = 1; i < model.length; i++) expect(Buffer.from(keyAt(arena, i, BRANCH_CELL.REST)).equals(model[i].key)).toBe(true)
  })
})

it('keys without the prefix sort before or behind the whole page', () => {
  const arena = newPage(false, bytesOf('mm'))
  for (const [i, key] of ['mma', 'mmb'].entries()) insertLeafCell(arena, BASE, i, bytesOf(key), 3, 1, NO_BYTES, 0)
  const at = (key: string) => searchNode(arena, BASE, 0, LEAF_CELL.REST, bytesOf(key), key.length)
  expect([at(''), at('m'), at('ml'), at('a'), at('mm'), at('mma'), at('mmc'), at('mn'), at('z')]).toEqual([~0, ~0, ~0, ~0, ~0, 0, ~2, ~2, ~2])
  expect(['mm', 'mmz', 'm', 'mn'].map((key) => hasPrefix(arena, BASE, bytesOf(key), key.length))).toEqual([true, true, false, false])
})

it('keys that differ in one byte are told apart wherever it stands, and from those that end before it', () => {
  const alike = (length: number) => new Uint8Array(length).fill(0x80)
  for (let length = 1; length <= 24; length++) {
    const arena = newPage(false, NO_BYTES)
    insertLeafCell(arena, BASE, 0, alike(length), length, length, NO_BYTES, 0)
    const at = (key: Uint8Array) => searchNode(arena, BASE, 0, LEAF_CELL.REST, key, key.length)
    expect(at(alike(length))).toBe(0)
    expect([at(alike(length - 1)), at(alike(length + 1))]).toEqual([~0, ~1])
    for (let i = 0; i < length; i++) {
      expect([0, 0xff].map((byte) => at(alike(length).fill(byte, i, i + 1))), `byte ${i} of ${length}`).toEqual([~0, ~1])
    }
  }
})

it('a page of many short keys is searched as a sorted list is, keys between them and around them included', () => {
  const arena = newPage(false, NO_BYTES)
  const keyOf = (i: number) => Uint8Array.of(i >>> 8, i)
  for (let i = 0; i < 200; i++) insertLeafCell(arena, BASE, i, keyOf(i * 2 + 1), 2, 2, NO_BYTES, 0)
  for (let i = 0; i <= 400; i++) {
    expect(searchNode(arena, BASE, 0, LEAF_CELL.REST, keyOf(i), 2), `key ${i}`).toBe(i % 2 === 1 ? i >>> 1 : ~(i >>> 1))
  }
})

it('compareKey and a search agree with the order of bytes', () => {
  const keys = ['k', 'k\0', 'k\0\0\0', 'k\0\0\0\0', 'k\0\0\0\0\0', 'kabcd', 'kabcda', 'kabcdab', 'kabcdb', 'k\xff\xff\xff\xff', 'k\xff\xff\xff\xff\xff']
  for (const text of ['', 'k']) {
    const arena = newPage(false, bytesOf(text))
    keys.forEach((key, i) => insertLeafCell(arena, BASE, i, bytesOf(key), key.length, key.length - text.length, NO_BYTES, 0))
    for (const probe of [...keys, '', 'a', 'k\0\0', 'kabc', 'kabcdaa', 'l']) {
      const bytes = bytesOf(probe)
      keys.forEach((key, i) => {
        const order = compareKey(arena, BASE, i, LEAF_CELL.REST, bytes, bytes.length)
        expect(Math.sign(order), `${JSON.stringify(probe)} against ${JSON.stringify(key)}`).toBe(Buffer.compare(bytes, bytesOf(key)))
      })
    }
  }
})

it('bytes of a cell that lies lowest are free at once, others count as fragmented', () => {
  const arena = newPage(false, NO_BYTES)
  for (const [i, key] of ['a', 'b', 'c'].entries()) insertLeafCell(arena, BASE, i, bytesOf(key), 1, 1, new Uint8Array(16), 0)
  const empty = PAGE_SIZE - usedBytes(newPage(false, NO_BYTES), BASE)
  removeLeafCell(arena, BASE, 1)
  expect(fragmentedOf(arena, BASE)).toBe(20)
  removeLeafCell(arena, BASE, 1)
  expect(fragmentedOf(arena, BASE)).toBe(20)
  removeLeafCell(arena, BASE, 0)
  expect(PAGE_SIZE - usedBytes(arena, BASE)).toBe(empty)
})

it('counts of 48 bits stand whole', () => {
  const arena = newPage(true, NO_BYTES)
  insertBranchCell(arena, BASE, 0, NO_BYTES, 0, 0, 3, 0, 2 ** 48 - 1, 0)
  expect(entriesOf(arena, BASE, 0)).toBe(2 ** 48 - 1)
})

describe('a key read in words', () => {
  /** A leaf at the very end of its memory, with keys of the prefix and up to so many bytes more. */
  function lastPage(prefixLength: number, longest: number): Arena {
    const arena = new Arena(new ArrayBuffer(2 * PAGE_SIZE))
    const key = Uint8Array.from({ length: prefixLength + longest }, (_, i) => 255 - (i % 250))
    formatPage(arena, BASE, 7, TYPE.LEAF, 0, 1)
    setPrefix(arena, BASE, key, 0, prefixLength)
    for (let i = 0; i <= longest; i++) insertLeafCell(arena, BASE, i, key, prefixLength + i, i, NO_BYTES, 0)
    return arena
  }

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2000])('is the same, at most three bytes behind it are written, and none behind the page are read (prefix of %i)', (prefixLength) => {
    const arena = lastPage(prefixLength, 21)
    for (let i = 0; i <= 21; i++) {
      for (const at of [100, 101, 102, 103]) {
        const out = new Uint8Array(3000).fill(0xee)
        const length = readKeyWordwise(arena, BASE, i, LEAF_CELL.REST, new DataView(out.buffer), at)
        expect(length).toBe(prefixLength + i)
        const key = keyAt(arena, i, LEAF_CELL.REST)
        expect(Buffer.compare(out.subarray(at, at + length), key)).toBe(0)
        expect(out.subarray(0, at).every((byte) => byte === 0xee)).toBe(true)
        expect(out.subarray(at + length + 3).every((byte) => byte === 0xee)).toBe(true)
      }
    }
  })
})
