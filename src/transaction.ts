import { CoppiceError } from './errors.js'
import type { Encoding, EncodingOption } from './encoding/encoding.js'
import type { Hold, Source } from './keyspace.js'
import { Keyspace } from './keyspace.js'
import type { Decoded, NamedTreeOptions, TreeOptions } from './options.js'
import { resolveTreeOptions } from './options.js'
import type { DurabilityMode } from './pager/store.js'
import type { Tree } from './tree/tree.js'
import type { CommitView, ViewMark, WriteView } from './views.js'
import { encodeName } from './views.js'

/** What a transaction needs of its database. */
export interface TransactionHost {
  readonly durability: DurabilityMode
  assertOpen(): void
  /** The write transaction has ended, committed or not. */
  writerLeft(): void
  /** A read transaction has ended. */
  releaseCommit(transaction: number): void
  whenDurable(): Promise<void>
}

/**
 * A transaction: sees the store as it was when it began, and its own writes; others see those after `commit`,
 * all at once. `get`, `put`, `entries`, `count` and the like are in {@link Keyspace}. Ends with `commit`, `commitAsync` or
 * `rollback`; `using` rolls back what was not committed.
 *
 * @example
 * ```ts
 * const tx = db.begin()
 * tx.put('a', value)
 * tx.tree('log').put('1', value)
 * tx.commit()
 * ```
 */
export class Transaction<K, V> extends Keyspace<K, V> {
  private readonly state: TransactionState

  /** Not for users: `begin`, `transaction` and `snapshot` of a database make one. */
  constructor(state: TransactionState, keyEncoding: Encoding<K>, valueEncoding: Encoding<V>) {
    super(new TransactionSource(state, undefined), keyEncoding, valueEncoding)
    this.state = state
  }

  /** Whether it only reads: a snapshot, or begun with `readOnly`. */
  get readOnly(): boolean {
    return this.state.writing === undefined
  }

  /** True until commit or rollback. */
  get active(): boolean {
    return this.state.active
  }

  /**
   * A named tree in this transaction, with encodings of its own. It need not be there: reads find nothing then, and the first write
   * makes it.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, `COPPICE_INVALID_OPTION`.
   */
  tree<KE extends EncodingOption<unknown> = 'utf8', VE extends EncodingOption<unknown> = 'binary'>(
    name: string, options?: NamedTreeOptions<KE, VE>,
  ): Keyspace<Decoded<KE>, Decoded<VE>>
  /**
   * The same with the types named, as for `'json'`.
   *
   * @throws `COPPICE_INVALID_KEY`, `COPPICE_INVALID_OPTION`.
   */
  tree<TK, TV>(name: string, options?: TreeOptions<TK, TV>): Keyspace<TK, TV>
  tree<TK, TV>(name: string, options: TreeOptions<TK, TV> = {}): Keyspace<TK, TV> {
    encodeName(name)
    const { keyEncoding, valueEncoding } = resolveTreeOptions(options)
    return new Keyspace(new TransactionSource(this.state, name), keyEncoding, valueEncoding)
  }

  /**
   * Names of the named trees, in the order of their bytes.
   *
   * @throws {@link CoppiceError | what every read throws}.
   */
  trees(): string[] {
    this.state.assertReadable()
    return (this.state.writing ?? this.state.reading).names()
  }

  /**
   * Makes a named tree without entries; answers false where there is one.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, and {@link CoppiceError | what every write throws}.
   */
  createTree(name: string): boolean {
    encodeName(name)
    return this.state.writable().createTree(name)
  }

  /**
   * Takes a named tree away with all its entries; answers whether there was one.
   *
   * @throws `COPPICE_INVALID_KEY` where the name is no string of 1 to 2,048 bytes, and {@link CoppiceError | what every write throws}.
   */
  dropTree(name: string): boolean {
    encodeName(name)
    return this.state.writable().dropTree(name)
  }

  /**
   * A point to come back to; savepoints nest.
   *
   * @throws {@link CoppiceError | what every write throws}.
   */
  savepoint(): Savepoint {
    return this.state.savepoint()
  }

  /**
   * Makes the writes visible and, unless the database's durability says otherwise, returns when they are on
   * the disk. On an error nothing of the transaction has been done. A transaction that only reads just ends.
   *
   * @throws {@link CoppiceError | what every write throws} but `COPPICE_READ_ONLY`.
   */
  commit(): void {
    this.state.commit()
  }

  /**
   * Makes the writes visible at once; resolves when they are on the disk, with `'lazy'` durability at once.
   *
   * @throws {@link CoppiceError | what every write throws} but `COPPICE_READ_ONLY`.
   */
  commitAsync(): Promise<void> {
    return this.state.commitAsync()
  }

  /**
   * Undoes everything and ends the transaction; does nothing where it has ended already.
   *
   * @throws `COPPICE_BUSY` while a `load` into the transaction takes its entries.
   */
  rollback(): void {
    this.state.rollback()
  }

  /**
   * As `rollback`, at the end of a block with `using`.
   *
   * @throws `COPPICE_BUSY` as `rollback`.
   */
  [Symbol.dispose](): void {
    this.state.rollback()
  }
}

