/** The workloads of the projects that coppice grew from, with the figures that they published beside ours. */
import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Coppice } from './coppice.js'
import { LmdbJs } from './lmdb-js.js'
import type { Batch } from './peer.js'
import { timed, timedAsync } from './peer.js'
import type { Context, Result } from './section.js'
import { figure } from './section.js'
import { SEED_A_RECORD, seedA as recordsOfA, seedStore } from './seed-data.js'
import { stringsWorkload } from './workload.js'
import { Random } from '../random.js'

const PUBLISHED_A = 'published: LevelDB 164.45 / 86.87 / 60.09; Badger 13.81 / 35.14 / 1.32; ForestDB 18.95 / 17.21 / 2.78; kv_log 6.98 / 11.20 / 1.70; LMDB 29.32 / 4.88 / 249.68'
const PUBLISHED_A_BYTES = 'published: kv_log 1899.50 MB, LMDB 2352 MB'
const PUBLISHED_B = 'published: 0.406 / 6.185 / 1.810 / 2.243 s'

/** 33 random bytes -> 750 random bytes: 2,000,000 in one transaction, read back in random order, fresh and cold; 20,000 transactions of 10. */
export async function seedA({ folder, scale }: Context, result: Result): Promise<void> {
  const records = Math.round(2_000_000 * scale)
  const { inserts, lookups } = recordsOfA(records)
  const transactions = Math.round(20_000 * scale)
  for (const kind of ['coppice', 'lmdb-js'] as const) {
    const path = join(folder, kind)
    const store = seedStore(kind, path, records)
    result.settings[kind] = store.settings
    await store.fresh()
    const load = store.load(inserts)
    const fresh = store.get(lookups)
    await store.close()
    const bytes = statSync(path).blocks * 512
    const cold = await readCold(kind, path, records)
    const times: string[] = []
    for (const durability of ['sync', 'lazy'] as const) {
      const small = seedStore(kind, `${path}-small`, records, durability)
      await small.fresh()
      times.push(`${figure(small.commits(inserts, 0, transactions, 10).seconds)} s ${durability === 'sync' ? 'durable' : 'not synced'}`)
      await small.close()
    }
    if (fresh.checksum !== cold.checksum) throw new Error(`${kind} reads something else in a new process`)
    const data = records * SEED_A_RECORD
    result.facts.push(
      {
        what: `(a) ${kind}: ${records.toLocaleString('en')} records of 33 -> 750 bytes in one transaction / all read in random order / ${transactions.toLocaleString('en')} transactions of 10 into an empty store`,
        measured: `${figure(load.seconds)} s / ${figure(fresh.seconds)} s fresh, ${figure(cold.seconds)} s cold (${cold.how}) / ${times.join(', ')}`,
        beside: PUBLISHED_A,
      },
      {
        what: `(a) ${kind}: bytes on disk against raw data`,
        measured: `${figure(bytes / data)}x (${figure(bytes / 1e6)} MB for ${figure(data / 1e6)} MB)`,
        beside: PUBLISHED_A_BYTES,
        ...(kind === 'coppice' ? { goal: 'at most 1.3x', holds: bytes / data <= 1.3 } : {}),
      },
    )
    for (const end of ['', '-lock', '-small', '-small-lock']) rmSync(path + end, { force: true })
  }
}

/** Reads everything in a new process, after asking the system to let go of the file's pages. */
async function readCold(kind: string, path: string, records: number): Promise<{ seconds: number; checksum: number; how: string }> {
  // Pages that are mapped stay in the page cache, and a map of coppice's is gone once it has been collected.
  globalThis.gc?.()
  await setTimeout(100)
  spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'])
  const resident = spawnSync('fincore', ['-b', '-n', '-r', '-o', 'RES', path], { encoding: 'utf8' })
  const left = resident.status === 0 ? Number(resident.stdout.trim()) / statSync(path).size : undefined
  const how = left === undefined ? 'new process; what the page cache held is unknown' : `new process, ${(left * 100).toFixed(0)} % of the file in the page cache`
  const script = fileURLToPath(new URL('seed-reader.js', import.meta.url))
  const reader = spawnSync(process.execPath, [script, kind, path, String(records)], { encoding: 'utf8' })
  if (reader.status !== 0) throw new Error(`the cold reader failed: ${reader.stderr}`)
  const { seconds, checksum } = JSON.parse(reader.stdout) as { seconds: number; checksum: number }
  return { seconds, checksum, how }
}

/** Puts of `key_%d` -> 128 bytes, uniform random gets, compaction, the gets again. */
export async function seedB({ folder, scale }: Context, result: Result): Promise<void> {
  const entries = Math.round(1_000_000 * scale)
  const { ascending, random } = stringsWorkload(entries)
  const inserts = inOrderOfNumbers(ascending)
  const draw = new Random(11)
  const keys = Array.from({ length: entries / 4 }, () => random.keys[draw.below(entries)])
  const gets: Batch<string> = { name: 'gets', keys, values: [] }
  const report = (store: string, seconds: number[]): void => {
    result.facts.push({
      what: `(b) ${store}: ${entries.toLocaleString('en')} puts of key_%d -> 128 bytes in one transaction / ${keys.length.toLocaleString('en')} random gets / compaction / the gets again`,
      measured: `${seconds.map(figure).join(' / ')} s`,
      beside: PUBLISHED_B,
    })
  }

  const coppice = new Coppice<string>(join(folder, 'coppice'), 'utf8')
  const small = new Coppice<string>(join(folder, 'coppice-small'), 'utf8')
  coppice.fresh()
  const times = [coppice.load(inserts), coppice.get(gets), timed(1, () => {
    coppice.store.compactTo(small.path)
    return 0
  }), small.get(gets)]
  report('coppice', times.map(({ seconds }) => seconds))
  coppice.close()
  small.close()

  const lmdb = new LmdbJs<string>(join(folder, 'lmdb-js'), 'utf8')
  const copy = new LmdbJs<string>(join(folder, 'lmdb-js-small'), 'utf8')
  await lmdb.fresh()
  const others = [lmdb.load(inserts), lmdb.get(gets), await timedAsync(1, async () => {
    await lmdb.store.backup(copy.path, true)
    return 0
  }), copy.get(gets)]
  report('lmdb-js', others.map(({ seconds }) => seconds))
  if (times[1].checksum !== others[1].checksum || times[3].checksum !== others[3].checksum) throw new Error('lmdb-js reads something else than coppice')
  await lmdb.close()
  await copy.close()
}

/** key_0, key_1, key_2, ..., as the workload puts them. */
function inOrderOfNumbers({ name, keys, values }: Batch<string>): Batch<string> {
  const order = keys.map((key, i) => [Number(key.slice('key_'.length)), i]).sort(([a], [b]) => a - b)
  return { name, keys: order.map(([, i]) => keys[i]), values: order.map(([, i]) => values[i]) }
}
