/** The store under test beside its model, and how the two are compared. */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import type { Database, DurabilityMode, Keyspace, Mapper, OpenOptions, Savepoint, Transaction } from '../../src/index.js'
import { CoppiceError, open } from '../../src/index.js'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import { native } from '../../src/file/native.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { emptyImage, fileOf, openOn } from '../../test/faulty-file.js'
import { keyBytes, sameBytes, textOf } from './bytes.js'
import type { RangeSpec } from './operations.js'
import { TREES } from './operations.js'
import type { Place } from './places.js'
import type { TextRange } from './sorted-map.js'
import { ModelStore } from './sorted-map.js'
import type { SortedMap } from './sorted-map.js'

export type Bytes = Uint8Array
export type BytesKeyspace = Keyspace<Bytes, Bytes>

/** A file layer: where the store stands and what maps it. */
export interface Layer {
  name: string
  memory: boolean
  mapper: Mapper | false | undefined
}

export const BINARY = { keyEncoding: 'binary', valueEncoding: 'binary' } as const
/** Pages from which on a store is to have a journal that is to have one early. */
const JOURNAL_FROM = 3
export const POOLS = { small: 2 * 2 ** 20, large: 64 * 2 ** 20 }

/** What reads: a database or a transaction of either kind. */
export type Handle = Database<Bytes, Bytes> | Transaction<Bytes, Bytes>

export interface OpenTransaction {
  tx: Transaction<Bytes, Bytes>
  model: ModelStore
  savepoints: { savepoint: Savepoint; model: ModelStore }[]
}

export interface Snapshot {
  tx: Transaction<Bytes, Bytes>
  model: ModelStore
}

export class World {
  readonly layer: Layer
  readonly folder: string
  readonly path: string
  private readonly poolSize: number
  private readonly journal: boolean
  db: Database<Bytes, Bytes>
  /** What has been committed. */
  committed = new ModelStore()
  transaction: OpenTransaction | undefined
  readonly snapshots: Snapshot[] = []
  readonly places: Place[] = []
  /** The most seen so far: pages spilled since an open, levels of a tree, pages of the free log. */
  spilled = 0
  depth = 0
  freeLog = 0
  private copies = 0

  constructor(layer: Layer, pool: keyof typeof POOLS, durability: DurabilityMode, journal: boolean) {
    this.layer = layer
    this.journal = journal
    this.poolSize = POOLS[pool]
    this.folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-model-'))
    this.path = layer.memory ? ':memory:' : join(this.folder, 'store')
    this.db = this.open(durability)
  }

  open(durability: DurabilityMode, readOnly = false): Database<Bytes, Bytes> {
    return this.openAt(this.path, durability, readOnly)
  }

  openAt(path: string, durability: DurabilityMode, readOnly: boolean): Database<Bytes, Bytes> {
    const { mapper } = this.layer
    const options = { ...BINARY, poolSize: this.poolSize, durability, readOnly, ...(mapper === undefined ? {} : { mapper }) }
    return this.journal ? openWithJournal(path, options) : open<Bytes, Bytes>(path, options)
  }

  /** A path in the world's folder where nothing stands yet. */
  newPath(): string {
    return join(this.folder, `copy-${this.copies++}`)
  }

  /** Removes everything, whatever state a failure has left it in. */
  dispose(): void {
    try {
      this.transaction?.tx.rollback()
    } finally {
      this.db.close()
      fs.rmSync(this.folder, { recursive: true, force: true })
    }
  }

  /** Who reads, with what it should see; `live` follows the model of a transaction through savepoints. */
  reader(index: number): { handle: Handle; live: () => ModelStore; snapshot: Snapshot | undefined } {
    const { transaction, db, snapshots } = this
    if (index >= 2 && snapshots.length > 0) {
      const snapshot = snapshots[index % snapshots.length]
      return { handle: snapshot.tx, live: () => snapshot.model, snapshot }
    }
    if (index === 0 && transaction !== undefined) return { handle: transaction.tx, live: () => transaction.model, snapshot: undefined }
    return { handle: db, live: () => this.committed, snapshot: undefined }
  }
}

/** As `open` does, but a store has a journal however small it is. */
function openWithJournal(path: string, options: OpenOptions<Bytes, Bytes>): Database<Bytes, Bytes> {
  const { mapper = native()?.map, readOnly = false } = options
  if (path === ':memory:') return openOn(fileOf(emptyImage()), options, JOURNAL_FROM).db
  if (!fs.existsSync(path)) createFile(path, newDatabase())
  return openOn(openFile(path, { readOnly, mapper: mapper === false ? undefined : mapper, lock: true }), options, JOURNAL_FROM).db
}

/** A tree of a database or a transaction. */
export function treeOf(handle: Handle, tree: number): BytesKeyspace {
  if (tree === 0) return handle
  return 'transaction' in handle ? handle.tree(TREES[tree], BINARY) : handle.tree(TREES[tree], BINARY)
}

export function rangeOf(spec: RangeSpec): { range: Partial<Record<keyof TextRange, Bytes>>; text: TextRange } {
  const range: Partial<Record<keyof TextRange, Bytes>> = {}
  const text: TextRange = {}
  for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
    const key = spec[name]
    if (key === undefined) continue
    range[name] = keyBytes(key)
    text[name] = textOf(range[name])
  }
  return { range, text }
}

// Comparing. Vitest's own `expect` costs too much for so many comparisons.

export function same(what: string, actual: unknown, expected: unknown): void {
  if (Object.is(actual, expected)) return
  throw new Error(`${what}: ${show(actual)} where the model has ${show(expected)}`)
}

export function sameValue(what: string, actual: Bytes | undefined, expected: Bytes | undefined): void {
  if (actual === undefined || expected === undefined ? actual === expected : sameBytes(actual, expected)) return
  throw new Error(`${what}: ${show(actual)} where the model has ${show(expected)}`)
}

export function sameKey(what: string, actual: Bytes | undefined, expected: string | undefined): void {
  const text = actual === undefined ? undefined : textOf(actual)
  if (text !== expected) throw new Error(`${what}: ${show(text)} where the model has ${show(expected)}`)
}

/** The operation must be refused with this code. */
export function refused(what: string, code: string, operation: () => unknown): void {
  try {
    operation()
  } catch (error) {
    if (error instanceof CoppiceError && error.code === code) return
    throw error
  }
  throw new Error(`${what} was done where it should have been refused with ${code}`)
}

export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes (${Buffer.from(value.subarray(0, 8)).toString('hex')}...)`
  if (typeof value === 'string') return value.length > 40 ? `${JSON.stringify(value.slice(0, 20))}... of ${value.length}` : JSON.stringify(value)
  return String(value)
}

/** Every entry of a tree, in both directions of the sequence. */
export function sameEntries(what: string, keyspace: BytesKeyspace, model: SortedMap): void {
  let at = 0
  for (const [key, value] of keyspace.entries()) {
    sameKey(`${what}, key ${at}`, key, model.keys[at])
    sameValue(`${what}, value ${at}`, value, model.values[at])
    at++
  }
  same(`${what}, number of entries`, at, model.size)
  same(`${what}, count`, keyspace.count(), model.size)
}

/** All that a handle can see. */
export function sameStore(what: string, handle: Handle, model: ModelStore): void {
  same(`${what}, names of trees`, handle.trees().join(), model.names().join())
  TREES.forEach((name, tree) => sameEntries(`${what}, tree '${name}'`, treeOf(handle, tree), model.read(name)))
}
