/**
 * Cells taken out of their pages, to be laid into pages anew: the one way in which pages are split, merged,
 * evened out with a neighbour, compacted, or given another prefix.
 *
 * Each cell is its whole key, its fixed header (4 bytes in leaves, 16 in branches) and its stored value
 * (empty in branches), all in one growing buffer.
 */
import type { Arena } from '../page/arena.js'
import { BRANCH_CELL, HEADER, LEAF_CELL, PAGE_SIZE, SLOT } from '../page/layout.js'
import { countOf } from '../page/header.js'
import { storedLength, valueAt } from '../page/leaf.js'
import { align4, cellAt, insertCell, keyLengthOf, readKey, restLength, setPrefix } from '../page/node.js'

/** Bytes of a page that slots, cells and the prefix share. */
const ROOM = PAGE_SIZE - HEADER.SIZE

export class Cells {
  /** True for the cells of branches, whose first cell in each page stands without its key. */
  readonly branch: boolean
  /** Bytes of the fixed header, which is also where the rest of the suffix begins. */
  readonly rest: number
  count = 0
  private buffer = new Uint8Array(4 * PAGE_SIZE)
  private used = 0
  private keyStart = new Int32Array(1024)
  private keyLength = new Int32Array(1024)
  private valueLength = new Int32Array(1024)

  constructor(branch: boolean) {
    this.branch = branch
    this.rest = branch ? BRANCH_CELL.REST : LEAF_CELL.REST
  }

  clear(): void {
    this.count = 0
    this.used = 0
  }

  /** Adds the page's cells [from..to). */
  addPage(arena: Arena, base: number, from = 0, to = countOf(arena, base)): void {
    for (let i = from; i < to; i++) {
      const value = this.branch ? 0 : storedLength(arena, base, i)
      const at = this.reserve(keyLengthOf(arena, base, i), value)
      readKey(arena, base, i, this.rest, this.buffer, at)
      this.copyPayload(arena.bytes, cellAt(arena, base, i), value === 0 ? 0 : valueAt(arena, base, i), value)
    }
  }

  /** Adds the first cell of a branch, which stands there without its key, under key[0..length). */
  addFirst(arena: Arena, base: number, key: Uint8Array, length: number): void {
    const at = this.reserve(length, 0)
    for (let i = 0; i < length; i++) this.buffer[at + i] = key[i]
    this.copyPayload(arena.bytes, cellAt(arena, base, 0), 0, 0)
  }

  /** Adds one cell from its parts; `header` has as many bytes as `rest` says. */
  add(key: Uint8Array, length: number, header: Uint8Array, value: Uint8Array): void {
    const at = this.reserve(length, value.length)
    for (let i = 0; i < length; i++) this.buffer[at + i] = key[i]
    this.buffer.set(header, at + length)
    this.buffer.set(value, at + length + this.rest)
  }

  /** Adds the cells of another list; in branches its first cell gets the key firstKey[0..length). */
  addAll(other: Cells, firstKey: Uint8Array, length: number): void {
    for (let i = 0; i < other.count; i++) {
      const start = other.keyStart[i]
      const payload = start + other.keyLength[i]
      const named = this.branch && i === 0
      const keyLength = named ? length : other.keyLength[i]
      const at = this.reserve(keyLength, other.valueLength[i])
      const key = named ? firstKey : other.buffer
      const from = named ? 0 : start
      for (let k = 0; k < keyLength; k++) this.buffer[at + k] = key[from + k]
      for (let k = 0, n = this.rest + other.valueLength[i]; k < n; k++) this.buffer[at + keyLength + k] = other.buffer[payload + k]
    }
  }

  /** Makes the record of the next cell; answers where its key goes. */
  private reserve(keyLength: number, valueLength: number): number {
    const at = this.used
    const end = at + keyLength + this.rest + valueLength
    if (end > this.buffer.length) this.growBuffer(end)
    if (this.count === this.keyStart.length) this.growRecords()
    this.keyStart[this.count] = at
    this.keyLength[this.count] = keyLength
    this.valueLength[this.count] = valueLength
    this.count++
    this.used = end
    return at
  }

  private copyPayload(source: Uint8Array, header: number, value: number, length: number): void {
    const { buffer } = this
    let at = this.used - length - this.rest
    for (let i = 0; i < this.rest; i++) buffer[at++] = source[header + i]
    for (let i = 0; i < length; i++) buffer[at++] = source[value + i]
  }

