/** The methods that read and write a tree. Where it comes from, and what a write needs around it, is the `Source`'s business. */
import { CoppiceError } from './errors.js'
import { binary } from './encoding/binary.js'
import { copyBytes, describe, isBytes } from './encoding/bytes.js'
import type { Encoding } from './encoding/encoding.js'
import { Cursor } from './cursor.js'
import { EntryIterator, KeyIterator, ValueIterator } from './iterators.js'
import { assertFunction } from './options.js'
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from './page/layout.js'
import type { Bounds, KeyRange, RangeOptions } from './range.js'
import { assertPosition, boundsOf, prefixRange, RANGE, rangeOf } from './range.js'
import { deleteEntries, deleteEntry, loadEntry, putEntry } from './tree/change.js'
import { Loader } from './tree/load.js'
import { rank } from './tree/order.js'
import { EntryReader, PART } from './tree/reader.js'
import { Range, TreeScan } from './tree/scan.js'
import type { Tree } from './tree/tree.js'
import { bytesOf, isOverflowAt, keyOf, valueLength, valueOf, viewStored } from './tree/values.js'
import { compareKeys } from './tree/compare.js'

/** A tree that stays readable while something uses it over several calls. */
export interface Hold {
  readonly tree: Tree
  /** Throws where the tree may no longer be read. */
  assertReadable(): void
  release(): void
}

/** Where a keyspace's tree comes from. */
export interface Source {
  /** The tree to read at this moment, within one call. */
  tree(): Tree
  /** The tree for longer than a call. */
  hold(): Hold
  /** Runs a change of the tree: all of it or nothing. */
  write<T>(change: (tree: Tree) => T): T
  /** The same for a change that calls the user's code while it runs. */
  writeOrUndo<T>(change: (tree: Tree) => T): T
}

/** One change of a batch: `{ type: 'put', key, value }` or `{ type: 'delete', key }`. */
export type Operation<K, V> = { type: 'put'; key: K; value: V } | { type: 'delete'; key: K }

/** A change with its key and value in bytes. */
export interface EncodedOperation {
  key: Uint8Array
  value: Uint8Array | undefined
}

/**
 * One buffer for the keys of all keyspaces: a key is used up before any of the user's code runs again. It is
 * a little longer than a key may be, so that one that is too long shows.
 */
const keyBuffer = new Uint8Array(MAX_KEY_LENGTH + 8)

/**
 * Keys and values in the order of the keys' bytes: what a database, a transaction and a named tree have in common. Keys have up to
 * 2,048 bytes, values up to 1 GiB, both as encoded. A range is `{ gt, gte, lt, lte, prefix }`, and may be empty.
 *
 * @typeParam K keys, as the key encoding takes and gives them.
 * @typeParam V values, as the value encoding takes and gives them.
 */
export class Keyspace<K, V> {
  protected readonly source: Source
  protected readonly keyEncoding: Encoding<K>
  protected readonly valueEncoding: Encoding<V>
  /** Length of the key in `keyBuffer`. */
  private length = 0

  /** Not for users: `open`, `begin` and `tree` make keyspaces. */
  constructor(source: Source, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>) {
    this.source = source
    this.keyEncoding = keyEncoding
    this.valueEncoding = valueEncoding
  }

  /**
   * The value of a key, a copy of its own, or undefined where there is none. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, and {@link CoppiceError | what every read throws}.
   */
  get(key: K): V | undefined {
    this.encodeKey(key)
    const tree = this.source.tree()
    return tree.find(keyBuffer, this.length) ? valueOf(tree, tree.slot, tree.index, this.valueEncoding) : undefined
  }

  /**
   * Whether there is such a key. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every read throws}.
   */
  has(key: K): boolean {
    this.encodeKey(key)
    return this.source.tree().find(keyBuffer, this.length)
  }

  /**
   * Calls `use` with the bytes of a value and answers what it answers; undefined where there is no such key.
   * Nothing is made for the call: the bytes are in memory that belongs to the store, hold only until `use` returns
   * or ends the transaction, and may not be written to. Those of a large value are where they lie in the file's map, and writing to
   * them may end the process; in a write transaction they are a copy. `db.view('key', (bytes) => bytes.length)`
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION` where `use` is no function, what `use` throws,
   * and {@link CoppiceError | what every read throws}.
   */
  view<T>(key: K, use: (bytes: Uint8Array) => T): T | undefined {
    assertFunction('view', use)
    this.encodeKey(key)
    const tree = this.source.tree()
    if (!tree.find(keyBuffer, this.length)) return undefined
    return isOverflowAt(tree, tree.slot, tree.index) ? this.viewLarge(tree.slot, tree.index, use) : viewStored(tree, tree.slot, tree.index, use)
  }

