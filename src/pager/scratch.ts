/**
 * Runs of bytes that a transaction keeps outside of its memory, in a file without a name.
 *
 * Where such a file cannot be had or written to, or the disk has not much room, the transaction has to do without. What does not read as it
 * was written fails it.
 */
import { assert } from '../assert.js'
import { CoppiceError, ioError } from '../errors.js'
import type { ScratchFile, StoreFile } from '../file/file.js'
import { crc32 } from '../page/checksum.js'

/** Where a run begins, and the pieces that it was written in. */
export interface Run {
  start: number
  pieces: { length: number; crc: number }[]
}

/** The disk is to have so many times the bytes of all runs left: what they are made into takes as much as they do, and pages that it is merged with are copied. */
const ROOM = 3

export class Scratch {
  private readonly beside: StoreFile
  private file: ScratchFile | undefined
  private refused = false
  /** End of the runs that are kept. */
  private end = 0

  /** Stands beside this file, once it is needed. */
  constructor(beside: StoreFile) {
    this.beside = beside
  }

  /** Whether a run of so many bytes is to be written. */
  takes(bytes: number): boolean {
    const file = this.open()
    if (file === undefined) return false
    try {
      return file.room() - bytes >= ROOM * (this.end + bytes)
    } catch {
      return false
    }
  }

  /** Writes a run, piece by piece; undefined where that cannot be done, and from then on. */
  write(pieces: Iterable<Uint8Array>): Run | undefined {
    const file = this.open()
    if (file === undefined) return undefined
    const run: Run = { start: this.end, pieces: [] }
    let end = this.end
    for (const bytes of pieces) {
      try {
        file.write(bytes, end)
      } catch {
        this.refused = true
        return undefined
      }
      run.pieces.push({ length: bytes.length, crc: crc32(bytes) })
      end += bytes.length
    }
    this.end = end
    return run
  }

  /** Reads a run from its beginning on. */
  read(run: Run): RunReading {
    assert(this.file !== undefined, 'runs are read while their file is open')
    return new RunReading(this.file, run)
  }

  /** Forgets all runs, and gives their room back. */
  clear(): void {
    if (this.end === 0) return
    this.end = 0
    try {
      this.file?.empty()
    } catch {
      // They are written over, or go with the file.
    }
  }

  close(): void {
    this.end = 0
    this.file?.close()
    this.file = undefined
  }

  private open(): ScratchFile | undefined {
    if (this.refused) return undefined
    this.file ??= this.beside.scratch?.()
    this.refused = this.file === undefined
    return this.file
  }
}

export class RunReading {
  private readonly file: ScratchFile
  private readonly run: Run
  private piece = 0
  private position: number

  constructor(file: ScratchFile, run: Run) {
    this.file = file
    this.run = run
    this.position = run.start
  }

  /** Reads the next piece to the beginning of `target`, and answers its length; 0 where there is none. */
  next(target: Uint8Array): number {
    if (this.piece === this.run.pieces.length) return 0
    const { length, crc } = this.run.pieces[this.piece++]
    const bytes = target.subarray(0, length)
    try {
      this.file.read(bytes, this.position)
    } catch (error) {
      throw ioError(error, 'reading back what a large transaction has put')
    }
    this.position += length
    if (crc32(bytes) !== crc) throw lost()
    return length
  }
}

function lost(): CoppiceError {
  return new CoppiceError('COPPICE_IO', 'the file in which a large transaction keeps a part of what it has put does not hold what was written to it. Look after the disk.')
}
