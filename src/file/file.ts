/**
 * The file interface: the only way the engine reaches storage. Four implementations stand behind it
 * (mapped, plain, memory, and the simulated disk of the properties) and one suite runs over all.
 *
 * Windows: a file may offer its content as memory, in windows of 1 GiB. A window may reach past the end of
 * the file; touching a page past the end kills the process, so callers bound every access by a page count
 * that they have checked against `size()`. What was written with `write` shows in the window at once.
 *
 * Every method throws what the system call threw; `errors.ts` turns it into a typed error further up.
 */

/** Bytes in a window: 1 GiB, 2^18 pages of 4 KiB. */
export const WINDOW_SIZE = 1 << 30

export interface StoreFile {
  /** Where the file is, for messages; ':memory:' for the memory file. */
  readonly path: string
  readonly readOnly: boolean

  /** Length in bytes, asked of the system. */
  size(): number

  /**
   * Makes the windows cover the first `bytes` bytes. The file is not made longer by this where the windows
   * reach past its end anyway; a memory file is, and then `window` answers with another buffer.
   */
  reserve(bytes: number): void

  /** Window number `index`, or undefined where the file cannot be mapped there: then pages are read with `read`. */
  window(index: number): ArrayBuffer | undefined

  /** Fills `target` from byte `position`; throws where the file ends before that. */
  read(target: Uint8Array, position: number): void

  /** Writes the buffers one behind the other from byte `position`, all of them or throws. Makes the file longer as needed. */
  write(sources: readonly Uint8Array[], position: number): void

  /** Returns once everything written is on the disk. */
  sync(): void

  /** The same in the thread pool. */
  syncAsync(): Promise<void>

  /** Cuts the file to, or extends it by a hole to, `bytes` bytes. */
  resize(bytes: number): void

  /** Releases file and lock. Windows that are still referenced stay valid. Closing twice is allowed. */
  close(): void
}

/** Maps `length` bytes of the file behind `descriptor` from byte `offset`, read-only and shared, or answers undefined where it cannot. */
export type Mapper = (descriptor: number, offset: number, length: number) => ArrayBuffer | undefined
