/**
 * A file in memory, for ':memory:'. It behaves as one on a disk does, except that it ends with its handle
 * and that a window is replaced by a longer one as the file grows.
 *
 * - Behind the end of the file every byte of every window is zero, so a hole costs nothing to make.
 * - A buffer that was replaced is never written to again: views of it stay as they were.
 */
import { endOfFile, systemError } from './transfer.js'
import { WINDOW_SIZE, type StoreFile } from './file.js'

/** Length of the first buffer of a window, in bytes. It doubles up to the size of a window. */
const FIRST_LENGTH = 64 * 1024

export class MemoryFile implements StoreFile {
  readonly path = ':memory:'
  readonly readOnly = false
  #windows: ArrayBuffer[] = []
  #size = 0
  #closed = false

  size(): number {
    this.#requireOpen()
    return this.#size
  }

  /** Ask for the windows again after this, and after every `write` and `resize` past what was reserved. */
  reserve(bytes: number): void {
    this.#requireOpen()
    const windows = [...this.#windows]
    for (let index = 0; index * WINDOW_SIZE < bytes; index++) {
      const needed = Math.min(bytes - index * WINDOW_SIZE, WINDOW_SIZE)
      if (index === windows.length || windows[index].byteLength < needed) windows[index] = this.#longer(index, needed)
    }
    // Only now, so that a lack of memory changes nothing.
    this.#windows = windows
  }

  window(index: number): ArrayBuffer | undefined {
    return this.#windows[index]
  }

  read(target: Uint8Array, position: number): void {
    this.#requireOpen()
    if (target.length > 0 && position + target.length > this.#size) throw endOfFile(this.path, target.length, position)
    this.#eachPart(position, target.length, (bytes, done) => target.set(bytes, done))
  }

  write(sources: readonly Uint8Array[], position: number): void {
    this.#requireOpen()
    const total = sources.reduce((sum, source) => sum + source.length, 0)
    if (total === 0) return
    this.reserve(position + total)
    for (const source of sources) {
      this.#eachPart(position, source.length, (bytes, done) => bytes.set(source.subarray(done, done + bytes.length)))
      position += source.length
    }
    this.#size = Math.max(this.#size, position)
  }

  sync(): void {
    this.#requireOpen()
  }

  async syncAsync(): Promise<void> {
    this.#requireOpen()
  }

  resize(bytes: number): void {
    this.reserve(bytes)
    if (bytes < this.#size) this.#eachPart(bytes, this.#size - bytes, (part) => part.fill(0))
    this.#size = bytes
  }

  close(): void {
    this.#closed = true
    this.#windows = []
  }

  #requireOpen(): void {
    if (this.#closed) throw systemError('EBADF', `${this.path} is closed`)
  }

  /** Calls `use` with each window's share of a range, and with how much of the range came before it. */
  #eachPart(position: number, length: number, use: (bytes: Uint8Array, done: number) => void): void {
    let done = 0
    while (done < length) {
      const index = Math.floor((position + done) / WINDOW_SIZE)
      const start = (position + done) % WINDOW_SIZE
      const count = Math.min(length - done, WINDOW_SIZE - start)
      use(new Uint8Array(this.#windows[index], start, count), done)
      done += count
    }
  }

  #longer(index: number, needed: number): ArrayBuffer {
    let length = FIRST_LENGTH
    while (length < needed) length *= 2
    let buffer: ArrayBuffer
    try {
      buffer = new ArrayBuffer(length)
    } catch (cause) {
      const error = systemError('ENOSPC', `no memory for ${length} bytes of ${this.path}`)
      error.cause = cause
      throw error
    }
    const used = Math.min(this.#size - index * WINDOW_SIZE, WINDOW_SIZE)
    // What lies behind the end of the file is zero on both sides, and touching it would only take up memory.
    if (used > 0) new Uint8Array(buffer).set(new Uint8Array(this.#windows[index], 0, used))
    return buffer
  }
}
