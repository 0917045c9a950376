/** Histories: mostly short keys out of a few, so that operations meet; now and then long, large and very many. */
import fc from 'fast-check'
import type { DurabilityMode } from '../../src/index.js'
import type { Family, KeySpec, ValueSpec } from './bytes.js'
import { MAX_KEY, MAX_SEED, MAX_VALUE } from './bytes.js'
import type {
  BatchItem, Bulk, CursorMove, History, Operation, PlaceOperation, RangeSpec, Read, ScanSpec, StoreOperation, TransactionOperation, Write,
} from './operations.js'
import { TREES } from './operations.js'

const weighted = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const tail = weighted(
  [4, fc.array(fc.constantFrom(0x61, 0x00, 0xff), { maxLength: 2, size: 'max' })],
  [1, fc.array(fc.constantFrom(0x61, 0x62, 0x00, 0x01, 0xff), { maxLength: 6, size: 'max' })],
)
const run = weighted(
  [8, fc.nat(1)], [3, fc.constantFrom(2, 3, 4, 5, 7, 8, 9, 40)], [1, fc.constantFrom(255, 256, 1000)], [1, fc.integer({ min: MAX_KEY - 8, max: MAX_KEY })],
)
const fill = weighted([3, fc.constant(0x61)], [1, fc.constantFrom(0x00, 0xff)])
const filled = fc.record({ fill, run, tail }).map(({ fill, run, tail }) => ({ fill, run: Math.min(run, MAX_KEY - tail.length), tail }))
const family = weighted<Family>([2, fc.constant('counter')], [3, fc.constantFrom('hash', 'path', 'pairs')])
const numbered = fc.record({ family, n: weighted([3, fc.nat(20)], [1, fc.nat(4000)]) })
const random = fc.record({ fill: fc.constant(0), run: fc.constant(0), tail: fc.array(fc.nat(255), { maxLength: 12, size: 'max' }) })
const key: fc.Arbitrary<KeySpec> = weighted<KeySpec>([5, filled], [5, numbered], [1, random])

const length = weighted(
  [6, fc.nat(40)],
  [2, fc.integer({ min: 100, max: 900 })],
  [2, fc.integer({ min: 1900, max: 2100 })],
  [1, fc.constantFrom(4095, 4096, 4097, 8192, 12289)],
  [1, fc.nat(20_000)],
)
const seed = fc.nat(MAX_SEED)
const value: fc.Arbitrary<ValueSpec> = weighted([40, fc.record({ length, seed })], [1, fc.record({ length: fc.nat(MAX_VALUE), seed })])

const tree = weighted([4, fc.constant(0)], [1, fc.nat(TREES.length - 1)])
const reader = weighted([5, fc.constant(0)], [1, fc.constant(1)], [2, fc.integer({ min: 2, max: 5 })])

function rangesOf(key: fc.Arbitrary<KeySpec>): fc.Arbitrary<RangeSpec> {
  const lower = fc.oneof(fc.record({ gte: key }), fc.record({ gt: key }))
  const upper = fc.oneof(fc.record({ lt: key }), fc.record({ lte: key }))
  return weighted<RangeSpec>(
    [1, fc.constant({})],
    [4, fc.tuple(lower, upper).map(([low, high]) => ({ ...low, ...high }))],
    [2, lower],
    [2, upper],
    [2, fc.record({ prefix: key })],
    [1, fc.record({ gt: key, gte: key, lt: key, lte: key, prefix: key }, { requiredKeys: [] })],
  )
}

function scansOf(key: fc.Arbitrary<KeySpec>): fc.Arbitrary<ScanSpec> {
  const rest = fc.record({ reverse: fc.boolean(), limit: fc.nat(30), offset: weighted([3, fc.nat(8)], [1, fc.nat(3000)]) }, { requiredKeys: [] })
  return fc.tuple(rangesOf(key), rest).map(([bounds, rest]) => ({ ...bounds, ...rest }))
}

const range = rangesOf(key)
const scan = scansOf(key)

const item: fc.Arbitrary<BatchItem> = weighted<BatchItem>(
  [3, fc.record({ type: fc.constant('put'), key, value })],
  [1, fc.record({ type: fc.constant('delete'), key })],
)

/** Bytes that one bulk operation writes at most. */
const BULK_BYTES = 3_500_000

