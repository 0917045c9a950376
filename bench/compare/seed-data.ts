import { Random } from '../random.js'
import { Coppice } from './coppice.js'
import { LmdbJs } from './lmdb-js.js'
import type { Batch, Durability } from './peer.js'
import { shuffle } from './workload.js'

const KEY = 33
const VALUE = 750
const POOL = 8192

export const SEED_A_RECORD = KEY + VALUE

/** Records of 33 random bytes -> 750 random bytes, as inserted and in another random order. Values come from a pool of 8,192. */
export function seedA(records: number): { inserts: Batch; lookups: Batch } {
  const random = new Random(21)
  const pool = Array.from({ length: POOL }, () => (random.fill(Buffer.alloc(VALUE + 2)) as Buffer).subarray(0, VALUE))
  const bytes = random.fill(Buffer.alloc(Math.ceil((records * KEY) / 4) * 4)) as Buffer
  const order = shuffle(Uint32Array.from({ length: records }, (_, i) => i), random)
  const keyAt = (i: number) => bytes.subarray(i * KEY, (i + 1) * KEY)
  return {
    inserts: { name: 'inserts', keys: Array.from({ length: records }, (_, i) => keyAt(i)), values: Array.from({ length: records }, (_, i) => pool[i % POOL]) },
    lookups: { name: 'lookups', keys: Array.from(order, keyAt), values: [] },
  }
}

export function seedStore(kind: string, path: string, records: number, durability: Durability = 'sync'): Coppice<Buffer> | LmdbJs<Buffer> {
  if (kind === 'coppice') return new Coppice<Buffer>(path, 'binary', durability)
  return new LmdbJs<Buffer>(path, 'binary', durability, Math.max(2 ** 28, records * 2048))
}
