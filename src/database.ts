import { CoppiceError, ioError } from './errors.js'
import type { Encoding, EncodingOption } from './encoding/encoding.js'
import { createFile } from './file/create.js'
import { openFile } from './file/disk.js'
import type { StoreFile } from './file/file.js'
import { MemoryFile } from './file/memory.js'
import { missingStore } from './file/missing.js'
import { native } from './file/native.js'
import { AutoSource, Core } from './core.js'
import { LITTLE_ENDIAN } from './page/arena.js'
import type { Operation } from './keyspace.js'
import { applyBatch, Keyspace } from './keyspace.js'
import type { Decoded, FileOptions, NamedTreeOptions, OpenOptions, Settings, TreeOptions } from './options.js'
import { assertFunction, assertPath, flag, refuseUnknown, resolveOptions, resolveTreeOptions } from './options.js'
import { newDatabase } from './pager/new-database.js'
import { Store } from './pager/store.js'
import type { BackupTarget } from './care/backup.js'
import { backup, isStream } from './care/backup.js'
import type { CheckOptions, CheckReport } from './care/check.js'
import { check } from './care/check.js'
import { compactTo } from './care/compact.js'
import type { Stats } from './care/stats.js'
import { stats } from './care/stats.js'
import type { TransactionState } from './transaction.js'
import { Transaction } from './transaction.js'
import { encodeName } from './views.js'

/** Options of {@link Database.begin}. */
export interface BeginOptions {
  /** A transaction that only reads; any number of them may be open, and they wait for nobody. Default false. */
  readOnly?: boolean
}

/**
 * The default tree of a database, or a named one, outside of any transaction. A read sees the newest commit; a write is a
 * transaction of
 * its own, and on the disk when the call returns, unless the durability of the database says otherwise. `get`, `put`, `entries`,
 * `count` and the like are in {@link Keyspace}.
 */
export class AutoKeyspace<K, V> extends Keyspace<K, V> {
  protected readonly core: Core
  private readonly treeName: string | undefined

  /** Not for users: `open` and `tree` make these. */
  constructor(core: Core, name: string | undefined, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>) {
    super(new AutoSource(core, name), keyEncoding, valueEncoding)
    this.core = core
    this.treeName = name
  }

  /**
   * Stores a value. Waits for its turn; calls that wait together share one commit and one sync, and where that fails all of them
   * reject. Resolves when it is on the disk, with `'lazy'` durability when it is committed.
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, `COPPICE_VALUE_TOO_LARGE`, and
   * {@link CoppiceError | what every write throws} but `COPPICE_BUSY`.
   */
  putAsync(key: K, value: V): Promise<void> {
    return this.batchAsync([{ type: 'put', key, value }])
  }

  /**
   * Deletes a key, as `putAsync` stores one.
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, and {@link CoppiceError | what every write throws} but `COPPICE_BUSY`.
   */
  deleteAsync(key: K): Promise<void> {
    return this.batchAsync([{ type: 'delete', key }])
  }

  /**
   * Does all of the operations, in order, or none, as `putAsync` does one. They are taken and encoded at once.
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_KEY_TOO_LARGE`, `COPPICE_INVALID_VALUE`, `COPPICE_VALUE_TOO_LARGE`,
   * `COPPICE_INVALID_OPTION` for what is no operation, and {@link CoppiceError | what every write throws} but `COPPICE_BUSY`.
   */
  async batchAsync(operations: Iterable<Operation<K, V>>): Promise<void> {
    const encoded = this.encodeBatch(operations)
    await this.core.queue((view) => view.write(this.treeName, (tree) => applyBatch(tree, encoded)))
  }
}

/**
 * An open database, made by {@link open}: its named trees, transactions, and what keeps it well. It is its own default tree:
 * `get`, `put`, `entries`, `count` and all else that reads and writes is in {@link Keyspace}, and `putAsync` and its like in
 * {@link AutoKeyspace}.
 *
 * @example
 * ```ts
 * const db = open('data.coppice')
 * db.put('user:1', Buffer.from('Ada'))
 * db.transaction((tx) => tx.delete('user:2'))
 * db.close()
 * ```
 */
