/** What is done to the store while its file's calls fail. */
import fc from 'fast-check'
import type { DurabilityMode } from '../../src/index.js'
import type { KeySpec, ValueSpec } from '../model/bytes.js'
import { MAX_SEED } from '../model/bytes.js'
import type { BatchItem, Bulk, Write } from '../model/operations.js'

/** What a transaction does. */
export type Part = Write | { type: 'savepoint' } | { type: 'rollbackTo' }

/** How a transaction commits; `call` is `transaction`, `callAsync` is `transactionAsync`. */
export type How = 'commit' | 'commitAsync' | 'call' | 'callAsync' | 'rollback'

export type Step =
  /** `meanwhile`: while the transaction is open a background sync ends. */
  | { type: 'commit'; parts: Part[]; how: How; meanwhile?: 'endSync' }
  /** `putAsync` and `deleteAsync`, together. */
  | { type: 'queued'; items: BatchItem[] }
  /** `syncAsync` is not waited for; `endSync` lets a background sync end. */
  | { type: 'sync' | 'syncAsync' | 'endSync' | 'reopen' | 'compare' | 'stats' }

export interface Workload {
  name: string
  durability: DurabilityMode
  /** Whether the file offers windows. */
  mapped: boolean
  steps: Step[]
}

export const put = (n: number, length: number, tree = 0): Write => ({ type: 'put', tree, key: { family: 'hash', n }, value: { length, seed: n & MAX_SEED } })
export const remove = (n: number): Write => ({ type: 'delete', tree: 0, key: { family: 'hash', n } })
export const many = (how: Bulk['how'], count: number, length: number, rest: Partial<Bulk> = {}): Bulk =>
  ({ type: 'bulk', tree: 0, family: 'counter', how, order: 'ascending', start: 0, step: 1, count, value: { length, seed: 1 }, ...rest })
export const commit = (...parts: Part[]): Step => ({ type: 'commit', parts, how: 'commit' })
export const withHow = (how: How, ...parts: Part[]): Step => ({ type: 'commit', parts, how })

/** A little of everything. */
const mixed: Step[] = [
  commit(put(1, 10)),
  commit(many('put', 60, 300), put(2, 9000)),
  withHow('call', put(3, 5000), { type: 'put', tree: 1, key: { family: 'hash', n: 7 }, value: { length: 40, seed: 3 } }),
  { type: 'queued', items: [{ type: 'put', key: { family: 'hash', n: 9 }, value: { length: 100, seed: 1 } }, { type: 'delete', key: { family: 'hash', n: 1 } }] },
  { type: 'endSync' },
  withHow('commitAsync', put(4, 700), remove(2)),
  commit(put(5, 20)),
  { type: 'endSync' },
  { type: 'compare' },
  commit({ type: 'savepoint' }, many('delete', 30, 0), { type: 'rollbackTo' }, put(6, 2500)),
  { type: 'sync' },
  { type: 'reopen' },
  commit({ type: 'deleteRange', tree: 0, range: { gte: { family: 'counter', n: 10 }, lt: { family: 'counter', n: 50 } } }),
  withHow('rollback', many('put', 20, 1500)),
  withHow('callAsync', { type: 'dropTree', tree: 1 }, { type: 'createTree', tree: 2 }, many('load', 12, 200, { start: 100 })),
  { type: 'syncAsync' },
  { type: 'endSync' },
  commit(put(1, 30)),
]

/** Small commits in a row that make the file longer, until zeros are written ahead. */
const growing: Step[] = [...Array.from({ length: 9 }, (_, i) => commit(put(i, 2500), many('put', 3, 1200, { start: 3 * i }))), { type: 'endSync' }, commit(put(20, 6000)), { type: 'reopen' }, commit(put(21, 2500))]

/** Free space in more pieces than a meta page can name, then written anew. */
const logging: Step[] = [
  commit(many('put', 1050, 2100)),
  commit(many('delete', 525, 0, { step: 2 })),
  { type: 'endSync' },
  commit(put(1, 100)),
  withHow('commitAsync', many('delete', 200, 0, { start: 1, step: 4 })),
  { type: 'endSync' },
  commit(many('put', 150, 2100, { start: 0, step: 6 })),
  { type: 'reopen' },
  commit(put(2, 100)),
]

/** Transactions of more pages than the pool has. */
const spilling: Step[] = [
  commit(many('put', 700, 1300, { family: 'hash', order: 'scrambled' })),
  { type: 'endSync' },
  commit(many('put', 400, 1500, { family: 'hash', order: 'scrambled', step: 2 }), { type: 'savepoint' }, many('delete', 300, 0, { family: 'hash', order: 'scrambled' })),
  { type: 'compare' },
  { type: 'reopen' },
  commit(put(900, 100)),
]