  private growBuffer(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.buffer.length * 2))
    larger.set(this.buffer.subarray(0, this.used))
    this.buffer = larger
  }

  private growRecords(): void {
    this.keyStart = doubled(this.keyStart)
    this.keyLength = doubled(this.keyLength)
    this.valueLength = doubled(this.valueLength)
  }

  /** Bytes that two keys have in common at their beginning. */
  private shared(i: number, j: number): number {
    const { buffer } = this
    const a = this.keyStart[i]
    const b = this.keyStart[j]
    const length = Math.min(this.keyLength[i], this.keyLength[j])
    let n = 0
    while (n < length && buffer[a + n] === buffer[b + n]) n++
    return n
  }

  /** The prefix that cells [from..to) may have in a page of their own. */
  private prefixOf(from: number, to: number): number {
    const first = this.branch ? from + 1 : from
    return first < to ? this.shared(first, to - 1) : 0
  }

  /** Bytes that a cell takes in a page with a prefix of this length, its slot included. */
  private sizeOf(index: number, prefixLength: number): number {
    const suffix = this.keyLength[index] - prefixLength
    return SLOT.SIZE + align4(this.rest + restLength(suffix) + this.valueLength[index])
  }

  /** Bytes that cells [from..to) take in a page of their own with this prefix. */
  private sizeWith(prefixLength: number, from: number, to: number): number {
    let size = PAGE_SIZE - ((PAGE_SIZE - prefixLength) & ~3)
    for (let i = from; i < to; i++) {
      size += this.branch && i === from ? SLOT.SIZE + this.rest : this.sizeOf(i, prefixLength)
    }
    return size
  }

  /** The prefix under which cells [from..to) fit a page, or -1 where they fit under none: the longest, else none at all. */
  private fittingPrefix(from: number, to: number): number {
    const prefix = this.prefixOf(from, to)
    if (this.sizeWith(prefix, from, to) <= ROOM) return prefix
    return this.sizeWith(0, from, to) <= ROOM ? 0 : -1
  }

  fits(from: number, to: number): boolean {
    return this.fittingPrefix(from, to) !== -1
  }

  /** Bytes that cells [from..to) leave free in a page of their own; negative where they do not fit. */
  roomLeft(from: number, to: number): number {
    return ROOM - this.sizeWith(this.prefixOf(from, to), from, to)
  }

  /** Lays cells [from..to) into a formatted page without cells. */
  write(arena: Arena, base: number, from: number, to: number): void {
    const prefix = this.fittingPrefix(from, to)
    const named = this.branch ? from + 1 : from
    setPrefix(arena, base, this.buffer, named < to ? this.keyStart[named] : 0, prefix)
    for (let i = from; i < to; i++) {
      const start = this.keyStart[i]
      const keyEnd = start + this.keyLength[i]
      const suffixFrom = this.branch && i === from ? keyEnd : start + prefix
      const size = align4(this.rest + restLength(keyEnd - suffixFrom) + this.valueLength[i])
      const cell = insertCell(arena, base, i - from, this.rest, size, this.buffer, suffixFrom, keyEnd)
      const value = cell + this.rest + restLength(keyEnd - suffixFrom)
      const { buffer } = this
      for (let k = 0; k < this.rest; k++) arena.bytes[cell + k] = buffer[keyEnd + k]
      for (let k = 0, n = this.valueLength[i], s = keyEnd + this.rest; k < n; k++) arena.bytes[value + k] = buffer[s + k]
    }
  }

  /**
   * Cuts the cells into `parts` pages of about equal size: the index of each page's first cell, and the
   * count at the end. Undefined where that many pages do not hold them.
   */
  balance(parts: number): number[] | undefined {
    const prefix = this.prefixOf(0, this.count)
    let left = 0
    for (let i = 0; i < this.count; i++) left += this.sizeOf(i, prefix)
    const cuts = [0]
    let from = 0
    for (let part = parts; part > 1; part--) {
      const goal = left / part
      let size = 0
      let to = from
      while (to < this.count && size + this.sizeOf(to, prefix) / 2 < goal) size += this.sizeOf(to++, prefix)
      if (to === from && to < this.count) size += this.sizeOf(to++, prefix)
      while (to > from + 1 && !this.fits(from, to)) size -= this.sizeOf(--to, prefix)
      left -= size
      cuts.push(to)
      from = to
    }
    cuts.push(this.count)
    for (let i = 0; i < parts; i++) if (cuts[i] >= cuts[i + 1] || !this.fits(cuts[i], cuts[i + 1])) return undefined
    return cuts
  }

  /** The shortest key that is above cell `index - 1` and not above cell `index`; in branches the very key of `index`. Valid until the cells change. */
  separator(index: number): Uint8Array {
    const start = this.keyStart[index]
    const length = this.branch ? this.keyLength[index] : this.shared(index - 1, index) + 1
    return this.buffer.subarray(start, start + length)
  }
}

function doubled(list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(list.length * 2)
  larger.set(list)
  return larger
}
