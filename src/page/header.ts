import type { Arena } from './arena.js'
import { HEADER, PAGE_SIZE, TYPE } from './layout.js'

/** Reads and writes of the 32 bytes that every page but an overflow page opens with. */

const TWO_32 = 2 ** 32
const ZEROS = new Uint8Array(PAGE_SIZE)

/** An unsigned 64-bit integer below 2^53, from the 4-byte aligned position `at`. */
export function readU64(arena: Arena, at: number): number {
  const index = at >>> 2
  return (arena.words[index] >>> 0) + (arena.words[index + 1] >>> 0) * TWO_32
}

export function writeU64(arena: Arena, at: number, value: number): void {
  const index = at >>> 2
  arena.words[index] = value
  arena.words[index + 1] = value / TWO_32
}

/** Checksum field, as a signed integer. */
export function crcOf(arena: Arena, base: number): number {
  return arena.words[base >>> 2]
}

export function setCrc(arena: Arena, base: number, crc: number): void {
  arena.words[base >>> 2] = crc
}

/** Page number field. */
export function pageOf(arena: Arena, base: number): number {
  return arena.words[(base + HEADER.PAGE) >>> 2] >>> 0
}

export function setPage(arena: Arena, base: number, page: number): void {
  arena.words[(base + HEADER.PAGE) >>> 2] = page
}

/** Id of the transaction that wrote the page. */
export function birthOf(arena: Arena, base: number): number {
  return readU64(arena, base + HEADER.BIRTH)
}

export function setBirth(arena: Arena, base: number, birth: number): void {
  writeU64(arena, base + HEADER.BIRTH, birth)
}

export function typeOf(arena: Arena, base: number): number {
  return arena.bytes[base + HEADER.TYPE]
}

/** Height above the leaves: 0 for a leaf. */
export function levelOf(arena: Arena, base: number): number {
  return arena.bytes[base + HEADER.LEVEL]
}

/** Type and level as one number, as they are read at each step down a tree. */
export function kindOf(arena: Arena, base: number): number {
  return arena.halves[(base + HEADER.TYPE) >>> 1]
}

/** What `kindOf` answers for a page that a tree has at this level. A page of the free log, say, was not validated as a page of a tree. */
export function kindAt(level: number): number {
  return level === 0 ? TYPE.LEAF : TYPE.BRANCH | (level << 8)
}

/** Says why a page is not one that a tree has at this level. */
export function wrongKind(arena: Arena, base: number, level: number): string {
  return levelOf(arena, base) === level ? 'it is no page of a tree' : `it stands at level ${levelOf(arena, base)}, not ${level}`
}

/** Cells of a leaf or branch, runs of a free log page. */
export function countOf(arena: Arena, base: number): number {
  return arena.halves[(base + HEADER.COUNT) >>> 1]
}

export function setCount(arena: Arena, base: number, count: number): void {
  arena.halves[(base + HEADER.COUNT) >>> 1] = count
}

export function treeOf(arena: Arena, base: number): number {
  return arena.words[(base + HEADER.TREE) >>> 2] >>> 0
}

/** Clears the page and writes a header with no cells. */
export function formatPage(arena: Arena, base: number, page: number, type: number, level: number, tree: number): void {
  // `fill` takes a microsecond where the memory is shared.
  arena.bytes.set(ZEROS, base)
  setPage(arena, base, page)
  arena.bytes[base + HEADER.TYPE] = type
  arena.bytes[base + HEADER.LEVEL] = level
  arena.words[(base + HEADER.TREE) >>> 2] = tree
}
