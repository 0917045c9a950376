/**
 * A disk, simulated: what may be on it after a crash of the machine.
 *
 * Everything that happens is an event in a log. A *change* (bytes written, a length set, names given) shows at
 * once to whoever reads the files, and is *pending* until a sync that began after it has ended. A crash keeps any
 * of the pending changes, whole or torn at 512 bytes, and drops the others:
 *
 * - A write is logged page by page, so that a part of a large write may be there and the rest not.
 * - Growth is a change of its own: bytes may arrive without the length that shows them, and the reverse.
 * - Kept changes are laid over each other in the order in which they were made. A disk that wrote two changes to
 *   one place in reverse order would hold the first one, and that is the image which keeps only the first.
 * - A failed sync leaves of what it covered what its event says, for good: a later sync does not write the rest
 *   again, although files still show it. Linux does that.
 *
 * The content of files and the names in the folder are independent, each with syncs of its own. Of a file, only the
 * pages that were written are held in memory; what it held before may be a large file on a real disk.
 */
import { PAGE_SIZE } from '../page/layout.js'

const SECTOR = 512
/** A bit for each sector of a page. */
export const WHOLE = 0xff

export type FileId = number

export type Change =
  /** Bytes within one 4 KiB page of a file. */
  | { type: 'write'; file: FileId; position: number; bytes: Uint8Array }
  | { type: 'length'; file: FileId; length: number }
  /** Names given to files or taken away, all at once or not at all. */
  | { type: 'names'; names: readonly (readonly [name: string, file: FileId | undefined])[] }

export type DiskEvent =
  | Change
  /** A sync of a file's bytes and length, or of the names in the folder. */
  | { type: 'syncBegins'; sync: number; of: FileId | 'folder' }
  /** `kept`: for a sync that failed, which sectors of each covered change reached the disk. */
  | { type: 'syncEnds'; sync: number; kept?: readonly number[] }
  /** Something that the history wants to remember at this point of the log. */
  | { type: 'note'; note: unknown }

export function isChange(event: DiskEvent): event is Change {
  return event.type === 'write' || event.type === 'length' || event.type === 'names'
}

/** What a file held before anything was written to it, and holds as long as the disk lives. */
export interface Base {
  readonly length: number
  /** Fills `target` from byte `position`, all of which is there. */
  read(target: Uint8Array, position: number): void
}

function baseOf(bytes: Uint8Array): Base {
  return { length: bytes.length, read: (target, position) => target.set(bytes.subarray(position, position + target.length)) }
}

/** The bytes of a file: its base, and laid over that the pages written since. What is neither counts as zeros. */
export class Content {
  length: number
  private readonly base: Base
  /** Bytes of the base that no shortening has taken away. */
  private left: number
  /** Pages written, some of which may lie behind the end of the file. A page in here never changes, as copies share it. */
  private readonly pages: Map<number, Uint8Array>

  constructor(base: Base, { length = base.length, left = base.length, pages = new Map<number, Uint8Array>() } = {}) {
    this.base = base
    this.length = length
    this.left = left
    this.pages = pages
  }

  copy(): Content {
    return new Content(this.base, { length: this.length, left: this.left, pages: new Map(this.pages) })
  }

  /** Fills `target` from byte `position`, also from behind the end of the file. */
  read(target: Uint8Array, position: number): void {
    const end = position + target.length
    const based = Math.max(0, Math.min(end, this.left) - position)
    if (based > 0) this.base.read(target.subarray(0, based), position)
    target.fill(0, based)
    for (let start = position - (position % PAGE_SIZE); start < end; start += PAGE_SIZE) {
      const page = this.pages.get(start / PAGE_SIZE)
      const from = Math.max(position, start)
      if (page !== undefined) target.set(page.subarray(from - start, Math.min(end - start, PAGE_SIZE)), from - position)
    }
  }

  /** Writes within one page those sectors that have a bit. The bytes are not to change any more. */
  write(position: number, bytes: Uint8Array, sectors: number): void {
    if (sectors === WHOLE && bytes.length === PAGE_SIZE) {
      this.pages.set(position / PAGE_SIZE, bytes)
      return
    }
    const at = position % PAGE_SIZE
    const page = new Uint8Array(PAGE_SIZE)
    this.read(page, position - at)
    for (let done = 0; done < bytes.length; ) {
      const to = at + done
      const length = Math.min(SECTOR - (to % SECTOR), bytes.length - done)
      if ((sectors & (1 << Math.floor(to / SECTOR))) !== 0) page.set(bytes.subarray(done, done + length), to)
      done += length
    }
    this.pages.set((position - at) / PAGE_SIZE, page)
  }

  resize(length: number): void {
    if (length < this.length) this.cut(length)
    this.length = length
  }

