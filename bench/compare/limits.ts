import { closeSync, fdatasyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Sample } from './peer.js'
import { timed } from './peer.js'

const PAGE = 4096

/** The least that a durable commit can take: one page written over one that is there, and `fdatasync`. */
export class RawPage {
  readonly name = 'limit: one page and fdatasync'
  private readonly file: number
  private readonly page = Buffer.alloc(PAGE, 1)
  private next = 0

  constructor(folder: string) {
    this.file = openSync(join(folder, 'raw'), 'w')
    writeSync(this.file, Buffer.alloc(PAGE * 256, 2))
    fdatasyncSync(this.file)
  }

  run(count: number): Sample {
    return timed(count, () => {
      for (let i = 0; i < count; i++) {
        this.page[0] = i
        writeSync(this.file, this.page, 0, PAGE, (this.next++ % 256) * PAGE)
        fdatasyncSync(this.file)
      }
      return count
    })
  }

  close(): void {
    closeSync(this.file)
  }
}

/** The least that a load can take: as many bytes written to a new file, a MiB at a time, and `fdatasync`. */
export function rawWrite(folder: string, entries: number, bytes: number): Sample {
  const path = join(folder, 'raw-write')
  const piece = Buffer.alloc(2 ** 20, 1)
  const file = openSync(path, 'w')
  const sample = timed(entries, () => {
    for (let at = 0; at < bytes; at += piece.length) writeSync(file, piece, 0, Math.min(piece.length, bytes - at), at)
    fdatasyncSync(file)
    return entries
  })
  ftruncateSync(file, 0)
  closeSync(file)
  rmSync(path)
  return sample
}
