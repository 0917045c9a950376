import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { AutoKeyspace, Cursor, Database, Keyspace, Transaction } from '../../src/index.js'
import { closing, codeOf, codeOfAsync, diskStore, textStore } from '../helpers.js'
import { open } from '../../src/index.js'

type Text = Keyspace<string, string>

const reads: Record<string, (from: Text) => unknown> = {
  get: (from) => from.get('a'),
  has: (from) => from.has('a'),
  view: (from) => from.view('a', () => 1),
  valueLength: (from) => from.valueLength('a'),
  entries: (from) => from.entries(),
  keys: (from) => from.keys(),
  values: (from) => from.values({ gte: 'a' }),
  prefix: (from) => from.prefix('a'),
  iterator: (from) => [...from],
  cursor: (from) => from.cursor(),
  count: (from) => from.count(),
  'count of a range': (from) => from.count({ gt: 'a' }),
  at: (from) => from.at(0),
  rank: (from) => from.rank('a'),
}
const writes: Record<string, (to: Text) => unknown> = {
  put: (to) => to.put('x', 'y'),
  delete: (to) => to.delete('a'),
  deleteRange: (to) => to.deleteRange({}),
  batch: (to) => to.batch([]),
  load: (to) => to.load([]),
}
const asyncWrites: Record<string, (to: AutoKeyspace<string, string>) => Promise<unknown>> = {
  putAsync: (to) => to.putAsync('x', 'y'),
  deleteAsync: (to) => to.deleteAsync('a'),
  batchAsync: (to) => to.batchAsync([]),
}
const ofTransaction: Record<string, (tx: Transaction<string, string>) => unknown> = {
  trees: (tx) => tx.trees(),
  createTree: (tx) => tx.createTree('u'),
  dropTree: (tx) => tx.dropTree('t'),
  savepoint: (tx) => tx.savepoint(),
  commit: (tx) => tx.commit(),
}
const ofDatabase: Record<string, (db: Database<string, string>) => unknown> = {
  trees: (db) => db.trees(),
  createTree: (db) => db.createTree('u'),
  dropTree: (db) => db.dropTree('t'),
  begin: (db) => db.begin(),
  'begin to read': (db) => db.begin({ readOnly: true }),
  transaction: (db) => db.transaction(() => 1),
  snapshot: (db) => db.snapshot(),
  sync: (db) => db.sync(),
  check: (db) => db.check(),
  stats: (db) => db.stats(),
  compactTo: (db) => db.compactTo('/nowhere/at all'),
}
const asyncOfDatabase: Record<string, (db: Database<string, string>) => Promise<unknown>> = {
  transactionAsync: (db) => db.transactionAsync(() => 1),
  syncAsync: (db) => db.syncAsync(),
  backup: (db) => db.backup(new PassThrough()),
}
const ofCursor: Record<string, (cursor: Cursor<string, string>) => unknown> = {
  first: (cursor) => cursor.first(),
  last: (cursor) => cursor.last(),
  next: (cursor) => cursor.next(),
  previous: (cursor) => cursor.previous(),
  seek: (cursor) => cursor.seek('a'),
  seekBefore: (cursor) => cursor.seekBefore('b'),
  seekPosition: (cursor) => cursor.seekPosition(0),
  key: (cursor) => cursor.key,
  value: (cursor) => cursor.value,
}

/** All names for which the code of what happens is not the expected one, with what it is. */
function deviations<T>(table: Record<string, (on: T) => unknown>, on: T, code: string): [string, string | undefined][] {
  return Object.entries(table).map(([name, use]) => [name, codeOf(() => use(on))] as [string, string | undefined]).filter(([, found]) => found !== code)
}

async function asyncDeviations<T>(table: Record<string, (on: T) => Promise<unknown>>, on: T, code: string): Promise<[string, string | undefined][]> {
  const found: [string, string | undefined][] = []
  for (const [name, use] of Object.entries(table)) found.push([name, await codeOfAsync(() => use(on))])
  return found.filter(([, other]) => other !== code)
}

function filled(db = textStore()): Database<string, string> {
  db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: '2' }])
  db.tree('t', { valueEncoding: 'utf8' }).put('a', '1')
  return db
}

