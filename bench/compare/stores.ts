import { join } from 'node:path'
import { ClassicLevel } from './classic-level.js'
import { Coppice } from './coppice.js'
import { LmdbC } from './lmdb-c.js'
import { LmdbJs } from './lmdb-js.js'
import type { Durability, Peer } from './peer.js'
import type { Context, Result } from './section.js'
import { SqliteStore } from './sqlite.js'
import type { Workload } from './workload.js'
import { saveForC } from './workload.js'

/** Every store, empty, with keys as bytes. */
export interface Stores {
  coppice: Coppice<Buffer>
  lmdb: LmdbJs<Buffer>
  level: ClassicLevel
  sqlite: SqliteStore
  c: LmdbC | undefined
  all: Peer[]
}

export function makeStores({ folder, c }: Context, workload: Workload, result: Result, durability: Durability = 'sync'): Stores {
  const coppice = new Coppice<Buffer>(join(folder, 'coppice'), 'binary', durability)
  const lmdb = new LmdbJs<Buffer>(join(folder, 'lmdb-js'), 'binary', durability)
  const level = new ClassicLevel(join(folder, 'classic-level'), durability)
  const sqlite = new SqliteStore(join(folder, 'sqlite'), durability)
  if (c) saveForC(workload, folder)
  const fromC = c ? new LmdbC(join(folder, 'lmdb-c'), folder, workload.valueSize, durability) : undefined
  const all: Peer[] = [coppice, lmdb, level, sqlite, ...(fromC === undefined ? [] : [fromC])]
  for (const { name, settings } of all) result.settings[name] = settings
  return { coppice, lmdb, level, sqlite, c: fromC, all }
}

/** The same stores with every entry in them, and everything read back once: all have the same. */
export async function loadedStores(context: Context, workload: Workload, result: Result, durability: Durability = 'sync'): Promise<Stores> {
  const stores = makeStores(context, workload, result, durability)
  for (const peer of stores.all) {
    await peer.fresh()
    await peer.load(workload.random)
  }
  await stores.level.settle()
  await assertEqual(stores, workload)
  return stores
}

/** Compares what the stores read back, key by key, by checksums over all values. */
export async function assertEqual({ all }: Stores, workload: Workload): Promise<void> {
  const [first, ...others] = all
  const expected = (await first.get(workload.lookups)).checksum
  for (const peer of others) {
    const { checksum } = await peer.get(workload.lookups)
    if (checksum !== expected) throw new Error(`${peer.name} holds something else than ${first.name}`)
  }
}

export async function closeAll({ all }: Stores): Promise<void> {
  for (const peer of all) await peer.close()
}
