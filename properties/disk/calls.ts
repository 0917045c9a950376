/**
 * Records system calls: what the engine asks of the system past its own file interface becomes events of the
 * simulated disk, of which crash images of a whole folder can be had.
 *
 * - While a recording runs, functions of node:fs are replaced, for whoever imported them by name too. A call that
 *   concerns the recorded folder is noted and really happens there, but for syncs: nothing of what they do can be
 *   seen from here, and they take long. All other calls pass.
 * - Before each call a hook is asked, which may do something else first, or make the call fail or fall short.
 * - When the recording ends, what its log shows is compared with the folder: a call that changes files and is not
 *   known here shows up as a difference.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { systemError } from '../../src/file/transfer.js'
import type { Change, DiskEvent, FileId } from '../../src/crash/disk.js'
import { changesOf, Disk, Platter } from '../../src/crash/disk.js'

/** Calls that are known here, without their ending Sync. */
const KNOWN = [
  'open', 'close', 'read', 'write', 'writev', 'fsync', 'fdatasync', 'ftruncate', 'fstat', 'stat', 'lstat', 'realpath', 'exists', 'link', 'rename', 'unlink', 'rm',
] as const
type Name = (typeof KNOWN)[number]

export interface Call {
  name: Name
  /** Name of the file in the folder; empty for the folder itself, and for a file that has no name any more. */
  file: string
  /** Bytes to be read or written; 0 for other calls. */
  bytes: number
  /** What the call is made on, where that is no path. */
  descriptor: number | undefined
  /** Whether the call goes on in the thread pool. */
  background: boolean
}

/**
 * An error that the system answers, such as 'EIO'; less done of a read or a write than was asked for; or nothing done at
 * all, as nobody is there any more who could make the call.
 */
export type CallFault = string | 'short' | 'killed'

type Function = (...args: unknown[]) => unknown
/** Reads and writes answer how many bytes they moved, and the buffers that they were given. */
type Callback = (error: Error | null, result?: unknown, buffers?: unknown) => void

interface Descriptor {
  of: FileId | 'folder'
  /** Where a read or write without a position takes place. */
  position: number
}

export class Recording {
  readonly folder: string
  /** What the folder held in the beginning; it is on the disk. */
  readonly before = new Platter()
  readonly log: DiskEvent[] = []
  readonly calls: Call[] = []
  /** Asked before every call; not while it is at work itself. */
  hook: ((call: Call) => CallFault | undefined) | undefined
  private readonly names = new Map<string, FileId>()
  private readonly lengths = new Map<FileId, number>()
  private readonly descriptors = new Map<number, Descriptor>()
  /** True inside a call: what it calls in turn belongs to it. */
  private inside = false

  constructor(folder: string) {
    this.folder = folder
    for (const [id, name] of fs.readdirSync(folder).entries()) {
      this.names.set(name, id)
      const content = fs.readFileSync(join(folder, name))
      this.before.make({ type: 'names', names: [[name, id]] }, 1)
      this.before.make({ type: 'length', file: id, length: content.length }, 1)
      for (const change of changesOf(id, 0, content, content.length)) this.before.make(change, 0xff)
      this.lengths.set(id, content.length)
    }
  }

  note(note: unknown): void {
    this.log.push({ type: 'note', note })
  }

  /** Descriptors of files in the folder that are open. */
  get openDescriptors(): number {
    return this.descriptors.size
  }

  /** Does a call that has been replaced, and notes it where it concerns the folder. */
  call(name: Name, real: Function, args: unknown[]): unknown {
    const callback = typeof args[args.length - 1] === 'function' ? (args[args.length - 1] as Callback) : undefined
    const given = callback === undefined ? args : args.slice(0, -1)
    const file = this.inside ? undefined : this.fileOf(given[0])
    if (file === undefined) return real(...args)
    const descriptor = typeof given[0] === 'number' ? given[0] : undefined
    const fault = this.ask({ name, file, bytes: bytesOf(name, given), descriptor, background: callback !== undefined })
    const asked = fault === 'short' ? shortened(name, given) : given
    const error = fault === undefined || fault === 'short' ? undefined : systemError(fault === 'killed' ? 'EIO' : fault, `made to fail: ${name} ${file}`)
    // A sync that fails loses what it covers; one that is never made loses nothing.
    if (fault === 'killed' && isSync(name)) return this.refused(error, callback)
    if (callback !== undefined) return this.later(name, real, asked, (failure, count) => callback(failure, count, given[1]), error)
    this.inside = true
    try {
      return this.now(name, real, asked, error)
    } finally {
      this.inside = false
    }
  }

