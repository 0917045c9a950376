/** Errors in Level's terms. */
import { CoppiceError } from '../../index.js'
import type { ErrorCode } from '../../index.js'

/** An error with one of abstract-level's codes. Where the engine threw it, the `cause` is its `CoppiceError`, whose code says more. */
export class LevelError extends Error {
  /**
   * `LEVEL_LOCKED`, `LEVEL_DATABASE_NOT_OPEN`, `LEVEL_SNAPSHOT_NOT_OPEN`, `LEVEL_CORRUPTION`, `LEVEL_READONLY`, `LEVEL_NOT_SUPPORTED`,
   * `LEVEL_INVALID_KEY`, `LEVEL_INVALID_VALUE`, `LEVEL_IO_ERROR` or `LEVEL_ABORTED`.
   */
  readonly code: string

  /** @internal */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LevelError'
    this.code = code
  }
}

/** What a read ends with whose signal was aborted; the name is the web's. */
export class AbortError extends LevelError {
  constructor() {
    super('LEVEL_ABORTED', 'Operation has been aborted')
    this.name = 'AbortError'
  }
}

/** The engine's codes for which Level has one; the others are thrown as they are. */
const LEVEL_CODES: Partial<Record<ErrorCode, string>> = {
  COPPICE_LOCKED: 'LEVEL_LOCKED',
  COPPICE_CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  COPPICE_TRANSACTION_ENDED: 'LEVEL_SNAPSHOT_NOT_OPEN',
  COPPICE_CORRUPT: 'LEVEL_CORRUPTION',
  COPPICE_READ_ONLY: 'LEVEL_READONLY',
  COPPICE_UNSUPPORTED: 'LEVEL_NOT_SUPPORTED',
  COPPICE_INVALID_KEY: 'LEVEL_INVALID_KEY',
  COPPICE_KEY_TOO_LARGE: 'LEVEL_INVALID_KEY',
  COPPICE_INVALID_VALUE: 'LEVEL_INVALID_VALUE',
  COPPICE_VALUE_TOO_LARGE: 'LEVEL_INVALID_VALUE',
  COPPICE_NOT_FOUND: 'LEVEL_IO_ERROR',
  COPPICE_IS_DIRECTORY: 'LEVEL_IO_ERROR',
  COPPICE_PERMISSION: 'LEVEL_IO_ERROR',
  COPPICE_NO_SPACE: 'LEVEL_IO_ERROR',
  COPPICE_TOO_LARGE: 'LEVEL_IO_ERROR',
  COPPICE_IO: 'LEVEL_IO_ERROR',
  COPPICE_SYNC_FAILED: 'LEVEL_IO_ERROR',
}

/** The error to throw for what the engine threw. */
export function levelError(error: unknown): unknown {
  const code = error instanceof CoppiceError ? LEVEL_CODES[error.code] : undefined
  return code === undefined ? error : new LevelError(code, (error as CoppiceError).message, { cause: error })
}
