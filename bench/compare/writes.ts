/** Loads of empty stores in one transaction, and small transactions on stores that hold every entry. */
import { rawWrite, RawPage } from './limits.js'
import type { Contestant } from './race.js'
import { goal, race } from './race.js'
import type { Awaitable, Batch, Peer, Sample } from './peer.js'
import type { Context, Result } from './section.js'
import { addGoals, entriesAt } from './section.js'
import { assertEqual, closeAll, loadedStores, makeStores } from './stores.js'
import { bytesWorkload, KEY_SIZE } from './workload.js'

const PUTS = 10
const LOOPS = 64

export async function load(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const { random, ascending } = workload
  const entries = random.keys.length
  const stores = makeStores(context, workload, result)
  const { coppice, lmdb, c } = stores
  const limit = 'limit: the same bytes written and fdatasync'
  const raw: Contestant = { name: limit, run: () => rawWrite(context.folder, entries, entries * (KEY_SIZE + workload.valueSize)) }
  const loads = await race('random-order load, one transaction', 'entries/s', [
    ...stores.all.map((peer) => loading(peer.name, peer, () => peer.load(random))),
    raw,
  ], context.rounds)
  await assertEqual(stores, workload)
  const sorted = await race('ascending load, one transaction', 'entries/s', [
    loading('coppice put', coppice, () => coppice.load(ascending)),
    loading('lmdb-js putSync', lmdb, () => lmdb.load(ascending)),
    loading('coppice load', coppice, () => coppice.bulkLoad(ascending)),
    loading('lmdb-js putSync, append', lmdb, () => lmdb.append(ascending)),
    ...(c === undefined ? [] : [loading('LMDB from C, append', c, () => c.append(ascending))]),
    raw,
  ], context.rounds)
  result.races.push({ ...loads, limit }, { ...sorted, limit })
  addGoals(
    result,
    goal(loads, 'random-order load, one transaction', 'coppice', 'lmdb-js', 2),
    goal(loads, 'random-order load, one transaction', 'coppice', 'LMDB from C', 1.5),
    goal(sorted, 'ascending load', 'coppice put', 'lmdb-js putSync', 3),
    goal(sorted, '`load`', 'coppice load', 'lmdb-js putSync, append', 6),
  )
  await closeAll(stores)
}

function loading(name: string, peer: Peer, work: () => Awaitable<Sample>): Contestant {
  return {
    name,
    run: async () => {
      await peer.fresh()
      return work()
    },
  }
}

/** Ten puts over random keys of the store, one durable transaction after the other. */
export async function durable(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const stores = await loadedStores(context, workload, result)
  const raw = new RawPage(context.folder)
  const count = Math.max(50, Math.round(400 * Math.min(1, context.scale * 4)))
  const commits = await race('durable transactions of 10 puts', 'commits/s', [
    ...committing(stores.all, workload.lookups, count),
    { name: raw.name, run: () => raw.run(count) },
  ], context.rounds)
  result.races.push({ ...commits, limit: raw.name })
  raw.close()
  await assertEqual(stores, workload)
  const share = goal(commits, 'durable 10-put transactions', 'coppice', raw.name, 0.65)
  addGoals(
    result,
    goal(commits, 'durable 10-put transactions', 'coppice', 'lmdb-js', 1.9),
    goal(commits, 'durable 10-put transactions', 'coppice', 'classic-level', 1.5),
    goal(commits, 'durable 10-put transactions', 'coppice', 'better-sqlite3', 1.4),
    share === undefined ? undefined : { ...share, against: 'raw one-page overwrite + fdatasync', goal: 'a share of 0.65' },
  )
  await closeAll(stores)
}

/** The same, lazily: peers do not sync at all. */
export async function lazy(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const stores = await loadedStores(context, workload, result, 'lazy')
  const count = Math.round(20_000 * context.scale)
  const commits = await race(`${count.toLocaleString('en')} lazy transactions of 10 puts`, 'commits/s', committing(stores.all, workload.lookups, count), context.rounds)
  result.races.push(commits)
  await assertEqual(stores, workload)
  addGoals(result, goal(commits, 'lazy 10-put transactions', 'coppice', 'lmdb-js', 1.5))
  await closeAll(stores)
}

function committing(peers: readonly Peer[], batch: Batch, count: number): Contestant[] {
  return peers.map((peer) => ({ name: peer.name, run: (round: number) => peer.commits(batch, round * count * PUTS, count, PUTS) }))
}

export async function concurrent(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const stores = await loadedStores(context, workload, result)
  const { coppice, lmdb } = stores
  const count = LOOPS * Math.max(20, Math.round(100 * Math.min(1, context.scale * 4)))
  const puts = await race(`${LOOPS} concurrent durable put loops`, 'puts/s', [
    { name: 'coppice putAsync', run: (round) => coppice.concurrent(workload.lookups, round * count, count, LOOPS) },
    { name: 'lmdb-js put', run: (round) => lmdb.concurrent(workload.lookups, round * count, count, LOOPS) },
  ], context.rounds)
  result.races.push(puts)
  addGoals(result, goal(puts, `${LOOPS} concurrent durable put loops`, 'coppice putAsync', 'lmdb-js put', 2))
  await closeAll(stores)
}
