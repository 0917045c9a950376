import type { Encoding } from './encoding/encoding.js'
import { CoppiceError } from './errors.js'
import { assertFunction } from './options.js'
import type { Hold } from './keyspace.js'
import { TreeCursor } from './tree/cursor.js'
import { assertPosition } from './range.js'
import type { Decoder } from './tree/values.js'
import { keyOf, valueOf, viewAt } from './tree/values.js'

/**
 * A place among the entries that moves in either direction. Moving makes no objects; `key` and `value` make
 * one each when asked for. It reads the snapshot of the moment it was made, or in a write transaction
 * follows the keys and sees the transaction's own writes ahead of it.
 *
 * Each move answers whether there is an entry to stand at. Where there is none, as for a new cursor, it stands nowhere:
 * then `key` and `value` are undefined, and `next` and `previous` answer false. Close it when done: it holds its snapshot.
 *
 * @example
 * ```ts
 * const cursor = db.cursor()
 * for (let there = cursor.seek('b'); there; there = cursor.next()) console.log(cursor.key)
 * cursor.close()
 * ```
 */
export class Cursor<K, V> {
  private readonly hold: Hold
  private readonly cursor: TreeCursor
  private readonly keyEncoding: Encoding<K>
  private readonly valueEncoding: Encoding<V>
  private readonly encode: (key: K) => Uint8Array
  private closed = false

  /** Not for users: `cursor()` of a database, transaction or tree makes one. */
  constructor(hold: Hold, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>, encode: (key: K) => Uint8Array) {
    this.hold = hold
    this.cursor = new TreeCursor(hold.tree)
    this.keyEncoding = keyEncoding
    this.valueEncoding = valueEncoding
    this.encode = encode
  }

  /**
   * To the first entry.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  first(): boolean {
    this.assertReadable()
    return this.cursor.first()
  }

  /**
   * To the last entry.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  last(): boolean {
    this.assertReadable()
    return this.cursor.last()
  }

  /**
   * To the entry with this key, or the next greater one. O(log n).
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every read throws}.
   */
  seek(key: K): boolean {
    const bytes = this.encode(key)
    this.assertReadable()
    return this.cursor.seek(bytes, bytes.length)
  }

  /**
   * To the last entry whose key is less than this one. O(log n).
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every read throws}.
   */
  seekBefore(key: K): boolean {
    const bytes = this.encode(key)
    this.assertReadable()
    return this.cursor.seekBefore(bytes, bytes.length)
  }

  /**
   * To the entry with `position` entries before it, 0 for the first; a negative position counts from the end, -1 for the last.
   * O(log n).
   *
   * @throws `COPPICE_INVALID_OPTION` where the position is no whole number, and {@link CoppiceError | what every read throws}.
   */
  seekPosition(position: number): boolean {
    assertPosition(position)
    this.assertReadable()
    return this.cursor.seekPosition(position < 0 ? this.hold.tree.root.entries + position : position)
  }

  /**
   * To the next entry in the order of the keys.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  next(): boolean {
    this.assertReadable()
    return this.cursor.next()
  }

  /**
   * To the entry before.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  previous(): boolean {
    this.assertReadable()
    return this.cursor.previous()
  }

  /**
   * The key here, or undefined where the cursor stands nowhere or its entry has been deleted.
   *
   * @throws `COPPICE_INVALID_VALUE` where the encoding cannot read it, and {@link CoppiceError | what every read throws}.
   */
  get key(): K | undefined {
    return this.read(this.keyEncoding, keyOf)
  }

  /**
   * The value here, or undefined where the cursor stands nowhere or its entry has been deleted.
   *
   * @throws `COPPICE_INVALID_VALUE` where the encoding cannot read it, and {@link CoppiceError | what every read throws}.
   */
  get value(): V | undefined {
    return this.read(this.valueEncoding, valueOf)
  }

  /**
   * Calls `use` with the value here, which is bytes[start..end), and answers what it answers; undefined where the cursor
   * stands nowhere or its entry has been deleted. Nothing is made for the call: going over all entries like this is the
   * fastest way there is. The bytes are in memory of the cursor's own, a copy of the page that the entry is in; they hold
   * until the cursor moves, and may not be written to. Those of a large value are where they lie in the file's map, and
   * writing to them may end the process.
   *
   * @throws `COPPICE_INVALID_OPTION` where `use` is no function, what `use` throws, and {@link CoppiceError | what every read throws}.
   */
  view<T>(use: (bytes: Uint8Array, start: number, end: number) => T): T | undefined {
    assertFunction('view', use)
    this.assertReadable()
    return this.cursor.settle() ? viewAt(this.cursor, use) : undefined
  }

  private read<T>(encoding: Encoding<T>, what: (tree: Hold['tree'], slot: number, index: number, decoder: Decoder<T>) => T): T | undefined {
    this.assertReadable()
    return this.cursor.settle() ? what(this.hold.tree, this.cursor.slot, this.cursor.index, encoding) : undefined
  }

  /** What a closed cursor stood in may have been overwritten since. */
  private assertReadable(): void {
    this.hold.assertReadable()
    if (this.closed) throw new CoppiceError('COPPICE_CLOSED', 'this cursor has been closed. Make another one.')
  }

  /** Ends the cursor and its hold on the snapshot. Closing twice is allowed. */
  close(): void {
    if (!this.closed) this.hold.release()
    this.closed = true
  }

  /** As `close`, at the end of a block with `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
