import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../random.js'
import type { Batch, Key } from './peer.js'

export const KEY_SIZE = 16
export const PREFIX_SIZE = 12

/** Values are drawn from a pool: as many different ones as no cache line can stand for. */
const POOL = 8192

/** The data that every store works with: the same keys, values and orders in each run. */
export interface Workload<K extends Key = Buffer> {
  readonly valueSize: number
  readonly pool: readonly Buffer[]
  /** Every entry, in random order. */
  readonly random: Batch<K>
  /** The same entries in the order of their keys. */
  readonly ascending: Batch<K>
  /** The same keys in another random order, with new values. */
  readonly lookups: Batch<K>
  /** As many keys that are not there. */
  readonly missing: Batch<K>
}

/** Keys of 16 random bytes. */
export function bytesWorkload(entries: number, valueSize = 128, seed = 1): Workload {
  return workloadOf(entries, valueSize, seed, (random) => random.fill(Buffer.alloc(KEY_SIZE)) as Buffer, layOut)
}

/** Keys `key_0`, `key_1`, ...; the missing ones are those that follow. */
export function stringsWorkload(entries: number, valueSize = 128, seed = 2): Workload<string> {
  return workloadOf(entries, valueSize, seed, (_random, i): string => `key_${i}`, (keys) => keys.map((key) => Buffer.from(key).toString('latin1')))
}

/** Keys of a random prefix of 12 bytes and a number of 4: ten to each prefix. */
export function prefixWorkload(entries: number, seed = 3): Workload & { prefixes: Batch } {
  const prefix = Buffer.alloc(PREFIX_SIZE)
  const workload = workloadOf(entries, 128, seed, (random, i) => {
    if (i % 10 === 0) random.fill(prefix)
    const key = Buffer.alloc(KEY_SIZE)
    prefix.copy(key)
    key.writeUInt32BE(i % 10, PREFIX_SIZE)
    return key
  }, layOut)
  const first = workload.lookups.keys.filter((key) => key[KEY_SIZE - 1] === 0).map((key) => key.subarray(0, PREFIX_SIZE))
  return { ...workload, prefixes: { name: 'prefixes', keys: first, values: [] } }
}

function workloadOf<K extends Key>(
  entries: number, valueSize: number, seed: number, keyAt: (random: Random, i: number) => K, own: (keys: K[]) => K[],
): Workload<K> {
  const random = new Random(seed)
  const pool = Array.from({ length: POOL }, () => (random.fill(Buffer.alloc(Math.ceil(valueSize / 4) * 4)) as Buffer).subarray(0, valueSize))
  const keys: K[] = []
  for (let i = 0; i < entries * 2; i++) keys.push(keyAt(random, i))
  const numbers = Uint32Array.from({ length: entries }, (_, i) => i)
  const batch = (name: string, order: Uint32Array | number[], shift: number): Batch<K> => ({
    name,
    keys: own(Array.from(order, (i) => keys[i])),
    values: Array.from(order, (i) => pool[(i + shift) % POOL]),
  })
  const sorted = Array.from(numbers).sort((a, b) => compare(keys[a], keys[b]))
  return {
    valueSize,
    pool,
    ascending: batch('ascending', sorted, 0),
    random: batch('random', shuffle(numbers, random), 0),
    lookups: batch('lookups', shuffle(numbers, random), 1),
    missing: batch('missing', shuffle(numbers, random).map((i) => entries + i), 0),
  }
}

/** The keys one behind the other in one piece of memory, in the order of their use: as C has them too. */
function layOut(keys: Buffer[]): Buffer[] {
  const bytes = Buffer.concat(keys)
  return keys.map((_, i) => bytes.subarray(i * KEY_SIZE, (i + 1) * KEY_SIZE))
}

function compare(a: Key, b: Key): number {
  if (typeof a === 'string' || typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  return a.compare(b)
}

export function shuffle(numbers: Uint32Array, random: Random): Uint32Array {
  for (let i = numbers.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const other = numbers[j]
    numbers[j] = numbers[i]
    numbers[i] = other
  }
  return numbers
}

/** Writes what the C program reads. */
export function saveForC(workload: Workload, folder: string): void {
  const numberOf = new Map(workload.pool.map((value, i) => [value, i]))
  writeFileSync(join(folder, 'pool'), Buffer.concat(workload.pool))
  for (const { name, keys, values } of [workload.ascending, workload.random, workload.lookups, workload.missing]) {
    writeFileSync(join(folder, `${name}.keys`), Buffer.concat(keys))
    writeFileSync(join(folder, `${name}.values`), Uint32Array.from(values, (value) => numberOf.get(value) ?? 0))
  }
}
