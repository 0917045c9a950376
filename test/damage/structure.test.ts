/**
 * Damage with a plan: pages that are whole in themselves but not the ones meant, and files whose every checksum
 * is right and whose structure is not. Never wrong data where a checksum can tell, and never another exception
 * than COPPICE_CORRUPT, a hang, or a read outside the page.
 */
import { describe, expect, it } from 'vitest'
import { CoppiceError } from '../../src/index.js'
import type { Database } from '../../src/database.js'
import { childOf } from '../../src/page/branch.js'
import { crc32, pageCrc } from '../../src/page/checksum.js'
import { countOf, crcOf, levelOf, setCrc, setPage } from '../../src/page/header.js'
import { BRANCH_CELL, HEADER, META, META_SLOTS, OVERFLOW_REF, PAGE_SIZE, SLOT, TREE_POINTER } from '../../src/page/layout.js'
import { isOverflow, readOverflowRef, valueAt } from '../../src/page/leaf.js'
import { cellAt, slotAt } from '../../src/page/node.js'
import { fileOf, openOn, randomFrom } from '../faulty-file.js'
import { arenaOver, buildFixture, ImageFile, newestMeta, openTree, readAll } from './fixture.js'

const fixture = buildFixture()
const { expected, pages } = fixture

/** Where the checksum of a node stands in whatever points to it, and in which page that is. */
interface Parent {
  page: number
  at: number[]
}

/** For every page of the default tree and of the catalog, what points to it. */
function parentsOf(image: Uint8Array): Map<number, Parent> {
  const arena = arenaOver(image)
  const parents = new Map<number, Parent>()
  const below = (page: number): void => {
    const base = page * PAGE_SIZE
    if (levelOf(arena, base) === 0) return
    for (let i = 0; i < countOf(arena, base); i++) {
      const child = childOf(arena, base, i)
      parents.set(child, { page, at: [cellAt(arena, base, i) + BRANCH_CELL.CRC] })
      below(child)
    }
  }
  const { meta } = newestMeta(image)
  for (const [pointer, at] of [[meta.defaultTree, META.DEFAULT_TREE], [meta.catalog, META.CATALOG]] as const) {
    const slots = [0, 1, 2].filter((slot) => slotPointsTo(image, slot, at, pointer.page))
    parents.set(pointer.page, { page: -1, at: slots.map((slot) => slot * PAGE_SIZE + at + TREE_POINTER.CRC) })
    below(pointer.page)
  }
  return parents
}

function slotPointsTo(image: Uint8Array, slot: number, at: number, page: number): boolean {
  return new DataView(image.buffer).getUint32(slot * PAGE_SIZE + at + TREE_POINTER.PAGE, true) === page
}

const parents = parentsOf(fixture.image)
/** Pages that `reseal` can make right again up to the meta page. */
const resealable = pages.nodes.filter((page) => parents.has(page))

/** Makes the checksum of a page right, and those of all that leads to it. */
function reseal(image: Uint8Array, page: number): void {
  const arena = arenaOver(image)
  setCrc(arena, page * PAGE_SIZE, pageCrc(arena, page * PAGE_SIZE))
  const parent = parents.get(page)
  if (parent === undefined) throw new Error(`nothing points to page ${page}`)
  for (const at of parent.at) {
    arena.words[at >>> 2] = crcOf(arena, page * PAGE_SIZE)
    if (parent.page === -1) {
      const base = Math.floor(at / PAGE_SIZE) * PAGE_SIZE
      setCrc(arena, base, pageCrc(arena, base))
    }
  }
  if (parent.page !== -1) reseal(image, parent.page)
}

function damaged(change: (image: Uint8Array) => void): Uint8Array {
  const image = fixture.image.slice()
  change(image)
  return image
}

