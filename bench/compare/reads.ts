/** Reads of stores that hold every entry: one by one, all of them in order, and ranges of ten. */
import { join } from 'node:path'
import { Coppice } from './coppice.js'
import { LmdbJs } from './lmdb-js.js'
import type { Contestant } from './race.js'
import { goal, race } from './race.js'
import type { Context, Result } from './section.js'
import { addGoals, entriesAt } from './section.js'
import { closeAll, loadedStores } from './stores.js'
import { bytesWorkload, prefixWorkload, stringsWorkload } from './workload.js'

const MEMCPY = 'limit: memory copy (C)'

export async function get(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const { lookups, missing } = workload
  const stores = await loadedStores(context, workload, result)
  const { coppice, lmdb, level, sqlite, c } = stores
  const fromC: Contestant[] = c === undefined ? [] : [
    { name: 'LMDB from C + memcpy', run: () => c.get(lookups) },
    { name: 'LMDB from C', run: () => c.view(lookups) },
    { name: MEMCPY, run: () => c.memoryCopy(lookups), apart: true },
  ]
  const reads = await race(`random get, ${lookups.keys.length.toLocaleString('en')} entries`, 'gets/s', [
    { name: 'coppice get', run: () => coppice.get(lookups) },
    { name: 'lmdb-js getBinary', run: () => lmdb.get(lookups) },
    { name: 'classic-level getSync', run: () => level.get(lookups) },
    { name: 'better-sqlite3 get', run: () => sqlite.get(lookups) },
    { name: 'coppice view', run: () => coppice.view(lookups) },
    { name: 'lmdb-js getBinaryFast', run: () => lmdb.getFast(lookups) },
    ...fromC,
  ], context.rounds, true)
  result.races.push({ ...reads, limit: MEMCPY })
  const absent = await race('get of a missing key', 'gets/s', [
    { name: 'coppice get', run: () => coppice.get(missing) },
    { name: 'lmdb-js getBinaryFast', run: () => lmdb.getFast(missing) },
    { name: 'classic-level getSync', run: () => level.get(missing) },
    { name: 'better-sqlite3 get', run: () => sqlite.get(missing) },
    ...(c === undefined ? [] : [{ name: 'LMDB from C', run: () => c.view(missing) }]),
  ], context.rounds, true)
  result.races.push(absent)
  addGoals(
    result,
    goal(reads, 'random get, copied', 'coppice get', 'lmdb-js getBinary', 2.5),
    goal(reads, 'random get, copied', 'coppice get', 'LMDB from C + memcpy', 1),
    goal(reads, 'random get, view', 'coppice view', 'lmdb-js getBinaryFast', 2),
    goal(reads, 'random get, view', 'coppice view', 'LMDB from C', 1.5),
    goal(absent, 'get of a missing key', 'coppice get', 'lmdb-js getBinaryFast', 1.2),
  )
  await closeAll(stores)
}

export async function strings({ folder, scale, rounds }: Context, result: Result): Promise<void> {
  const { random, lookups } = stringsWorkload(entriesAt(scale))
  const coppice = new Coppice<string>(join(folder, 'coppice'), 'utf8')
  const lmdb = new LmdbJs<string>(join(folder, 'lmdb-js'), 'utf8')
  for (const peer of [coppice, lmdb]) {
    await peer.fresh()
    await peer.load(random)
    result.settings[peer.name] = peer.settings
  }
  const reads = await race('random get, string keys', 'gets/s', [
    { name: 'coppice get', run: () => coppice.get(lookups) },
    { name: 'lmdb-js getBinary', run: () => lmdb.get(lookups) },
    { name: 'coppice view', run: () => coppice.view(lookups) },
    { name: 'lmdb-js getBinaryFast', run: () => lmdb.getFast(lookups) },
  ], rounds, true)
  result.races.push(reads)
  addGoals(
    result,
    goal(reads, 'random get, copied, string keys', 'coppice get', 'lmdb-js getBinary', 2),
    goal(reads, 'random get, view, string keys', 'coppice view', 'lmdb-js getBinaryFast', 2),
  )
  coppice.close()
  await lmdb.close()
}

export async function scan(context: Context, result: Result): Promise<void> {
  const workload = bytesWorkload(entriesAt(context.scale))
  const entries = workload.random.keys.length
  const stores = await loadedStores(context, workload, result)
  const { coppice, lmdb, level, sqlite, c } = stores
  const limit = 'LMDB from C, cursor'
  const scans = await race('full scan', 'entries/s', [
    { name: 'coppice iterator', run: () => coppice.scan() },
    { name: 'coppice cursor', run: () => coppice.scanCursor() },
    { name: 'lmdb-js getRange', run: () => lmdb.scan() },
    { name: 'classic-level nextv', run: () => level.scan(entries) },
    { name: 'better-sqlite3 iterate', run: () => sqlite.scan(entries) },
    ...(c === undefined ? [] : [
      { name: 'LMDB from C, cursor + memcpy', run: () => c.scan(entries, 'copy') },
      { name: limit, run: () => c.scan(entries, 'view') },
    ]),
  ], context.rounds, true)
  result.races.push({ ...scans, limit })
  addGoals(
    result,
    goal(scans, 'full scan, iterator', 'coppice iterator', 'lmdb-js getRange', 4),
    goal(scans, 'full scan, cursor', 'coppice cursor', 'lmdb-js getRange', 20),
  )
  await closeAll(stores)
}

export async function ranges({ folder, scale, rounds }: Context, result: Result): Promise<void> {
  const { random, prefixes } = prefixWorkload(entriesAt(scale))
  const ends = prefixes.keys.map((prefix) => Buffer.concat([prefix, Buffer.alloc(5, 0xff)]))
  const coppice = new Coppice<Buffer>(join(folder, 'coppice'), 'binary')
  const lmdb = new LmdbJs<Buffer>(join(folder, 'lmdb-js'), 'binary')
  for (const peer of [coppice, lmdb]) {
    await peer.fresh()
    await peer.load(random)
    result.settings[peer.name] = peer.settings
  }
  const found = await race('prefix ranges of 10', 'ranges/s', [
    { name: 'coppice prefix', run: () => coppice.ranges(prefixes) },
    { name: 'lmdb-js getRange', run: () => lmdb.ranges(prefixes, ends) },
  ], rounds, true)
  result.races.push(found)
  addGoals(result, goal(found, 'prefix ranges of 10', 'coppice prefix', 'lmdb-js getRange', 5))
  coppice.close()
  await lmdb.close()
}
