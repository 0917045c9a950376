import type { Arena } from './arena.js'
import { HEADER, PAGE_SIZE } from './layout.js'

/** Reads and writes of the 32 bytes that every page but an overflow page opens with. */

const TWO_32 = 2 ** 32

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
  arena.bytes.fill(0, base, base + PAGE_SIZE)
  setPage(arena, base, page)
  arena.bytes[base + HEADER.TYPE] = type
  arena.bytes[base + HEADER.LEVEL] = level
  arena.words[(base + HEADER.TREE) >>> 2] = tree
}
