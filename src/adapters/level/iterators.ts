/**
 * Level's iterators over coppice's. Those read one snapshot from when they were made until they are closed; a seek
 * begins another scan of it.
 */
import { setImmediate } from 'node:timers/promises'
import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level'
import type { KeyRange, RangeOptions } from '../../index.js'
import type { Format, Stored } from './bytes.js'
import { keyBytes, valueBytes } from './bytes.js'
import { AbortError, levelError } from './errors.js'
import type { LevelRange } from './range.js'
import { keyRange, rangeFrom } from './range.js'
import type { ReadTransaction } from './snapshot.js'

/** What abstract-level hands over. */
export interface ScanOptions extends LevelRange {
  reverse: boolean
  keys?: boolean
  values?: boolean
  keyEncoding: Format
  valueEncoding: Format
  snapshot?: unknown
  signal?: AbortSignal | null | undefined
}

/** What an iterator reads; `owned` where it is to be ended with the iterator. */
export interface ScanSource {
  transaction: ReadTransaction
  owned: boolean
}

type Items<T> = Iterator<T, undefined>

/** The items of a range, in one direction, from a place that can be chosen anew. The limit is abstract-level's business. */
class Scan<T> {
  readonly #source: ScanSource
  readonly #options: ScanOptions
  readonly #range: KeyRange<Stored>
  readonly #signal: AbortSignal | undefined
  readonly #begin: (transaction: ReadTransaction, range: RangeOptions<Stored>) => Items<T>
  /** Where the next scan begins; undefined for nowhere. */
  #from: RangeOptions<Stored> | undefined
  #items: Items<T> | undefined

  constructor(source: ScanSource, options: ScanOptions, begin: (transaction: ReadTransaction, range: RangeOptions<Stored>) => Items<T>) {
    this.#source = source
    this.#options = options
    this.#signal = options.signal ?? undefined
    this.#begin = begin
    this.#range = keyRange(options)
    this.#from = { ...this.#range, reverse: options.reverse }
  }

  /** The next item, at once where there is no signal: abstract-level awaits it either way. */
  next(): T | undefined | Promise<T | undefined> {
    return this.#signal === undefined ? this.#next() : this.#listen(this.#signal).then(() => this.#next())
  }

  /** The next items, `size` at most; none at the end. */
  nextv(size: number): T[] | Promise<T[]> {
    return this.#signal === undefined ? this.#nextv(size) : this.#listen(this.#signal).then(() => this.#nextv(size))
  }

  get signalled(): boolean {
    return this.#signal !== undefined
  }

  /** With a signal, every read gives way to the event loop first: nobody could abort what never pauses. */
  async #listen(signal: AbortSignal): Promise<void> {
    await setImmediate()
    if (signal.aborted) throw new AbortError()
  }

  #next(): T | undefined {
    try {
      return this.#reading()?.next().value
    } catch (error) {
      throw levelError(error)
    }
  }

  #nextv(size: number): T[] {
    const list: T[] = []
    try {
      const items = this.#reading()
      if (items === undefined) return list
      while (list.length < size) {
        const result = items.next()
        if (result.done === true) break
        list.push(result.value)
      }
    } catch (error) {
      throw levelError(error)
    }
    return list
  }

  /** The items, ready to be read in the formats of this iterator. */
  #reading(): Items<T> | undefined {
    if (this.#from === undefined) return undefined
    keyBytes.format = this.#options.keyEncoding
    valueBytes.format = this.#options.valueEncoding
    return (this.#items ??= this.#begin(this.#source.transaction, this.#from))
  }

  seek(target: Stored): void {
    this.#items = undefined
    this.#from = rangeFrom(this.#range, target, this.#options.reverse)
  }

  close(): void {
    this.#items = undefined
    this.#from = undefined
    if (this.#source.owned) this.#source.transaction.rollback()
  }
}

type LevelEntry = [key: Stored | undefined, value: Stored | undefined]

/** Reads no values where none are wanted, and no keys likewise. */
function entryScan(source: ScanSource, options: ScanOptions): Scan<LevelEntry> {
  if (options.values === false) return new Scan(source, options, (tx, range) => mapped(tx.keys(range), (key) => [options.keys === false ? undefined : key, undefined]))
  if (options.keys === false) return new Scan(source, options, (tx, range) => mapped(tx.values(range), (value) => [undefined, value]))
  return new Scan<LevelEntry>(source, options, (tx, range) => tx.entries(range))
}

function mapped(items: Items<Stored>, entry: (item: Stored) => LevelEntry): Items<LevelEntry> {
  return {
    next() {
      const result = items.next()
      return result.done === true ? result : { done: false, value: entry(result.value) }
    },
  }
}

interface BaseIterator { readonly limit: number; readonly count: number; _all(options: object): unknown }
type IteratorClass = new (database: object, options: object) => BaseIterator

/** A class of iterators over the items of a scan; not for users, `iterator()` and its like of a database make them. */
type ScanClass = new (database: object, source: ScanSource, options: ScanOptions) => object

/** The three kinds differ in what they scan, and in the class of abstract-level that they have to be of. */
function scanning<T>(Base: IteratorClass, scanOf: (source: ScanSource, options: ScanOptions) => Scan<T>): ScanClass {
  return class extends Base {
    readonly #scan: Scan<T>

    constructor(database: object, source: ScanSource, options: ScanOptions) {
      super(database, options)
      this.#scan = scanOf(source, options)
    }

    _next(): T | undefined | Promise<T | undefined> {
      return this.#scan.next()
    }

    _nextv(size: number): T[] | Promise<T[]> {
      return this.#scan.nextv(size)
    }

    /** All in one go where nothing can abort it, in place of a thousand at a time. */
    override _all(options: object): T[] | Promise<T[]> {
      if (this.#scan.signalled) return super._all(options) as Promise<T[]>
      return this.#scan.nextv(this.limit - this.count)
    }

    _seek(target: Stored): void {
      this.#scan.seek(target)
    }

    async _close(): Promise<void> {
      this.#scan.close()
    }
  }
}

// The declared types of the bases know the decoded items only, where these classes deal in encoded ones.
export const CoppiceIterator = scanning(AbstractIterator as unknown as IteratorClass, entryScan)
export const CoppiceKeyIterator = scanning(AbstractKeyIterator as unknown as IteratorClass, (source, options) => new Scan(source, options, (tx, range) => tx.keys(range)))
export const CoppiceValueIterator = scanning(AbstractValueIterator as unknown as IteratorClass, (source, options) => new Scan(source, options, (tx, range) => tx.values(range)))