function pageIn(image: Uint8Array, page: number): Uint8Array {
  return image.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

/** Everything must give right data or name one of these pages, and check must name one. */
function expectNamed(image: Uint8Array, wanted: number[], what: string): void {
  for (const mapped of [true, false]) {
    const { db } = openOn(new ImageFile(image, mapped))
    const met = readAll(db, expected, (page) => page !== undefined && wanted.includes(page), what)
    expect(met.length, `${what}: a read meets it`).toBeGreaterThan(0)
    const report = db.check()
    expect(report.ok, what).toBe(false)
    expect(wanted, what).toContain(report.errors[0].page)
  }
}

describe('a page that is whole but not the one meant', () => {
  it('swapped with another one is an error that names one of the two', () => {
    const random = randomFrom(21)
    for (let i = 0; i < 6; i++) {
      const one = pages.nodes[i]
      const other = pages.nodes[Math.floor(random() * pages.nodes.length)]
      if (one === other) continue
      for (const renumbered of [false, true]) {
        const image = damaged((bytes) => {
          const copy = pageIn(bytes, one).slice()
          pageIn(bytes, one).set(pageIn(bytes, other))
          pageIn(bytes, other).set(copy)
          if (!renumbered) return
          // Even where the pages say that they are where they should be, their parents know better.
          for (const page of [one, other]) {
            setPage(arenaOver(bytes), page * PAGE_SIZE, page)
            setCrc(arenaOver(bytes), page * PAGE_SIZE, pageCrc(arenaOver(bytes), page * PAGE_SIZE))
          }
        })
        expectNamed(image, [one, other], `pages ${one} and ${other}, renumbered: ${renumbered}`)
      }
    }
  })

  it('in an older version of itself, as a lost write leaves it, is an error that names it', () => {
    for (const page of pages.nodes.filter((_, i) => i % 5 === 0)) {
      const image = damaged((bytes) => {
        const arena = arenaOver(bytes)
        // The version before: another birth, a little less in it, and a checksum that was right once.
        arena.words[(page * PAGE_SIZE + HEADER.BIRTH) >>> 2] -= 1
        setCrc(arena, page * PAGE_SIZE, pageCrc(arena, page * PAGE_SIZE))
      })
      expectNamed(image, [page], `page ${page}`)
    }
  })

  it('full of zeros is an error that names it', () => {
    for (const page of pages.nodes.filter((_, i) => i % 4 === 0)) expectNamed(damaged((bytes) => pageIn(bytes, page).fill(0)), [page], `page ${page}`)
  })

  it('of zeros in an overflow extent is an error that names the extent', () => {
    for (const page of pages.extents.slice(0, 4)) {
      const first = damaged((bytes) => pageIn(bytes, page).fill(0))
      expectNamed(first, [page, page - 1, page - 2], `page ${page}`)
    }
  })

  it('with one wrong field and a checksum of its own to match is still not what its parent points to', () => {
    for (const [i, page] of pages.nodes.entries()) {
      if (i % 2 === 1) continue
      const at = [HEADER.LEVEL, HEADER.COUNT, HEADER.PREFIX_LENGTH, HEADER.CELL_TOP, HEADER.FRAGMENTED, HEADER.TREE, HEADER.TYPE, 34, 36, 38, PAGE_SIZE - 8][(i / 2) % 11]
      const image = damaged((bytes) => {
        bytes[page * PAGE_SIZE + at] ^= 1
        setCrc(arenaOver(bytes), page * PAGE_SIZE, pageCrc(arenaOver(bytes), page * PAGE_SIZE))
      })
      expectNamed(image, [page], `page ${page}, byte ${at}`)
    }
  })
})

/** Reads and checks whatever comes; any answer will do, as every checksum is right, but no other exception than of damage. */
function endure(image: Uint8Array, mapped: boolean, what: string): void {
  const limit = 5000
  const attempt = (read: () => void): void => {
    try {
      read()
    } catch (error) {
      const code = error instanceof CoppiceError ? error.code : undefined
      // Bytes that are no text any more are no strings either.
      if (code !== 'COPPICE_CORRUPT' && code !== 'COPPICE_INVALID_VALUE') throw new Error(`${what}: ${String(error)}`, { cause: error })
    }
  }
  attempt(() => {
    const { db } = openOn(new ImageFile(image, mapped))
    for (const [name, entries] of expected) {
      const tree = openTree(db, name)
      for (const options of [{}, { reverse: true }]) attempt(() => expect(take(tree.entries(options), limit), what).toBeLessThan(limit))
      for (const key of [...entries.keys()].filter((_, i) => i % 16 === 0)) {
        attempt(() => tree.get(key))
        attempt(() => tree.rank(key))
        attempt(() => tree.at(tree.count() >>> 1))
        attempt(() => tree.valueLength(key))
      }
    }
    attempt(() => db.check())
    attempt(() => db.stats())
  })
}

function take(entries: Iterable<unknown>, limit: number): number {
  const iterator = entries[Symbol.iterator]()
  let count = 0
  while (count < limit && iterator.next().done !== true) count++
  return count
}

/** Writes all over the store; each either works or meets the damage, and is undone then. */
function endureWrites(image: Uint8Array, what: string): void {
  const changes: ((db: Database<string, string>) => void)[] = [
    (db) => db.transaction((tx) => { for (const key of expected.get(undefined)?.keys() ?? []) tx.put(key, 'changed') }),
    (db) => db.transaction((tx) => { for (let i = 0; i < 60; i++) tx.put(`${i} new`, 'n'.repeat(500)) }),
    (db) => db.transaction((tx) => { for (const key of expected.get(undefined)?.keys() ?? []) tx.delete(key) }),
    (db) => void db.deleteRange({ gte: '2', lt: 'page 3' }),
    (db) => void db.dropTree('side'),
  ]
  for (const change of changes) {
    try {
      change(openOn(fileOf(image)).db)
    } catch (error) {
      if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw new Error(`${what}: ${String(error)}`, { cause: error })
    }
  }
}

const ODD = [0, 1, 2, 3, 4, 31, 32, 255, 256, 2048, 2049, 4064, 4095, 4096, 4097, 32767, 32768, 65532, 65535]

/** Puts an odd number into some field of a page; answers which. */
function mutate(image: Uint8Array, page: number, random: () => number): string {
  const arena = arenaOver(image)
  const base = page * PAGE_SIZE
  const below = (limit: number) => Math.floor(random() * limit)
  const odd = ODD[below(ODD.length)]
  const index = below(countOf(arena, base))
  const leaf = levelOf(arena, base) === 0
  const half = (at: number, name: string) => {
    arena.halves[at >>> 1] = random() < 0.5 ? odd : arena.halves[at >>> 1] + [-4, -1, 1, 4][below(4)]
    return `${name} of page ${page} becomes ${arena.halves[at >>> 1]}`
  }
  const choices: (() => string)[] = [
    () => ((arena.bytes[base + HEADER.LEVEL] = odd), `level of page ${page} becomes ${odd}`),
    () => ((arena.bytes[base + HEADER.TYPE] = below(6)), `type of page ${page} becomes ${arena.bytes[base + HEADER.TYPE]}`),
    () => half(base + HEADER.COUNT, 'count'),
    () => half(base + HEADER.PREFIX_LENGTH, 'prefix length'),
    () => half(base + HEADER.CELL_TOP, 'cell top'),
    () => half(base + HEADER.FRAGMENTED, 'fragmented bytes'),
    () => half(slotAt(base, index) + SLOT.OFFSET, `offset in slot ${index}`),
    () => half(slotAt(base, index) + SLOT.SUFFIX_LENGTH, `suffix length in slot ${index}`),
    () => half(cellAt(arena, base, index), leaf ? `value length in slot ${index}` : `child in slot ${index}`),
    () => half(cellAt(arena, base, index) + 2, leaf ? `flags in slot ${index}` : `child, upper half, in slot ${index}`),
    () => half(cellAt(arena, base, index) + (leaf ? 2 : BRANCH_CELL.ENTRIES), `entries in slot ${index}`),
    () => half(base + HEADER.BIRTH, 'birth'),
    () => half(base + 2 * below(PAGE_SIZE / 2), 'some bytes'),
  ]
  if (!leaf) choices.push(() => shareChild(image, page, index))
  else if (isOverflow(arena, base, index)) choices.push(() => redirectExtent(image, page, index, below(200)), () => redirectExtent(image, page, index, 2 ** 31))
  return choices[below(choices.length)]()
}

/** A second pointer to the first child: a tree in which there is more than one way to a page. */
function shareChild(image: Uint8Array, page: number, index: number): string {
  const base = page * PAGE_SIZE
  const arena = arenaOver(image)
  const from = cellAt(arena, base, 0)
  image.copyWithin(cellAt(arena, base, index), from, from + BRANCH_CELL.REST)
  return `slot ${index} of page ${page} points where slot 0 does`
}

function redirectExtent(image: Uint8Array, page: number, index: number, to: number): string {
  const at = valueAt(arenaOver(image), page * PAGE_SIZE, index)
  new DataView(image.buffer).setUint32(at + OVERFLOW_REF.PAGE, to, true)
  return `extent of slot ${index} of page ${page} becomes page ${to}`
}

describe('a file with every checksum right and its structure wrong', () => {
  it('gives data or COPPICE_CORRUPT, and every read ends', () => {
    for (let seed = 0; seed < 64; seed++) {
      const random = randomFrom(seed)
      let what = ''
      const image = damaged((bytes) => {
        const page = resealable[Math.floor(random() * resealable.length)]
        what = `seed ${seed}: ${mutate(bytes, page, random)}`
        reseal(bytes, page)
      })
      endure(image, seed % 2 === 0, what)
      if (seed % 4 === 0) endureWrites(image, what)
    }
  })

  it('ends in an error where branches share their children at every level, which would be read for ever', () => {
    const image = damaged((bytes) => {
      for (const page of resealable.filter((one) => levelOf(arenaOver(bytes), one * PAGE_SIZE) > 0)) {
        for (let i = 1; i < countOf(arenaOver(bytes), page * PAGE_SIZE); i++) shareChild(bytes, page, i)
        reseal(bytes, page)
      }
    })
    const report = openOn(new ImageFile(image, true)).db.check()
    expect(report.ok).toBe(false)
    expect(report.errors.some(({ message }) => message.includes('reached twice'))).toBe(true)
  })

  it('does not take the bytes of a value for a page', () => {
    const { image, key, page } = disguised()
    const { db } = openOn(new ImageFile(image, true))
    // The value has been verified as a value by the time that the branch leads to it.
    expect(db.get('large 3')?.length).toBe(3000 + 3 * 700)
    expect(() => db.get(key)).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page }))
  })
})

