/**
 * coppice/level and classic-level behind one class, so that both do their work through the very same calls and options of
 * abstract-level.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CoppiceLevel } from '../../src/adapters/level.js'
import type { Durability, Key, Sample } from './peer.js'
import { timed, timedAsync } from './peer.js'
import { requirePeer } from './require.js'

/** Entries in the order in which they are worked on; keys and values are both buffers or both strings. */
export interface LevelEntries<T extends Key> {
  readonly keys: readonly T[]
  readonly values: readonly T[]
}

interface Operation<T> {
  type: 'put'
  key: T
  value: T
}

interface Entries<T> extends AsyncIterable<[key: T, value: T]> {
  all(): Promise<[key: T, value: T][]>
  nextv(size: number): Promise<[key: T, value: T][]>
  close(): Promise<void>
}

/** What is used of abstract-level. */
interface Level<T> {
  open(): Promise<void>
  close(): Promise<void>
  get(key: T): Promise<T | undefined>
  getSync(key: T): T | undefined
  getMany(keys: T[]): Promise<(T | undefined)[]>
  put(key: T, value: T, options: { sync: boolean }): Promise<void>
  batch(operations: Operation<T>[], options: { sync: boolean }): Promise<void>
  iterator(options: { gte?: T; limit?: number; highWaterMarkBytes?: number }): Entries<T>
  /** classic-level's own. */
  compactRange?(from: T, to: T): Promise<void>
}

type ClassicLevelClass = new <T>(path: string, options: object) => Level<T>

const LOADED_AT_ONCE = 10_000
/** So many bytes classic-level reads ahead at most: 1,000 entries, as many as it keeps of them. */
const SCAN = { highWaterMarkBytes: 2 ** 20 }
const CLASSIC_OPTIONS = { compression: false, cacheSize: 256 * 2 ** 20, writeBufferSize: 64 * 2 ** 20 }

export class LevelStore<T extends Key> {
  readonly name: string
  private readonly path: string
  private readonly make: (durability: Durability) => Level<T>
  private readonly ends: (value: T) => number
  private db: Level<T> | undefined
  private writing = { sync: true }

  constructor(name: string, path: string, ends: (value: T) => number, make: (durability: Durability) => Level<T>) {
    this.name = name
    this.path = path
    this.ends = ends
    this.make = make
  }

  private get level(): Level<T> {
    if (this.db === undefined) throw new Error('open comes first')
    return this.db
  }

  /** Opens what is there, with another durability than before. */
  async open(durability: Durability): Promise<void> {
    await this.close()
    this.writing = { sync: durability === 'sync' }
    this.db = this.make(durability)
    await this.db.open()
  }

  /** Puts every entry into an empty store, and brings them to where they are read fastest. */
  async load({ keys, values }: LevelEntries<T>, first: T, last: T): Promise<void> {
    await this.close()
    rmSync(this.path, { recursive: true, force: true })
    await this.open('sync')
    for (let i = 0; i < keys.length; i += LOADED_AT_ONCE) await this.level.batch(puts(keys, values, i, Math.min(keys.length, i + LOADED_AT_ONCE)), this.writing)
    await this.level.compactRange?.(first, last)
  }

