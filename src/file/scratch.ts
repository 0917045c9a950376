/** Files without a name, for what does not fit in memory. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import type { ScratchFile } from './file.js'
import { closeQuietly } from './folder.js'
import { readAll, systemError, writeAll } from './transfer.js'

/** Linux makes files that never had a name; `fs.constants` lacks this part of the flag, which is the same on every processor that Node runs on. */
const WITHOUT_NAME = 0o20000000

/** Makes one beside the file behind `descriptor`, which was opened as `path`; undefined where that cannot be done. It ends with its handle. */
export function openScratch(descriptor: number, path: string): ScratchFile | undefined {
  let scratch: number | undefined
  try {
    const folder = dirname(placeOf(descriptor, path))
    scratch = openUnnamed(folder) ?? openUnlinked(folder)
    // The path may lead elsewhere by now.
    if (fs.fstatSync(scratch).dev === fs.fstatSync(descriptor).dev) return new DiskScratch(scratch, folder, path)
  } catch {
    // The transaction does without.
  }
  closeQuietly(scratch)
  return undefined
}

/** Where the file stands now, as far as the system tells. */
function placeOf(descriptor: number, path: string): string {
  return process.platform === 'linux' ? fs.readlinkSync(`/proc/self/fd/${descriptor}`) : fs.realpathSync(path)
}

function openUnnamed(folder: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return fs.openSync(folder, fs.constants.O_RDWR | fs.constants.O_DIRECTORY | WITHOUT_NAME, 0o600)
  } catch {
    // Not every filesystem has such files.
    return undefined
  }
}

function openUnlinked(folder: string): number {
  const name = join(folder, `.coppice-${randomBytes(8).toString('hex')}`)
  const descriptor = fs.openSync(name, 'wx+', 0o600)
  try {
    fs.unlinkSync(name)
    return descriptor
  } catch (error) {
    closeQuietly(descriptor)
    throw error
  }
}

class DiskScratch implements ScratchFile {
  readonly #folder: string
  readonly #path: string
  #descriptor: number | undefined

  constructor(descriptor: number, folder: string, path: string) {
    this.#descriptor = descriptor
    this.#folder = folder
    this.#path = `the scratch file of ${path}`
  }

  room(): number {
    const { bavail, bsize } = fs.statfsSync(this.#folder)
    return bavail * bsize
  }

  write(bytes: Uint8Array, position: number): void {
    writeAll(this.#open(), this.#path, [bytes], position)
  }

  read(target: Uint8Array, position: number): void {
    readAll(this.#open(), this.#path, target, position)
  }

  empty(): void {
    fs.ftruncateSync(this.#open())
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
