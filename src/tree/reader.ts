/**
 * Reads the entries of a range one after the other. Of a commit's tree, which never changes, it copies some entries at a time to memory
 * that the values may keep: their bytes come from the disk or from far memory all at once, and reading them on needs no look at the page.
 * Entries of a transaction are looked at one by one, as each may be changed until it is read.
 */
import { CoppiceError } from '../errors.js'
import type { Arena } from '../page/arena.js'
import { arenaOf, baseOf } from '../page/arena.js'
import { LEAF_CELL } from '../page/layout.js'
import { isOverflow, storedLength, valueAt } from '../page/leaf.js'
import { align4, keyLengthOf, readKey } from '../page/node.js'
import type { Range } from './scan.js'
import { TreeScan } from './scan.js'
import type { Tree } from './tree.js'
import type { Decoder } from './values.js'
import { copyWords, decode, decodeOwned, slab, slabWords, takeFromSlab, valueOf } from './values.js'

/** Entries copied at a time: a range that is left after its first entry is to pay little for the others. */
const AHEAD = 16
/** Numbers kept for each of them: where its key begins and ends, and its value. */
const START = 0
const KEY_END = 1
const VALUE_END = 2
const PLACES = 3
/** In place of the end of a value that is read only when it is asked for, from where it stands. */
const NOT_COPIED = -1

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
    return decodeCopied(decoder, this.bytes, align4(this.places[place + KEY_END]), end)
  }

  /** Both; decoding the key may run the user's code, which may use the very iterator that this is for. */
  entry<K, V>(keyDecoder: Decoder<K>, valueDecoder: Decoder<V>): [key: K, value: V] {
    const { bytes, places, at, uses } = this
    const place = at * PLACES
    const keyEnd = places[place + KEY_END]
    const end = places[place + VALUE_END]
    const key = decodeCopied(keyDecoder, bytes, places[place + START], keyEnd)
    if (end !== NOT_COPIED) return pair(key, decodeCopied(valueDecoder, bytes, align4(keyEnd), end))
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

  /** Copies the entries of the run that the scan stands at. */
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
      const length = places[place + VALUE_END]
      places[place + START] = at
      if ((parts & PART.KEY) !== 0) at += readKey(arena, base, index, LEAF_CELL.REST, slab, at)
      places[place + KEY_END] = at
      if (length === NOT_COPIED) continue
      at = align4(at)
      copyWords(arena, valueAt(arena, base, index), slabWords, at >>> 2, length)
      places[place + VALUE_END] = at + length
      at = align4(at + length)
    }
  }

  /** Bytes that the copies take; leaves in the places how long each value is. So many loads that wait for none but their slot go on at once. */
  private measure(arena: Arena, base: number, first: number, step: number): number {
    const { places, count, parts } = this
    const keys = (parts & PART.KEY) !== 0
    const values = (parts & PART.VALUE) !== 0 && this.tree.writer === null
    let size = 0
    for (let i = 0, index = first; i < count; i++, index += step) {
      const length = values && !isOverflow(arena, base, index) ? storedLength(arena, base, index) : NOT_COPIED
      places[i * PLACES + VALUE_END] = length
      size += align4(length) + (keys ? align4(keyLengthOf(arena, base, index)) : 0)
    }
    return size
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
