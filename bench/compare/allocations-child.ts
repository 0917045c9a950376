import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import type { HeapBytes } from './allocations.js'
import { Coppice } from './coppice.js'
import { consume } from './peer.js'
import { bytesWorkload } from './workload.js'

const TIMES = 50_000

let collections = 0
new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ['gc'] })

const { random, lookups } = bytesWorkload(TIMES)
const coppice = new Coppice<Buffer>(process.argv[2], 'binary')
coppice.fresh()
coppice.load(random)
const db = coppice.store
let sum = 0

/** Keeps what it is given reachable, so that no allocation is optimised away. */
const held: { buffer: Buffer | undefined } = { buffer: undefined }

const works = {
  buffer: (_key: Buffer) => {
    held.buffer = Buffer.allocUnsafe(128)
  },
  get: (key: Buffer) => {
    held.buffer = db.get(key) as Buffer
  },
  view: (key: Buffer) => {
    sum += db.view(key, consume) ?? 0
  },
}

function run(work: (key: Buffer) => void): void {
  for (let i = 0; i < TIMES; i++) work(lookups.keys[i])
}

const result: HeapBytes = { buffer: 0, get: 0, view: 0, collections: 0 }
for (const name of ['buffer', 'get', 'view'] as const) {
  // Long enough that the optimising compiler has had its turn with all of it.
  for (let i = 0; i < 20; i++) run(works[name])
  await setTimeout(50)
  run(works[name])
  globalThis.gc?.()
  await setTimeout(50)
  collections = 0
  const before = getHeapStatistics().used_heap_size
  run(works[name])
  const after = getHeapStatistics().used_heap_size
  await setTimeout(50)
  result[name] = (after - before) / TIMES
  result.collections += collections
}
coppice.close()
if (sum < 0) throw new Error('no values')
console.log(JSON.stringify(result))
