/**
 * Cells taken out of their pages, to be laid into pages anew: that is how pages are split, merged,
 * compacted, or given another prefix.
 *
 * The pages they come from are copied to scratch pages, and a cell is named by its scratch page and its index
 * there; a cell that comes from no page gets a scratch page of its own. So a cell whose page had the prefix
 * that its new page has is copied word by word, which made random inserts 2.5 times as fast as taking every
 * cell apart.
 */
import { Arena } from '../page/arena.js'
import { BRANCH_CELL, HEADER, LEAF_CELL, PAGE_SIZE, SLOT } from '../page/layout.js'
import { countOf, setCount } from '../page/header.js'
import { storedLength, valueAt } from '../page/leaf.js'
import {
  align4, cellAt, cellTopOf, gapOf, insertCell, keyLengthOf, prefixLengthOf, readKey, restLength, setCellTop, setPrefix, slotAt,
} from '../page/node.js'

/** Bytes of a page that slots, cells and the prefix share. */
const ROOM = PAGE_SIZE - HEADER.SIZE

/** The key of a first pointer, the prefix of a page that has none. */
export const NO_KEY = new Uint8Array(0)
const keyA = new Uint8Array(PAGE_SIZE)
const keyB = new Uint8Array(PAGE_SIZE)

const NO_PAGE = -1

export class Cells {
  /** True for the cells of branches, whose first cell in each page stands without its key. */
  readonly branch: boolean
  /** Bytes of the fixed header, which is also where the rest of the suffix begins. */
  readonly rest: number
  count = 0
  private scratch = new Arena(new ArrayBuffer(8 * PAGE_SIZE))
  private scratchUsed = 0
  /** The scratch page that `addUnder` fills. */
  private common = NO_PAGE
  private bases = new Int32Array(1024)
  private indices = new Int32Array(1024)
  private keyLength = new Int32Array(1024)
  private valueLength = new Int32Array(1024)
  /** Bytes of the cells before each, with the prefix `summedPrefix`; good for the first `summed` cells. */
  private sums = new Int32Array(1025)
  private summed = 0
  private summedPrefix = 0

  constructor(branch: boolean) {
    this.branch = branch
    this.rest = branch ? BRANCH_CELL.REST : LEAF_CELL.REST
  }

  clear(): void {
    this.count = 0
    this.common = NO_PAGE
    this.summed = 0
    this.scratchUsed = 0
  }

  // Taking cells.

  /** Copies a page to the scratch; answers the base of the copy, for `addFrom`. */
  take(arena: Arena, base: number): number {
    const copy = this.scratchPage()
    this.common = NO_PAGE
    const from = base >>> 2
    this.scratch.words.set(arena.words.subarray(from, from + (PAGE_SIZE >>> 2)), copy >>> 2)
    return copy
  }

  /** Adds cells [from..to) of a page that was taken. */
  addFrom(page: number, from: number, to: number): void {
    for (let i = from; i < to; i++) this.push(page, i)
  }

  /** Adds all cells of a page. */
  addPage(arena: Arena, base: number): void {
    this.addFrom(this.take(arena, base), 0, countOf(arena, base))
  }

  /** Puts all cells of a page before those that are here. */
  prependPage(arena: Arena, base: number): void {
    const { count } = this
    const added = countOf(arena, base)
    while (count + added > this.bases.length) this.growRecords()
    for (const list of [this.bases, this.indices, this.keyLength, this.valueLength]) list.copyWithin(added, 0, count)
    this.count = 0
    this.addPage(arena, base)
    this.count = count + added
  }

  /** Adds one cell from its parts; `header` has as many bytes as `rest` says. */
  add(key: Uint8Array, length: number, header: Uint8Array, value: Uint8Array): void {
    this.push(this.single(key, length, header, value), 0)
  }

  /**
   * The same for a key that begins with the prefix of the page taken last, which has this length: as many as fit share a scratch page
   * with that prefix.
   */
  addUnder(prefixLength: number, key: Uint8Array, length: number, header: Uint8Array, value: Uint8Array): void {
    const size = align4(this.rest + restLength(length - prefixLength) + value.length)
    if (this.common === NO_PAGE || gapOf(this.scratch, this.common) < SLOT.SIZE + size) this.common = this.emptyScratch(key, prefixLength)
    const index = countOf(this.scratch, this.common)
    this.fill(this.common, index, prefixLength, size, key, length, header, value)
    this.push(this.common, index)
  }