/** A point in a write transaction, from {@link Transaction.savepoint}. */
export interface Savepoint {
  /**
   * Undoes what was written since; the savepoint can be used again, those made after it cannot.
   *
   * @throws `COPPICE_TRANSACTION_ENDED` where the savepoint is gone or the transaction has ended, `COPPICE_TRANSACTION_FAILED`,
   * `COPPICE_CLOSED`, `COPPICE_BUSY` while a `load` runs.
   */
  rollback(): void
  /**
   * Keeps what was written since; the savepoint, and those made after it, are gone.
   *
   * @throws as `rollback`, `COPPICE_TRANSACTION_ENDED` among them.
   */
  release(): void
}

/** The life of a transaction, shared by all its trees. */
export class TransactionState {
  readonly reading: CommitView
  readonly writing: WriteView | undefined
  private readonly host: TransactionHost
  private readonly savepoints: ViewMark[] = []
  active = true

  constructor(host: TransactionHost, reading: CommitView, writing: WriteView | undefined) {
    this.host = host
    this.reading = reading
    this.writing = writing
  }

  assertReadable(): void {
    this.host.assertOpen()
    if (!this.active) {
      throw new CoppiceError('COPPICE_TRANSACTION_ENDED', 'this transaction has been committed or rolled back. Begin another one.')
    }
    const failure = this.writing?.failure
    if (failure !== undefined) {
      throw new CoppiceError('COPPICE_TRANSACTION_FAILED', 'an earlier write of this transaction failed half-way, see cause. Roll it back and begin again.', { cause: failure })
    }
  }

  /** The view to write to. */
  writable(): WriteView {
    this.assertReadable()
    this.assertIdle()
    if (this.writing !== undefined) return this.writing
    throw new CoppiceError('COPPICE_READ_ONLY', 'this transaction only reads. Begin one without { readOnly: true } to write.')
  }

  private assertIdle(): void {
    if (this.writing?.changing === true) {
      throw new CoppiceError('COPPICE_BUSY', 'a load into this transaction is running, and the entries it is given cannot write to or end the same transaction.')
    }
  }

  commit(): void {
    this.end((writing) => writing.commit(this.host.durability))
  }

  async commitAsync(): Promise<void> {
    const lazy = this.host.durability === 'lazy'
    this.end((writing) => writing.commit(lazy ? 'lazy' : 'async'))
    if (!lazy && this.writing !== undefined) await this.host.whenDurable()
  }

  private end(commit: (writing: WriteView) => void): void {
    this.assertReadable()
    this.assertIdle()
    this.active = false
    if (this.writing === undefined) {
      this.host.releaseCommit(this.reading.commit.meta.transaction)
      return
    }
    try {
      commit(this.writing)
    } finally {
      this.host.writerLeft()
    }
  }

  rollback(): void {
    if (!this.active) return
    this.assertIdle()
    this.active = false
    if (this.writing === undefined) {
      this.host.releaseCommit(this.reading.commit.meta.transaction)
      return
    }
    try {
      this.writing.rollback()
    } finally {
      this.host.writerLeft()
    }
  }

  savepoint(): Savepoint {
    const mark = this.writable().mark()
    this.savepoints.push(mark)
    return {
      rollback: () => {
        this.truncateSavepoints(mark, 1)
        this.writable().rollbackTo(mark)
      },
      release: () => this.truncateSavepoints(mark, 0),
    }
  }

  /** Forgets the savepoints after this one, and this one too unless `keep` is 1. */
  private truncateSavepoints(mark: ViewMark, keep: 0 | 1): void {
    this.writable()
    const index = this.savepoints.indexOf(mark)
    if (index === -1) {
      throw new CoppiceError('COPPICE_TRANSACTION_ENDED', 'this savepoint is gone: it was released, or one before it was released or rolled back to.')
    }
    this.savepoints.length = index + keep
  }
}

/** The trees of a transaction. */
class TransactionSource implements Source {
  private readonly state: TransactionState
  private readonly name: string | undefined

  constructor(state: TransactionState, name: string | undefined) {
    this.state = state
    this.name = name
  }

  tree(): Tree {
    this.state.assertReadable()
    return (this.state.writing ?? this.state.reading).tree(this.name)
  }

  hold(): Hold {
    return new TransactionHold(this.state, this.tree())
  }

  write<T>(change: (tree: Tree) => T): T {
    return this.state.writable().write(this.name, change)
  }

  writeOrUndo<T>(change: (tree: Tree) => T): T {
    return this.state.writable().writeOrUndo(this.name, change)
  }
}

/** A tree of a transaction. */
class TransactionHold implements Hold {
  readonly tree: Tree
  private readonly state: TransactionState

  constructor(state: TransactionState, tree: Tree) {
    this.state = state
    this.tree = tree
  }

  assertReadable(): void {
    this.state.assertReadable()
    // What has been put since is to be found too.
    this.state.writing?.puts.settle()
  }

  release(): void {
    // The transaction itself is what holds its commit.
  }
}