  /** The pages of a large value are not to be used again while somebody looks at them. */
  private viewLarge<T>(slot: number, index: number, use: (bytes: Uint8Array) => T): T {
    const hold = this.source.hold()
    try {
      return use(bytesOf(hold.tree, slot, index))
    } finally {
      hold.release()
    }
  }

  /**
   * Stores a value under a key, in place of one that is there. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, `COPPICE_VALUE_TOO_LARGE`,
   * and {@link CoppiceError | what every write throws}.
   */
  put(key: K, value: V): void {
    const bytes = this.encodeValue(value)
    this.encodeKey(key)
    this.source.write((tree) => putEntry(tree, keyBuffer, this.length, bytes))
  }

  /**
   * Deletes a key; answers whether there was one. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every write throws}.
   */
  delete(key: K): boolean {
    this.encodeKey(key)
    return this.source.write((tree) => deleteEntry(tree, keyBuffer, this.length))
  }

  /**
   * Deletes every key of a range, all keys for `{}`; answers how many there were. Whole subtrees are cut off unread.
   * @throws `COPPICE_INVALID_KEY`, also for a bound that is undefined, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION` for what is
   * no range, and {@link CoppiceError | what every write throws}.
   */
  deleteRange(range: KeyRange<K>): number {
    const { low, high } = this.bounds(range)
    // A bound that is undefined does not bind, and here somebody who has lost a key would lose everything.
    const lost = Object.entries(range).find(([, key]) => key === undefined)
    if (lost !== undefined) throw new CoppiceError('COPPICE_INVALID_KEY', `the bound "${lost[0]}" of deleteRange is undefined. Leave it out to delete without that bound.`)
    return this.source.write((tree) => deleteEntries(tree, low, high))
  }

  /**
   * Does all of the operations, in order, or none. `db.batch([{ type: 'put', key, value }, { type: 'delete', key: old }])`
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, `COPPICE_VALUE_TOO_LARGE`,
   * `COPPICE_INVALID_OPTION` for what is no operation, and {@link CoppiceError | what every write throws}.
   */
  batch(operations: Iterable<Operation<K, V>>): void {
    const encoded = this.encodeBatch(operations)
    this.source.write((tree) => applyBatch(tree, encoded))
  }

  /**
   * Stores entries that come in ascending order of their keys' bytes, each key once and greater than all that
   * are there: far faster than puts, and into full pages. All of them, or none where anything goes wrong. Answers how many
   * there were. The entries are taken one by one, and what gives them cannot write to the same store.
   * @throws `COPPICE_UNSORTED`, `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, `COPPICE_VALUE_TOO_LARGE`,
   * `COPPICE_INVALID_OPTION` for what is no `[key, value]`, what the iterable throws, and {@link CoppiceError | what every write throws}.
   */
  load(entries: Iterable<readonly [K, V]>): number {
    assertIterable('load', entries)
    return this.source.writeOrUndo((tree) => this.loadInto(tree, entries))
  }

  private loadInto(tree: Tree, entries: Iterable<readonly [K, V]>): number {
    const loader = tree.root.page === 0 ? new Loader(tree) : undefined
    const last = new Uint8Array(MAX_KEY_LENGTH)
    let lastLength = loader === undefined ? this.greatestKey(tree, last) : -1
    let count = 0
    for (const entry of entries) {
      if (!Array.isArray(entry)) throw new CoppiceError('COPPICE_INVALID_OPTION', 'an entry of a load is [key, value].')
      const [key, value] = entry as [K, V]
      const bytes = this.encodeValue(value)
      this.encodeKey(key)
      if (lastLength >= 0 && compareKeys(keyBuffer, this.length, last, lastLength) <= 0) throw unsorted(count)
      lastLength = this.length
      for (let i = 0; i < lastLength; i++) last[i] = keyBuffer[i]
      if (loader === undefined) putEntry(tree, last, lastLength, bytes)
      else loadEntry(tree, loader, last, lastLength, bytes)
      count++
    }
    loader?.finish()
    return count
  }

