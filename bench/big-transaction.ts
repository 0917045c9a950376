import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from '../src/index.js'
import type { Figure } from './index.js'
import { Random } from './random.js'

/** A transaction far larger than its pool: 2,000,000 records of 33 random bytes -> 750 random bytes. */
export function bigTransaction(folder: string, scale: number): Figure[] {
  const records = Math.round(2_000_000 * scale)
  const db = open(join(folder, 'big.coppice'), { keyEncoding: 'binary', poolSize: 64 * 2 ** 20 })
  const random = new Random(1)
  let peak = anonymousMemory()
  const started = performance.now()
  const tx = db.begin()
  const key = new Uint8Array(33)
  const value = new Uint8Array(750)
  for (let i = 0; i < records; i++) {
    tx.put(random.fill(key), random.fill(value))
    if (i % 5_000 === 0) peak = Math.max(peak, anonymousMemory())
  }
  tx.commit()
  peak = Math.max(peak, anonymousMemory())
  const seconds = (performance.now() - started) / 1000
  const count = db.count()
  const { leafFill } = db.stats().trees[0]
  const bytes = db.stats().usedBytes
  db.close()
  const mib = peak / 2 ** 20
  return [
    {
      what: `${records.toLocaleString('en')} records of 33 -> 750 bytes in one transaction, 64 MiB pool: peak anonymous memory`,
      goal: '< 256 MiB',
      measured: `${mib.toFixed(0)} MiB; ${seconds.toFixed(1)} s, ${(bytes / 1e6).toFixed(0)} MB, ${(bytes / (records * 783)).toFixed(2)} x the data, leaves ${(leafFill * 100).toFixed(0)} % full`,
      holds: mib < 256 && count === records,
    },
  ]
}

/** Bytes of memory of this process that stand for no file; 0 where the system does not tell. */
function anonymousMemory(): number {
  try {
    const line = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
    return line === null ? 0 : Number(line[1]) * 1024
  } catch {
    return process.memoryUsage().rss
  }
}
