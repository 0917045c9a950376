/// <reference types="node" preserve="true" />
/**
 * An embedded, ordered key-value store. Begin with {@link open}: it gives a {@link Database}. {@link Keyspace} has what a
 * database, its named trees and its transactions have in common: `get`, `put`, `delete`, ranges, positions, counts.
 * {@link CoppiceError} tells what calls throw.
 *
 * @module coppice
 */
export { open } from './database.js'
export type { AutoKeyspace, BeginOptions, Database } from './database.js'
export type { Keyspace, Operation } from './keyspace.js'
export type { Savepoint, Transaction } from './transaction.js'
export type { Cursor } from './cursor.js'
export type { EntryIterator, KeyIterator, ValueIterator } from './iterators.js'
export type { KeyRange, RangeOptions } from './range.js'
export type { Decoded, FileOptions, NamedTreeOptions, OpenOptions, TreeOptions } from './options.js'
export type { DurabilityMode } from './pager/store.js'
export type { Mapper } from './file/file.js'
export type { CustomEncoding, Encoding, EncodingName, EncodingOption } from './encoding/encoding.js'
export { tuple } from './encoding/tuple.js'
export type { Tuple, TupleElement } from './encoding/tuple.js'
export { CoppiceError } from './errors.js'
export type { ErrorCode } from './errors.js'
export type { CheckOptions, CheckReport } from './care/check.js'
export type { PendingStats, Stats, TreeStats } from './care/stats.js'
export type { BackupTarget } from './care/backup.js'
