/**
 * coppice as an abstract-level database, for programs and modules that are written for Level: `coppice/level`.
 *
 * Keys and values are bytes in the default tree, so what is written here can be read with `open` of coppice, and the
 * other way round.
 *
 * Where classic-level acknowledges a write that the disk does not have yet, unless it was given `sync: true`, this one
 * waits for the disk. `durability: 'lazy'` makes both alike.
 *
 * @module coppice/level
 */
import { AbstractLevel } from 'abstract-level'
import type {
  AbstractBatchOperation, AbstractBatchOptions, AbstractChainedBatch, AbstractChainedBatchWriteOptions, AbstractClearOptions,
  AbstractDatabaseOptions, AbstractDelOptions, AbstractOpenOptions, AbstractPutOptions, AbstractSnapshot,
} from 'abstract-level'
import { CoppiceError } from '../index.js'
import type { KeyRange, Operation, Transaction } from '../index.js'
import type { LevelOperation } from './level/batch.js'
import { CoppiceChainedBatch } from './level/batch.js'
import type { Format, Stored } from './level/bytes.js'
import { keyBytes, valueBytes } from './level/bytes.js'
import { LevelError, levelError } from './level/errors.js'
import type { ScanOptions, ScanSource } from './level/iterators.js'
import { CoppiceIterator, CoppiceKeyIterator, CoppiceValueIterator } from './level/iterators.js'
import type { LevelOpenOptions, LevelStore, StoreOptions } from './level/open.js'
import { MEMORY, openStore } from './level/open.js'
import type { LevelRange } from './level/range.js'
import { keyRange } from './level/range.js'
import { CoppiceSnapshot } from './level/snapshot.js'

export { LevelError } from './level/errors.js'

/** Options of the method `open`: those of Level (`createIfMissing`, `errorIfExists`, `passive`), and those of coppice. */
export interface CoppiceLevelOpenOptions extends AbstractOpenOptions, StoreOptions {}

/**
 * Options of the constructor: those of Level (`keyEncoding`, `valueEncoding`, both `'utf8'` if left out, `createIfMissing`, default true,
 * and `errorIfExists`, default false), and those of coppice.
 */
export interface CoppiceLevelOptions<K, V> extends AbstractDatabaseOptions<K, V>, StoreOptions {}

/** What `put`, `del`, `batch`, `clear` and the `write` of a chained batch take beside the options of Level. */
export interface WriteOptions {
  /**
   * True: the promise resolves when the write is on the disk, also where the database's durability is `'lazy'`. Otherwise
   * the durability decides; with `'sync'`, the default, and with `'async'` that is when it is on the disk, too.
   */
  sync?: boolean | undefined
}

/** What takes more options than in other databases; these overloads join those of `AbstractLevel`. */
interface CoppiceMethods<K, V> {
  open(options: CoppiceLevelOpenOptions): Promise<void>
  put<PK = K, PV = V>(key: PK, value: PV, options: AbstractPutOptions<PK, PV> & WriteOptions): Promise<void>
  del<DK = K>(key: DK, options: AbstractDelOptions<DK> & WriteOptions): Promise<void>
  batch<BK = K, BV = V>(operations: AbstractBatchOperation<this, BK, BV>[], options: AbstractBatchOptions<BK, BV> & WriteOptions): Promise<void>
  clear<CK = K>(options: AbstractClearOptions<CK> & WriteOptions): Promise<void>
  batch(): AbstractChainedBatch<this, K, V> & { write(options: AbstractChainedBatchWriteOptions & WriteOptions): Promise<void> }
}

type Base<K, V> = CoppiceMethods<K, V> & AbstractLevel<string | Buffer | Uint8Array, K, V>

// The declared types neither know the private methods nor every flag of the manifest.
const Base = AbstractLevel as unknown as new <K, V>(manifest: object, options: object) => Base<K, V>

interface ReadOptions {
  valueEncoding: Format
  snapshot?: unknown
}

interface ClearOptions extends LevelRange {
  limit: number
  reverse: boolean
  snapshot?: unknown
}