export class Database<K, V> extends AutoKeyspace<K, V> {
  /** Not for users: `open` makes one. */
  constructor(core: Core, settings: Settings<K, V>) {
    super(core, undefined, settings.keyEncoding, settings.valueEncoding)
  }

  /** The file's path, or `':memory:'`. */
  get path(): string {
    return this.core.store.file.path
  }

  /** Whether the store was opened with `readOnly`. */
  get readOnly(): boolean {
    return this.core.store.file.readOnly
  }

  /** True until `close`. */
  get isOpen(): boolean {
    return this.core.open
  }

  /**
   * A named tree, with encodings of its own. It need not be there: reads find nothing then, and the first write makes it.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, `COPPICE_INVALID_OPTION`.
   */
  tree<KE extends EncodingOption<unknown> = 'utf8', VE extends EncodingOption<unknown> = 'binary'>(
    name: string, options?: NamedTreeOptions<KE, VE>,
  ): AutoKeyspace<Decoded<KE>, Decoded<VE>>
  /**
   * The same with the types named, as for `'json'`: `db.tree<string, Order>('orders', { valueEncoding: 'json' })`.
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_INVALID_OPTION`.
   */
  tree<TK, TV>(name: string, options?: TreeOptions<TK, TV>): AutoKeyspace<TK, TV>
  tree<TK, TV>(name: string, options: TreeOptions<TK, TV> = {}): AutoKeyspace<TK, TV> {
    encodeName(name)
    const { keyEncoding, valueEncoding } = resolveTreeOptions(options)
    return new AutoKeyspace(this.core, name, keyEncoding, valueEncoding)
  }

  /**
   * Names of the named trees, in the order of their bytes.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  trees(): string[] {
    return this.core.view().names()
  }

  /**
   * Makes a named tree without entries; answers false where there is one.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, and {@link CoppiceError | what every write throws}.
   */
  createTree(name: string): boolean {
    encodeName(name)
    return this.core.write((view) => view.createTree(name))
  }

  /**
   * Takes a named tree away with all its entries; answers whether there was one.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, and {@link CoppiceError | what every write throws}.
   */
  dropTree(name: string): boolean {
    encodeName(name)
    return this.core.write((view) => view.dropTree(name))
  }

  /**
   * Begins a transaction, to be ended with `commit` or `rollback`. There is one write transaction at a time.
   *
   * @throws `COPPICE_INVALID_OPTION`, and {@link CoppiceError | what every write throws}; with `readOnly` none of these but
   * `COPPICE_CLOSED`.
   */
  begin(options: BeginOptions = {}): Transaction<K, V> {
    refuseUnknown(options, ['readOnly'])
    return this.wrap(flag('readOnly', options.readOnly, false) ? this.core.beginRead() : this.core.beginWrite())
  }

  /**
   * The store as it is now: a transaction that only reads, and lives until it is rolled back. Until then the pages that it can see
   * are not used again, and the file may grow.
   *
   * @throws `COPPICE_CLOSED`.
   */
  snapshot(): Transaction<K, V> {
    return this.wrap(this.core.beginRead())
  }

  private wrap(state: TransactionState): Transaction<K, V> {
    return new Transaction(state, this.keyEncoding, this.valueEncoding)
  }

  /**
   * Runs `work` in a write transaction: commits when it returns, rolls back when it throws, and answers what
   * it answered.
   *
   * @throws `COPPICE_PROMISE_RETURNED` where `work` returns a promise, for which there is `transactionAsync`;
   * `COPPICE_INVALID_OPTION` where it is no function, what it throws itself, and {@link CoppiceError | what every write throws}.
   */
  transaction<T>(work: (tx: Transaction<K, V>) => T): T {
    assertFunction('transaction', work)
    const tx = this.begin()
    try {
      const result = work(tx)
      refusePromise(result)
      if (tx.active) tx.commit()
      return result
    } finally {
      tx.rollback()
    }
  }

