/** Runs a history against the store and the model, and compares all that the operations answer. */
import fs from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { AutoKeyspace, Database } from '../../src/index.js'
import { textOf } from './bytes.js'
import type { History, Operation, StoreOperation, TransactionOperation } from './operations.js'
import { TREES } from './operations.js'
import { endPlaces, place } from './places.js'
import { read } from './reads.js'
import type { Bytes, Layer, OpenTransaction, Snapshot } from './world.js'
import { BINARY, refused, same, sameStore, World } from './world.js'
import { itemOf, modelBatch, write } from './writes.js'

/** What a run went through, so that a test can say that runs as a whole went far enough. */
export interface Extent {
  spilled: number
  depth: number
  freeLog: number
}

export async function replay(layer: Layer, history: History): Promise<Extent> {
  const world = new World(layer, history.pool, history.durability, history.journal === true)
  try {
    for (const [index, operation] of history.operations.entries()) {
      await run(world, operation).catch((error: unknown) => {
        throw new Error(`operation ${index}, ${operation.type}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      })
    }
    await finish(world)
    return { spilled: world.spilled, depth: world.depth, freeLog: world.freeLog }
  } finally {
    world.dispose()
  }
}

async function run(world: World, operation: Operation): Promise<void> {
  switch (operation.type) {
    case 'put': case 'delete': case 'deleteRange': case 'batch': case 'load': case 'createTree': case 'dropTree': case 'refused': case 'bulk': {
      const { transaction } = world
      return transaction === undefined ? write(world.db, world.committed, operation) : write(transaction.tx, transaction.model, operation)
    }
    case 'get': case 'has': case 'view': case 'valueLength': case 'rank': case 'at': case 'count': case 'entries': case 'keys': case 'values': case 'trees': case 'compareAll':
      return read(world, operation)
    case 'openCursor': case 'moveCursor': case 'openIterator': case 'stepIterator': case 'closePlace':
      return place(world, operation)
    case 'sync': case 'reopen': case 'check': case 'stats': case 'backup': case 'compact':
      return onStore(world, operation)
    default:
      return onTransaction(world, operation)
  }
}

async function onTransaction(world: World, operation: TransactionOperation): Promise<void> {
  const { transaction } = world
  switch (operation.type) {
    case 'begin': return begin(world)
    case 'commit': return transaction === undefined ? undefined : commit(world, transaction, operation.how)
    case 'rollback': return transaction === undefined ? undefined : rollback(world, transaction)
    case 'transaction': return transactionCall(world, operation)
    case 'queued': return queued(world, operation)
    case 'savepoint':
      transaction?.savepoints.push({ savepoint: transaction.tx.savepoint(), model: transaction.model.clone() })
      return
    case 'rollbackTo': return transaction === undefined ? undefined : rollbackTo(transaction, operation.which)
    case 'release': return transaction === undefined ? undefined : release(transaction, operation.which)
    case 'snapshot': {
      const tx = operation.how === 'snapshot' ? world.db.snapshot() : world.db.begin({ readOnly: true })
      world.snapshots.push({ tx, model: world.committed.clone() })
      return
    }
    case 'endSnapshot': {
      if (world.snapshots.length > 0) endSnapshot(world, world.snapshots.splice(operation.which % world.snapshots.length, 1)[0], operation.how)
    }
  }
}

function begin(world: World): void {
  if (world.transaction !== undefined) return refused('a second write transaction', 'COPPICE_BUSY', () => world.db.begin())
  world.transaction = { tx: world.db.begin(), model: world.committed.clone(), savepoints: [] }
}

async function commit(world: World, transaction: OpenTransaction, how: 'commit' | 'commitAsync'): Promise<void> {
  const { tx } = transaction
  if (how === 'commit') tx.commit()
  else {
    const durable = tx.commitAsync()
    same('active after commitAsync', tx.active, false)
    await durable
  }
  world.committed = transaction.model
  ended(world, transaction)
}

function rollback(world: World, transaction: OpenTransaction): void {
  transaction.tx.rollback()
  ended(world, transaction)
}

function ended(world: World, transaction: OpenTransaction): void {
  world.transaction = undefined
  endPlaces(world, transaction, 'COPPICE_TRANSACTION_ENDED')
  refused('a read in a transaction that has ended', 'COPPICE_TRANSACTION_ENDED', () => transaction.tx.get(Uint8Array.of()))
}

/** Savepoints made after the one that is rolled back to are gone. */
function rollbackTo(transaction: OpenTransaction, which: number): void {
  const { savepoints } = transaction
  if (savepoints.length === 0) return
  const index = which % savepoints.length
  const { savepoint, model } = savepoints[index]
  savepoint.rollback()
  transaction.model = model.clone()
  for (const gone of savepoints.splice(index + 1)) refused('a savepoint that is gone', 'COPPICE_TRANSACTION_ENDED', () => gone.savepoint.rollback())
}

function release(transaction: OpenTransaction, which: number): void {
  const { savepoints } = transaction
  if (savepoints.length === 0) return
  const index = which % savepoints.length
  savepoints[index].savepoint.release()
  for (const gone of savepoints.splice(index)) refused('a savepoint that was released', 'COPPICE_TRANSACTION_ENDED', () => gone.savepoint.release())
}

/** A snapshot is compared as a whole at its end, after whatever has been committed since. */
function endSnapshot(world: World, snapshot: Snapshot, how: 'rollback' | 'commit'): void {
  const { tx, model } = snapshot
  sameStore('snapshot', tx, model)
  refused('a write in a snapshot', 'COPPICE_READ_ONLY', () => tx.put(Uint8Array.of(), Uint8Array.of()))
  if (how === 'commit') tx.commit()
  else tx.rollback()
  endPlaces(world, snapshot, 'COPPICE_TRANSACTION_ENDED')
}

/** A transaction as a function. One that throws, returns a promise or rolls back itself leaves nothing behind. */
async function transactionCall(world: World, operation: Extract<TransactionOperation, { type: 'transaction' }>): Promise<void> {
  if (world.transaction !== undefined) return refused('transaction in a transaction', 'COPPICE_BUSY', () => world.db.transaction(() => undefined))
  const model = world.committed.clone()
  const failure = new Error('the work of this transaction fails')
  const work = (tx: Parameters<Parameters<Database<Bytes, Bytes>['transaction']>[0]>[0]): unknown => {
    for (const each of operation.writes) write(tx, model, each)
    if (operation.end === 'throw') throw failure
    if (operation.end === 'rollback') tx.rollback()
    return operation.end === 'promise' ? Promise.resolve(operation) : operation
  }
  try {
    const result = operation.asynchronous ? await world.db.transactionAsync(work) : world.db.transaction(work)
    same('result of transaction', result, operation)
    if (operation.end !== 'rollback') world.committed = model
  } catch (error) {
    const promise = operation.end === 'promise' && (error as { code?: unknown }).code === 'COPPICE_PROMISE_RETURNED'
    if (error !== failure && !promise) throw error
  }
}

/** Calls that wait together: each is a write of its own, in the order of the calls. */
async function queued(world: World, operation: Extract<TransactionOperation, { type: 'queued' }>): Promise<void> {
  if (world.transaction !== undefined) return
  const name = TREES[operation.tree]
  const keyspace: AutoKeyspace<Bytes, Bytes> = operation.tree === 0 ? world.db : world.db.tree(name, BINARY)
  await Promise.all(operation.calls.map(itemOf).map((item, i) => {
    modelBatch(world.committed, name, [item])
    if (i % 3 === 2) return keyspace.batchAsync([item])
    return item.type === 'put' ? keyspace.putAsync(item.key, item.value) : keyspace.deleteAsync(item.key)
  }))
}

async function onStore(world: World, operation: StoreOperation): Promise<void> {
  switch (operation.type) {
    case 'sync':
      if (operation.asynchronous) await world.db.syncAsync()
      else world.db.sync()
      return
    case 'reopen': return reopen(world, operation)
    case 'check': return sameCheck(world, world.db)
    case 'stats': return sameStats(world)
    case 'backup': return backup(world, operation)
    case 'compact': {
      const path = world.newPath()
      world.db.compactTo(path)
      sameCopy(world, path)
    }
  }
}

function reopen(world: World, operation: Extract<StoreOperation, { type: 'reopen' }>): void {
  if (world.layer.memory) return
  if (world.transaction !== undefined) {
    refused('close with a write transaction open', 'COPPICE_BUSY', () => world.db.close())
    rollback(world, world.transaction)
  }
  sameStats(world)
  world.db.close()
  endPlaces(world, 'everything', 'COPPICE_CLOSED')
  for (const { tx } of world.snapshots.splice(0)) {
    refused('a read in a snapshot of a closed database', 'COPPICE_CLOSED', () => tx.get(Uint8Array.of()))
    tx.rollback()
  }
  if (operation.readOnlyFirst) {
    const db = world.open('sync', true)
    try {
      sameStore('opened to read only', db, world.committed)
      sameCheck(world, db)
    } finally {
      db.close()
    }
  }
  world.db = world.open(operation.durability)
}

function sameCheck(world: World, db: Database<Bytes, Bytes>, model = world.committed): void {
  const report = db.check()
  if (!report.ok) throw new Error(`check found ${report.errors.length} faults: ${report.errors.slice(0, 5).map(({ message }) => message).join(' | ')}`)
  same('entries that check counted', report.entries, model.entries)
  same('trees that check saw', report.trees, model.trees.size)
}

function sameStats(world: World): void {
  const { pages, trees, pool, pending } = world.db.stats()
  same('pages by kind', pages.meta + pages.leaf + pages.branch + pages.overflow + pages.freeLog + pages.journal + pages.free, pages.total)
  same('pending pages that are not free', Math.max(0, pages.pending - pages.free), 0)
  same('pending pages by holder', pending.reduce((sum, each) => sum + each.pages, 0), pages.pending)
  same('names in stats', trees.map(({ name }) => name ?? '').join(), ['', ...world.committed.names()].join())
  for (const tree of trees) {
    const { keys, values } = world.committed.read(tree.name ?? '')
    same('entries in stats', tree.entries, keys.length)
    same('bytes of keys in stats', tree.keyBytes, keys.reduce((sum, key) => sum + key.length, 0))
    same('bytes of values in stats', tree.valueBytes, values.reduce((sum, value) => sum + value.length, 0))
    world.depth = Math.max(world.depth, tree.depth)
  }
  world.spilled = Math.max(world.spilled, pool.spilledPages)
  world.freeLog = Math.max(world.freeLog, pages.freeLog)
}

/** A backup is the store of the moment it began, whatever is committed meanwhile. */
async function backup(world: World, operation: Extract<StoreOperation, { type: 'backup' }>): Promise<void> {
  const path = world.newPath()
  const model = world.committed.clone()
  const done = world.db.backup(path)
  try {
    if (world.transaction === undefined) for (const each of operation.during) write(world.db, world.committed, each)
  } finally {
    await done
  }
  sameCopy(world, path, model)
}

function sameCopy(world: World, path: string, model = world.committed): void {
  const copy = world.openAt(path, 'sync', true)
  try {
    sameStore('copy', copy, model)
    sameCheck(world, copy, model)
  } finally {
    copy.close()
    fs.rmSync(path)
  }
}

/** At the end of every history: all that is open is compared and ended, the store is checked, and once more after a reopen. */
async function finish(world: World): Promise<void> {
  const { transaction } = world
  if (transaction !== undefined) {
    sameStore('transaction', transaction.tx, transaction.model)
    await commit(world, transaction, 'commit')
  }
  for (const snapshot of world.snapshots.splice(0)) endSnapshot(world, snapshot, 'rollback')
  for (const each of world.places.splice(0)) each.close()
  sameStore('at the end', world.db, world.committed)
  sameCheck(world, world.db)
  world.db.sync()
  sameStats(world)
  await nonePending(world)
  reopen(world, { type: 'reopen', durability: 'sync', readOnlyFirst: false })
  if (!world.layer.memory) same('pages pending after the last reopen', world.db.stats().pages.pending, 0)
  sameStore('after the last reopen', world.db, world.committed)
  sameCheck(world, world.db)
  same('first key', textOf(world.db.at(0)?.[0] ?? new Uint8Array()), world.committed.read('').keys[0] ?? '')
}

/** A sync that still runs in the background holds what it began with; then nobody holds anything but the store its newest checkpoint. */
async function nonePending(world: World): Promise<void> {
  for (let tries = 0; tries < 1000 && world.db.stats().pending.length > 1; tries++) await setTimeout(5)
  const { pending } = world.db.stats()
  same('commits that are held besides the newest checkpoint', Math.max(0, pending.length - 1), 0)
  same('pages that nobody holds and that are pending all the same', pending.every(({ awaitsSync }) => awaitsSync), true)
}