  private refused(error: Error | undefined, callback: Callback | undefined): void {
    if (callback === undefined) throw error
    setImmediate(() => callback(error ?? null))
  }

  private ask(call: Call): CallFault | undefined {
    this.calls.push(call)
    const { hook } = this
    this.hook = undefined
    try {
      return hook?.(call)
    } finally {
      this.hook = hook
    }
  }

  private now(name: Name, real: Function, args: unknown[], error: Error | undefined): unknown {
    // On Linux the descriptor is gone even where closing it fails.
    if (error !== undefined && name === 'close') this.done(name, args, real(...args))
    if (error !== undefined && name === 'exists') return false
    const sync = isSync(name) ? this.begin(args[0]) : undefined
    if (sync !== undefined) this.end(sync, error)
    if (error !== undefined) throw error
    const result = sync === undefined ? real(...args) : undefined
    this.done(name, args, result)
    return result
  }

  private later(name: Name, real: Function, args: unknown[], callback: Callback, error: Error | undefined): void {
    const sync = isSync(name) ? this.begin(args[0]) : undefined
    if (sync !== undefined) {
      setImmediate(() => {
        this.end(sync, error)
        callback(error ?? null)
      })
    } else if (error !== undefined && name !== 'close') {
      setImmediate(() => callback(error))
    } else {
      real(...args, (failure: Error | null, result: unknown) => {
        if (failure === null) this.done(name, args, result)
        callback(error ?? failure, result)
      })
    }
  }

  private begin(descriptor: unknown): number {
    const { of } = this.descriptors.get(descriptor as number) as Descriptor
    const sync = this.log.length
    this.log.push({ type: 'syncBegins', sync, of })
    return sync
  }

  /** Of what a failed sync covered nothing reaches the disk, now or later. */
  private end(sync: number, error: Error | undefined): void {
    this.log.push(error === undefined ? { type: 'syncEnds', sync } : { type: 'syncEnds', sync, kept: new Array<number>(this.log.length).fill(0) })
  }

  /** Notes what a call that succeeded means for the disk. */
  private done(name: Name, args: unknown[], result: unknown): void {
    if (name === 'open') this.opened(args[0] as string, result as number)
    else if (name === 'close') this.descriptors.delete(args[0] as number)
    else if (name === 'write') this.wrote(args[0], (args[1] as Uint8Array).subarray(args[2] as number), result as number, args[4])
    else if (name === 'writev') this.wrote(args[0], Buffer.concat(args[1] as Uint8Array[]), result as number, args[2])
    else if (name === 'ftruncate') this.resized(args[0] as number, args[1] as number)
    else if (name === 'link') this.named([[args[1], this.fileNamed(args[0])]])
    else if (name === 'rename') this.named([[args[0], undefined], [args[1], this.fileNamed(args[0])]])
    else if (name === 'unlink' || (name === 'rm' && this.fileNamed(args[0]) !== undefined)) this.named([[args[0], undefined]])
  }

  private opened(path: string, descriptor: number): void {
    const isFolder = resolve(path) === this.folder
    if (!isFolder && this.fileNamed(path) === undefined) {
      const id = this.lengths.size
      this.lengths.set(id, 0)
      this.named([[path, id]])
    }
    this.descriptors.set(descriptor, { of: isFolder ? 'folder' : (this.fileNamed(path) as FileId), position: 0 })
  }

