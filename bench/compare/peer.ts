/** What every store of the comparison is to the benchmark. */
export type Awaitable<T> = T | Promise<T>

export type Key = Buffer | string

/** What one round of one store took; the checksum is made of what was read, so that nothing is left undone. */
export interface Sample {
  operations: number
  seconds: number
  checksum: number
}

/** Entries in the order in which they are worked on; `name` is the files that the C program finds them in. */
export interface Batch<K extends Key = Buffer> {
  readonly name: string
  readonly keys: readonly K[]
  readonly values: readonly Buffer[]
}

/** `sync`: a commit that returned is on the disk. `lazy`: it survives the process, and the disk comes later. */
export type Durability = 'sync' | 'lazy'

/** A store behind the works that all of them can do; what only some can do, their classes have besides. */
export interface Peer<K extends Key = Buffer> {
  readonly name: string
  readonly settings: string
  /** An empty store in place of the one before. */
  fresh(): Awaitable<void>
  /** Puts every entry, in one transaction. */
  load(batch: Batch<K>): Awaitable<Sample>
  /** Gets every key, each value as bytes of its own. */
  get(batch: Batch<K>): Awaitable<Sample>
  /** Commits `count` transactions of `puts` puts each, one after the other, from the entry `from` on. */
  commits(batch: Batch<K>, from: number, count: number, puts: number): Awaitable<Sample>
  close(): Awaitable<void>
}

/** Runs `work`, which answers its checksum. */
export function timed(operations: number, work: () => number): Sample {
  const started = performance.now()
  const checksum = work()
  return { operations, seconds: (performance.now() - started) / 1000, checksum }
}

export async function timedAsync(operations: number, work: () => Promise<number>): Promise<Sample> {
  const started = performance.now()
  const checksum = await work()
  return { operations, seconds: (performance.now() - started) / 1000, checksum }
}

/** How every store's loops use up a value: its first and its last byte. */
export function consume(value: Uint8Array): number {
  return value.length === 0 ? 0 : value[0] + value[value.length - 1]
}
