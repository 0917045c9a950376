/** Files on the simulated disk, behind the engine's file interface. */
import { endOfFile, systemError } from '../file/transfer.js'
import type { StoreFile } from '../file/file.js'
import { MemoryFile } from '../file/memory.js'
import type { DiskEvent, FileId, Platter } from './disk.js'
import { changesOf, WHOLE } from './disk.js'

/** A background sync that runs until the history ends it. */
export interface RunningSync {
  /** Ends it; `kept` makes it fail, see `DiskEvent`. */
  end(kept?: readonly number[]): void
}

/** A file whose every change and sync is an event of a log. */
export class SimulatedFile implements StoreFile {
  readonly path = 'the simulated file'
  readonly readOnly = false
  readonly log: DiskEvent[]
  private readonly inner: StoreFile
  private readonly id: FileId
  /** Background syncs under way, in the order in which they began. */
  readonly running: RunningSync[] = []
  /** False where pages are to be read with `read`, as from a file that cannot be mapped. */
  mapped = true
  /** True where background syncs end at once, and need nobody to end them. */
  automatic = false
  /** Set to make the next sync in the foreground fail; answers what reaches the disk of a covered change. */
  failing: (() => number) | undefined

  /** `inner` holds what the file shows, and in the beginning that is on the disk; what happens to it is appended to the log. */
  constructor(inner: StoreFile, log: DiskEvent[], id: FileId) {
    this.inner = inner
    this.log = log
    this.id = id
  }

  size(): number {
    return this.inner.size()
  }

  reserve(bytes: number): void {
    this.inner.reserve(bytes)
  }

  window(index: number): ArrayBuffer | undefined {
    return this.mapped ? this.inner.window(index) : undefined
  }

  read(target: Uint8Array, position: number): void {
    this.inner.read(target, position)
  }

  write(sources: readonly Uint8Array[], position: number): void {
    let length = this.size()
    let end = position
    for (const source of sources) {
      this.log.push(...changesOf(this.id, end, source, length))
      end += source.length
      length = Math.max(length, end)
    }
    this.inner.write(sources, position)
  }

  resize(bytes: number): void {
    this.inner.resize(bytes)
    this.log.push({ type: 'length', file: this.id, length: bytes })
  }

  sync(): void {
    this.inner.sync()
    const sync = this.begin()
    const { failing } = this
    this.failing = undefined
    if (failing === undefined) this.log.push({ type: 'syncEnds', sync })
    else {
      // As many as there can be covered changes.
      this.log.push({ type: 'syncEnds', sync, kept: Array.from({ length: this.log.length }, failing) })
      throw systemError('EIO', 'the disk failed')
    }
  }

  async syncAsync(): Promise<void> {
    await this.inner.syncAsync()
    const sync = this.begin()
    if (this.automatic) {
      this.log.push({ type: 'syncEnds', sync })
      return
    }
    await new Promise<void>((resolve, reject) => {
      const running: RunningSync = {
        end: (kept) => {
          this.running.splice(this.running.indexOf(running), 1)
          this.log.push(kept === undefined ? { type: 'syncEnds', sync } : { type: 'syncEnds', sync, kept })
          if (kept === undefined) resolve()
          else reject(systemError('EIO', 'the disk failed'))
        },
      }
      this.running.push(running)
    })
  }

  private begin(): number {
    const sync = this.log.length
    this.log.push({ type: 'syncBegins', sync, of: this.id })
    return sync
  }

  close(): void {
    this.inner.close()
  }
}

/** The engine's file as it stands on a platter, which its writes change. It cannot be mapped, and is never in memory as a whole. */
export class PlatterFile implements StoreFile {
  readonly path = 'the simulated file'
  readonly readOnly = false
  private readonly platter: Platter
  private readonly id: FileId

  constructor(platter: Platter, id: FileId) {
    this.platter = platter
    this.id = id
  }

  size(): number {
    return this.platter.file(this.id).length
  }

  reserve(): void {
    // There are no windows to make room for.
  }

  window(): undefined {
    return undefined
  }

  read(target: Uint8Array, position: number): void {
    if (position + target.length > this.size()) throw endOfFile(this.path, target.length, position)
    this.platter.file(this.id).read(target, position)
  }

  write(sources: readonly Uint8Array[], position: number): void {
    for (const source of sources) {
      for (const change of changesOf(this.id, position, source, this.size())) this.platter.make(change, WHOLE)
      position += source.length
    }
  }

  sync(): void {
    // All that is written is on the platter.
  }

  async syncAsync(): Promise<void> {
    // As for `sync`.
  }

  resize(bytes: number): void {
    this.platter.make({ type: 'length', file: this.id, length: bytes }, WHOLE)
  }

  close(): void {
    // Nothing is held.
  }
}

/** The engine's file in memory, as it stands on a platter. */
export function fileFrom(platter: Platter, id: FileId): MemoryFile {
  const file = new MemoryFile()
  file.write([platter.content(id)], 0)
  return file
}