const bulk: fc.Arbitrary<Bulk> = fc
  .record({
    type: fc.constant('bulk' as const),
    tree,
    family,
    how: weighted<Bulk['how']>([3, fc.constant('put')], [1, fc.constant('batch')], [1, fc.constant('load')], [2, fc.constant('delete')]),
    order: fc.constantFrom('ascending', 'descending', 'scrambled'),
    start: weighted([1, fc.constant(0)], [1, fc.nat(3000)]),
    step: weighted([3, fc.constant(1)], [1, fc.integer({ min: 2, max: 7 })]),
    count: weighted([4, fc.nat(60)], [3, fc.integer({ min: 60, max: 500 })], [1, fc.integer({ min: 500, max: 3000 })]),
    value: fc.record({ length: weighted([3, fc.nat(40)], [2, fc.nat(1200)], [1, fc.nat(6000)]), seed }),
  })
  .map((bulk) => ({ ...bulk, count: Math.min(bulk.count, Math.ceil(BULK_BYTES / (bulk.value.length + (bulk.family === 'pairs' ? MAX_KEY : 50)))) }))

const entries = fc.array(fc.record({ key, value }), { maxLength: 8, size: 'max' })

const write: fc.Arbitrary<Write> = weighted<Write>(
  [10, fc.record({ type: fc.constant('put'), tree, key, value })],
  [5, fc.record({ type: fc.constant('delete'), tree, key })],
  [3, fc.record({ type: fc.constant('deleteRange'), tree, range })],
  [2, fc.record({ type: fc.constant('batch'), tree, items: fc.array(item, { maxLength: 10, size: 'max' }) })],
  [2, fc.record({ type: fc.constant('load'), tree, entries, sorted: fc.boolean(), throws: weighted([4, fc.constant(false)], [1, fc.constant(true)]) })],
  [1, fc.record({ type: fc.constant('createTree'), tree: fc.integer({ min: 1, max: TREES.length - 1 }) })],
  [1, fc.record({ type: fc.constant('dropTree'), tree: fc.integer({ min: 1, max: TREES.length - 1 }) })],
  [1, fc.record({ type: fc.constant('refused'), tree, what: fc.constantFrom('long key', 'no key', 'no value') })],
  [3, bulk],
)

const read: fc.Arbitrary<Read> = weighted<Read>(
  [8, fc.record({ type: fc.constantFrom('get', 'has', 'view', 'valueLength', 'rank'), reader, tree, key })],
  [2, fc.record({ type: fc.constant('at'), reader, tree, position: weighted([3, fc.integer({ min: -20, max: 20 })], [1, fc.integer({ min: -4000, max: 4000 })]) })],
  [2, fc.record({ type: fc.constant('count'), reader, tree, range })],
  [5, fc.record({ type: fc.constantFrom('entries', 'keys', 'values'), reader, tree, scan })],
  [1, fc.record({ type: fc.constant('trees'), reader })],
  [1, fc.record({ type: fc.constant('compareAll'), reader })],
)

function movesOf(key: fc.Arbitrary<KeySpec>): fc.Arbitrary<CursorMove> {
  return weighted<CursorMove>(
    [6, fc.record({ move: fc.constantFrom('next', 'previous', 'first', 'last') })],
    [3, fc.record({ move: fc.constant('look') })],
    [3, fc.record({ move: fc.constantFrom('seek', 'seekBefore'), key })],
    [1, fc.record({ move: fc.constant('seekPosition'), position: weighted([3, fc.integer({ min: -30, max: 30 })], [1, fc.nat(4000)]) })],
  )
}

const place: fc.Arbitrary<PlaceOperation> = weighted<PlaceOperation>(
  [2, fc.record({ type: fc.constant('openCursor'), reader, tree })],
  [5, fc.record({ type: fc.constant('moveCursor'), which: fc.nat(3), moves: fc.array(movesOf(key), { minLength: 1, maxLength: 6, size: 'max' }) })],
  [2, fc.record({ type: fc.constant('openIterator'), reader, tree, what: fc.constantFrom('entries', 'keys', 'values'), scan })],
  [5, fc.record({ type: fc.constant('stepIterator'), which: fc.nat(3), steps: fc.integer({ min: 1, max: 8 }) })],
  [1, fc.record({ type: fc.constant('closePlace'), which: fc.nat(3) })],
)

const writes = fc.array(write, { maxLength: 6, size: 'max' })