describe('a transaction that has ended', () => {
  const ends: Record<string, (tx: Transaction<string, string>) => unknown> = {
    commit: (tx) => tx.commit(), commitAsync: (tx) => tx.commitAsync(), rollback: (tx) => tx.rollback(), dispose: (tx) => tx[Symbol.dispose](),
  }
  const kinds: Record<string, (db: Database<string, string>) => Transaction<string, string>> = {
    'a write transaction': (db) => db.begin(), 'a read transaction': (db) => db.begin({ readOnly: true }), 'a snapshot': (db) => db.snapshot(),
  }

  for (const [kind, begin] of Object.entries(kinds)) {
    it(`answers COPPICE_TRANSACTION_ENDED to every method, its trees, iterators and cursors included: ${kind}`, async () => {
      for (const end of Object.values(ends)) {
        const db = filled()
        const tx = begin(db)
        const tree = tx.tree('t', { valueEncoding: 'utf8' })
        const cursors = [tx.cursor(), tree.cursor()]
        for (const cursor of cursors) cursor.first()
        const iterators = [tx.entries(), tx.keys({ reverse: true }), tree.values()]
        for (const iterator of iterators) iterator.next()
        if (!tx.readOnly) tx.put('a', 'changed')
        await end(tx)
        expect(tx.active).toBe(false)
        for (const keyspace of [tx, tree]) expect(deviations({ ...reads, ...writes }, keyspace as Text, 'COPPICE_TRANSACTION_ENDED')).toEqual([])
        expect(deviations(ofTransaction, tx, 'COPPICE_TRANSACTION_ENDED')).toEqual([])
        expect(await codeOfAsync(() => tx.commitAsync())).toBe('COPPICE_TRANSACTION_ENDED')
        for (const cursor of cursors) expect(deviations(ofCursor, cursor, 'COPPICE_TRANSACTION_ENDED')).toEqual([])
        for (const iterator of iterators) expect(codeOf(() => iterator.next())).toBe('COPPICE_TRANSACTION_ENDED')
        for (const cursor of cursors) cursor.close()
        tx.rollback()
        tx[Symbol.dispose]()
        db.put('a', 'goes on')
      }
    })
  }

  it('through its view callback answers so after it has been ended in there', () => {
    const db = filled()
    const tx = db.begin()
    expect(tx.view('a', () => { tx.commit(); return codeOf(() => tx.get('a')) })).toBe('COPPICE_TRANSACTION_ENDED')
    const keys = db.begin()
    for (const key of keys.keys()) {
      expect(key).toBe('a')
      keys.rollback()
      break
    }
  })
})

describe('a database that has been closed', () => {
  const stores = { 'in memory': textStore, 'on the disk': () => diskStore<string, string>({ valueEncoding: 'utf8' }), 'without a map': () => diskStore<string, string>({ valueEncoding: 'utf8', mapper: false }) }

  for (const [name, make] of Object.entries(stores)) {
    it(`answers COPPICE_CLOSED to every method, its trees, transactions, iterators and cursors included: ${name}`, async () => {
      const db = filled(make())
      const tree = db.tree('t', { valueEncoding: 'utf8' })
      const readers = [db.snapshot(), db.begin({ readOnly: true })]
      const treesOfReaders = readers.map((reader) => reader.tree('t', { valueEncoding: 'utf8' }))
      const cursors = [db, tree, ...readers, ...treesOfReaders].map((from) => from.cursor())
      for (const cursor of cursors) cursor.first()
      const iterators = [db, tree, ...readers, ...treesOfReaders].flatMap((from) => [from.entries(), from.keys(), from.values({ reverse: true })])
      for (const iterator of iterators.slice(3)) iterator.next()
      expect(db.isOpen).toBe(true)
      db.close()
      expect(db.isOpen).toBe(false)
      for (const keyspace of [db, tree, ...readers, ...treesOfReaders]) expect(deviations(reads, keyspace as Text, 'COPPICE_CLOSED')).toEqual([])
      for (const keyspace of [db, tree, ...readers, ...treesOfReaders]) expect(deviations(writes, keyspace as Text, 'COPPICE_CLOSED')).toEqual([])
      for (const keyspace of [db, tree]) expect(await asyncDeviations(asyncWrites, keyspace, 'COPPICE_CLOSED')).toEqual([])
      expect(deviations(ofDatabase, db, 'COPPICE_CLOSED')).toEqual([])
      expect(await asyncDeviations(asyncOfDatabase, db, 'COPPICE_CLOSED')).toEqual([])
      for (const reader of readers) expect(deviations(ofTransaction, reader, 'COPPICE_CLOSED')).toEqual([])
      for (const cursor of cursors) expect(deviations(ofCursor, cursor, 'COPPICE_CLOSED')).toEqual([])
      for (const iterator of iterators) expect(codeOf(() => iterator.next())).toBe('COPPICE_CLOSED')
      for (const iterator of iterators) expect(iterator.next().done).toBe(true)
      for (const cursor of cursors) cursor.close()
      for (const reader of readers) reader.rollback()
      db.close()
      db[Symbol.dispose]()
    })
  }

  it('in the middle of an iteration or a view ends them, and harms nothing', () => {
    for (const make of Object.values(stores)) {
      const db = filled(make())
      const seen: string[] = []
      expect(codeOf(() => { for (const key of db.keys()) { seen.push(key); db.close() } })).toBe('COPPICE_CLOSED')
      expect(seen).toEqual(['a'])
      const other = filled(make())
      expect(other.view('a', (bytes) => { other.close(); return bytes[0] })).toBe(0x31)
    }
  })

  it('cannot be closed while a write transaction is open, and is whole afterwards', () => {
    const db = filled(diskStore<string, string>({ valueEncoding: 'utf8' }))
    const tx = db.begin()
    tx.put('c', '3')
    expect(codeOf(() => db.close())).toBe('COPPICE_BUSY')
    expect([db.isOpen, tx.active]).toEqual([true, true])
    tx.commit()
    db.close()
    const again = closing(open<string, string>(db.path, { valueEncoding: 'utf8' }))
    expect([...again.entries()]).toEqual([['a', '1'], ['b', '2'], ['c', '3']])
    again.close()
  })
})