  private greatestKey(tree: Tree, out: Uint8Array): number {
    const scan = new TreeScan(tree, new Range(undefined, undefined, true))
    scan.next()
    const key = keyOf(tree, scan.cursor.slot, scan.cursor.index, binary)
    out.set(key)
    return key.length
  }

  /**
   * The entries of a range as `[key, value]`, in the order of their keys' bytes, all for none given. Lazy: outside a transaction they are
   * those of this moment, inside one they follow its writes. `for (const [key, value] of db.entries({ gte: 'b', limit: 10 }))`
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every read throws}.
   */
  entries(range: RangeOptions<K> = {}): EntryIterator<K, V> {
    const wanted = this.rangeOf(range)
    return new EntryIterator(this.source.hold(), wanted, this.keyEncoding, this.valueEncoding)
  }

  /**
   * The keys of a range, in the order of their bytes; lazy as `entries`, and the values are not read.
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every read throws}.
   */
  keys(range: RangeOptions<K> = {}): KeyIterator<K> {
    const wanted = this.rangeOf(range)
    return new KeyIterator(this.source.hold(), wanted, this.keyEncoding)
  }

  /**
   * The values of a range, in the order of their keys' bytes; lazy as `entries`.
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every read throws}.
   */
  values(range: RangeOptions<K> = {}): ValueIterator<V> {
    const wanted = this.rangeOf(range)
    return new ValueIterator(this.source.hold(), wanted, this.valueEncoding)
  }

  /**
   * The entries whose keys begin with `prefix`: short for `entries({ prefix })`.
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every read throws}.
   */
  prefix(prefix: K, options?: Omit<RangeOptions<K>, 'prefix'>): EntryIterator<K, V> {
    // A bound that is undefined does not bind, and here somebody who has lost a key would get everything.
    if (prefix === undefined) throw new CoppiceError('COPPICE_INVALID_KEY', 'a prefix is to be given; for all entries use entries().')
    const wanted = options === undefined ? prefixRange(this.encoded(prefix)) : this.rangeOf({ ...options, prefix })
    return new EntryIterator(this.source.hold(), wanted, this.keyEncoding, this.valueEncoding)
  }

  /**
   * All entries, so that `for` takes the store itself: `for (const [key, value] of db)`.
   * @throws {@link CoppiceError | what every read throws}.
   */
  [Symbol.iterator](): EntryIterator<K, V> {
    return this.entries()
  }

  private rangeOf(options: RangeOptions<K>): Range {
    return rangeOf(options, (key) => this.encoded(key))
  }

  /**
   * A place that moves from entry to entry without making objects; close it when done.
   * @throws {@link CoppiceError | what every read throws}.
   */
  cursor(): Cursor<K, V> {
    return new Cursor(this.source.hold(), this.keyEncoding, this.valueEncoding, (key) => this.encoded(key))
  }

  /**
   * Number of entries in a range, all for none given. O(log n): reads at most two paths, however many there are.
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every read throws}.
   */
  count(range: KeyRange<K> = {}): number {
    const { low, high } = this.bounds(range)
    const tree = this.source.tree()
    const end = high === undefined ? tree.root.entries : rank(tree, high, high.length)
    const begin = low === undefined ? 0 : rank(tree, low, low.length)
    return Math.max(0, end - begin)
  }

  /**
   * The entry with `position` entries before it, 0 for the first; a negative position counts from the end, -1 for the last. Undefined
   * where there is none. O(log n).
   * @throws `COPPICE_INVALID_OPTION` for no whole number, `COPPICE_INVALID_VALUE`, and {@link CoppiceError | what every read throws}.
   */
  at(position: number): [key: K, value: V] | undefined {
    assertPosition(position)
    const offset = position < 0 ? -1 - position : position
    // Decoding the key may run the user's code, which may write before the value is read.
    const hold = this.source.hold()
    const reader = EntryReader.over(hold.tree, new Range(undefined, undefined, position < 0, 1, offset), PART.BOTH)
    try {
      return reader.next() ? reader.entry(this.keyEncoding, this.valueEncoding) : undefined
    } finally {
      reader.release()
      hold.release()
    }
  }

  /**
   * Number of entries whose keys are less than this one, which need not be there. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every read throws}.
   */
  rank(key: K): number {
    this.encodeKey(key)
    return rank(this.source.tree(), keyBuffer, this.length)
  }