/**
 * A Level database in a file of coppice. Methods and events are those of
 * [abstract-level](https://github.com/Level/abstract-level#public-api-for-consumers) 3, with `getSync`, explicit snapshots, `seek` and
 * signals for iterators. Reads answer at once; writes of the same turn of the event loop share a commit and a sync, and take
 * {@link WriteOptions}.
 *
 * Errors are a {@link LevelError} with one of Level's codes, and with the engine's error as `cause`. A few of the engine's
 * have no counterpart there, `COPPICE_NOT_A_DATABASE` and `COPPICE_INVALID_OPTION` among them, and come as `CoppiceError`.
 *
 * @typeParam KDefault keys, where an operation names no `keyEncoding` of its own.
 * @typeParam VDefault values, where an operation names no `valueEncoding` of its own.
 * @example
 * ```ts
 * const db = new CoppiceLevel<string, User>('data.coppice', { valueEncoding: 'json' })
 * await db.put('ada', { born: 1815 })
 * for await (const [key, user] of db.iterator({ gte: 'a' })) console.log(key, user)
 * await db.close()
 * ```
 */
export class CoppiceLevel<KDefault = string, VDefault = string> extends Base<KDefault, VDefault> {
  readonly #location: string
  #store: LevelStore | undefined
  /** A store in memory while the database is closed: it lasts as long as this object. */
  #memory: LevelStore | undefined
  #lazy = false
  /** Writes under way, and who waits for there to be none. */
  #writing = 0
  #whenIdle: (() => void) | undefined

  /**
   * Opens by itself once the constructor has returned. `await db.open()` waits for that; where it fails, it rejects with
   * `LEVEL_DATABASE_NOT_OPEN`, whose `cause` says why.
   *
   * @param location the file's path, or `':memory:'` for a store that lives as long as this object, closed and opened again or
   *   not. Folders that are missing are made with the file.
   * @param options `createIfMissing`, `errorIfExists`, `keyEncoding` and `valueEncoding` as everywhere in Level, and coppice's
   *   `readOnly`, `durability`, `syncInterval`, `poolSize`, `mapper` and `lock`.
   * @throws TypeError where the location is no path.
   */
  constructor(location: string, options: CoppiceLevelOptions<KDefault, VDefault> = {}) {
    if (typeof location !== 'string' || location === '') throw new TypeError("The first argument 'location' must be a file's path, or ':memory:'")
    super(manifestOf(location), options)
    this.#location = location
  }

  /** The path as the constructor was given it. */
  get location(): string {
    return this.#location
  }

  async _open(options: LevelOpenOptions): Promise<void> {
    try {
      this.#store = this.#memory ?? (await openStore(this.#location, options))
    } catch (error) {
      throw levelError(error)
    }
    this.#lazy = options.durability === 'lazy'
  }

