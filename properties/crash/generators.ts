/** Long histories with crashes: lives one after the other, each of which ends somewhere in its log. */
import fc from 'fast-check'
import type { DurabilityMode } from '../../src/index.js'
import type { KeySpec, ValueSpec } from '../model/bytes.js'
import type { RangeSpec, Write } from '../model/operations.js'
import { TREES } from '../model/operations.js'
import type { Failure, LifePlan, Step } from './life.js'

/** How a life ends: closed, or at a point of its log (as parts of 1,000) killed or with a crash of the machine. */
export interface Ending {
  how: 'close' | 'kill' | 'crash'
  at: number
  /** Decides what the crash keeps, and which other crashes are tried on the way. */
  seed: number
}

export interface PlannedLife {
  plan: LifePlan
  ending: Ending
}

/** Without prototypes a printed history would be full of them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record(model, { noNullPrototype: true })

const weighted = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const key: fc.Arbitrary<KeySpec> = weighted<KeySpec>(
  [6, record({ family: fc.constant('path' as const), n: fc.nat(60) })],
  [1, record({ family: fc.constantFrom('hash' as const, 'pairs' as const), n: fc.nat(20) })],
)
const length = weighted([5, fc.nat(60)], [3, fc.constantFrom(300, 900)], [1, fc.constantFrom(2000, 2100)], [1, fc.constantFrom(4096, 5000, 9000, 20_000)])
const value: fc.Arbitrary<ValueSpec> = record({ length, seed: fc.nat(255) })
const tree = weighted([4, fc.constant(0)], [1, fc.nat(TREES.length - 1)])
const named = fc.integer({ min: 1, max: TREES.length - 1 })
const range: fc.Arbitrary<RangeSpec> = weighted<RangeSpec>([6, record({ gte: key, lt: key })], [1, record({ gte: key })], [1, fc.constant({})])

const bulk: fc.Arbitrary<Write> = record({
  type: fc.constant('bulk' as const), tree, family: fc.constantFrom('path' as const, 'hash' as const),
  how: weighted([3, fc.constant('put' as const)], [1, fc.constant('load' as const)], [2, fc.constant('delete' as const)]),
  order: fc.constantFrom('ascending' as const, 'scrambled' as const), start: fc.nat(80), step: fc.integer({ min: 1, max: 3 }), count: fc.nat(40),
  value: record({ length: fc.constantFrom(10, 200, 900, 2100), seed: fc.nat(255) }),
})

const write: fc.Arbitrary<Write> = weighted<Write>(
  [8, record({ type: fc.constant('put' as const), tree, key, value })],
  [4, record({ type: fc.constant('delete' as const), tree, key })],
  [2, record({ type: fc.constant('deleteRange' as const), tree, range })],
  [1, record({ type: fc.constant('createTree' as const), tree: named })],
  [1, record({ type: fc.constant('dropTree' as const), tree: named })],
  [3, bulk],
)
const writes = fc.array(write, { minLength: 1, maxLength: 4, size: 'max' })

const how = weighted([3, fc.constant('commit' as const)], [2, fc.constant('commitAsync' as const)], [1, fc.constant('transactionAsync' as const)])
const commit: fc.Arbitrary<Step> = weighted<Step>(
  [6, record({ do: fc.constant('commit' as const), how, writes })],
  [1, record({ do: fc.constant('commit' as const), how, writes, back: writes })],
)

const step: fc.Arbitrary<Step> = weighted<Step>(
  [12, commit],
  [1, record({ do: fc.constant('rollback' as const), writes })],
  [4, fc.constant({ do: 'endSync' })],
  [1, record({ do: fc.constantFrom('sync' as const, 'syncAsync' as const) })],
  [1, record({ do: fc.constantFrom('snapshot' as const, 'endSnapshot' as const) })],
)

const plan: fc.Arbitrary<LifePlan> = record({
  durability: weighted<DurabilityMode>([2, fc.constant('sync')], [2, fc.constant('async')], [3, fc.constant('lazy')]),
  mapped: weighted([3, fc.constant(true)], [1, fc.constant(false)]),
  steps: fc.array(step, { maxLength: 9, size: 'max' }),
  closes: fc.boolean(),
})

const ending: fc.Arbitrary<Ending> = record({ how: weighted<Ending['how']>([1, fc.constant('close')], [3, fc.constant('kill')], [4, fc.constant('crash')]), at: fc.nat(1000), seed: fc.nat() })

/** Lives over one disk, each going on with what the one before has left. */
export const lives: fc.Arbitrary<PlannedLife[]> = fc.array(record({ plan, ending }), { minLength: 1, maxLength: 6, size: 'max' })

