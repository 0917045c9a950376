/**
 * Files for tests: one that counts the calls of another file and fails the chosen ones, and one that is a
 * simulated disk, of which a crash leaves what was synced and any part of what was not.
 */
import type { OpenOptions } from '../src/options.js'
import { resolveOptions } from '../src/options.js'
import { Core } from '../src/core.js'
import { Database } from '../src/database.js'
import { systemError } from '../src/file/disk.js'
import type { StoreFile } from '../src/file/file.js'
import { MemoryFile } from '../src/file/memory.js'
import { newDatabase, Store } from '../src/pager/store.js'

export type Call = 'read' | 'write' | 'sync' | 'syncAsync' | 'reserve' | 'size' | 'resize'

/** What is to happen to a call: nothing, or a system error after `bytes` of a write were written. */
export interface Fault {
  code: string
  /** Bytes of the failing write that reach the file all the same. */
  bytes?: number
}

export class FaultyFile implements StoreFile {
  readonly inner: StoreFile
  readonly calls: Record<Call, number> = { read: 0, write: 0, sync: 0, syncAsync: 0, reserve: 0, size: 0, resize: 0 }
  /** Asked before every call, with the number of calls of that kind before it. */
  fault: (call: Call, index: number) => Fault | undefined = () => undefined
  /** Called with every write that is about to be done. */
  onWrite: (sources: readonly Uint8Array[], position: number) => void = () => undefined
  /** What a background sync waits for before it syncs. */
  beforeSync: () => Promise<void> = () => Promise.resolve()
  /** What the file held when it was closed. */
  left: Uint8Array = new Uint8Array(0)
  private readonly mapped: boolean

  /** `mapped: false` hides the windows, so that pages are read with `read`. */
  constructor(inner: StoreFile, mapped = true) {
    this.inner = inner
    this.mapped = mapped
  }

  get path(): string {
    return this.inner.path
  }

  get readOnly(): boolean {
    return this.inner.readOnly
  }

  size(): number {
    this.pass('size')
    return this.inner.size()
  }

  reserve(bytes: number): void {
    this.pass('reserve')
    this.inner.reserve(bytes)
  }

  window(index: number): ArrayBuffer | undefined {
    return this.mapped ? this.inner.window(index) : undefined
  }

  read(target: Uint8Array, position: number): void {
    this.pass('read')
    this.inner.read(target, position)
  }

  write(sources: readonly Uint8Array[], position: number): void {
    this.onWrite(sources, position)
    const fault = this.fault('write', this.calls.write++)
    if (fault === undefined) {
      this.inner.write(sources, position)
      return
    }
    const all = Buffer.concat(sources)
    if (fault.bytes !== undefined) this.inner.write([all.subarray(0, Math.min(fault.bytes, all.length))], position)
    throw systemError(fault.code, 'made to fail')
  }

  sync(): void {
    this.pass('sync')
    this.inner.sync()
  }

  async syncAsync(): Promise<void> {
    const fault = this.fault('syncAsync', this.calls.syncAsync++)
    await this.beforeSync()
    if (fault !== undefined) throw systemError(fault.code, 'made to fail')
    await this.inner.syncAsync()
  }

  resize(bytes: number): void {
    this.pass('resize')
    this.inner.resize(bytes)
  }

  close(): void {
    if (this.left.length === 0) this.left = imageOf(this.inner)
    this.inner.close()
  }

  private pass(call: Call): void {
    const fault = this.fault(call, this.calls[call]++)
    if (fault !== undefined) throw systemError(fault.code, 'made to fail')
  }
}

interface Write {
  position: number
  bytes: Uint8Array
}

/** A disk in memory that knows what it would hold after a crash. */
export class CrashFile extends MemoryFile {
  private durable: Uint8Array
  /** Writes that no finished sync covers, oldest first. */
  unsynced: Write[] = []
  /** Resolves the background syncs under way, oldest first, in the order in which they began. */
  readonly running: (() => void)[] = []
  /** False keeps background syncs waiting until the test ends them through `running`. */
  automatic = true

  constructor(image: Uint8Array) {
    super()
    super.write([image], 0)
    this.durable = image.slice()
  }

  override write(sources: readonly Uint8Array[], position: number): void {
    super.write(sources, position)
    this.unsynced.push({ position, bytes: new Uint8Array(Buffer.concat(sources)) })
  }

  override sync(): void {
    this.settle(this.unsynced)
  }

  override async syncAsync(): Promise<void> {
    const covered = [...this.unsynced]
    if (!this.automatic) await new Promise<void>((resolve) => this.running.push(resolve))
    this.settle(covered)
  }

  private settle(covered: readonly Write[]): void {
    // A sync in between has settled some of them already, and later writes over the same bytes with them.
    this.durable = applied(this.durable, covered.filter((write) => this.unsynced.includes(write)))
    this.unsynced = this.unsynced.filter((write) => !covered.includes(write))
  }

  /** What a crash leaves of the disk when it keeps these of the unsynced writes. */
  afterCrash(keep: (index: number) => boolean): Uint8Array {
    return applied(this.durable, this.unsynced.filter((_, index) => keep(index)))
  }

  /** What a crash leaves of the disk when it keeps of every unsynced write the parts of 512 bytes for which `keep` answers true. */
  afterTornCrash(keep: () => boolean): Uint8Array {
    const parts = this.unsynced.flatMap(({ position, bytes }) =>
      Array.from({ length: Math.ceil(bytes.length / 512) }, (_, i) => ({ position: position + i * 512, bytes: bytes.subarray(i * 512, (i + 1) * 512) })),
    )
    return applied(this.durable, parts.filter(keep))
  }
}

function applied(image: Uint8Array, writes: readonly Write[]): Uint8Array {
  const length = writes.reduce((end, { position, bytes }) => Math.max(end, position + bytes.length), image.length)
  const result = new Uint8Array(length)
  result.set(image)
  for (const { position, bytes } of writes) result.set(bytes, position)
  return result
}

/** The bytes of a new, empty store. */
export function emptyImage(): Uint8Array {
  return new Uint8Array(Buffer.concat(newDatabase()))
}

/** A memory file that holds these bytes. */
export function fileOf(image: Uint8Array): MemoryFile {
  const file = new MemoryFile()
  file.write([image], 0)
  return file
}

/** All bytes of a file. */
export function imageOf(file: StoreFile): Uint8Array {
  const image = new Uint8Array(file.size())
  file.read(image, 0)
  return image
}

export interface Opened<K, V> {
  db: Database<K, V>
  store: Store
}

/** Opens a store on any file, as `open` does on a path. */
export function openOn<K = string, V = string>(file: StoreFile, options: OpenOptions<K, V> = {}): Opened<K, V> {
  const settings = resolveOptions<K, V>({ valueEncoding: 'utf8' as never, ...options })
  const store = new Store(file, settings.poolPages, settings.syncInterval)
  return { db: new Database(new Core(store, settings), settings), store }
}

/** Numbers from 0 to below 1, the same for the same seed: a linear congruence, of which the upper bits are used. */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const upper = state >>> 8
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (upper * 2 ** 8 + (state >>> 24)) / 2 ** 32
  }
}
