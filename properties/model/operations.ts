/**
 * Operations as plain data. An operation that makes no sense where it stands (a commit without a transaction,
 * a savepoint that is gone) is passed over or checked to be refused, so that every part of a history is one too.
 */
import type { DurabilityMode } from '../../src/index.js'
import type { Family, KeySpec, ValueSpec } from './bytes.js'

/** Index into `TREES`. */
export type TreeIndex = number
export const TREES = ['', 'one', 'two', 'zwölf']

export interface RangeSpec {
  gt?: KeySpec
  gte?: KeySpec
  lt?: KeySpec
  lte?: KeySpec
  prefix?: KeySpec
}

export interface ScanSpec extends RangeSpec {
  reverse?: boolean
  limit?: number
  offset?: number
}

/** Very many entries at once: `count` keys of a family from `start` on, every `step`-th. */
export interface Bulk {
  type: 'bulk'
  tree: TreeIndex
  family: Family
  how: 'put' | 'batch' | 'load' | 'delete'
  order: 'ascending' | 'descending' | 'scrambled'
  start: number
  step: number
  count: number
  value: ValueSpec
}

export type BatchItem = { type: 'put'; key: KeySpec; value: ValueSpec } | { type: 'delete'; key: KeySpec }

/** What a transaction or the database itself does. */
export type Write =
  | { type: 'put'; tree: TreeIndex; key: KeySpec; value: ValueSpec }
  | { type: 'delete'; tree: TreeIndex; key: KeySpec }
  | { type: 'deleteRange'; tree: TreeIndex; range: RangeSpec }
  | { type: 'batch'; tree: TreeIndex; items: BatchItem[] }
  | { type: 'load'; tree: TreeIndex; entries: { key: KeySpec; value: ValueSpec }[]; sorted: boolean; throws: boolean }
  | { type: 'createTree'; tree: TreeIndex }
  | { type: 'dropTree'; tree: TreeIndex }
  | { type: 'refused'; tree: TreeIndex; what: 'long key' | 'no key' | 'no value' }
  | Bulk

/** Who reads: 0 the open transaction or else the database, 1 the database, 2 and up one of the snapshots. */
export type ReaderIndex = number

export type Read =
  | { type: 'get' | 'has' | 'view' | 'valueLength' | 'rank'; reader: ReaderIndex; tree: TreeIndex; key: KeySpec }
  | { type: 'at'; reader: ReaderIndex; tree: TreeIndex; position: number }
  | { type: 'count'; reader: ReaderIndex; tree: TreeIndex; range: RangeSpec }
  | { type: 'entries' | 'keys' | 'values'; reader: ReaderIndex; tree: TreeIndex; scan: ScanSpec }
  | { type: 'trees'; reader: ReaderIndex }
  | { type: 'compareAll'; reader: ReaderIndex }

export type CursorMove =
  | { move: 'first' | 'last' | 'next' | 'previous' | 'look' }
  | { move: 'seek' | 'seekBefore'; key: KeySpec }
  | { move: 'seekPosition'; position: number }

/** Cursors and iterators, which stay open between operations. */
export type PlaceOperation =
  | { type: 'openCursor'; reader: ReaderIndex; tree: TreeIndex }
  | { type: 'moveCursor'; which: number; moves: CursorMove[] }
  | { type: 'openIterator'; reader: ReaderIndex; tree: TreeIndex; what: 'entries' | 'keys' | 'values'; scan: ScanSpec }
  | { type: 'stepIterator'; which: number; steps: number }
  | { type: 'closePlace'; which: number }

export type TransactionOperation =
  | { type: 'begin' }
  | { type: 'commit'; how: 'commit' | 'commitAsync' }
  | { type: 'rollback' }
  | { type: 'transaction'; writes: Write[]; end: 'return' | 'throw' | 'promise' | 'rollback'; asynchronous: boolean }
  | { type: 'queued'; tree: TreeIndex; calls: BatchItem[] }
  | { type: 'savepoint' }
  | { type: 'rollbackTo'; which: number }
  | { type: 'release'; which: number }
  | { type: 'snapshot'; how: 'snapshot' | 'begin' }
  | { type: 'endSnapshot'; which: number; how: 'rollback' | 'commit' }

export type StoreOperation =
  | { type: 'sync'; asynchronous: boolean }
  | { type: 'reopen'; durability: DurabilityMode; readOnlyFirst: boolean }
  | { type: 'check' }
  | { type: 'stats' }
  | { type: 'backup'; during: Write[] }
  | { type: 'compact' }

export type Operation = Write | Read | PlaceOperation | TransactionOperation | StoreOperation

/** All there is to a run. */
export interface History {
  /** The smallest pool, or one that holds everything. */
  pool: 'small' | 'large'
  durability: DurabilityMode
  /** True where small stores have a journal too. */
  journal?: boolean
  operations: Operation[]
}
