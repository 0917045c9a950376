/** Histories for stores with many holders: what happens, how to draw it, and how to run it. */
import fc from 'fast-check'
import type { DurabilityMode } from '../../src/index.js'
import { needsOverflow } from '../../src/page/leaf.js'
import type { KeySpec, ValueSpec } from '../model/bytes.js'
import { keyBytes, MAX_SEED, sameBytes, textOf, valueBytes } from '../model/bytes.js'
import type { BatchItem, Bulk, Write } from '../model/operations.js'
import { TREES } from '../model/operations.js'
import type { ModelStore } from '../model/sorted-map.js'
import { BINARY, same, sameStore, treeOf } from '../model/world.js'
import { itemOf, modelBatch, write } from '../model/writes.js'
import type { HoldKind } from './holds.js'
import { openHold } from './holds.js'
import type { LayerName } from './world.js'
import { HeldStore } from './world.js'

/** What holders do; inside a write transaction too. */
type HoldStep =
  | { type: 'hold'; kind: HoldKind; tree: number }
  | { type: 'compare'; which: number }
  | { type: 'endHold'; which: number }

type Step = Write | HoldStep | { type: 'savepoint' } | { type: 'rollbackTo'; which: number }

/** Many small commits of a put or a delete each, out of `keys` keys. */
interface Churn {
  type: 'churn'
  tree: number
  commits: number
  keys: number
  length: number
  seed: number
}

type Act =
  | Write | HoldStep | Churn
  | { type: 'transaction'; steps: Step[]; end: 'commit' | 'commitAsync' | 'rollback' }
  | { type: 'queued'; tree: number; items: BatchItem[] }
  | { type: 'viewing'; key: KeySpec; during: (Write | Churn)[] }
  | { type: 'sync' | 'endSync' | 'reopen' }

export interface SnapshotHistory {
  layer: LayerName
  durability: DurabilityMode
  /** Whether small commits go to a journal. */
  journal: boolean
  acts: Act[]
}

