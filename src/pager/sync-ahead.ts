/**
 * Lets the disk begin with what a large transaction has written, so that its last sync waits for a part of it alone. A processor that has
 * nothing else to do places the pages on the disk meanwhile.
 */
import type { StoreFile } from '../file/file.js'

/** Pages to begin with, 16 MiB; a checkpoint of what small commits have changed seldom has as many. */
const FIRST_PAGES = 4096

export class SyncAhead {
  private readonly file: StoreFile
  /** Pages that the transaction has written, and had when the disk was asked last. */
  private written = 0
  private asked = 0

  constructor(file: StoreFile) {
    this.file = file
  }

  /** A transaction begins. */
  restart(): void {
    this.written = 0
    this.asked = 0
  }

  /** Pages have been written. The disk is asked the more seldom the more there are: each time it may have to write some once more. */
  wrote(pages: number): void {
    this.written += pages
    if (this.written - this.asked < Math.max(FIRST_PAGES, this.asked >>> 1)) return
    this.asked = this.written
    this.file.syncAhead?.()
  }
}
