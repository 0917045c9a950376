/**
 * Files on a disk: opening, reading and writing them.
 *
 * - A lock is held on the file that the path names, never on one that was replaced while we waited.
 * - Syncs in the background have a descriptor of their own. The system tells each descriptor once of a write that it
 *   could not do; with one for both, a sync in the background could be told, and one in the foreground, for a commit
 *   that is acknowledged then, would succeed.
 * - After `close` the number of the descriptor may belong to another file, so nothing uses it any more; and
 *   while a sync still runs in the thread pool, the descriptors stay open until that has ended.
 */
import fs from 'node:fs'
import { CoppiceError, ioError } from '../errors.js'
import { WINDOW_SIZE, type Mapper, type ScratchFile, type StoreFile } from './file.js'
import { closeQuietly, syncName } from './folder.js'
import { lockFile, sameDescriptor, sameFile, unlockFile } from './lock.js'
import { openScratch } from './scratch.js'
import { readAll, systemError, writeAll } from './transfer.js'

/**
 * Lengths of a window's map, the smallest that holds what is reserved: V8 takes the length of a map for memory in use, and collects
 * garbage for it. Beside 300,000 objects of the program's own, opening, writing and closing a store took 24 ms of CPU with a map of
 * 1 GiB, 10 with one of 16 MiB and 5 with one of 1 MiB.
 */
const MAP_LENGTHS = [1 << 20, 1 << 24, 1 << 27, WINDOW_SIZE]

/** Syncs ahead that may wait in the thread pool: whoever writes large transactions in a loop gives none the time to say that it has ended. */
const MOST_AHEAD = 6

/** How often a path may be replaced while it is being opened before that is called hopeless. */
const MAX_REOPENS = 16

export interface DiskFileOptions {
  readOnly: boolean
  /** What offers windows; undefined for a file that is read with `read` only. */
  mapper: Mapper | undefined
  /** Whether the descriptor carries a lock, to be dropped when the file is closed. */
  locked: boolean
  /** Another descriptor of the same file, for syncs in the background. */
  background: number
}

export interface OpenFileOptions {
  readOnly: boolean
  mapper: Mapper | undefined
  /** Whether to lock the file: exclusively, or shared with other readers where `readOnly`. */
  lock: boolean
}

/** What a window is mapped by: a map that was asked for with this length, or what an earlier one gave. */
interface WindowMap {
  length: number
  buffer: ArrayBuffer | undefined
}

/** A file on a disk; mapped where there is a mapper, otherwise plain. Owns its descriptors. */
export class DiskFile implements StoreFile {
  readonly path: string
  readonly readOnly: boolean
  readonly #descriptor: number
  readonly #background: number
  readonly #mapper: Mapper | undefined
  readonly #locked: boolean
  readonly #maps = new Map<number, WindowMap>()
  #reserved = 0
  #closed = false
  #syncsRunning = 0
  #syncsAhead = 0
  /** For `syncAhead`, once it is asked. */
  #ahead: number | undefined

  constructor(descriptor: number, path: string, { readOnly, mapper, locked, background }: DiskFileOptions) {
    this.path = path
    this.readOnly = readOnly
    this.#descriptor = descriptor
    this.#background = background
    this.#mapper = mapper
    this.#locked = locked
  }