  /**
   * The same for work that waits. Waits for its turn first: transactions queue. Resolves when the commit is on the disk, with `'lazy'`
   * durability when it is committed.
   *
   * @throws `COPPICE_INVALID_OPTION` where `work` is no function, what it throws itself, and
   * {@link CoppiceError | what every write throws} but `COPPICE_BUSY`.
   */
  async transactionAsync<T>(work: (tx: Transaction<K, V>) => T | Promise<T>): Promise<T> {
    assertFunction('transactionAsync', work)
    const tx = this.wrap(await this.core.beginWriteInTurn())
    try {
      const result = await work(tx)
      if (tx.active) await tx.commitAsync()
      return result
    } finally {
      tx.rollback()
    }
  }

  /**
   * Brings every commit to the disk, for `'async'` and `'lazy'` durability.
   *
   * @throws `COPPICE_SYNC_FAILED`, `COPPICE_READ_ONLY`, `COPPICE_CLOSED`, `COPPICE_IO`, `COPPICE_NO_SPACE`.
   */
  sync(): void {
    this.core.assertWritable()
    this.core.store.sync()
  }

  /**
   * The same in the background; resolves when every commit that was there at the call is on the disk.
   *
   * @throws `COPPICE_SYNC_FAILED`, `COPPICE_READ_ONLY`, `COPPICE_CLOSED`, `COPPICE_IO`, `COPPICE_NO_SPACE`.
   */
  async syncAsync(): Promise<void> {
    this.core.assertWritable()
    await this.core.store.whenDurable()
  }

  /**
   * Looks at every page of the newest commit, and at all that the pages say of each other: order, counts, checksums, and that no page
   * is lost or used twice. Reads the whole store. What is wrong stands in the report, and is not thrown.
   *
   * @throws `COPPICE_CLOSED`, `COPPICE_INVALID_OPTION`, and what `progress` throws.
   */
  check(options: CheckOptions = {}): CheckReport {
    refuseUnknown(options, ['progress'])
    const { progress } = options
    if (progress !== undefined) assertFunction('progress', progress)
    const view = this.core.view()
    // Who is told may write, and close the store.
    const hold = this.core.holdView(view, undefined)
    const tell = (pages: number, total: number): void => {
      progress?.(pages, total)
      hold.assertReadable()
    }
    try {
      return check(this.core.store, view, tell)
    } finally {
      hold.release()
    }
  }

  /**
   * Figures about the file: pages by kind, depth, fill, free space and who holds it back. Walks the whole store.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  stats(): Stats {
    return stats(this.core.store, this.core.view())
  }

  /**
   * Copies the store as it is now, a page after the other, while writes go on. A path names a new file, which
   * is made only when the copy is whole and on the disk; a `Writable` is written to and left open. `await db.backup('copy.coppice')`
   *
   * @throws `COPPICE_INVALID_OPTION`, `COPPICE_EXISTS` where something stands at the path, `COPPICE_CORRUPT` where the store is damaged, `COPPICE_CLOSED` also
   * where the database is closed meanwhile, `COPPICE_NOT_FOUND`, `COPPICE_PERMISSION`, `COPPICE_NO_SPACE`, `COPPICE_IO`, and what the
   * stream fails with.
   */
  async backup(target: BackupTarget): Promise<void> {
    if (!isStream(target)) assertPath('backup', target, ' or a Writable')
    const view = this.core.view()
    const hold = this.core.holdView(view, undefined)
    try {
      await backup(this.core.store, view, target, () => hold.assertReadable())
    } finally {
      hold.release()
    }
  }

  /**
   * Writes all entries of all trees to a new file at `path`, into full pages and without free space. Returns when it is whole and on
   * the disk; where anything goes wrong nothing is left there.
   *
   * @throws `COPPICE_EXISTS` where something stands at the path, `COPPICE_INVALID_OPTION` where it can be no path, `COPPICE_CORRUPT`,
   * `COPPICE_CLOSED`, `COPPICE_NOT_FOUND`, `COPPICE_PERMISSION`, `COPPICE_UNSUPPORTED` where there are no locks,
   * `COPPICE_NO_SPACE`, `COPPICE_IO`, `COPPICE_SYNC_FAILED`.
   */
  compactTo(path: string): void {
    assertPath('compactTo', path, '')
    const view = this.core.view()
    const { mapper, lock } = this.core
    const shared = mapper === undefined ? { lock } : { lock, mapper }
    compactTo(view, path, (target) => open<Uint8Array, Uint8Array>(target, { ...shared, keyEncoding: 'binary' }))
  }

