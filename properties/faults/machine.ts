/** A machine with one file whose calls can be made to fail, and whose disk can be looked at after a crash at any moment. */
import { systemError } from '../../src/file/transfer.js'
import type { StoreFile } from '../../src/file/file.js'
import { emptyImage, fileOf, imageOf } from '../../test/faulty-file.js'
import type { Change, DiskEvent } from '../../src/crash/disk.js'
import { changesOf, Disk, Platter, WHOLE } from '../../src/crash/disk.js'
import { SimulatedFile } from '../../src/crash/file.js'

const FILE = 0
const META_END = 3 * 4096

export type CallKind = 'read' | 'write' | 'sync' | 'syncAsync' | 'reserve' | 'size' | 'resize'

/** One call of the engine on its file. */
export interface Call {
  kind: CallKind
  /** For a write. */
  position: number
  length: number
}

/** What a failed sync leaves on the disk of the changes that it covered. */
export type Kept =
  | 'none' | 'all' | 'meta' | 'all but meta' | 'some'
  /** Of several writes to one page the first alone. */
  | 'first'

export type Fault =
  /** The call does nothing; of a write `bytes` bytes are written all the same. */
  | { code: 'ENOSPC' | 'EIO'; bytes?: number }
  | { code: 'EIO'; kept: Kept }

export class Machine {
  readonly log: DiskEvent[] = []
  private readonly disk: Disk
  private passed = 0
  /** What each sync that runs covers. */
  private readonly covered = new Map<number, readonly Change[]>()
  /** What the file shows: after a failed sync that is more than what the disk has, or will ever have. */
  content = emptyImage()
  private readonly random: () => number
  /** Whether a sync of the handle that is open has failed. */
  syncFailed = false
  /** Calls so far, of all the handles that were open one after the other. */
  readonly calls: Call[] = []
  /** Asked before every call for what is to happen to it. */
  faultAt: (index: number, call: Call) => Fault | undefined = () => undefined
  /** Called when a fault has had its effect, and before the engine hears of it. */
  onFault: () => void = () => undefined
  /** Faults so far. */
  faults = 0
  /** True while the history itself looks at the store: its calls are not counted, and none fails. */
  paused = false

  constructor(random: () => number) {
    this.random = random
    const platter = new Platter()
    for (const change of changesOf(FILE, 0, this.content, 0)) platter.make(change, WHOLE)
    this.disk = new Disk(platter)
  }

  /** Opens the file as this boot of the machine shows it. */
  open(mapped: boolean): FaultFile {
    this.syncFailed = false
    return new FaultFile(this, new SimulatedFile(fileOf(this.content), this.log, FILE), mapped)
  }

  private now(): Disk {
    while (this.passed < this.log.length) {
      const event = this.log[this.passed++]
      if (event.type === 'syncBegins') this.covered.set(event.sync, [...this.disk.pending])
      else if (event.type === 'syncEnds') this.covered.delete(event.sync)
      this.disk.pass(event)
    }
    return this.disk
  }

  /** The file after a crash at this moment, that kept of each pending change the sectors that `keep` says. */
  crashed(keep: (index: number) => number): Uint8Array {
    return this.now().crashed(keep).content(FILE)
  }

  get pending(): number {
    return this.now().pending.length
  }

  /** Length of the file on the disk, once what is pending has got there. */
  length(): number {
    const { pending, durable } = this.now()
    for (let i = pending.length - 1; i >= 0; i--) {
      const change = pending[i]
      if (change.type === 'length') return change.length
    }
    return durable.file(FILE).length
  }

