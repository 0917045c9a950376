/**
 * Reads the entries of a range one after the other. Of a commit's tree, which never changes, it copies some entries at a time to memory
 * that the values may keep: their bytes come from the disk or from far memory all at once, and reading them on needs no look at the page.
 * Entries of a transaction are looked at one by one, as each may be changed until it is read.
 */
import { CoppiceError } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { LEAF_CELL, PAGE_SIZE } from '../page/layout.js'
import { isOverflow, storedLength, valueAt } from '../page/leaf.js'
import { align4, keyLengthOf, readKeyWordwise } from '../page/node.js'
import type { Range } from './scan.js'
import { TreeScan } from './scan.js'
import type { Tree } from './tree.js'
import type { Decoder } from './values.js'
import { copyWords, decode, decodeOwned, slab, slabData, slabWords, takeFromSlab, valueOf } from './values.js'

/** Entries copied at a time: a range that is left after its first entry is to pay little for the others. */
const AHEAD = 16
/** Numbers kept for each of them: where its key begins and ends, and where its value does. */
const START = 0
const KEY_END = 1
const VALUE_START = 2
const VALUE_END = 3
const PLACES = 4
/** In place of the end of a value that is read only when it is asked for, from where it stands. */
const NOT_COPIED = -1
/** Bytes that copying the last key may write to behind it; from its end to the next multiple of four, where the values begin, there are no more. */
const KEY_SLACK = 3
/** Bytes of values that are copied one by one in less time than it takes to make the view that one copy of all of them needs. */
const SPAN_MIN = 512

/** Readers that a tree keeps, each with the memory of its last copies: those of a moment with many iterators are not to stay for good. */
const IDLE_READERS = 16

/** Which parts of the entries are asked for. */
export const PART = { KEY: 1, VALUE: 2, BOTH: 3 } as const

export class EntryReader {
  private readonly tree: Tree
  private readonly scan: TreeScan
  private parts: number
  /** The copied entries, and where they are in `bytes`. */
  private bytes: Buffer = slab
  private readonly places = new Array<number>(AHEAD * PLACES).fill(0)
  private count = 0
  /** Where their values begin and end in the arena, and whether there is little else between. */
  private lowest = 0
  private highest = 0
  private together = false
  /** Which of them is the one to read. */
  private at = 0
  /** Grows whenever it comes to other entries or another range. */
  private uses = 0

  private constructor(tree: Tree, range: Range, parts: number) {
    this.tree = tree
    this.scan = new TreeScan(tree, range)
    this.parts = parts
  }

  /** A reader over a range, to be given back by `release`. Making one takes as long as reading some entries, so a tree keeps some that nobody uses. */
  static over(tree: Tree, range: Range, parts: number): EntryReader {
    const reader = tree.idleReaders.pop()
    if (reader === undefined) return new EntryReader(tree, range, parts)
    reader.scan.restart(range)
    reader.parts = parts
    reader.count = 0
    reader.at = 0
    return reader
  }

  release(): void {
    this.uses++
    const { idleReaders } = this.tree
    if (idleReaders.length < IDLE_READERS) idleReaders.push(this)
  }

  /** To the next entry; false at the end of the range, and from then on. */
  next(): boolean {
    if (this.at + 1 < this.count) {
      this.at++
      return true
    }
    return this.more()
  }

  private more(): boolean {
    this.at = 0
    this.count = this.scan.nextRun(this.tree.writer === null ? AHEAD : 1)
    if (this.count > 0) this.copy()
    return this.count > 0
  }

  key<K>(decoder: Decoder<K>): K {
    const place = this.at * PLACES
    return decodeCopied(decoder, this.bytes, this.places[place + START], this.places[place + KEY_END])
  }

  value<V>(decoder: Decoder<V>): V {
    const place = this.at * PLACES
    const end = this.places[place + VALUE_END]
    if (end === NOT_COPIED) return this.valueInPlace(decoder)
    return decodeCopied(decoder, this.bytes, this.places[place + VALUE_START], end)
  }

  /** Both; decoding the key may run the user's code, which may use the very iterator that this is for. */
  entry<K, V>(keyDecoder: Decoder<K>, valueDecoder: Decoder<V>): [key: K, value: V] {
    const { bytes, places, at, uses } = this
    const place = at * PLACES
    const start = places[place + VALUE_START]
    const end = places[place + VALUE_END]
    const key = decodeCopied(keyDecoder, bytes, places[place + START], places[place + KEY_END])
    if (end !== NOT_COPIED) return pair(key, decodeCopied(valueDecoder, bytes, start, end))
    if (at !== this.at || uses !== this.uses || !this.scan.cursor.settle()) throw goneEntry()
    return pair(key, this.valueInPlace(valueDecoder))
  }

