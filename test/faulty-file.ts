/** A file for tests that counts the calls of another file and fails the chosen ones, and stores opened on any file. */
import type { OpenOptions } from '../src/options.js'
import { resolveOptions } from '../src/options.js'
import { Core } from '../src/core.js'
import { Database } from '../src/database.js'
import { systemError } from '../src/file/transfer.js'
import type { ScratchFile, StoreFile } from '../src/file/file.js'
import { MemoryFile } from '../src/file/memory.js'
import { newDatabase } from '../src/pager/new-database.js'
import { Store } from '../src/pager/store.js'

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
  /** The scratch file that is to be had. */
  makeScratch: () => ScratchFile | undefined = () => undefined
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

  scratch(): ScratchFile | undefined {
    return this.makeScratch()
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

/** A scratch file in memory, whose calls can be made to fail and whose bytes can be damaged. */
export class FaultyScratch implements ScratchFile {
  readonly inner = new MemoryFile()
  writes = 0
  reads = 0
  open = true
  /** Bytes that its disk has left. */
  left = Infinity
  /** Asked before every call, with the number of calls of that kind before it. */
  fault: (call: 'read' | 'write', index: number) => string | undefined = () => undefined

  write(bytes: Uint8Array, position: number): void {
    this.pass(this.fault('write', this.writes++))
    this.inner.write([bytes], position)
  }

  read(target: Uint8Array, position: number): void {
    this.pass(this.fault('read', this.reads++))
    this.inner.read(target, position)
  }

  room(): number {
    return this.left
  }

  empty(): void {
    this.inner.resize(0)
  }

  close(): void {
    this.open = false
  }

  private pass(code: string | undefined): void {
    if (code !== undefined) throw systemError(code, 'made to fail')
  }
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

/** Opens a store on any file, as `open` does on a path; it has a journal from `journalFrom` pages on. */
export function openOn<K = string, V = string>(file: StoreFile, options: OpenOptions<K, V> = {}, journalFrom?: number): Opened<K, V> {
  const settings = resolveOptions<K, V>({ valueEncoding: 'utf8' as never, ...options })
  const store = new Store(file, settings.poolPages, settings.syncInterval, journalFrom)
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