type Numbers = Pick<Extract<Write, { type: 'bulk' }>, 'family' | 'how' | 'start' | 'step' | 'count'> & { length: number }
const many = ({ length, ...numbers }: Numbers): Write => ({ type: 'bulk', tree: 0, order: 'ascending', value: { length, seed: 9 }, ...numbers })

const fails = weighted<Failure>([3, fc.nat()], [1, fc.constant('nothing')])

/** A life in which a sync fails, in the foreground or in the background, and which tries another commit then. */
const failingLife = (where: 'failSync' | 'endSync'): fc.Arbitrary<PlannedLife> => record({ before: fc.array(step, { maxLength: 4, size: 'max' }), last: commit, fails, plan, ending })
  .map(({ before, last, fails, plan, ending }) => {
    const steps: Step[] = where === 'failSync' ? [...before, { do: where, fails }, last, { do: 'sync' }, last] : [...before, last, { do: 'syncAsync' }, { do: where, fails }, last]
    // Most that is of interest comes late.
    return { plan: { ...plan, steps }, ending: { ...ending, at: 500 + ending.at / 2 } }
  })

/** Lives with failed syncs, and another that goes on with what these have left. */
export const failingLives: fc.Arbitrary<PlannedLife[]> = fc.tuple(failingLife('endSync'), failingLife('failSync'), record({ plan, ending }))

/** More pages than a commit may write with one sync, in pieces. */
const flood = many({ family: 'hash', how: 'put', start: 1000, step: 1, count: 9, length: 500_000 })

/** Small commits that nobody syncs, so that they take the meta slots and the free pages of those before. */
const overwriting = fc.array(record({ do: fc.constant('commit' as const), how, writes: fc.array(record({ type: fc.constant('put' as const), tree: fc.constant(0), key, value }), { minLength: 1, maxLength: 2 }) }), { minLength: 3, maxLength: 7, size: 'max' })

/** More pages than the pool has, written before the commit, and perhaps for nothing. */
export const spillingLife: fc.Arbitrary<PlannedLife> = record({ count: fc.integer({ min: 380, max: 460 }), before: fc.array(step, { maxLength: 2, size: 'max' }), how, undone: fc.boolean(), last: commit, plan, ending })
  .map(({ count, before, how, undone, last, plan, ending }) => {
    const writes = [many({ family: 'hash', how: 'put', start: 100, step: 1, count, length: 2000 })]
    return { plan: { ...plan, steps: [...before, ...(undone ? [{ do: 'rollback', writes } as const] : []), { do: 'commit', how, writes }, last] }, ending }
  })

/** A life with a bulk commit in it, between others. */
export const bulkLife: fc.Arbitrary<PlannedLife> = record({ before: fc.array(step, { maxLength: 3, size: 'max' }), after: overwriting, how, plan, ending })
  .map(({ before, after, how, plan, ending }) => ({ plan: { ...plan, steps: [...before, { do: 'commit', how, writes: [flood] }, ...after] }, ending }))

/** Two lives: one leaves a tree of pages with a value each, the other makes holes in it, more than a meta page can name. */
export const fragmentedLives: fc.Arbitrary<PlannedLife[]> = record({ holes: fc.integer({ min: 420, max: 520 }), how, plan, after: fc.array(step, { maxLength: 3, size: 'max' }), ending })
  .map(({ holes, how, plan, after, ending }) => [
    { plan: { durability: 'sync', mapped: true, steps: [{ do: 'commit', how: 'commit', writes: [many({ family: 'counter', how: 'load', start: 0, step: 1, count: 1040, length: 2100 })] }], closes: true }, ending: { how: 'close', at: 0, seed: 0 } },
    { plan: { ...plan, steps: [{ do: 'commit', how, writes: [many({ family: 'counter', how: 'delete', start: 0, step: 2, count: holes, length: 0 })] }, ...after] }, ending },
  ])