const transaction: fc.Arbitrary<TransactionOperation> = weighted<TransactionOperation>(
  [5, fc.record({ type: fc.constant('begin') })],
  [4, fc.record({ type: fc.constant('commit'), how: fc.constantFrom('commit', 'commitAsync') })],
  [2, fc.record({ type: fc.constant('rollback') })],
  [2, fc.record({ type: fc.constant('transaction'), writes, end: fc.constantFrom('return', 'throw', 'promise', 'rollback'), asynchronous: fc.boolean() })],
  [1, fc.record({ type: fc.constant('queued'), tree, calls: fc.array(item, { minLength: 1, maxLength: 5, size: 'max' }) })],
  [4, fc.record({ type: fc.constant('savepoint') })],
  [3, fc.record({ type: fc.constant('rollbackTo'), which: fc.nat(3) })],
  [1, fc.record({ type: fc.constant('release'), which: fc.nat(3) })],
  [3, fc.record({ type: fc.constant('snapshot'), how: fc.constantFrom('snapshot', 'begin') })],
  [2, fc.record({ type: fc.constant('endSnapshot'), which: fc.nat(3), how: fc.constantFrom('rollback', 'commit') })],
)

const durability = fc.constantFrom<DurabilityMode>('sync', 'async', 'lazy')

const store: fc.Arbitrary<StoreOperation> = weighted<StoreOperation>(
  [3, fc.record({ type: fc.constant('sync'), asynchronous: fc.boolean() })],
  [6, fc.record({ type: fc.constant('reopen'), durability, readOnlyFirst: fc.boolean() })],
  [3, fc.record({ type: fc.constant('check') })],
  [3, fc.record({ type: fc.constant('stats') })],
  [1, fc.record({ type: fc.constant('backup'), during: fc.array(write, { maxLength: 2, size: 'max' }) })],
  [1, fc.record({ type: fc.constant('compact') })],
)

const operation: fc.Arbitrary<Operation> = weighted<Operation>([30, write], [16, read], [18, place], [18, transaction], [4, store])

/** Values that fill a page each, and then every other one of them gone: as many holes, which the free log has to hold. */
const holes: fc.Arbitrary<Operation[]> = fc
  .record({ start: fc.nat(2000), count: fc.integer({ min: 1000, max: 1500 }), length: fc.integer({ min: 2100, max: 2300 }) })
  .map(({ start, count, length }) => {
    const each = { type: 'bulk', tree: 0, family: 'counter', order: 'ascending', value: { length, seed: 0 } } as const
    return [{ ...each, how: 'put', start, step: 1, count }, { ...each, how: 'delete', start, step: 2, count: count >>> 1 }]
  })

/** A transaction that the smallest pool cannot hold, and operations inside it. */
const flood: fc.Arbitrary<Operation[]> = fc
  .record({
    family: fc.constantFrom<Family>('hash', 'counter', 'path'), order: fc.constantFrom<Bulk['order']>('scrambled', 'ascending', 'descending'),
    start: fc.nat(2000), count: fc.integer({ min: 2500, max: 3500 }), length: fc.integer({ min: 700, max: 950 }), inside: fc.array(operation, { maxLength: 12, size: 'max' }),
  })
  .map(({ inside, length, ...keys }) => [{ type: 'begin' }, { type: 'bulk', tree: 0, how: 'put', step: 1, value: { length, seed: 0 }, ...keys }, ...inside])

/** Puts that wait where many have gone before. */
const scattered: fc.Arbitrary<Operation> = fc.record({
  type: fc.constant('bulk' as const), tree, family: fc.constant<Family>('hash'), how: fc.constant('put' as const), order: fc.constant('scrambled' as const),
  start: fc.nat(2500), step: fc.integer({ min: 1, max: 7 }), count: fc.integer({ min: 1, max: 200 }), value: fc.record({ length: fc.nat(500), seed }),
})

/** Puts in no order that are too many for the journal and wait, more of them, and operations inside the transaction. */
export const gathering: fc.Arbitrary<Operation[]> = fc
  .record({
    count: fc.integer({ min: 1200, max: 2500 }), length: fc.integer({ min: 150, max: 400 }), tree,
    inside: fc.array(weighted<Operation>(
      [6, operation],
      [6, scattered],
      [2, fc.record({ type: fc.constant('stepIterator'), which: fc.nat(1), steps: fc.integer({ min: 1, max: 60 }) })],
      [2, fc.record({ type: fc.constant('moveCursor'), which: fc.nat(1), moves: fc.array(fc.constant<CursorMove>({ move: 'next' }), { maxLength: 60, size: 'max' }) })],
    ), { minLength: 5, maxLength: 20, size: 'max' }),
  })
  .map(({ inside, length, ...rest }) => [
    { type: 'begin' },
    { type: 'bulk', how: 'put', family: 'hash', order: 'scrambled', start: 0, step: 1, value: { length, seed: 0 }, ...rest },
    { type: 'openIterator', reader: 0, tree: rest.tree, what: 'entries', scan: {} },
    { type: 'openCursor', reader: 0, tree: rest.tree },
    ...inside,
  ])