/**
 * A branch whose first child is the extent of the value of 'large 3': the pointer carries what stands there in
 * place of a checksum, and the value has a 0 in place of the level.
 */
function disguised(): { image: Uint8Array; key: string; page: number } {
  const image = fixture.image.slice()
  const arena = arenaOver(image)
  const { db, store } = openOn(new ImageFile(image, true))
  const found = db.view('large 3', (bytes) => bytes.byteOffset)
  if (found === undefined) throw new Error('there is no such value')
  const page = found / PAGE_SIZE
  const [key] = [...db.keys({ limit: 1 })]
  image[found + HEADER.LEVEL] = 0
  redoReference(image, page, found)
  const parent = parents.get(firstLeaf(store.newest.meta.defaultTree.page, image))
  if (parent === undefined) throw new Error('the leaf has no parent')
  arena.words[(parent.at[0] - BRANCH_CELL.CRC + BRANCH_CELL.CHILD) >>> 2] = page
  arena.words[parent.at[0] >>> 2] = crcOf(arena, found)
  reseal(image, parent.page)
  return { image, key, page }
}

/** Makes the checksum in the reference to an extent that of the bytes there. */
function redoReference(image: Uint8Array, extent: number, at: number): void {
  const arena = arenaOver(image)
  for (const page of resealable) {
    if (levelOf(arena, page * PAGE_SIZE) > 0) continue
    for (let i = 0; i < countOf(arena, page * PAGE_SIZE); i++) {
      if (!isOverflow(arena, page * PAGE_SIZE, i)) continue
      const { page: first, length } = readOverflowRef(arena, valueAt(arena, page * PAGE_SIZE, i))
      if (first !== extent) continue
      new DataView(image.buffer).setInt32(valueAt(arena, page * PAGE_SIZE, i) + OVERFLOW_REF.CRC, crc32(image.subarray(at, at + length)), true)
      reseal(image, page)
    }
  }
}

