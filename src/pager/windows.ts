/** Windows over the file, as arenas: mapped when somebody looks at one of their pages, and anew as the file grows. */
import { ioError } from '../errors.js'
import type { StoreFile } from '../file/file.js'
import { Arena, arenaOf, baseOf } from '../page/arena.js'
import { PAGE_SIZE } from '../page/layout.js'

/** Stands for each window that nobody has looked into. */
export const NO_WINDOW = new Arena(new ArrayBuffer(0))

export class Windows {
  private readonly file: StoreFile
  private readonly arenas: Arena[]
  /** Pages for which windows have been asked. Those behind were written since, and are mapped when somebody looks at them. */
  private covered = 0

  /** They take the place of `NO_WINDOW` at the beginning of `arenas`. */
  constructor(file: StoreFile, arenas: Arena[]) {
    this.file = file
    this.arenas = arenas
  }

  /** True where the page stands in a window, which is opened for it where need be. */
  has(page: number): boolean {
    const index = arenaOf(page)
    if (this.arenas[index].bytes.length <= baseOf(page)) this.open(index)
    return this.arenas[index].bytes.length > baseOf(page)
  }

  private open(index: number): void {
    const buffer = this.file.window(index)
    if (buffer !== undefined && buffer !== this.arenas[index].bytes.buffer) this.arenas[index] = new Arena(buffer)
  }

  /**
   * Windows for a page that somebody looks at, of a file of `pages` pages. Who only writes asks for no map: V8 counts the length of maps
   * as memory in use, and would collect garbage in the middle of a load for it.
   */
  cover(page: number, pages: number): void {
    if (page < this.covered) return
    try {
      this.coverAll(pages)
    } catch {
      // What has no window is read into a frame.
    }
  }

  /** Windows for the first `pages` pages of the file, as far as it can be mapped. */
  coverAll(pages: number): void {
    try {
      this.file.reserve(pages * PAGE_SIZE)
    } catch (error) {
      throw ioError(error, `making room in ${this.file.path}`)
    }
    this.covered = Math.max(this.covered, pages)
    this.renew(pages)
  }

  /** Windows in use over the first `pages` pages are looked up again, as they may have moved. */
  renew(pages: number): void {
    for (let index = 0; index <= arenaOf(pages); index++) {
      if (this.arenas[index] !== NO_WINDOW) this.open(index)
    }
  }
}
