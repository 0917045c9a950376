import { AbstractSnapshot } from 'abstract-level'
import type { Transaction } from '../../index.js'
import type { Stored } from './bytes.js'
import { LevelError } from './errors.js'

/** A state of the store that stays readable. */
export type ReadTransaction = Transaction<Stored, Stored>

// The declared types leave out what constructors take that only implementations call.
const Base = AbstractSnapshot as unknown as new (options: object) => AbstractSnapshot

/** The store as it was when the snapshot was made. */
export class CoppiceSnapshot extends Base {
  readonly #transaction: ReadTransaction
  readonly #database: object

  /** Not for users: `snapshot()` of a database makes one. */
  constructor(database: object, transaction: ReadTransaction, options: object) {
    super(options)
    this.#database = database
    this.#transaction = transaction
  }

  /** What to read where an operation was given `snapshot` as its option; undefined where it was given none. */
  static transactionOf(database: object, snapshot: unknown): ReadTransaction | undefined {
    if (snapshot === undefined || snapshot === null) return undefined
    if (!(snapshot instanceof CoppiceSnapshot) || snapshot.#database !== database) {
      throw new TypeError("The option 'snapshot' must be a snapshot of the same database")
    }
    if (!snapshot.#transaction.active) throw new LevelError('LEVEL_SNAPSHOT_NOT_OPEN', 'Snapshot is not open: cannot use snapshot after close()')
    return snapshot.#transaction
  }

  async _close(): Promise<void> {
    this.#transaction.rollback()
  }
}