/** The first leaf below a page. */
function firstLeaf(page: number, image: Uint8Array): number {
  const arena = arenaOver(image)
  while (levelOf(arena, page * PAGE_SIZE) > 0) page = childOf(arena, page * PAGE_SIZE, 0)
  return page
}

describe('a meta page with its checksum right and its content wrong', () => {
  it('is passed over, or opens and gives data or COPPICE_CORRUPT', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = randomFrom(1000 + seed)
      let what = ''
      const image = damaged((bytes) => {
        const at = 4 * Math.floor(random() * (seed % 2 === 0 ? 36 : 44))
        const value = [0, 1, 3, 2 ** 20, 2 ** 31, 2 ** 32 - 1][seed % 6]
        what = `seed ${seed}: byte ${at} of all meta pages becomes ${value}`
        for (let slot = 0; slot < META_SLOTS; slot++) {
          arenaOver(bytes).words[(slot * PAGE_SIZE + at) >>> 2] = value
          setCrc(arenaOver(bytes), slot * PAGE_SIZE, pageCrc(arenaOver(bytes), slot * PAGE_SIZE))
        }
      })
      try {
        endure(image, seed % 3 === 0, what)
      } catch (error) {
        const code = ((error as Error).cause as CoppiceError | undefined)?.code
        if (code !== 'COPPICE_NOT_A_DATABASE' && code !== 'COPPICE_VERSION') throw error
      }
    }
  })
})