/** Commits that share syncs, while syncs run and others wait. */
const waiting: Step[] = [
  withHow('commitAsync', put(1, 10)),
  withHow('commitAsync', put(2, 3000)),
  { type: 'endSync' },
  withHow('callAsync', put(3, 10)),
  { type: 'queued', items: [{ type: 'put', key: { family: 'hash', n: 4 }, value: { length: 10, seed: 1 } }] },
  commit(put(5, 400)),
  { type: 'syncAsync' },
  { type: 'endSync' },
  commit(put(6, 400)),
  { type: 'endSync' },
  withHow('commitAsync', remove(1), put(7, 10)),
  { type: 'sync' },
  withHow('commitAsync', put(8, 2500)),
]

/** The ways on after a store was opened anew: what it says next is durable, by whatever means, has to be. */
const reopening: Step[] = [
  commit(many('put', 40, 900)),
  withHow('commitAsync', put(1, 2500), many('put', 20, 300, { start: 10 })),
  { type: 'endSync' },
  { type: 'sync' },
  { type: 'reopen' },
  withHow('commitAsync', many('delete', 15, 0), put(2, 7000)),
  { type: 'endSync' },
  { type: 'reopen' },
  { type: 'syncAsync' },
  { type: 'endSync' },
  { type: 'queued', items: [{ type: 'put', key: { family: 'hash', n: 3 }, value: { length: 10, seed: 1 } }] },
  { type: 'endSync' },
  { type: 'sync' },
]

const modes: DurabilityMode[] = ['sync', 'async', 'lazy']
const inModes = (name: string, steps: Step[], mapped = true): Workload[] => modes.map((durability) => ({ name: `${name}, ${durability}`, durability, mapped, steps }))

/** Small enough to be tried with every fault at every call, also in the short run. */
export const small: Workload[] = [...inModes('mixed', mixed), ...inModes('waiting', waiting), ...inModes('reopening', reopening), ...inModes('growing', growing), ...inModes('mixed without a map', mixed, false)]

/** With some hundred calls each, of which the short run takes a few. */
export const large: Workload[] = [...inModes('free log', logging), ...inModes('spilling', spilling), ...inModes('spilling without a map', spilling, false), ...inModes('free log without a map', logging, false)]

// Random ones.

const weighted = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const tree = weighted([4, fc.constant(0)], [1, fc.nat(3)])
const named = fc.integer({ min: 1, max: 3 })
const key: fc.Arbitrary<KeySpec> = fc.record({ family: fc.constantFrom('hash' as const, 'counter' as const), n: fc.nat(40) })
const value: fc.Arbitrary<ValueSpec> = fc.record({ length: weighted([3, fc.nat(60)], [2, fc.nat(2010)], [1, fc.integer({ min: 2010, max: 14_000 })]), seed: fc.nat(MAX_SEED) })
const item: fc.Arbitrary<BatchItem> = weighted<BatchItem>([3, fc.record({ type: fc.constant('put'), key, value })], [1, fc.record({ type: fc.constant('delete'), key })])
const range = fc.oneof(fc.record({ gte: key, lt: key }), fc.record({ gt: key }), fc.constant({}))

const bulk: fc.Arbitrary<Bulk> = fc.record({
  type: fc.constant('bulk' as const), tree, family: fc.constant('counter' as const), how: fc.constantFrom('put', 'batch', 'load', 'delete'),
  order: fc.constantFrom('ascending', 'scrambled'), start: fc.nat(60), step: fc.integer({ min: 1, max: 3 }), count: weighted([4, fc.nat(40)], [1, fc.nat(300)]),
  value: fc.record({ length: fc.nat(1500), seed: fc.nat(MAX_SEED) }),
})

const part: fc.Arbitrary<Part> = weighted<Part>(
  [6, fc.record({ type: fc.constant('put'), tree, key, value })],
  [3, fc.record({ type: fc.constant('delete'), tree, key })],
  [2, fc.record({ type: fc.constant('deleteRange'), tree, range })],
  [1, fc.record({ type: fc.constantFrom('createTree', 'dropTree'), tree: named })],
  [3, bulk],
  [2, fc.constantFrom<Part>({ type: 'savepoint' }, { type: 'rollbackTo' })],
)

const step: fc.Arbitrary<Step> = weighted<Step>(
  [10, fc.record({ type: fc.constant('commit'), parts: fc.array(part, { minLength: 1, maxLength: 5, size: 'max' }), how: fc.constantFrom('commit', 'commit', 'call', 'commitAsync', 'callAsync', 'rollback') })],
  [2, fc.record({ type: fc.constant('queued'), items: fc.array(item, { minLength: 1, maxLength: 3, size: 'max' }) })],
  [4, fc.constant({ type: 'endSync' })],
  [3, fc.record({ type: fc.constantFrom('sync', 'syncAsync', 'reopen', 'compare', 'stats') })],
)

export const workload: fc.Arbitrary<Workload> = fc.record({
  name: fc.constant('random'),
  durability: fc.constantFrom(...modes),
  mapped: fc.boolean(),
  steps: fc.array(step, { minLength: 2, maxLength: 14, size: 'max' }),
})
