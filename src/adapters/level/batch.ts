import { AbstractChainedBatch } from 'abstract-level'
import type { Stored } from './bytes.js'
import { ownBytes } from './bytes.js'

/** An operation of abstract-level, encoded. */
export type LevelOperation = { type: 'put'; key: Stored; value: Stored; sublevel?: unknown } | { type: 'del'; key: Stored; sublevel?: unknown }

/** What writes the operations of a chained batch. */
export interface BatchTarget {
  _batch(operations: LevelOperation[], options: object): Promise<void>
}

const Base = AbstractChainedBatch as unknown as new (database: object) => object

/** Operations that are collected until `write`; their bytes are copied at once, so that a buffer may be used again for the next one. */
export class CoppiceChainedBatch extends Base {
  readonly #database: BatchTarget
  #operations: LevelOperation[] = []

  /** Not for users: `batch()` of a database makes one. */
  constructor(database: BatchTarget) {
    super(database)
    this.#database = database
  }

  _put(key: Stored, value: Stored, { sublevel }: { sublevel?: unknown }): void {
    this.#operations.push({ type: 'put', key: ownBytes(key), value: ownBytes(value), sublevel })
  }

  _del(key: Stored, { sublevel }: { sublevel?: unknown }): void {
    this.#operations.push({ type: 'del', key: ownBytes(key), sublevel })
  }

  _clear(): void {
    this.#operations = []
  }

  _write(options: object): Promise<void> {
    return this.#database._batch(this.#operations, options)
  }
}
