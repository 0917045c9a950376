import { rmSync } from 'node:fs'
import type { Batch, Durability, Peer, Sample } from './peer.js'
import { consume, timed } from './peer.js'
import { requirePeer } from './require.js'

interface Statement {
  get(...parameters: unknown[]): Buffer | undefined
  run(...parameters: unknown[]): unknown
  iterate(): Iterable<Buffer>
  pluck(): Statement
}

interface Sqlite {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): Statement
  close(): void
}

const PRAGMAS = ['journal_mode = WAL', 'mmap_size = 2147483648', 'cache_size = -262144', 'temp_store = MEMORY', 'locking_mode = EXCLUSIVE']

/** SQLite by better-sqlite3: a table without row ids, prepared statements. */
export class SqliteStore implements Peer {
  readonly name = 'better-sqlite3'
  readonly settings: string
  private readonly path: string
  private readonly pragmas: string[]
  private db: Sqlite | undefined
  private statements: { put: Statement; get: Statement; scan: Statement; begin: Statement; commit: Statement } | undefined

  constructor(path: string, durability: Durability = 'sync') {
    this.path = path
    this.pragmas = [...PRAGMAS, `synchronous = ${durability === 'sync' ? 'FULL' : 'OFF'}`]
    this.settings = `${this.pragmas.join(', ')}; key BLOB PRIMARY KEY, WITHOUT ROWID; prepared statements`
  }

  fresh(): void {
    this.close()
    for (const end of ['', '-wal', '-shm']) rmSync(this.path + end, { force: true })
    const db = new (requirePeer('better-sqlite3') as new (path: string) => Sqlite)(this.path)
    for (const pragma of this.pragmas) db.pragma(pragma)
    db.exec('CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID')
    this.db = db
    this.statements = {
      put: db.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)'),
      get: db.prepare('SELECT value FROM kv WHERE key = ?').pluck(),
      scan: db.prepare('SELECT value FROM kv ORDER BY key').pluck(),
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
    }
  }

  private get prepared() {
    if (this.statements === undefined) throw new Error('fresh comes first')
    return this.statements
  }

  load({ keys, values }: Batch): Sample {
    const { put, begin, commit } = this.prepared
    return timed(keys.length, () => {
      begin.run()
      for (let i = 0; i < keys.length; i++) put.run(keys[i], values[i])
      commit.run()
      return keys.length
    })
  }

  get({ keys }: Batch): Sample {
    const { get } = this.prepared
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = get.get(keys[i])
        if (value !== undefined) sum += consume(value)
      }
      return sum
    })
  }

  scan(entries: number): Sample {
    const { scan } = this.prepared
    return timed(entries, () => {
      let sum = 0
      for (const value of scan.iterate()) sum += consume(value)
      return sum
    })
  }

  commits({ keys, values }: Batch, from: number, count: number, puts: number): Sample {
    const { put, begin, commit } = this.prepared
    return timed(count, () => {
      let i = from
      for (let number = 0; number < count; number++) {
        begin.run()
        for (let end = i + puts; i < end; i++) put.run(keys[i % keys.length], values[i % keys.length])
        commit.run()
      }
      return count
    })
  }

  close(): void {
    this.db?.close()
    this.db = undefined
    this.statements = undefined
  }
}
