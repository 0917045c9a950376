import { rmSync, statSync } from 'node:fs'
import type { Batch, Durability, Key, Peer, Sample } from './peer.js'
import { consume, timed, timedAsync } from './peer.js'
import { requirePeer } from './require.js'

interface Lmdb<K> {
  get(key: K): Buffer | undefined
  getBinary(key: K): Buffer | undefined
  getBinaryFast(key: K): Buffer | undefined
  put(key: K, value: Buffer): Promise<boolean>
  putSync(key: K, value: Buffer, options?: { append?: boolean }): void
  transactionSync(work: () => void): void
  getRange(range?: { start?: K; end?: K }): Iterable<{ key: K; value: Buffer }>
  getCount(): number
  backup(path: string, compact: boolean): Promise<void>
  close(): Promise<void>
  /** Bytes of the value that getBinaryFast found; the buffer it answers may be longer. */
  lastSize: number
}

/**
 * lmdb-js (LMDB in Node). Values are stored as they are; transactions are `transactionSync` with `putSync`,
 * its fastest for work that waits for its commit.
 */
export class LmdbJs<K extends Key> implements Peer<K> {
  readonly name = 'lmdb-js'
  readonly settings: string
  readonly path: string
  private readonly options: Record<string, unknown>
  private db: Lmdb<K> | undefined

  constructor(path: string, keyEncoding: 'binary' | 'utf8', durability: Durability = 'sync', mapSize = 2 ** 31) {
    this.path = path
    this.options = {
      encoding: 'binary',
      keyEncoding: keyEncoding === 'binary' ? 'binary' : 'ordered-binary',
      compression: false,
      cache: false,
      useVersions: false,
      noMemInit: true,
      overlappingSync: durability === 'sync',
      noSync: durability === 'lazy',
      mapSize,
    }
    this.settings = Object.entries(this.options).map(([name, value]) => `${name} ${String(value)}`).join(', ')
  }

  get store(): Lmdb<K> {
    this.db ??= (requirePeer('lmdb') as { open(options: object): Lmdb<K> }).open({ path: this.path, noSubdir: true, ...this.options })
    return this.db
  }

  async fresh(): Promise<void> {
    await this.close()
    for (const path of [this.path, `${this.path}-lock`]) rmSync(path, { force: true })
    this.store.getCount()
  }

  load(batch: Batch<K>): Sample {
    return this.put(batch, {})
  }

  /** For sorted entries: LMDB looks for no place then. */
  append(batch: Batch<K>): Sample {
    return this.put(batch, { append: true })
  }

  private put({ keys, values }: Batch<K>, options: { append?: boolean }): Sample {
    const db = this.store
    return timed(keys.length, () => {
      db.transactionSync(() => {
        for (let i = 0; i < keys.length; i++) db.putSync(keys[i], values[i], options)
      })
      return keys.length
    })
  }

  get({ keys }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = db.getBinary(keys[i])
        if (value !== undefined) sum += consume(value)
      }
      return sum
    })
  }

  getFast({ keys }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = db.getBinaryFast(keys[i])
        if (value !== undefined) sum += value[0] + value[db.lastSize - 1]
      }
      return sum
    })
  }

  scan(): Sample {
    const db = this.store
    return timed(db.getCount(), () => {
      let sum = 0
      for (const { value } of db.getRange()) sum += consume(value)
      return sum
    })
  }

  /** The ends of the ranges are made beforehand. */
  ranges({ keys }: Batch<K>, ends: readonly K[]): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        for (const { value } of db.getRange({ start: keys[i], end: ends[i] })) sum += consume(value)
      }
      return sum
    })
  }

  commits({ keys, values }: Batch<K>, from: number, count: number, puts: number): Sample {
    const db = this.store
    return timed(count, () => {
      let i = from
      for (let commit = 0; commit < count; commit++) {
        db.transactionSync(() => {
          for (let end = i + puts; i < end; i++) db.putSync(keys[i % keys.length], values[i % keys.length])
        })
      }
      return count
    })
  }

  /** `put` resolves when the write is on the disk; those that wait together share a commit. */
  concurrent({ keys, values }: Batch<K>, from: number, count: number, loops: number): Promise<Sample> {
    const db = this.store
    return timedAsync(count, async () => {
      let next = from
      const loop = async () => {
        while (next < from + count) {
          const i = next++ % keys.length
          await db.put(keys[i], values[i])
        }
      }
      await Promise.all(Array.from({ length: loops }, loop))
      return count
    })
  }

  bytesOnDisk(): number {
    return statSync(this.path).size
  }

  async close(): Promise<void> {
    const { db } = this
    this.db = undefined
    await db?.close()
  }
}