  get(keys: readonly T[]): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(keys.length, async () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = await level.get(keys[i])
        if (value !== undefined) sum += ends(value)
      }
      return sum
    })
  }

  getSync(keys: readonly T[]): Sample {
    const { level, ends } = this
    return timed(keys.length, () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        const value = level.getSync(keys[i])
        if (value !== undefined) sum += ends(value)
      }
      return sum
    })
  }

  getMany(keys: readonly T[], size: number): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(keys.length, async () => {
      let sum = 0
      for (let i = 0; i < keys.length; i += size) {
        for (const value of await level.getMany(keys.slice(i, i + size))) if (value !== undefined) sum += ends(value)
      }
      return sum
    })
  }

  iterate(entries: number): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(entries, async () => {
      let sum = 0
      for await (const [, value] of level.iterator(SCAN)) sum += ends(value)
      return sum
    })
  }

  all(entries: number): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(entries, async () => {
      let sum = 0
      for (const [, value] of await level.iterator(SCAN).all()) sum += ends(value)
      return sum
    })
  }

  nextv(entries: number, size: number): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(entries, async () => {
      let sum = 0
      const iterator = level.iterator(SCAN)
      for (;;) {
        const items = await iterator.nextv(size)
        if (items.length === 0) break
        for (const [, value] of items) sum += ends(value)
      }
      await iterator.close()
      return sum
    })
  }

  ranges(keys: readonly T[], limit: number): Promise<Sample> {
    const { level, ends } = this
    return timedAsync(keys.length, async () => {
      let sum = 0
      for (let i = 0; i < keys.length; i++) {
        for (const [, value] of await level.iterator({ gte: keys[i], limit }).all()) sum += ends(value)
      }
      return sum
    })
  }

  /** `loops` loops at once, each of which waits for its own puts. */
  puts({ keys, values }: LevelEntries<T>, from: number, count: number, loops: number): Promise<Sample> {
    const { level, writing } = this
    return timedAsync(count, async () => {
      let next = from
      const loop = async (): Promise<void> => {
        while (next < from + count) {
          const i = next++ % keys.length
          await level.put(keys[i], values[i], writing)
        }
      }
      await Promise.all(Array.from({ length: loops }, loop))
      return count
    })
  }

  batches({ keys, values }: LevelEntries<T>, from: number, count: number, size: number): Promise<Sample> {
    const { level, writing } = this
    return timedAsync(count, async () => {
      for (let i = from; i < from + count * size; i += size) await level.batch(puts(keys, values, i, i + size), writing)
      return count
    })
  }

  /** Puts an entry so that it, and all before it, are on the disk: no sync is left to run in the next one's turn. */
  async settle({ keys, values }: LevelEntries<T>): Promise<void> {
    await this.level.put(keys[0], values[0], { sync: true })
  }

  async close(): Promise<void> {
    const { db } = this
    this.db = undefined
    await db?.close()
  }
}

function puts<T extends Key>(keys: readonly T[], values: readonly T[], from: number, to: number): Operation<T>[] {
  const operations: Operation<T>[] = []
  for (let i = from; i < to; i++) operations.push({ type: 'put', key: keys[i % keys.length], value: values[i % keys.length] })
  return operations
}

export type LevelPair<T extends Key> = readonly [mine: LevelStore<T>, theirs: LevelStore<T>]

/** Both stores, with keys and values of this encoding; `ends` is how a value is used up. */
export function levelPair<T extends Key>(folder: string, encoding: 'buffer' | 'utf8', ends: (value: T) => number): LevelPair<T> {
  const { ClassicLevel } = requirePeer('classic-level') as { ClassicLevel: ClassicLevelClass }
  const encodings = { keyEncoding: encoding, valueEncoding: encoding }
  const [mine, theirs] = [join(folder, `coppice-level-${encoding}`), join(folder, `classic-level-${encoding}`)]
  return [
    new LevelStore('coppice/level', mine, ends, (durability) => new CoppiceLevel<T, T>(mine, { ...encodings, durability })),
    new LevelStore('classic-level', theirs, ends, () => new ClassicLevel<T>(theirs, { ...encodings, ...CLASSIC_OPTIONS })),
  ]
}

/** What both print of themselves. */
export const LEVEL_SETTINGS = {
  'coppice/level': "encodings buffer, and utf8 where it says so; sync true with durability 'sync', and 'lazy' where it says without sync, all else as it comes",
  'classic-level': 'the same encodings, and sync true, and false where it says without sync; compression off, cacheSize 256 MiB, writeBufferSize 64 MiB, compactRange before the reads, highWaterMarkBytes 1 MiB for scans',
}
