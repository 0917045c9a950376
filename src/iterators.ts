/**
 * Iterators over a range. Each step is one object, the result; no closure, no generator. An iterator that
 * was not run to its end is closed by leaving its `for` loop, or with `return()`; until then it holds its
 * snapshot.
 */
import type { Encoding } from './encoding/encoding.js'
import type { Hold } from './keyspace.js'
import type { TreeScan } from './tree/scan.js'
import { entryOf, keyOf, ValueReader } from './tree/values.js'

abstract class ScanIterator<T> implements IterableIterator<T, undefined> {
  protected readonly hold: Hold
  protected readonly scan: TreeScan
  private ended = false

  constructor(hold: Hold, scan: TreeScan) {
    this.hold = hold
    this.scan = scan
  }

  /** What the scan stands at, decoded. */
  protected abstract current(): T

  /**
   * The next one in order.
   *
   * @throws `COPPICE_INVALID_VALUE` where the encodings cannot read what is stored, and {@link CoppiceError | what every read throws}.
   */
  next(): IteratorResult<T, undefined> {
    if (this.ended) return { done: true, value: undefined }
    try {
      this.hold.assertReadable()
      if (this.scan.next()) return { done: false, value: this.current() }
    } catch (error) {
      this.end()
      throw error
    }
    return this.return()
  }

  /** Ends the iterator, and its hold on the snapshot. Leaving a `for` loop calls this. */
  return(): IteratorResult<T, undefined> {
    this.end()
    return { done: true, value: undefined }
  }

  /** The iterator itself, so that `for` takes it. */
  [Symbol.iterator](): this {
    return this
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.hold.release()
  }
}

/** Entries of a range as `[key, value]`; lazy. Until it is run to its end or left, it holds its snapshot. */
export class EntryIterator<K, V> extends ScanIterator<[key: K, value: V]> {
  private readonly keyEncoding: Encoding<K>
  private readonly values: ValueReader<V>

  constructor(hold: Hold, scan: TreeScan, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>) {
    super(hold, scan)
    this.keyEncoding = keyEncoding
    this.values = new ValueReader(valueEncoding)
  }

  protected current(): [key: K, value: V] {
    return entryOf(this.scan.cursor, this.keyEncoding, this.values)
  }
}

/** Keys of a range; lazy. Until it is run to its end or left, it holds its snapshot. */
export class KeyIterator<K> extends ScanIterator<K> {
  private readonly keyEncoding: Encoding<K>

  constructor(hold: Hold, scan: TreeScan, keyEncoding: Encoding<K>) {
    super(hold, scan)
    this.keyEncoding = keyEncoding
  }

  protected current(): K {
    return keyOf(this.hold.tree, this.scan.cursor.slot, this.scan.cursor.index, this.keyEncoding)
  }
}

/** Values of a range, in the order of their keys; lazy. Until it is run to its end or left, it holds its snapshot. */
export class ValueIterator<V> extends ScanIterator<V> {
  private readonly values: ValueReader<V>

  constructor(hold: Hold, scan: TreeScan, valueEncoding: Encoding<V>) {
    super(hold, scan)
    this.values = new ValueReader(valueEncoding)
  }

  protected current(): V {
    return this.values.read(this.scan.cursor)
  }
}