  size(): number {
    return fs.fstatSync(this.#open()).size
  }

  reserve(bytes: number): void {
    this.#open()
    this.#reserved = Math.max(this.#reserved, bytes)
  }

  /** Maps the window when it is first asked for, as opening a large file must not wait for all of them, and anew when it has outgrown its map. */
  window(index: number): ArrayBuffer | undefined {
    const start = index * WINDOW_SIZE
    if (this.#mapper === undefined || this.#closed || start >= this.#reserved) return undefined
    const held = this.#maps.get(index)
    if (held !== undefined && start + held.length >= Math.min(this.#reserved, start + WINDOW_SIZE)) return held.buffer
    const length = MAP_LENGTHS.find((each) => start + each >= this.#reserved) ?? WINDOW_SIZE
    // Where a longer map is refused, the shorter one still serves for its part.
    const buffer = this.#map(start, length) ?? held?.buffer
    this.#maps.set(index, { length, buffer })
    return buffer
  }

  read(target: Uint8Array, position: number): void {
    readAll(this.#open(), this.path, target, position)
  }

  write(sources: readonly Uint8Array[], position: number): void {
    writeAll(this.#open(), this.path, sources, position)
  }

  sync(): void {
    fs.fdatasyncSync(this.#open())
  }

  syncAsync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open()
      fs.fdatasync(this.#background, (error) => {
        this.#ended()
        if (error) reject(error)
        else resolve()
      })
      this.#syncsRunning += 1
    })
  }

  /**
   * Through a descriptor of its own: Linux tells each of a page that could not be written, and those that somebody syncs for good must not
   * miss it. Other systems may tell the first who asks.
   */
  syncAhead(): void {
    this.#open()
    if (process.platform !== 'linux' || this.#syncsAhead === MOST_AHEAD) return
    try {
      this.#ahead ??= fs.openSync(`/proc/self/fd/${this.#descriptor}`, 'r')
    } catch {
      // No more descriptors, or no /proc: the sync to come does all of it.
      return
    }
    this.#syncsAhead += 1
    this.#syncsRunning += 1
    fs.fdatasync(this.#ahead, () => {
      this.#syncsAhead -= 1
      this.#ended()
    })
  }

  scratch(): ScratchFile | undefined {
    return openScratch(this.#open(), this.path)
  }

  resize(bytes: number): void {
    fs.ftruncateSync(this.#open(), bytes)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#maps.clear()
    // A running sync and a map both keep the lock alive past the closing of the descriptor.
    if (this.#locked) unlockFile(this.#descriptor)
    if (this.#syncsRunning === 0) this.#closeAll()
  }

  /** A sync in the thread pool has ended. */
  #ended(): void {
    this.#syncsRunning -= 1
    if (this.#closed && this.#syncsRunning === 0) this.#closeAll()
  }

  #closeAll(): void {
    closeQuietly(this.#descriptor)
    if (this.#background !== this.#descriptor) closeQuietly(this.#background)
    if (this.#ahead !== undefined) closeQuietly(this.#ahead)
  }

  #map(offset: number, length: number): ArrayBuffer | undefined {
    let buffer: ArrayBuffer | undefined
    try {
      buffer = this.#mapper?.(this.#descriptor, offset, length)
    } catch (cause) {
      throw new CoppiceError('COPPICE_INVALID_OPTION', 'the mapper threw, see cause. It is to answer undefined for what it cannot map.', { cause })
    }
    if (buffer !== undefined && buffer.byteLength !== length) throw wrongMap(buffer.byteLength, length)
    return buffer
  }

  #open(): number {
    if (this.#closed) throw systemError('EBADF', `${this.path} is closed`)
    return this.#descriptor
  }
}

// A mapper may be the user's own, and every page of a map is taken to be there.
function wrongMap(length: number, asked: number): CoppiceError {
  return new CoppiceError('COPPICE_INVALID_OPTION', `the mapper answered ${length} bytes where ${asked} were asked of it. Correct it, or leave the option out.`)
}

/**
 * Opens the existing file at `path`, and locks it where asked to. Never creates one, and never waits.
 *
 * Throws `COPPICE_NOT_FOUND`, `COPPICE_IS_DIRECTORY`, `COPPICE_PERMISSION`, `COPPICE_NOT_A_DATABASE` for a
 * pipe, a socket or a device, `COPPICE_LOCKED`, `COPPICE_UNSUPPORTED` where there are no locks, and
 * `COPPICE_BUSY` where the file is being replaced all the time. Then nothing is left open.
 */
export function openFile(path: string, { readOnly, mapper, lock }: OpenFileOptions): DiskFile {
  for (let attempt = 0; attempt < MAX_REOPENS; attempt++) {
    const file = tryToOpen(path, { readOnly, mapper, lock })
    if (file !== undefined) return file
  }
  throw new CoppiceError('COPPICE_BUSY', `${path} was replaced by another file at every attempt to open it. Try again once that has ended.`)
}

/** Undefined where the path leads to another file by now. */
function tryToOpen(path: string, { readOnly, mapper, lock }: OpenFileOptions): DiskFile | undefined {
  const descriptors = [openDescriptor(path, readOnly)]
  try {
    const [descriptor] = descriptors
    requireFile(descriptor, path)
    if (lock) lockFile(descriptor, path, !readOnly)
    if (!readOnly) descriptors.push(openDescriptor(path, false))
    const background = descriptors[descriptors.length - 1]
    if ((!lock || sameFile(descriptor, path)) && sameDescriptor(descriptor, background)) {
      if (!readOnly) syncName(path)
      return new DiskFile(descriptor, path, { readOnly, mapper, locked: lock, background })
    }
  } catch (error) {
    descriptors.forEach(closeQuietly)
    throw ioError(error, `opening ${path}`)
  }
  descriptors.forEach(closeQuietly)
  return undefined
}

function openDescriptor(path: string, readOnly: boolean): number {
  const { O_RDONLY, O_RDWR, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants
  try {
    // Without O_NONBLOCK, opening a pipe waits for its other end, maybe for ever.
    return fs.openSync(path, (readOnly ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // So answer sockets, and devices with nothing behind them.
    if (code === 'ENXIO' || code === 'ENODEV' || code === 'EOPNOTSUPP') throw notAFile(path, error)
    throw ioError(error, `opening ${path}`)
  }
}

function requireFile(descriptor: number, path: string): void {
  const found = fs.fstatSync(descriptor)
  if (found.isFile()) return
  if (found.isDirectory()) throw systemError('EISDIR', path)
  throw notAFile(path, undefined)
}

function notAFile(path: string, cause: unknown): CoppiceError {
  return new CoppiceError('COPPICE_NOT_A_DATABASE', `${path} is a pipe, a socket or a device. Give the path of an ordinary file.`, { cause })
}