  /** Drops all cells but `count` of them from index `from` on. */
  keep(from: number, count: number): void {
    for (const list of [this.bases, this.indices, this.keyLength, this.valueLength]) list.copyWithin(0, from, from + count)
    this.count = count
    this.summed = 0
  }

  /** Gives a cell another key: the first cell of a branch stands there without its own. */
  nameCell(index: number, key: Uint8Array, length: number): void {
    const { scratch } = this
    const header = cellAt(scratch, this.bases[index], this.indices[index])
    const bytes = scratch.bytes.slice(header, header + this.rest)
    this.bases[index] = this.single(key, length, bytes, NO_KEY)
    this.indices[index] = 0
    this.keyLength[index] = length
    this.summed = 0
  }

  /** A scratch page with one cell. */
  private single(key: Uint8Array, length: number, header: Uint8Array, value: Uint8Array): number {
    const page = this.emptyScratch(NO_KEY, 0)
    this.fill(page, 0, 0, align4(this.rest + restLength(length) + value.length), key, length, header, value)
    return page
  }

  private emptyScratch(key: Uint8Array, prefixLength: number): number {
    const page = this.scratchPage()
    setCount(this.scratch, page, 0)
    setPrefix(this.scratch, page, key, 0, prefixLength)
    return page
  }

  /** Writes a cell of `size` bytes into a scratch page, behind those that are there. */
  private fill(
    page: number, index: number, prefixLength: number, size: number, key: Uint8Array, length: number, header: Uint8Array, value: Uint8Array,
  ): void {
    const { scratch, rest } = this
    const cell = insertCell(scratch, page, index, rest, size, key, prefixLength, length)
    for (let i = 0; i < rest; i++) scratch.bytes[cell + i] = header[i]
    scratch.bytes.set(value, cell + rest + restLength(length - prefixLength))
  }

  private push(page: number, index: number): void {
    const i = this.count++
    if (i === this.bases.length) this.growRecords()
    this.summed = 0
    this.bases[i] = page
    this.indices[i] = index
    this.keyLength[i] = keyLengthOf(this.scratch, page, index)
    this.valueLength[i] = this.branch ? 0 : storedLength(this.scratch, page, index)
  }

  private scratchPage(): number {
    if (this.scratchUsed === this.scratch.bytes.length) this.growScratch()
    const page = this.scratchUsed
    this.scratchUsed += PAGE_SIZE
    return page
  }

  private growScratch(): void {
    const larger = new Arena(new ArrayBuffer(this.scratch.bytes.length * 2))
    larger.bytes.set(this.scratch.bytes)
    this.scratch = larger
  }

  private growRecords(): void {
    this.bases = doubled(this.bases)
    this.indices = doubled(this.indices)
    this.keyLength = doubled(this.keyLength)
    this.valueLength = doubled(this.valueLength)
    this.sums = new Int32Array(this.bases.length + 1)
  }

  // Measuring.

  private readKey(index: number, out: Uint8Array): number {
    return readKey(this.scratch, this.bases[index], this.indices[index], this.rest, out, 0)
  }

  /** Bytes that two keys have in common at their beginning. */
  private shared(i: number, j: number): number {
    const length = Math.min(this.readKey(i, keyA), this.readKey(j, keyB))
    let n = 0
    while (n < length && keyA[n] === keyB[n]) n++
    return n
  }

  /** The longest prefix that cells [from..to) may have in a page of their own. */
  private prefixOf(from: number, to: number): number {
    const first = this.branch ? from + 1 : from
    return first < to ? this.shared(first, to - 1) : 0
  }

  /** Bytes that a cell takes in a page with a prefix of this length, its slot included. */
  private sizeOf(index: number, prefixLength: number): number {
    return SLOT.SIZE + align4(this.rest + restLength(this.keyLength[index] - prefixLength) + this.valueLength[index])
  }

  /** Bytes that cells [from..to) take in a page of their own with this prefix. */
  private sizeWith(prefixLength: number, from: number, to: number): number {
    const named = this.branch ? from + 1 : from
    let size = PAGE_SIZE - ((PAGE_SIZE - prefixLength) & ~3)
    if (this.branch) size += SLOT.SIZE + this.rest
    if (prefixLength === this.summedPrefix && to <= this.summed) return named < to ? size + this.sums[to] - this.sums[named] : size
    for (let i = named; i < to; i++) size += this.sizeOf(i, prefixLength)
    return size
  }

