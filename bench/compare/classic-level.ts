import { rmSync } from 'node:fs'
import type { Batch, Durability, Peer, Sample } from './peer.js'
import { consume, timed, timedAsync } from './peer.js'
import { requirePeer } from './require.js'

interface Operation {
  type: 'put'
  key: Buffer
  value: Buffer
}

interface Level {
  open(): Promise<void>
  close(): Promise<void>
  getSync(key: Buffer): Buffer | undefined
  batch(operations: Operation[], options: { sync: boolean }): Promise<void>
  compactRange(from: Buffer, to: Buffer): Promise<void>
  values(): { nextv(size: number): Promise<Buffer[]>; close(): Promise<void> }
}

type LevelClass = new (path: string, options: object) => Level

const CACHE = 256 * 2 ** 20
const WRITE_BUFFER = 64 * 2 ** 20

/** classic-level (LevelDB). A transaction is one batch. */
export class ClassicLevel implements Peer {
  readonly name = 'classic-level'
  readonly settings: string
  private readonly path: string
  private readonly sync: boolean
  private db: Level | undefined

  constructor(path: string, durability: Durability = 'sync') {
    this.path = path
    this.sync = durability === 'sync'
    this.settings = `encodings buffer, compression off, cacheSize 256 MiB, writeBufferSize 64 MiB, sync ${String(this.sync)}`
  }

  private get store(): Level {
    if (this.db === undefined) throw new Error('fresh comes first')
    return this.db
  }

  async fresh(): Promise<void> {
    await this.close()
    rmSync(this.path, { recursive: true, force: true })
    const { ClassicLevel: Class } = requirePeer('classic-level') as { ClassicLevel: LevelClass }
    this.db = new Class(this.path, { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false, cacheSize: CACHE, writeBufferSize: WRITE_BUFFER })
    await this.db.open()
  }

  load({ keys, values }: Batch): Promise<Sample> {
    const db = this.store
    return timedAsync(keys.length, async () => {
      await db.batch(keys.map((key, i) => ({ type: 'put', key, value: values[i] })), { sync: this.sync })
      return keys.length
    })
  }

  /** Brings the entries into the tables in which they are read fastest. */
  async settle(): Promise<void> {
    await this.store.compactRange(Buffer.alloc(1), Buffer.alloc(64, 0xff))
  }

  get({ keys }: Batch): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = db.getSync(keys[i])
        if (value !== undefined) sum += consume(value)
      }
      return sum
    })
  }

  scan(entries: number): Promise<Sample> {
    const db = this.store
    return timedAsync(entries, async () => {
      let sum = 0
      const iterator = db.values()
      for (;;) {
        const values = await iterator.nextv(1000)
        if (values.length === 0) break
        for (const value of values) sum += consume(value)
      }
      await iterator.close()
      return sum
    })
  }

  commits({ keys, values }: Batch, from: number, count: number, puts: number): Promise<Sample> {
    const db = this.store
    return timedAsync(count, async () => {
      let i = from
      for (let commit = 0; commit < count; commit++) {
        const operations: Operation[] = []
        for (let end = i + puts; i < end; i++) operations.push({ type: 'put', key: keys[i % keys.length], value: values[i % keys.length] })
        await db.batch(operations, { sync: this.sync })
      }
      return count
    })
  }

  async close(): Promise<void> {
    const { db } = this
    this.db = undefined
    await db?.close()
  }
}
