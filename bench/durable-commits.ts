import { join } from 'node:path'
import { Core } from '../src/core.js'
import { Database } from '../src/database.js'
import { createFile } from '../src/file/create.js'
import { openFile } from '../src/file/disk.js'
import { native } from '../src/file/native.js'
import { resolveOptions } from '../src/options.js'
import { newDatabase } from '../src/pager/new-database.js'
import { Store } from '../src/pager/store.js'
import { CountingFile } from './counting-file.js'
import type { Figure } from './index.js'
import { Random } from './random.js'

const COMMITS = 1_000

/** What a durable transaction of one put writes, on a tree of a million entries: over an old key, and with a new one. */
export function durableCommits(folder: string, scale: number): Figure[] {
  const entries = Math.round(1_000_000 * scale)
  return [
    ...measure(join(folder, 'over.coppice'), entries, 128, 'over old keys, values of 128 bytes', false),
    ...measure(join(folder, 'new32.coppice'), entries, 32, 'new random keys, values of 32 bytes', true),
    ...measure(join(folder, 'new128.coppice'), entries, 128, 'new random keys, values of 128 bytes', true),
  ]
}

function measure(path: string, entries: number, valueSize: number, what: string, fresh: boolean): Figure[] {
  createFile(path, newDatabase())
  const file = new CountingFile(openFile(path, { readOnly: false, mapper: native()?.map, lock: true }))
  const settings = resolveOptions<Uint8Array, Uint8Array>({ keyEncoding: 'binary' })
  const db = new Database(new Core(new Store(file, settings.poolPages, settings.syncInterval), settings), settings)
  const random = new Random(7)
  const key = new Uint8Array(16)
  const value = new Uint8Array(valueSize)
  db.transaction((tx) => {
    for (let i = 0; i < entries; i++) tx.put(random.fill(key), value)
  })
  const { depth } = db.stats().trees[0]
  const keys = fresh ? random : new Random(7)
  file.reset()
  const started = performance.now()
  for (let i = 0; i < COMMITS; i++) db.put(keys.fill(key), value)
  const micros = ((performance.now() - started) * 1000) / COMMITS
  const syncs = file.syncs / COMMITS
  const further = file.bytesWritten / 4096 / COMMITS - depth - 1
  const writes = file.writes / COMMITS
  const count = db.count()
  db.close()
  if (count !== entries + (fresh ? COMMITS : 0)) throw new Error(`the tree has ${count} entries`)
  const name = `${COMMITS} durable one-put transactions on ${entries.toLocaleString('en')} entries (${what}, depth ${depth})`
  return [
    { what: `${name}: syncs each`, goal: '1', measured: syncs.toFixed(3), holds: syncs === 1 },
    {
      what: `${name}: pages each beyond path and meta`,
      goal: '<= 0.1',
      measured: `${further.toFixed(3)} (${writes.toFixed(2)} writes, ${micros.toFixed(0)} us a commit)`,
      holds: further <= 0.1,
    },
  ]
}