  /** What a failed sync leaves of each change that it covers: one that begins now, or the oldest of those that run. */
  leaves(fault: Fault, which: 'beginning' | 'oldest'): number[] {
    const kept = 'kept' in fault ? fault.kept : 'none'
    const { pending } = this.now()
    const [oldest = pending] = this.covered.values()
    const pages = new Set<number>()
    return (which === 'oldest' ? oldest : pending).map((change) => {
      if (kept === 'first') {
        if (change.type !== 'write') return WHOLE
        const later = pages.has(change.position >> 12)
        pages.add(change.position >> 12)
        return later ? 0 : WHOLE
      }
      const meta = change.type === 'write' && change.position < META_END
      if (kept === 'some') return this.random() < 0.4 ? WHOLE : Math.floor(this.random() * 256) & Math.floor(this.random() * 256)
      return kept === 'all' || (kept === 'meta' && meta) || (kept === 'all but meta' && !meta) ? WHOLE : 0
    })
  }

  /** The fault for this call, if there is to be one. */
  pass(kind: CallKind, position = 0, length = 0): Fault | undefined {
    if (this.paused) return undefined
    const call = { kind, position, length }
    const fault = this.faultAt(this.calls.length, call)
    this.calls.push(call)
    return fault
  }

  failed(ofSync: boolean): void {
    this.faults++
    this.syncFailed ||= ofSync
    this.onFault()
  }

  fail(fault: Fault, ofSync = false): never {
    this.failed(ofSync)
    throw systemError(fault.code, 'made to fail')
  }
}

export class FaultFile implements StoreFile {
  readonly path = 'the store'
  readonly readOnly = false
  private readonly machine: Machine
  private readonly inner: SimulatedFile
  private readonly mapped: boolean
  /** What is to become of the background syncs, which run until the history ends them, one after the other. */
  private readonly fates: (Fault | undefined)[] = []
  private closed = false

  constructor(machine: Machine, inner: SimulatedFile, mapped: boolean) {
    this.machine = machine
    this.inner = inner
    this.mapped = mapped
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
    const length = sources.reduce((sum, source) => sum + source.length, 0)
    const fault = this.machine.pass('write', position, length)
    if (fault === undefined) return this.writeThrough(sources, position)
    const bytes = 'bytes' in fault ? Math.min(fault.bytes ?? 0, length) : 0
    if (bytes > 0) this.writeThrough([new Uint8Array(Buffer.concat(sources)).subarray(0, bytes)], position)
    this.machine.fail(fault)
  }

  /** A failed sync may have lost the file's growth for good; as on real systems, a later write there brings it back. */
  private writeThrough(sources: readonly Uint8Array[], position: number): void {
    const end = position + sources.reduce((sum, source) => sum + source.length, 0)
    if (end <= this.inner.size() && end > this.machine.length()) this.machine.log.push({ type: 'length', file: FILE, length: end })
    this.inner.write(sources, position)
  }

  sync(): void {
    const fault = this.machine.pass('sync')
    if (fault === undefined) return this.inner.sync()
    const leaves = this.machine.leaves(fault, 'beginning')
    let index = 0
    this.inner.failing = () => leaves[index++] ?? 0
    try {
      this.inner.sync()
    } catch {
      this.machine.fail(fault, true)
    }
  }

  syncAsync(): Promise<void> {
    this.fates.push(this.machine.pass('syncAsync'))
    return this.inner.syncAsync()
  }

  /** Ends the oldest background sync; answers false where none runs. */
  endSync(): boolean {
    const [oldest] = this.inner.running
    if (oldest === undefined) return false
    const fault = this.fates.shift()
    if (fault === undefined) oldest.end()
    else {
      oldest.end(this.machine.leaves(fault, 'oldest'))
      this.machine.failed(true)
    }
    return true
  }

  resize(bytes: number): void {
    this.pass('resize')
    this.inner.resize(bytes)
  }

  /** What the file shows as long as the machine runs, whatever becomes of the process. */
  shown(): Uint8Array {
    return this.closed ? this.machine.content : imageOf(this.inner)
  }

  close(): void {
    this.closed = true
    this.machine.content = imageOf(this.inner)
    this.inner.close()
  }

  private pass(kind: CallKind): void {
    const fault = this.machine.pass(kind)
    if (fault !== undefined) this.machine.fail(fault)
  }
}