const weighted = <T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof({ withCrossShrink: true }, ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const tree = weighted([4, fc.constant(0)], [1, fc.nat(TREES.length - 1)])
const key: fc.Arbitrary<KeySpec> = fc.record({ family: weighted([6, fc.constantFrom('hash' as const, 'counter' as const)], [1, fc.constant('pairs' as const)]), n: weighted([3, fc.nat(30)], [1, fc.nat(900)]) })
const value: fc.Arbitrary<ValueSpec> = fc.record({ length: weighted([3, fc.nat(60)], [3, fc.integer({ min: 300, max: 2010 })], [2, fc.integer({ min: 2010, max: 18_000 })]), seed: fc.nat(MAX_SEED) })
const item: fc.Arbitrary<BatchItem> = weighted<BatchItem>([3, fc.record({ type: fc.constant('put'), key, value })], [1, fc.record({ type: fc.constant('delete'), key })])
const range = fc.oneof(fc.record({ gte: key, lt: key }), fc.record({ gt: key }), fc.record({ lte: key }), fc.constant({}))
const named = fc.integer({ min: 1, max: TREES.length - 1 })

const bulk: fc.Arbitrary<Bulk> = fc.record({
  type: fc.constant('bulk' as const), tree, family: fc.constantFrom('hash' as const, 'counter' as const),
  how: fc.constantFrom('put', 'put', 'batch', 'load', 'delete'), order: fc.constantFrom('ascending', 'descending', 'scrambled'),
  start: fc.nat(300), step: fc.integer({ min: 1, max: 3 }), count: weighted([3, fc.nat(80)], [1, fc.integer({ min: 300, max: 600 })]),
  value: fc.record({ length: weighted([3, fc.nat(300)], [1, fc.integer({ min: 900, max: 2300 })]), seed: fc.nat(MAX_SEED) }),
})

const aWrite: fc.Arbitrary<Write> = weighted<Write>(
  [6, fc.record({ type: fc.constant('put'), tree, key, value })],
  [3, fc.record({ type: fc.constant('delete'), tree, key })],
  [2, fc.record({ type: fc.constant('deleteRange'), tree, range })],
  [2, fc.record({ type: fc.constant('batch'), tree, items: fc.array(item, { maxLength: 12, size: 'max' }) })],
  [1, fc.record({ type: fc.constantFrom('createTree', 'dropTree'), tree: named })],
  [3, bulk],
)

const holdStep: fc.Arbitrary<HoldStep> = weighted<HoldStep>(
  [4, fc.record({ type: fc.constant('hold'), kind: fc.constantFrom('snapshot', 'snapshot', 'iterator', 'backwards', 'cursor'), tree })],
  [3, fc.record({ type: fc.constant('compare' as const), which: fc.nat(7) })],
  [3, fc.record({ type: fc.constant('endHold' as const), which: fc.nat(7) })],
)

const step: fc.Arbitrary<Step> = weighted<Step>([6, aWrite], [2, holdStep], [2, fc.constant({ type: 'savepoint' })], [1, fc.record({ type: fc.constant('rollbackTo'), which: fc.nat(3) })])

const churn: fc.Arbitrary<Churn> = fc.record({
  type: fc.constant('churn'), tree, commits: weighted([3, fc.nat(40)], [1, fc.integer({ min: 100, max: 300 })]),
  keys: fc.integer({ min: 1, max: 200 }), length: fc.constantFrom(8, 90, 700, 2500, 9000), seed: fc.nat(MAX_SEED),
})

/** More pages than the pool has, so that some are written, and read again, while the transaction goes on. */
const flood: fc.Arbitrary<Act> = fc.record({
  type: fc.constant('transaction'),
  steps: fc.tuple(fc.integer({ min: 350, max: 550 }), fc.nat(400), fc.array(step, { maxLength: 5, size: 'max' })).map(([count, start, steps]): Step[] =>
    [{ type: 'bulk', tree: 0, family: 'hash', how: 'put', order: 'scrambled', start, step: 1, count, value: { length: 1500, seed: 0 } }, ...steps]),
  end: fc.constantFrom('commit', 'commit', 'rollback'),
})

const committing: fc.Arbitrary<Act> = weighted<Act>(
  [4, fc.record({ type: fc.constant('transaction'), steps: fc.array(step, { maxLength: 8, size: 'max' }), end: fc.constantFrom('commit', 'commit', 'commitAsync', 'rollback') })],
  [2, churn],
  [1, fc.record({ type: fc.constant('queued'), tree, items: fc.array(item, { minLength: 1, maxLength: 4, size: 'max' }) })],
)

const act: fc.Arbitrary<Act> = weighted<Act>(
  [10, aWrite],
  [14, committing],
  [1, flood],
  [16, holdStep],
  [2, fc.record({ type: fc.constant('viewing'), key, during: fc.array(weighted<Write | Churn>([3, aWrite], [1, churn]), { minLength: 1, maxLength: 3, size: 'max' }) })],
  [8, fc.constant({ type: 'endSync' })],
  [2, fc.constant({ type: 'sync' })],
  [2, fc.constant({ type: 'reopen' })],
)

export const layers: LayerName[] = ['mapped', 'plain', 'memory']

export const history: fc.Arbitrary<SnapshotHistory> = fc.record({
  layer: fc.constantFrom(...layers),
  durability: fc.constantFrom<DurabilityMode>('sync', 'async', 'lazy'),
  journal: weighted([3, fc.constant(true)], [1, fc.constant(false)]),
  acts: fc.array(act, { minLength: 4, maxLength: 40, size: 'max' }),
})

/** A snapshot that stays open from early on, and others that come and go, while rounds of small and of large commits go by. */
export function longHistory(rounds: number): Act[] {
  const fill = { type: 'bulk', tree: 0, family: 'hash', how: 'put', order: 'scrambled', start: 0, step: 1, count: 500, value: { length: 900, seed: 1 } } as const
  const acts: Act[] = [fill, { type: 'hold', kind: 'snapshot', tree: 0 }]
  for (let round = 0; round < rounds; round++) {
    const seed = round & MAX_SEED
    acts.push(
      { type: 'churn', tree: 0, commits: 70, keys: 500, length: [90, 700, 2500, 9000][round % 4], seed },
      { type: 'hold', kind: (['snapshot', 'iterator', 'cursor', 'snapshot', 'backwards'] as const)[round % 5], tree: 0 },
      { type: 'churn', tree: 1, commits: 40, keys: 60, length: 400, seed },
      { type: 'transaction', end: 'commit', steps: scattered(round) },
      { type: round % 3 === 0 ? 'sync' : 'endSync' },
      { type: 'compare', which: 0 },
      { type: 'compare', which: round },
    )
    if (round % 4 === 3) acts.push({ type: 'dropTree', tree: 1 })
    // The first one stays.
    if (round % 5 > 1) acts.push({ type: 'endHold', which: 1 })
  }
  return acts
}

/** Commits so large that they sync their pages first and are held until they are durable, and what makes their pages free again. */
export function bulkHistory(): Act[] {
  const large: Step = { type: 'bulk', tree: 0, family: 'counter', how: 'put', order: 'ascending', start: 0, step: 1, count: 4300, value: { length: 16_000, seed: 1 } }
  const some = { type: 'bulk', tree: 1, family: 'hash', how: 'put', order: 'scrambled', start: 0, step: 1, count: 100, value: { length: 300, seed: 1 } } as const
  return [
    some,
    { type: 'transaction', steps: [large], end: 'commit' },
    { type: 'churn', tree: 1, commits: 5, keys: 100, length: 300, seed: 1 },
    { type: 'deleteRange', tree: 0, range: {} },
    { type: 'churn', tree: 1, commits: 5, keys: 100, length: 300, seed: 2 },
    { type: 'endSync' },
    { type: 'churn', tree: 1, commits: 5, keys: 100, length: 300, seed: 3 },
    { type: 'endSync' },
    { type: 'sync' },
  ]
}

/** Free pages here and there, in more pieces than a meta page can name, and as many taken again in the next round. */
function scattered(round: number): Step[] {
  const each = { type: 'bulk', tree: 2, family: 'counter', order: 'ascending' } as const
  if (round % 4 === 0) return [{ ...each, how: 'put', start: 0, step: 1, count: 1100, value: { length: 2100, seed: round & MAX_SEED } }]
  if (round % 4 === 1) return [{ type: 'savepoint' }, { ...each, how: 'delete', start: 1, step: 2, count: 550, value: { length: 0, seed: 0 } }]
  return [{ ...each, how: 'put', start: round, step: 3, count: 60, value: { length: 1000, seed: round & MAX_SEED } }, { type: 'savepoint' }, { type: 'deleteRange', tree: 2, range: {} }, { type: 'rollbackTo', which: 0 }]
}

export type Extent = HeldStore['extent']

/** Runs a history; compares space after every act, and at the end everything. */
export async function replay({ layer, durability, journal, acts }: SnapshotHistory): Promise<Extent> {
  const world = new HeldStore(layer, durability, journal)
  try {
    for (const [index, each] of acts.entries()) {
      try {
        await run(world, each)
        world.checkSpace()
      } catch (error) {
        throw new Error(`act ${index}, ${each.type}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
    while (world.holds.length > 0) finish(world, 0)
    world.checkSpace()
    sameStore('the newest commit', world.db, world.committed)
    const report = world.db.check()
    if (!report.ok) throw new Error(`check found: ${report.errors.slice(0, 3).map(({ message }) => message).join(' | ')}`)
    return world.extent
  } finally {
    world.dispose()
  }
}

async function run(world: HeldStore, act: Act): Promise<void> {
  switch (act.type) {
    case 'hold': case 'compare': case 'endHold': return holdStepOn(world, act)
    case 'transaction': return transaction(world, act)
    case 'churn': return runChurn(world, act)
    case 'queued': return queued(world, act)
    case 'viewing': return viewing(world, act)
    case 'endSync': return world.endSync()
    case 'sync': {
      world.db.sync()
      return world.noteSynced()
    }
    case 'reopen': return world.reopen()
    default: return writeNow(world, act)
  }
}

function holdStepOn(world: HeldStore, step: HoldStep): void {
  if (step.type === 'hold') {
    if (world.holds.length < 8) openHold(world, step.kind, step.tree)
    return
  }
  if (world.holds.length === 0) return
  const which = step.which % world.holds.length
  const hold = world.holds[which]
  if (step.type === 'endHold') finish(world, which)
  else if (hold.compare()) world.checkUnchanged(hold)
  else world.holds.splice(which, 1)
}

/** Compares a hold a last time and ends it. */
function finish(world: HeldStore, which: number): void {
  const hold = world.holds[which]
  if (hold.compare()) world.end(hold)
  else world.holds.splice(which, 1)
}

async function transaction(world: HeldStore, act: Extract<Act, { type: 'transaction' }>): Promise<void> {
  world.reach(world.newest)
  const tx = world.db.begin()
  let model = world.committed.clone()
  const savepoints: { back: () => void; model: ModelStore }[] = []
  try {
    for (const step of act.steps) {
      if (step.type === 'hold' || step.type === 'compare' || step.type === 'endHold') holdStepOn(world, step)
      else if (step.type === 'savepoint') {
        const savepoint = tx.savepoint()
        savepoints.push({ back: () => savepoint.rollback(), model: model.clone() })
      } else if (step.type === 'rollbackTo') {
        if (savepoints.length === 0) continue
        savepoints.length = (step.which % savepoints.length) + 1
        const last = savepoints[savepoints.length - 1]
        last.back()
        model = last.model.clone()
      } else write(tx, model, step)
    }
  } catch (error) {
    tx.rollback()
    throw error
  }
  if (act.end === 'rollback') return tx.rollback()
  const durable = act.end === 'commit' ? tx.commit() : tx.commitAsync()
  world.committed = model
  world.noteCommits(act.end === 'commit' && world.durability === 'sync')
  if (durable !== undefined) await world.settled(durable)
}

function writeNow(world: HeldStore, act: Write): void {
  write(world.db, world.committed, act)
  world.noteCommits()
}

function runChurn(world: HeldStore, { tree, commits, keys, length, seed }: Churn): void {
  const keyspace = treeOf(world.db, tree)
  const model = world.committed
  for (let i = 0; i < commits; i++) {
    const key = keyBytes({ family: 'hash', n: (Math.imul(i + seed, 0x9e3779b1) >>> 0) % keys })
    if (i % 4 === 3) same('delete', keyspace.delete(key), model.read(TREES[tree]).delete(textOf(key)))
    else {
      const bytes = valueBytes({ length: length + (i % 3), seed: (seed + i) & MAX_SEED })
      keyspace.put(key, bytes)
      model.write(TREES[tree]).put(textOf(key), bytes)
    }
    world.noteCommits()
  }
}

async function queued(world: HeldStore, { tree, items }: Extract<Act, { type: 'queued' }>): Promise<void> {
  const name = TREES[tree]
  const keyspace = tree === 0 ? world.db : world.db.tree(name, BINARY)
  const done = items.map((one) => {
    const item = itemOf(one)
    modelBatch(world.committed, name, [item])
    return item.type === 'put' ? keyspace.putAsync(item.key, item.value) : keyspace.deleteAsync(item.key)
  })
  await new Promise((resolve) => setImmediate(resolve))
  world.noteCommits(false)
  await world.settled(Promise.all(done))
}

/** The bytes of a view stay as they are while its callback commits; those of a large value lie in the file, which holds its pages. */
function viewing(world: HeldStore, { key, during }: Extract<Act, { type: 'viewing' }>): void {
  const bytes = keyBytes(key)
  const expected = world.committed.read('').get(textOf(bytes))
  const found = world.db.view(bytes, (seen) => {
    const point = world.newest
    const hold = { point, pages: world.reach(point).pages, compare: () => true, end: () => undefined }
    const holds = needsOverflow(bytes.length, seen.length)
    if (holds) world.holds.push(hold)
    for (const act of during) {
      if (act.type === 'churn') runChurn(world, act)
      else writeNow(world, act)
      world.checkSpace()
      if (expected === undefined || !sameBytes(seen, expected)) throw new Error('the bytes of a view have changed')
    }
    if (holds) {
      world.checkUnchanged(hold)
      world.holds.splice(world.holds.indexOf(hold), 1)
    }
    return true
  })
  same('view', found, expected === undefined ? undefined : true)
}