  /** Adds up the sizes of all cells with this prefix: most parts have the prefix of the whole, and need no pass of their own. */
  private sum(prefixLength: number): void {
    const { sums } = this
    for (let i = 0; i < this.count; i++) sums[i + 1] = sums[i] + this.sizeOf(i, prefixLength)
    this.summed = this.count
    this.summedPrefix = prefixLength
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

  /** How many pages the cells would fill under the prefix of all if they could be cut anywhere. */
  pages(): number {
    return (ROOM - this.roomLeft(0, this.count)) / ROOM
  }

  /**
   * Cuts the cells into `parts` pages of about equal size: the index of each page's first cell, and the
   * count at the end. Undefined where that many pages do not hold them.
   */
  balance(parts: number): number[] | undefined {
    const prefix = this.prefixOf(0, this.count)
    this.sum(prefix)
    let left = this.sums[this.count]
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

  /** The shortest key that is above cell `index - 1` and not above cell `index`; in branches the very key of `index`. */
  separator(index: number): Uint8Array {
    // In a hostile page both keys may be the same.
    const length = this.branch ? this.keyLength[index] : Math.min(this.shared(index - 1, index) + 1, this.keyLength[index])
    this.readKey(index, keyB)
    return keyB.slice(0, length)
  }

  // Laying out.

  /** Lays cells [from..to) into a formatted page without cells. */
  write(arena: Arena, base: number, from: number, to: number): void {
    const prefix = this.fittingPrefix(from, to)
    const named = this.branch ? from + 1 : from
    if (named < to) this.readKey(named, keyA)
    setPrefix(arena, base, keyA, 0, prefix)
    if (from < named) this.rebuildCell(arena, base, 0, from, prefix, true)
    for (let i = named; i < to; ) {
      const same = this.endOfPrefix(prefix, i, to)
      if (same > i) this.copyCells(arena, base, i - from, i, same)
      else this.rebuildCell(arena, base, i - from, i, prefix, false)
      i = Math.max(same, i + 1)
    }
  }

  /** The first cell from `from` on, before `to`, that comes from a page with another prefix. */
  private endOfPrefix(prefix: number, from: number, to: number): number {
    let i = from
    while (i < to && prefixLengthOf(this.scratch, this.bases[i]) === prefix) i++
    return i
  }

  /** Adds cells [from..to) from `index` on, whose suffixes stay as they are: slots and cells are the same but for the offsets. */
  private copyCells(arena: Arena, base: number, index: number, from: number, to: number): void {
    const { rest, bases, indices, valueLength } = this
    const { words: source } = this.scratch
    const { words } = arena
    let top = cellTopOf(arena, base)
    let slot = slotAt(base, index) >>> 2
    for (let i = from; i < to; i++) {
      const page = bases[i]
      const taken = slotAt(page, indices[i]) >>> 2
      const suffixLength = source[taken + 1] >>> 16
      const size = align4(rest + restLength(suffixLength) + valueLength[i])
      top -= size
      let at = (page + (source[taken + 1] & 0xffff)) >>> 2
      let target = (base + top) >>> 2
      for (const end = target + (size >>> 2); target < end; ) words[target++] = source[at++]
      words[slot++] = source[taken]
      words[slot++] = top | (suffixLength << 16)
    }
    setCellTop(arena, base, top)
    setCount(arena, base, index + to - from)
  }

  /** Inserts cell `i` at `index` under another prefix, or without its key. */
  private rebuildCell(arena: Arena, base: number, index: number, i: number, prefix: number, unnamed: boolean): void {
    const { bytes } = this.scratch
    const page = this.bases[i]
    const length = unnamed ? prefix : this.readKey(i, keyB)
    const restBytes = restLength(length - prefix)
    const value = this.valueLength[i]
    const cell = insertCell(arena, base, index, this.rest, align4(this.rest + restBytes + value), keyB, prefix, length)
    const header = cellAt(this.scratch, page, this.indices[i])
    for (let k = 0; k < this.rest; k++) arena.bytes[cell + k] = bytes[header + k]
    if (value === 0) return
    const from = valueAt(this.scratch, page, this.indices[i])
    const to = cell + this.rest + restBytes
    if (value > 64) arena.bytes.set(bytes.subarray(from, from + value), to)
    else for (let k = 0; k < value; k++) arena.bytes[to + k] = bytes[from + k]
  }
}

function doubled(list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(list.length * 2)
  larger.set(list)
  return larger
}