  /** Waits for writes under way, then closes; every commit is on the disk then. */
  async _close(): Promise<void> {
    const store = this.#store
    // Where an earlier attempt has failed to bring everything to the disk, the file is closed all the same.
    if (store === undefined) return
    if (this.#writing > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve))
    if (this.#location === MEMORY) {
      this.#memory = store
      this.#store = undefined
      return
    }
    // In the background, so that little is left to be synced while the event loop stands still. What fails here, `close` reports.
    if (!store.readOnly) await store.syncAsync().catch(() => undefined)
    this.#store = undefined
    attempt(() => store.close())
  }

  // Reads. The engine answers at once, so none of these waits for the thread pool.

  _getSync(key: Stored, { valueEncoding, snapshot }: ReadOptions): Stored | undefined {
    const source = this.#reading(snapshot)
    valueBytes.format = valueEncoding
    try {
      return source.get(key)
    } catch (error) {
      throw levelError(error)
    }
  }

  // abstract-level awaits what these answer, inside async functions, so that an error thrown here is a rejection there.

  _get(key: Stored, options: ReadOptions): Stored | undefined {
    return this._getSync(key, options)
  }

  _getMany(keys: Stored[], { valueEncoding, snapshot }: ReadOptions): (Stored | undefined)[] {
    const source = this.#reading(snapshot)
    valueBytes.format = valueEncoding
    return attempt(() => keys.map((key) => source.get(key)))
  }

  _has(key: Stored, { snapshot }: ReadOptions): boolean {
    const source = this.#reading(snapshot)
    return attempt(() => source.has(key))
  }

  _hasMany(keys: Stored[], { snapshot }: ReadOptions): boolean[] {
    const source = this.#reading(snapshot)
    return attempt(() => keys.map((key) => source.has(key)))
  }

  _iterator(options: ScanOptions): object {
    return new CoppiceIterator(this, this.#scanned(options), options)
  }

  _keys(options: ScanOptions): object {
    return new CoppiceKeyIterator(this, this.#scanned(options), options)
  }

  _values(options: ScanOptions): object {
    return new CoppiceValueIterator(this, this.#scanned(options), options)
  }

  _snapshot(options: object): AbstractSnapshot {
    return new CoppiceSnapshot(this, this.#opened().snapshot(), options)
  }

  // Writes. Those made in the same turn of the event loop commit together and share one sync.

  _put(key: Stored, value: Stored, options: WriteOptions): Promise<void> {
    return this.#write(options, (store) => store.putAsync(key, value))
  }

  _del(key: Stored, options: WriteOptions): Promise<void> {
    return this.#write(options, (store) => store.deleteAsync(key))
  }

  _batch(operations: LevelOperation[], options: WriteOptions): Promise<void> {
    return this.#write(options, (store) => store.batchAsync(operations.map(operationOf)))
  }

  _chainedBatch(): object {
    return new CoppiceChainedBatch(this)
  }

  _clear(options: ClearOptions & WriteOptions): Promise<void> {
    return this.#write(options, (store) => this.#clear(store, options))
  }

  /**
   * Clears what is there at this moment: writes that are asked for later come after it. Where a group of writes is just
   * about to commit, and for a snapshot, the keys are deleted one by one in that order; otherwise the range is cut off whole.
   */
  async #clear(store: LevelStore, { limit, reverse, snapshot, ...bounds }: ClearOptions): Promise<void> {
    const range = keyRange(bounds)
    const snapshotted = CoppiceSnapshot.transactionOf(this, snapshot)
    const tx = snapshotted === undefined ? beginNow(store) : undefined
    if (tx === undefined) {
      keyBytes.format = 'buffer'
      const keys = (snapshotted ?? store).keys({ ...range, reverse, limit: limit < 0 ? Infinity : limit })
      return store.batchAsync([...keys].map((key) => ({ type: 'delete', key })))
    }
    try {
      const part = limit < 0 ? range : limited(tx, range, limit, reverse)
      tx.deleteRange(part)
      await tx.commitAsync()
    } finally {
      tx.rollback()
    }
  }

  async #write(options: WriteOptions, write: (store: LevelStore) => Promise<void>): Promise<void> {
    this.#writing++
    try {
      const store = this.#opened()
      await write(store)
      if (options.sync === true && this.#lazy) await store.syncAsync()
    } catch (error) {
      throw levelError(error)
    } finally {
      this.#writing--
      if (this.#writing === 0) this.#whenIdle?.()
    }
  }

  #opened(): LevelStore {
    if (this.#store !== undefined) return this.#store
    throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open')
  }

  #reading(snapshot: unknown): LevelStore | Transaction<Stored, Stored> {
    return CoppiceSnapshot.transactionOf(this, snapshot) ?? this.#opened()
  }

  #scanned({ snapshot }: ScanOptions): ScanSource {
    const transaction = CoppiceSnapshot.transactionOf(this, snapshot)
    return transaction === undefined ? { transaction: this.#opened().snapshot(), owned: true } : { transaction, owned: false }
  }
}

/** What the database can do; a store in memory has no file to be missing or there. */
function manifestOf(location: string): object {
  const file = location !== MEMORY
  return {
    encodings: { buffer: true, view: true, utf8: true },
    implicitSnapshots: true,
    explicitSnapshots: true,
    has: true,
    getSync: true,
    seek: true,
    permanence: file,
    createIfMissing: file,
    errorIfExists: file,
    signals: { iterators: true },
  }
}

function attempt<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw levelError(error)
  }
}

function operationOf(operation: LevelOperation): Operation<Stored, Stored> {
  // Level has taken away those of this database; with another's the key would end up here without its prefix.
  if (operation.sublevel !== undefined && operation.sublevel !== null) throw new TypeError("The option 'sublevel' must be a sublevel of the same database")
  return operation.type === 'put' ? operation : { type: 'delete', key: operation.key }
}

/** A write transaction, or undefined where another one is open. */
function beginNow(store: LevelStore): Transaction<Stored, Stored> | undefined {
  try {
    return store.begin()
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_BUSY') return undefined
    throw error
  }
}

/** The part of a range that holds its first `limit` entries, or its last ones. */
function limited(tx: Transaction<Stored, Stored>, range: KeyRange<Stored>, limit: number, reverse: boolean): KeyRange<Stored> {
  keyBytes.format = 'buffer'
  const [bound] = tx.keys({ ...range, reverse, offset: limit, limit: 1 })
  if (bound === undefined) return range
  return reverse ? { ...range, gt: bound } : { ...range, lt: bound }
}
