/**
 * Iterators over a range. Each step is one object, the result; no closure, no generator. An iterator that
 * was not run to its end is closed by leaving its `for` loop, or with `return()`; until then it holds its
 * snapshot.
 */
import type { Encoding } from './encoding/encoding.js'
import type { Hold } from './keyspace.js'
import { EntryReader, PART } from './tree/reader.js'
import type { Range } from './tree/scan.js'

abstract class ScanIterator<T> implements IterableIterator<T, undefined> {
  private readonly hold: Hold
  protected readonly reader: EntryReader
  private ended = false

  constructor(hold: Hold, range: Range, parts: number) {
    this.hold = hold
    this.reader = EntryReader.over(hold.tree, range, parts)
  }

  /** What the reader stands at, decoded. */
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
      if (this.reader.next()) return { done: false, value: this.current() }
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
    this.reader.release()
    this.hold.release()
  }
}

/** Entries of a range as `[key, value]`; lazy. Until it is run to its end or left, it holds its snapshot. */
export class EntryIterator<K, V> extends ScanIterator<[key: K, value: V]> {
  private readonly keyEncoding: Encoding<K>
  private readonly valueEncoding: Encoding<V>

  constructor(hold: Hold, range: Range, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>) {
    super(hold, range, PART.BOTH)
    this.keyEncoding = keyEncoding
    this.valueEncoding = valueEncoding
  }

  protected current(): [key: K, value: V] {
    return this.reader.entry(this.keyEncoding, this.valueEncoding)
  }
}

/** Keys of a range; lazy. Until it is run to its end or left, it holds its snapshot. */
export class KeyIterator<K> extends ScanIterator<K> {
  private readonly keyEncoding: Encoding<K>

  constructor(hold: Hold, range: Range, keyEncoding: Encoding<K>) {
    super(hold, range, PART.KEY)
    this.keyEncoding = keyEncoding
  }

  protected current(): K {
    return this.reader.key(this.keyEncoding)
  }
}

/** Values of a range, in the order of their keys; lazy. Until it is run to its end or left, it holds its snapshot. */
export class ValueIterator<V> extends ScanIterator<V> {
  private readonly valueEncoding: Encoding<V>

  constructor(hold: Hold, range: Range, valueEncoding: Encoding<V>) {
    super(hold, range, PART.VALUE)
    this.valueEncoding = valueEncoding
  }

  protected current(): V {
    return this.reader.value(this.valueEncoding)
  }
}