/** Puts in no order that are too many for the memory too, and come to runs on the disk where a store has one, with savepoints and some operations between them. */
export const piling: fc.Arbitrary<Operation[]> = fc
  .record({
    length: fc.integer({ min: 200, max: 500 }), tree,
    parts: fc.array(weighted<Operation>(
      [8, fc.record({
        type: fc.constant('bulk' as const), tree: fc.constant(0), family: fc.constant<Family>('hash'), how: fc.constant('put' as const), order: fc.constant('scrambled' as const),
        start: fc.nat(1000), step: fc.integer({ min: 1, max: 2 }), count: fc.integer({ min: 1500, max: 3500 }), value: fc.record({ length: fc.integer({ min: 200, max: 500 }), seed }),
      })],
      [2, fc.constantFrom<Operation>({ type: 'savepoint' }, { type: 'rollbackTo', which: 0 })],
      [2, scattered],
      [1, operation],
    ), { minLength: 5, maxLength: 12, size: 'max' }),
  })
  .map(({ parts, length, tree: main }) => [
    { type: 'begin' },
    { type: 'bulk', how: 'put', family: 'hash', order: 'scrambled', start: 0, step: 1, count: 2500, value: { length, seed: 0 }, tree: main },
    ...parts.map((part) => (part.type === 'bulk' ? { ...part, tree: main } : part)),
    { type: 'commit', how: 'commit' },
  ])

/** Keys so few that what is written is mostly near where a cursor stands, and values so large that few fit a page. */
const near = fc.record({ fill: fc.constant(0x61), run: fc.nat(1), tail: fc.array(fc.constantFrom(0x61, 0x00, 0xff), { maxLength: 2, size: 'max' }) })
const nearby = fc.record({ length: fc.constantFrom(1, 40, 900, 2100), seed })

/** Cursors and iterators in a transaction that goes on writing. */
export const following: fc.Arbitrary<Operation[]> = fc
  .record({
    first: fc.array(fc.record({ type: fc.constant('put'), tree: fc.constant(0), key: near, value: nearby }), { maxLength: 20, size: 'max' }),
    places: fc.array(weighted<Operation>(
      [1, fc.constant<Operation>({ type: 'openCursor', reader: 0, tree: 0 })],
      [2, fc.record({ type: fc.constant('openIterator'), reader: fc.constant(0), tree: fc.constant(0), what: fc.constantFrom('entries', 'keys', 'values'), scan: scansOf(near) })],
    ), { minLength: 1, maxLength: 4, size: 'max' }),
    then: fc.array(weighted<Operation>(
      [4, fc.record({ type: fc.constant('stepIterator'), which: fc.nat(3), steps: fc.integer({ min: 1, max: 2 }) })],
      [2, fc.record({ type: fc.constant('moveCursor'), which: fc.nat(3), moves: fc.array(movesOf(near), { minLength: 1, maxLength: 2 }) })],
      [3, fc.record({ type: fc.constant('put'), tree: fc.constant(0), key: near, value: nearby })],
      [2, fc.record({ type: fc.constant('delete'), tree: fc.constant(0), key: near })],
      [1, fc.record({ type: fc.constant('deleteRange'), tree: fc.constant(0), range: rangesOf(near) })],
      [1, fc.constantFrom<Operation>({ type: 'savepoint' }, { type: 'rollbackTo', which: 0 })],
    ), { maxLength: 30, size: 'max' }),
  })
  .map(({ first, places, then }) => [{ type: 'begin' }, ...first, ...places, ...then])

const some = weighted([1000, operation.map((one) => [one])], [2, holes], [3, flood], [5, gathering], [30, following])
const operations = weighted(
  [30, fc.array(some, { minLength: 1, maxLength: 60, size: 'max' })],
  [1, fc.array(some, { minLength: 60, maxLength: 300, size: 'max' })],
).map((parts) => parts.flat())

export const history: fc.Arbitrary<History> = fc.record({
  pool: weighted<History['pool']>([3, fc.constant('small')], [1, fc.constant('large')]),
  durability,
  journal: fc.boolean(),
  operations,
})
