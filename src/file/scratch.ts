/** Files without a name, for what does not fit in memory. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import type { ScratchFile } from './file.js'
import { closeQuietly } from './folder.js'
import { readAll, systemError, writeAll } from './transfer.js'

/** Makes one beside the file at `path`, so that the same disk has it; undefined where that cannot be done. Its name is gone at once, so it ends with its handle. */
export function openScratch(path: string): ScratchFile | undefined {
  let descriptor: number | undefined
  try {
    const name = `${fs.realpathSync(path)}-${randomBytes(8).toString('hex')}`
    descriptor = fs.openSync(name, 'wx+', 0o600)
    fs.unlinkSync(name)
    return new DiskScratch(descriptor, path)
  } catch {
    closeQuietly(descriptor)
    return undefined
  }
}

class DiskScratch implements ScratchFile {
  readonly #path: string
  #descriptor: number | undefined

  constructor(descriptor: number, path: string) {
    this.#descriptor = descriptor
    this.#path = `the scratch file of ${path}`
  }

  write(bytes: Uint8Array, position: number): void {
    writeAll(this.#open(), this.#path, [bytes], position)
  }

  read(target: Uint8Array, position: number): void {
    readAll(this.#open(), this.#path, target, position)
  }

  close(): void {
    closeQuietly(this.#descriptor)
    this.#descriptor = undefined
  }

  #open(): number {
    if (this.#descriptor === undefined) throw systemError('EBADF', `${this.#path} is closed`)
    return this.#descriptor
  }
}
