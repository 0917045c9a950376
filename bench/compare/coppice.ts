import { rmSync, statSync } from 'node:fs'
import type { Database } from '../../src/index.js'
import { open } from '../../src/index.js'
import type { Batch, Durability, Key, Peer, Sample } from './peer.js'
import { consume, timed, timedAsync } from './peer.js'

/** coppice, as its users have it: the public API and default options, checksums and first-touch verification included. */
export class Coppice<K extends Key> implements Peer<K> {
  readonly name = 'coppice'
  readonly settings: string
  readonly path: string
  private readonly durability: Durability
  private readonly keyEncoding: 'binary' | 'utf8'
  private db: Database<K, Uint8Array> | undefined

  constructor(path: string, keyEncoding: 'binary' | 'utf8', durability: Durability = 'sync') {
    this.path = path
    this.durability = durability
    this.keyEncoding = keyEncoding
    this.settings = `keyEncoding ${keyEncoding}, durability ${durability}, all else as it comes`
  }

  get store(): Database<K, Uint8Array> {
    this.db ??= open(this.path, { keyEncoding: this.keyEncoding, durability: this.durability }) as unknown as Database<K, Uint8Array>
    return this.db
  }

  fresh(): void {
    this.close()
    rmSync(this.path, { force: true })
    this.store.count()
  }

  load({ keys, values }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      db.transaction((tx) => {
        for (let i = 0; i < keys.length; i++) tx.put(keys[i], values[i])
      })
      return keys.length
    })
  }

  /** Sorted entries, by `load`. */
  bulkLoad({ keys, values }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => db.load(pairs(keys, values)))
  }

  get({ keys }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = db.get(keys[i])
        if (value !== undefined) sum += consume(value)
      }
      return sum
    })
  }

  view({ keys }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) sum += db.view(keys[i], consume) ?? 0
      return sum
    })
  }

  scan(): Sample {
    const db = this.store
    return timed(db.count(), () => {
      let sum = 0
      for (const [, value] of db.entries()) sum += consume(value)
      return sum
    })
  }

  scanCursor(): Sample {
    const db = this.store
    return timed(db.count(), () => {
      let sum = 0
      const cursor = db.cursor()
      for (let more = cursor.first(); more; more = cursor.next()) sum += cursor.view(ends) ?? 0
      cursor.close()
      return sum
    })
  }

  ranges({ keys }: Batch<K>): Sample {
    const db = this.store
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        for (const [, value] of db.prefix(keys[i])) sum += consume(value)
      }
      return sum
    })
  }

  commits({ keys, values }: Batch<K>, from: number, count: number, puts: number): Sample {
    const db = this.store
    return timed(count, () => {
      let i = from
      for (let commit = 0; commit < count; commit++) {
        db.transaction((tx) => {
          for (let end = i + puts; i < end; i++) tx.put(keys[i % keys.length], values[i % keys.length])
        })
      }
      return count
    })
  }

  /** `loops` loops at once, each of which waits for its own puts. */
  concurrent({ keys, values }: Batch<K>, from: number, count: number, loops: number): Promise<Sample> {
    const db = this.store
    return timedAsync(count, async () => {
      let next = from
      const loop = async () => {
        while (next < from + count) {
          const i = next++ % keys.length
          await db.putAsync(keys[i], values[i])
        }
      }
      await Promise.all(Array.from({ length: loops }, loop))
      return count
    })
  }

  bytesOnDisk(): number {
    return statSync(this.path).size
  }

  close(): void {
    this.db?.close()
    this.db = undefined
  }
}

/** What `consume` answers of the value bytes[start..end). */
function ends(bytes: Uint8Array, start: number, end: number): number {
  return end === start ? 0 : bytes[start] + bytes[end - 1]
}

function* pairs<K>(keys: readonly K[], values: readonly Buffer[]): Generator<readonly [K, Buffer]> {
  for (let i = 0; i < keys.length; i++) yield [keys[i], values[i]]
}
