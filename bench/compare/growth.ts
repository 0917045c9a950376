/** What grows with the number of entries, and how: from 10,000 to 10,000,000. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../random.js'
import { Coppice } from './coppice.js'
import { LmdbC } from './lmdb-c.js'
import type { Batch } from './peer.js'
import { timed } from './peer.js'
import { goal, median, race } from './race.js'
import type { Context, Curve, Result } from './section.js'
import { addGoals } from './section.js'
import { KEY_SIZE } from './workload.js'

const SIZES = [1e4, 1e5, 1e6, 1e7]
const VALUE = Buffer.alloc(128, 7)
const LOOKUPS = 200_000
const OPENS = 11

const PIECES = 5
const RANGES = 4_000
const PUTS = 10_000
const COMMITS = 50

export async function growth(context: Context, result: Result): Promise<void> {
  for (const size of SIZES) await at(Math.round(size * context.scale), size, context, result)
}

async function at(entries: number, full: number, { folder, rounds, c }: Context, result: Result): Promise<void> {
  const keys = ascendingKeys(entries)
  const random = new Random(31)
  const drawn = Array.from({ length: LOOKUPS }, () => keyAt(keys, random.below(entries)))
  const lookups: Batch = { name: 'lookups', keys: layOut(drawn), values: [] }
  const store = new Coppice<Buffer>(join(folder, `coppice-${full}`), 'binary')
  store.fresh()
  store.store.load(pairs(keys, entries))
  result.settings[store.name] = store.settings
  const fromC = c ? await loadC(join(folder, `lmdb-c-${full}`), folder, keys, lookups) : undefined
  if (fromC !== undefined) result.settings[fromC.name] = fromC.settings
  const gets = await race(`random get, copied, at ${entries.toLocaleString('en')} entries`, 'gets/s', [
    { name: 'coppice get', run: () => store.get(lookups) },
    ...(fromC === undefined ? [] : [{ name: 'LMDB from C + memcpy', run: () => fromC.get(lookups) }]),
  ], rounds, true)
  result.races.push(gets)
  if (full > 1e4) addGoals(result, goal(gets, `random get at ${entries.toLocaleString('en')} entries`, 'coppice get', 'LMDB from C + memcpy', 1))
  await fromC?.close()
  for (const { name, median: rate } of gets.measured) point(result, 'random get', name.startsWith('coppice') ? 'coppice' : 'LMDB from C', 'a second', entries, rate)
  measureOthers(store, lookups, entries, result)
  store.close()
}

/** What is measured of coppice alone: medians of a few pieces each. */
function measureOthers(store: Coppice<Buffer>, lookups: Batch, entries: number, result: Result): void {
  const rate = (work: string, operations: number, run: (from: number) => number): void => {
    const rates: number[] = []
    for (let piece = 0; piece < PIECES; piece++) {
      const { seconds } = timed(operations, () => run(piece * operations))
      rates.push(operations / seconds)
    }
    point(result, work, store.name, 'a second', entries, median(rates))
  }
  rate('range of 10', RANGES, (from) => {
    let found = 0
    for (let i = from; i < from + RANGES; i++) for (const entry of store.store.entries({ gte: lookups.keys[i], limit: 10 })) found += entry.length
    return found
  })
  point(result, 'open, to the first get', store.name, 'ms', entries, medianOpen(store, lookups.keys[0]))
  const random = new Random(37)
  const fresh = Array.from({ length: PIECES * (PUTS + COMMITS) }, () => random.fill(Buffer.alloc(KEY_SIZE)) as Buffer)
  rate('put of a new key, in one transaction', PUTS, (from) => {
    store.store.transaction((tx) => {
      for (let i = from; i < from + PUTS; i++) tx.put(fresh[i], VALUE)
    })
    return 0
  })
  rate('durable commit of one put', COMMITS, (from) => {
    for (let i = PIECES * PUTS + from; i < PIECES * PUTS + from + COMMITS; i++) store.store.put(fresh[i], VALUE)
    return 0
  })
}

function medianOpen(store: Coppice<Buffer>, key: Buffer): number {
  const times: number[] = []
  for (let i = 0; i < OPENS; i++) {
    store.close()
    times.push(timed(1, () => store.store.get(key)?.length ?? 0).seconds * 1000)
  }
  return median(times)
}

function point(result: Result, work: string, store: string, unit: string, entries: number, value: number): void {
  let curve = result.curves.find((known: Curve) => known.work === work && known.store === store)
  if (curve === undefined) result.curves.push((curve = { work, store, unit, points: [] }))
  curve.points.push([entries, value])
}

/** Keys in ascending order, spread over the whole space: their first four bytes say where they stand, the rest is random. */
function ascendingKeys(entries: number): Buffer {
  const keys = new Random(29).fill(Buffer.alloc(entries * KEY_SIZE)) as Buffer
  for (let i = 0; i < entries; i++) keys.writeUInt32BE(Math.floor((i / entries) * 2 ** 32), i * KEY_SIZE)
  return keys
}

function keyAt(keys: Buffer, i: number): Buffer {
  return keys.subarray(i * KEY_SIZE, (i + 1) * KEY_SIZE)
}

function layOut(keys: Buffer[]): Buffer[] {
  const bytes = Buffer.concat(keys)
  return keys.map((_, i) => keyAt(bytes, i))
}

function* pairs(keys: Buffer, entries: number): Generator<readonly [Buffer, Buffer]> {
  for (let i = 0; i < entries; i++) yield [keyAt(keys, i), VALUE]
}

async function loadC(path: string, folder: string, keys: Buffer, lookups: Batch): Promise<LmdbC> {
  const entries = keys.length / KEY_SIZE
  writeFileSync(join(folder, 'pool'), VALUE)
  writeFileSync(join(folder, 'ascending.keys'), keys)
  writeFileSync(join(folder, 'ascending.values'), new Uint32Array(entries))
  writeFileSync(join(folder, 'lookups.keys'), Buffer.concat(lookups.keys))
  const store = new LmdbC(path, folder, VALUE.length, 'sync', 64 + Math.ceil((entries * 400) / 2 ** 20))
  await store.fresh()
  await store.append({ name: 'ascending', keys: [], values: [] })
  return store
}
