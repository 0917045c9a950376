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
 * The content of files and the names in the folder are independent, each with syncs of its own.
 */

export const SECTOR = 512
const PAGE = 4096
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

interface FileContent {
  /** Bytes, some of which may lie behind the end of the file. */
  bytes: Uint8Array
  length: number
}

/** What a disk holds: files, and the names that lead to them. */
export class Platter {
  readonly files = new Map<FileId, FileContent>()
  readonly names = new Map<string, FileId>()

  /** A disk with one file of this content. */
  static holding(file: FileId, content: Uint8Array): Platter {
    const platter = new Platter()
    platter.files.set(file, { bytes: content.slice(), length: content.length })
    return platter
  }

  copy(): Platter {
    const copy = new Platter()
    for (const [file, { bytes, length }] of this.files) copy.files.set(file, { bytes: bytes.slice(), length })
    for (const [name, file] of this.names) copy.names.set(name, file)
    return copy
  }

  /** The bytes of a file; none where it was never written. */
  content(file: FileId): Uint8Array {
    const { bytes, length } = this.file(file, 0)
    if (bytes.length >= length) return bytes.subarray(0, length)
    const longer = new Uint8Array(length)
    longer.set(bytes)
    return longer
  }

  /** The bytes of the file of this name, or undefined where the name leads nowhere. */
  named(name: string): Uint8Array | undefined {
    const file = this.names.get(name)
    return file === undefined ? undefined : this.content(file)
  }

  /** Makes a change, or those sectors of it that have a bit. What is neither written nor shown counts as zeros. */
  make(change: Change, sectors: number): void {
    if (sectors === 0) return
    if (change.type === 'names') {
      for (const [name, file] of change.names) {
        if (file === undefined) this.names.delete(name)
        else this.names.set(name, file)
      }
    } else if (change.type === 'length') {
      const file = this.file(change.file, 0)
      if (change.length < file.length) file.bytes.fill(0, change.length)
      file.length = change.length
    } else this.write(change.file, change.position, change.bytes, sectors)
  }

  private write(id: FileId, position: number, bytes: Uint8Array, sectors: number): void {
    const target = this.file(id, position + bytes.length).bytes
    if (sectors === WHOLE) {
      target.set(bytes, position)
      return
    }
    for (let done = 0; done < bytes.length; ) {
      const at = position + done
      const length = Math.min(SECTOR - (at % SECTOR), bytes.length - done)
      if ((sectors & (1 << ((at % PAGE) / SECTOR))) !== 0) target.set(bytes.subarray(done, done + length), at)
      done += length
    }
  }

  private file(id: FileId, end: number): FileContent {
    let file = this.files.get(id)
    if (file === undefined) this.files.set(id, (file = { bytes: new Uint8Array(Math.max(end, 0)), length: 0 }))
    if (file.bytes.length < end) {
      const longer = new Uint8Array(Math.max(end, 2 * file.bytes.length))
      longer.set(file.bytes)
      file.bytes = longer
    }
    return file
  }
}

/** Splits a write into the changes that it consists of: the length where it makes the file longer, and each page. */
export function changesOf(file: FileId, position: number, bytes: Uint8Array, length: number): Change[] {
  const changes: Change[] = []
  const end = position + bytes.length
  if (end > length && bytes.length > 0) changes.push({ type: 'length', file, length: end })
  for (let done = 0; done < bytes.length; ) {
    const count = Math.min(PAGE - ((position + done) % PAGE), bytes.length - done)
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
