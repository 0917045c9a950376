/**
 * The file interface: the only way the engine reaches storage. Four implementations stand behind it
 * (mapped, plain, memory, and the simulated disk) and one suite runs over all.
 *
 * Windows: a file may offer its content as memory, in windows of up to 1 GiB. A window may reach past the end of
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
   * Makes windows to be had for the first `bytes` bytes; the file itself is not made longer. Another buffer may answer for a
   * window afterwards.
   */
  reserve(bytes: number): void

  /**
   * Window number `index`, mapped when it is first asked for, or undefined where nothing is reserved or the
   * file cannot be mapped: then pages are read with `read`. It is as long as what is reserved of it takes, or longer; another, longer
   * buffer answers when more has been reserved.
   */
  window(index: number): ArrayBuffer | undefined

  /** Fills `target` from byte `position`; throws where the file ends before that. */
  read(target: Uint8Array, position: number): void

  /** Writes the buffers one behind the other from byte `position`, all of them or throws. Makes the file longer as needed. */
  write(sources: readonly Uint8Array[], position: number): void

  /** Returns once everything written is on the disk. */
  sync(): void

  /** The same in the thread pool. */
  syncAsync(): Promise<void>

  /**
   * Begins to bring what has been written to the disk, in the background, and promises nothing; `sync` still tells of every page that
   * could not be written. A file without this does it when it is told to sync.
   */
  syncAhead?(): void

  /**
   * A file without a name on the same disk, for what a transaction cannot keep in memory, or undefined where there is none to be had. It is
   * the caller's to close; nothing of it is left when the process ends.
   */
  scratch?(): ScratchFile | undefined

  /** Cuts the file to, or extends it by a hole to, `bytes` bytes. */
  resize(bytes: number): void

  /** Releases file and lock. Windows that are still referenced stay valid. Closing twice is allowed. */
  close(): void
}

/** What `scratch` answers. Its methods throw what the system calls threw. */
export interface ScratchFile {
  /** Bytes that its disk has left. */
  room(): number
  write(bytes: Uint8Array, position: number): void
  /** Fills `target` from byte `position`. */
  read(target: Uint8Array, position: number): void
  /** Gives its bytes back to the disk. */
  empty(): void
  close(): void
}

/**
 * Maps `length` bytes of the file behind `descriptor` from byte `offset`, read-only and shared, or answers undefined where it cannot:
 * then the pages are read instead. The `ArrayBuffer` has exactly that length, from 1 MiB to 1 GiB, and may reach past the end of the file.
 */
export type Mapper = (descriptor: number, offset: number, length: number) => ArrayBuffer | undefined