  /**
   * Closes the store: every commit is on the disk then. Snapshots, iterators and cursors end. Closing twice is allowed.
   *
   * @throws `COPPICE_BUSY` where a write transaction is open; `COPPICE_SYNC_FAILED`, `COPPICE_IO`, `COPPICE_NO_SPACE` where not all
   * could be brought to the disk: the file is closed even so.
   */
  close(): void {
    this.core.close()
  }

  /**
   * As `close`, at the end of a block with `using`.
   *
   * @throws as `close`, `COPPICE_BUSY` among them.
   */
  [Symbol.dispose](): void {
    this.close()
  }
}

function refusePromise(result: unknown): void {
  const then = typeof result === 'object' && result !== null ? (result as { then?: unknown }).then : undefined
  if (typeof then !== 'function') return
  // Nobody will look at the promise any more, so its failure must not end the process.
  Promise.resolve(result).catch(() => undefined)
  throw new CoppiceError('COPPICE_PROMISE_RETURNED', 'the work of a transaction returned a promise, so it was rolled back. Use transactionAsync for work that waits.')
}

/**
 * Opens a store, and makes it where there is none.
 *
 * @param path the file's path, or `':memory:'` for a store that lives as long as it is open.
 * @param options encodings of the default tree, durability, and how the file is opened.
 * @throws `COPPICE_NOT_FOUND` (no folder, or no file with `readOnly` or `create: false`), `COPPICE_IS_DIRECTORY`,
 * `COPPICE_PERMISSION`, `COPPICE_LOCKED` (somebody else has it open; the message names them where the system tells),
 * `COPPICE_NOT_A_DATABASE`, `COPPICE_VERSION` (written by a newer coppice), `COPPICE_CORRUPT`, `COPPICE_INVALID_OPTION`,
 * `COPPICE_UNSUPPORTED`, `COPPICE_NO_SPACE`, `COPPICE_IO`. A file whose opening failed has not been changed.
 * @example
 * ```ts
 * const db = open('data.coppice', { valueEncoding: 'json' })
 * ```
 */
export function open<KE extends EncodingOption<unknown> = 'utf8', VE extends EncodingOption<unknown> = 'binary'>(
  path: string, options?: FileOptions & NamedTreeOptions<KE, VE>,
): Database<Decoded<KE>, Decoded<VE>>
/**
 * The same with the types of keys and values named, as for `'json'`: `open<string, User>(path, { valueEncoding: 'json' })`.
 *
 * @throws the same: `COPPICE_NOT_FOUND`, `COPPICE_LOCKED` and so on.
 */
export function open<K, V>(path: string, options?: OpenOptions<K, V>): Database<K, V>
export function open<K, V>(path: string, options: OpenOptions<K, V> = {}): Database<K, V> {
  const settings = resolveOptions(options)
  assertPath('open', path, " or ':memory:'")
  if (!LITTLE_ENDIAN) throw new CoppiceError('COPPICE_UNSUPPORTED', 'coppice does not run on big-endian machines.')
  const file = path === ':memory:' ? memoryFile() : diskFile(path, settings)
  try {
    return new Database(new Core(new Store(file, settings.poolPages, settings.syncInterval), settings), settings)
  } catch (error) {
    file.close()
    throw ioError(error, `opening ${path}`)
  }
}

function memoryFile(): StoreFile {
  const file = new MemoryFile()
  file.write(newDatabase(), 0)
  return file
}

function diskFile(path: string, settings: Pick<Settings<unknown, unknown>, 'readOnly' | 'create' | 'mapper' | 'lock'>): StoreFile {
  const mapper = settings.mapper === false ? undefined : (settings.mapper ?? native()?.map)
  const options = { readOnly: settings.readOnly, mapper, lock: settings.lock }
  try {
    return openFile(path, options)
  } catch (error) {
    if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_NOT_FOUND') throw error
    if (settings.readOnly) throw missingStore(path, 'open without readOnly', error.cause)
    if (!settings.create) throw missingStore(path, 'leave out create: false', error.cause)
  }
  createFile(path, newDatabase())
  return openFile(path, options)
}