  private valueInPlace<V>(decoder: Decoder<V>): V {
    const { cursor, range } = this.scan
    // The decoding of the key may have put another value.
    this.tree.puts?.settle()
    if (!cursor.settle()) throw goneEntry()
    return valueOf(this.tree, cursor.slot, range.reverse ? cursor.index - this.at : cursor.index + this.at, decoder)
  }

  /** Copies the entries of the run that the scan stands at: the keys one behind the other, and then the values. */
  private copy(): void {
    const { tree, scan, places, count, parts } = this
    const { cursor, range } = scan
    const arena = tree.pager.arenas[arenaOf(cursor.slot)]
    const base = baseOf(cursor.slot)
    const step = range.reverse ? -1 : 1
    let at = takeFromSlab(this.measure(arena, base, cursor.index, step))
    this.uses++
    this.bytes = slab
    for (let i = 0, index = cursor.index; i < count; i++, index += step) {
      const place = i * PLACES
      places[place + START] = at
      if ((parts & PART.KEY) !== 0) at += readKeyWordwise(arena, base, index, LEAF_CELL.REST, slabData, at)
      places[place + KEY_END] = at
    }
    if (this.together) this.copySpan(arena, align4(at))
    else this.copyValues(arena, align4(at))
  }

  /** All bytes from the first value in the leaf to the end of the last, at once. */
  private copySpan(arena: Arena, at: number): void {
    const { places, count, lowest, highest } = this
    slabWords.set(arena.words.subarray(lowest >>> 2, align4(highest) >>> 2), at >>> 2)
    const moved = at - (lowest & ~3)
    for (let i = 0; i < count; i++) {
      const place = i * PLACES
      if (places[place + VALUE_END] === NOT_COPIED) continue
      places[place + VALUE_START] += moved
      places[place + VALUE_END] += moved
    }
  }

  /** One value behind the other, as they lie far from each other in the leaf or are few and short. */
  private copyValues(arena: Arena, at: number): void {
    const { places, count } = this
    for (let i = 0; i < count; i++) {
      const place = i * PLACES
      if (places[place + VALUE_END] === NOT_COPIED) continue
      const start = places[place + VALUE_START]
      const length = places[place + VALUE_END] - start
      copyWords(arena, start, slabWords, at >>> 2, length)
      places[place + VALUE_START] = at
      places[place + VALUE_END] = at + length
      at += align4(length)
    }
  }

  /** Bytes that the copies take; leaves in the places where each value stands. So many loads that wait for none but their slot go on at once. */
  private measure(arena: Arena, base: number, first: number, step: number): number {
    const { places, count, parts } = this
    const withValues = (parts & PART.VALUE) !== 0 && this.tree.writer === null
    let keys = 0
    let values = 0
    let lowest = base + PAGE_SIZE
    let highest = base
    for (let i = 0, index = first; i < count; i++, index += step) {
      keys += keyLengthOf(arena, base, index)
      const place = i * PLACES
      places[place + VALUE_END] = NOT_COPIED
      if (!withValues || isOverflow(arena, base, index)) continue
      const start = valueAt(arena, base, index)
      const length = storedLength(arena, base, index)
      places[place + VALUE_START] = start
      places[place + VALUE_END] = start + length
      if (start < lowest) lowest = start
      if (start + length > highest) highest = start + length
      values += align4(length)
    }
    const span = align4(highest) - (lowest & ~3)
    // Short values between long keys would keep alive a multiple of their own memory.
    this.together = values >= SPAN_MIN && span <= values + (values >>> 2)
    this.lowest = lowest
    this.highest = highest
    return (this.together ? span : values) + ((parts & PART.KEY) !== 0 ? keys + KEY_SLACK : 0)
  }
}

function decodeCopied<T>(decoder: Decoder<T>, bytes: Buffer, start: number, end: number): T {
  return decoder.decodeOwned === undefined ? decode(decoder, bytes, start, end) : decodeOwned(decoder, bytes, start, end)
}

/**
 * What an array literal does, but that V8 keeps no record of how long its arrays live: once it has seen some that somebody kept it would
 * make all of them in old space, where they keep alive what they hold until a full collection, at four times the cost of a scan.
 */
function pair<K, V>(...entry: [key: K, value: V]): [key: K, value: V] {
  return entry
}

function goneEntry(): CoppiceError {
  return new CoppiceError('COPPICE_INVALID_VALUE', 'the encoding deleted the entry whose key it was decoding, or used the iterator that asked for it. It may not change the tree it is used for.')
}