  private wrote(number: unknown, bytes: Uint8Array, count: number, position: unknown): void {
    const descriptor = this.descriptors.get(number as number) as Descriptor
    const id = descriptor.of as FileId
    // Streams count on from no position to NaN, which is none either.
    const at = Number.isInteger(position) ? (position as number) : descriptor.position
    if (!Number.isInteger(position)) descriptor.position += count
    const length = this.lengths.get(id) ?? 0
    this.log.push(...changesOf(id, at, bytes.subarray(0, count), length))
    this.lengths.set(id, Math.max(length, at + count))
  }

  private resized(descriptor: number, length: number): void {
    const file = this.descriptors.get(descriptor)?.of as FileId
    this.log.push({ type: 'length', file, length })
    this.lengths.set(file, length)
  }

  private named(paths: readonly (readonly [path: unknown, file: FileId | undefined])[]): void {
    const names = paths.map(([path, file]) => [basename(path as string), file] as const)
    const change: Change = { type: 'names', names }
    this.log.push(change)
    for (const [name, file] of names) {
      if (file === undefined) this.names.delete(name)
      else this.names.set(name, file)
    }
  }

  private fileNamed(path: unknown): FileId | undefined {
    return this.names.get(basename(path as string))
  }

  /** The name of what a call is about, or undefined where that lies outside of the folder. */
  private fileOf(target: unknown): string | undefined {
    if (typeof target === 'number') {
      const of = this.descriptors.get(target)?.of
      return of === undefined ? undefined : ([...this.names].find(([, file]) => file === of)?.[0] ?? '')
    }
    const path = resolve(String(target))
    if (path === this.folder) return ''
    return dirname(path) === this.folder ? basename(path) : undefined
  }

  /** Throws where a call changed the folder and is not known here. */
  assertComplete(): void {
    const disk = new Disk(this.before, this.log.filter((event) => 'type' in event && (event.type === 'write' || event.type === 'length' || event.type === 'names')) as Change[])
    const shown = disk.shown()
    const found = fs.readdirSync(this.folder).sort()
    const names = [...shown.names.keys()].sort()
    if (found.join() !== names.join()) throw new Error(`the log shows the files ${names.join()}, where the folder holds ${found.join()}`)
    for (const name of names) {
      if (Buffer.compare(fs.readFileSync(join(this.folder, name)), shown.named(name) as Uint8Array) !== 0) throw new Error(`${name} is not what the log shows`)
    }
  }
}

function isSync(name: Name): boolean {
  return name === 'fsync' || name === 'fdatasync'
}

function bytesOf(name: Name, args: unknown[]): number {
  if (name === 'read' || name === 'write') return args[3] as number
  return name === 'writev' ? (args[1] as Uint8Array[]).reduce((sum, { length }) => sum + length, 0) : 0
}

/** The arguments of a call that does less: a part that is not a whole number of pages, or of buffers. */
function shortened(name: Name, args: unknown[]): unknown[] {
  const count = Math.ceil(bytesOf(name, args) * 0.4)
  if (name === 'read' || name === 'write') return [args[0], args[1], args[2], count, args[4]]
  if (name !== 'writev') throw new Error(`${name} cannot fall short`)
  return [args[0], [new Uint8Array(Buffer.concat(args[1] as Uint8Array[])).subarray(0, count)], args[2]]
}

let active: Recording | undefined

/** Does the work with every system call about the folder recorded. One recording at a time. */
export async function record<T>(folder: string, work: (recording: Recording) => T | Promise<T>): Promise<{ recording: Recording; result: T }> {
  if (active !== undefined) throw new Error('another recording is running')
  const recording = new Recording(folder)
  const table = fs as unknown as Record<string, Function>
  const replaced = KNOWN.flatMap((name) => [name, `${name}Sync`].map((key) => ({ name, key, real: table[key] })))
  try {
    active = recording
    for (const { name, key, real } of replaced) {
      // Node itself may keep such a function for good, so it has to be harmless once the recording has ended.
      table[key] = Object.assign((...args: unknown[]) => (active === undefined ? real(...args) : active.call(name, real, args)), real)
    }
    syncBuiltinESMExports()
    const result = await work(recording)
    return { recording, result }
  } finally {
    active = undefined
    for (const { key, real } of replaced) table[key] = real
    syncBuiltinESMExports()
  }
}