  private cut(length: number): void {
    this.left = Math.min(this.left, length)
    for (const [page, bytes] of this.pages) {
      const rest = length - page * PAGE_SIZE
      if (rest <= 0) this.pages.delete(page)
      else if (rest < PAGE_SIZE) this.pages.set(page, bytes.slice().fill(0, rest))
    }
  }

  /** All of it, up to the end of the file. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.length)
    this.read(bytes, 0)
    return bytes
  }
}

/** What a disk holds: files, and the names that lead to them. */
export class Platter {
  private readonly files = new Map<FileId, Content>()
  readonly names = new Map<string, FileId>()

  /** A disk with one file, whose content is this. */
  static holding(file: FileId, content: Uint8Array | Base): Platter {
    const platter = new Platter()
    platter.files.set(file, new Content(content instanceof Uint8Array ? baseOf(content.slice()) : content))
    return platter
  }

  copy(): Platter {
    const copy = new Platter()
    for (const [file, content] of this.files) copy.files.set(file, content.copy())
    for (const [name, file] of this.names) copy.names.set(name, file)
    return copy
  }

  /** A file; without content where it was never written. */
  file(id: FileId): Content {
    let content = this.files.get(id)
    if (content === undefined) this.files.set(id, (content = new Content(baseOf(new Uint8Array(0)))))
    return content
  }

  /** The bytes of a file. */
  content(id: FileId): Uint8Array {
    return this.file(id).bytes()
  }

  /** The bytes of the file of this name, or undefined where the name leads nowhere. */
  named(name: string): Uint8Array | undefined {
    const file = this.names.get(name)
    return file === undefined ? undefined : this.content(file)
  }

  /** Makes a change, or those sectors of it that have a bit. */
  make(change: Change, sectors: number): void {
    if (sectors === 0) return
    if (change.type === 'names') {
      for (const [name, file] of change.names) {
        if (file === undefined) this.names.delete(name)
        else this.names.set(name, file)
      }
    } else if (change.type === 'length') this.file(change.file).resize(change.length)
    else this.file(change.file).write(change.position, change.bytes, sectors)
  }
}

/** Splits a write into the changes that it consists of: the length where it makes the file longer, and each page. */
export function changesOf(file: FileId, position: number, bytes: Uint8Array, length: number): Change[] {
  const changes: Change[] = []
  const end = position + bytes.length
  if (end > length && bytes.length > 0) changes.push({ type: 'length', file, length: end })
  for (let done = 0; done < bytes.length; ) {
    const count = Math.min(PAGE_SIZE - ((position + done) % PAGE_SIZE), bytes.length - done)
    changes.push({ type: 'write', file, position: position + done, bytes: bytes.slice(done, done + count) })
    done += count
  }
  return changes
}

/** A disk at one point of a log: what is certain to be on it, and what is pending. */
export class Disk {
  /** What no crash takes away. */
  readonly durable: Platter
  /** Oldest first. */
  pending: Change[]
  private readonly running = new Map<number, readonly Change[]>()

  constructor(durable: Platter = new Platter(), pending: readonly Change[] = []) {
    this.durable = durable
    this.pending = [...pending]
  }

  /** The same disk, for another future. Syncs that run now never end there. */
  copy(): Disk {
    return new Disk(this.durable.copy(), this.pending)
  }

  pass(event: DiskEvent): void {
    if (isChange(event)) this.pending.push(event)
    else if (event.type === 'syncBegins') this.running.set(event.sync, this.pending.filter((change) => covers(event.of, change)))
    else if (event.type === 'syncEnds') this.settle(event.sync, event.kept)
  }

  private settle(sync: number, kept: readonly number[] | undefined): void {
    const covered = this.running.get(sync) ?? []
    this.running.delete(sync)
    // Another sync may have settled some of them by now, and later changes in the same places with them.
    const unsettled = new Set(this.pending)
    covered.forEach((change, i) => void (unsettled.has(change) && this.durable.make(change, kept?.[i] ?? WHOLE)))
    const settled = new Set(covered)
    this.pending = this.pending.filter((change) => !settled.has(change))
  }

  /** The disk after a crash that keeps of each pending change these sectors: a bit each for a write, all or none for others. */
  crashed(keep: (index: number) => number): Platter {
    const platter = this.durable.copy()
    this.pending.forEach((change, i) => platter.make(change, keep(i)))
    return platter
  }

  /** What the files show as long as the machine runs, and after a crash that keeps everything. */
  shown(): Platter {
    return this.crashed(() => WHOLE)
  }
}

function covers(of: FileId | 'folder', change: Change): boolean {
  return change.type === 'names' ? of === 'folder' : change.file === of
}