  /**
   * Bytes of the value of a key, as encoded, without reading it, or undefined where there is none. O(log n).
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every read throws}.
   */
  valueLength(key: K): number | undefined {
    this.encodeKey(key)
    const tree = this.source.tree()
    return tree.find(keyBuffer, this.length) ? valueLength(tree, tree.slot, tree.index) : undefined
  }

  // Encoding.

  /** Leaves the key's bytes in `keyBuffer`, and their number in `this.length`. */
  private encodeKey(key: K): void {
    this.length = encodeWith(this.keyEncoding, key, keyBuffer)
    // An encoding of the user's own may answer anything, and what is no length would make a page that cannot be read.
    if (this.length > MAX_KEY_LENGTH || this.length >>> 0 !== this.length) throw badLength(this.length)
  }

  private encoded(key: K): Uint8Array {
    this.encodeKey(key)
    // `slice` takes three times as long for keys of usual length.
    const copy = new Uint8Array(this.length)
    for (let i = 0; i < copy.length; i++) copy[i] = keyBuffer[i]
    return copy
  }

  protected encodeValue(value: V): Uint8Array {
    let bytes: Uint8Array
    try {
      bytes = this.valueEncoding.encode(value)
    } catch (error) {
      throw new CoppiceError('COPPICE_INVALID_VALUE', `this value cannot be stored: ${messageOf(error)}`, { cause: error })
    }
    if (!isBytes(bytes)) throw new CoppiceError('COPPICE_INVALID_VALUE', `the encoding of the values made ${describe(bytes)} in place of bytes. Let it return a Uint8Array.`)
    if (bytes.length <= MAX_VALUE_LENGTH) return bytes
    throw new CoppiceError('COPPICE_VALUE_TOO_LARGE', `a value of ${bytes.length} bytes is too large; 1 GiB is the most. Store it in parts under several keys.`)
  }

  /** The operations with memory of their own: a source that gives them one by one may use the same buffer for each. */
  protected encodeBatch(operations: Iterable<Operation<K, V>>): EncodedOperation[] {
    assertIterable('batch', operations)
    const encoded: EncodedOperation[] = []
    for (const operation of operations) {
      if (operation?.type === 'put') {
        const bytes = this.encodeValue(operation.value)
        // `new Uint8Array(bytes)` takes four times as long.
        encoded.push({ value: copyBytes(bytes, 0, bytes.length), key: this.encoded(operation.key) })
      } else if (operation?.type === 'delete') encoded.push({ value: undefined, key: this.encoded(operation.key) })
      else throw new CoppiceError('COPPICE_INVALID_OPTION', "an operation of a batch is { type: 'put', key, value } or { type: 'delete', key }.")
    }
    return encoded
  }

  private bounds(range: KeyRange<K>): Bounds {
    return boundsOf(range, RANGE, (key) => this.encoded(key))
  }
}

export function applyBatch(tree: Tree, operations: readonly EncodedOperation[]): void {
  for (const { key, value } of operations) {
    if (value === undefined) deleteEntry(tree, key, key.length)
    else putEntry(tree, key, key.length, value)
  }
}

function encodeWith<K>(encoding: Encoding<K>, key: K, target: Uint8Array): number {
  try {
    return encoding.encodeInto(key, target)
  } catch (error) {
    throw new CoppiceError('COPPICE_INVALID_KEY', `this cannot be a key: ${messageOf(error)}`, { cause: error })
  }
}

function assertIterable(what: string, source: unknown): void {
  if (typeof source === 'object' && source !== null && Symbol.iterator in source) return
  throw new CoppiceError('COPPICE_INVALID_OPTION', `${what} takes an array or another iterable object, not ${describe(source)}.`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function badLength(length: number): CoppiceError {
  if (!(length > MAX_KEY_LENGTH)) return new CoppiceError('COPPICE_INVALID_KEY', `the encoding of the keys answered ${String(length)} as a length. Let encodeInto return the number of bytes.`)
  return new CoppiceError('COPPICE_KEY_TOO_LARGE', `a key of ${length} bytes is too long; ${MAX_KEY_LENGTH} is the most. Shorten it, or use a hash of it.`)
}

function unsorted(position: number): CoppiceError {
  return new CoppiceError('COPPICE_UNSORTED', `entry ${position} of the load is not greater than the one before. Sort the entries by the bytes of their keys, each key once, all greater than those in the tree; or use put.`)
}
