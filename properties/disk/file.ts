/** A file on the simulated disk, behind the engine's file interface. */
import { systemError } from '../../src/file/disk.js'
import { MemoryFile } from '../../src/file/memory.js'
import type { DiskEvent, FileId, Platter } from './disk.js'
import { changesOf } from './disk.js'

/** A background sync that runs until the history ends it. */
export interface RunningSync {
  /** Ends it; `kept` makes it fail, see `DiskEvent`. */
  end(kept?: readonly number[]): void
}

export class SimulatedFile extends MemoryFile {
  readonly log: DiskEvent[]
  private readonly id: FileId
  /** Background syncs under way, in the order in which they began. */
  readonly running: RunningSync[] = []
  /** False where pages are to be read with `read`, as from a file that cannot be mapped. */
  mapped = true
  /** True where background syncs end at once, and need nobody to end them. */
  automatic = false
  /** Set to make the next sync in the foreground fail; answers what reaches the disk of a covered change. */
  failing: (() => number) | undefined

  /** A file with this content, which is on the disk; what happens to it is appended to the log. */
  constructor(content: Uint8Array, log: DiskEvent[], id: FileId) {
    super()
    this.log = log
    this.id = id
    super.write([content], 0)
  }

  override write(sources: readonly Uint8Array[], position: number): void {
    let length = this.size()
    for (const source of sources) {
      this.log.push(...changesOf(this.id, position, source, length))
      position += source.length
      length = Math.max(length, position)
    }
    super.write(sources, position - sources.reduce((sum, source) => sum + source.length, 0))
  }

  override window(index: number): ArrayBuffer | undefined {
    return this.mapped ? super.window(index) : undefined
  }

  override resize(bytes: number): void {
    super.resize(bytes)
    this.log.push({ type: 'length', file: this.id, length: bytes })
  }

  override sync(): void {
    super.sync()
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

  override async syncAsync(): Promise<void> {
    await super.syncAsync()
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
}

/** The engine's file as a crash left it. */
export function fileFrom(platter: Platter, id: FileId): MemoryFile {
  const file = new MemoryFile()
  file.write([platter.content(id)], 0)
  return file
}
