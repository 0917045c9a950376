/** Every error that coppice throws on purpose. */

/** What happened, in a word for programs: a code is stable. */
export type ErrorCode =
  // Opening.
  /** There is no such folder; or no such file, with `readOnly` or `create: false`. */
  | 'COPPICE_NOT_FOUND'
  /** Something stands at the path that `backup` or `compactTo` was to make a file at. */
  | 'COPPICE_EXISTS'
  /** The path names a folder. */
  | 'COPPICE_IS_DIRECTORY'
  /** The system does not let this process read or write the file, or its folder. */
  | 'COPPICE_PERMISSION'
  /** The file is open in another process, or a second time in this one; the message names the holder where the system tells. */
  | 'COPPICE_LOCKED'
  /** The file is empty or of another kind. It has not been changed. */
  | 'COPPICE_NOT_A_DATABASE'
  /** A newer version of coppice wrote the file. */
  | 'COPPICE_VERSION'
  /** The platform, the filesystem or the machine lacks something: locks, little-endian numbers, or the package mmap-io. */
  | 'COPPICE_UNSUPPORTED'
  // Arguments.
  /** An argument, option, range, position or operation does not exist, or has a value it cannot have. */
  | 'COPPICE_INVALID_OPTION'
  /** The key encoding does not take this key, a bound that must be given is undefined, or a tree's name is no name. */
  | 'COPPICE_INVALID_KEY'
  /** The value encoding does not take this value; or an encoding cannot read what is stored. */
  | 'COPPICE_INVALID_VALUE'
  /** The encoded key has more than 2,048 bytes. */
  | 'COPPICE_KEY_TOO_LARGE'
  /** The encoded value has more than 1 GiB. */
  | 'COPPICE_VALUE_TOO_LARGE'
  /** An entry given to `load` is not greater than the one before, or than those in the tree. */
  | 'COPPICE_UNSORTED'
  // Use out of order.
  /** The database, or the cursor, has been closed. */
  | 'COPPICE_CLOSED'
  /** Another write transaction is open; or a `load` into this one is still taking its entries. */
  | 'COPPICE_BUSY'
  /** The transaction has been committed or rolled back, or the savepoint is gone. */
  | 'COPPICE_TRANSACTION_ENDED'
  /** An earlier write of the transaction failed half-way, see `cause`. It can only be rolled back. */
  | 'COPPICE_TRANSACTION_FAILED'
  /** The database was opened, or the transaction begun, with `readOnly`. */
  | 'COPPICE_READ_ONLY'
  /** The function given to `transaction` returned a promise, and has been rolled back. */
  | 'COPPICE_PROMISE_RETURNED'
  // The disk.
  /** A page does not hold what its checksum or its parent says. The error has `page`, and `tree` where it is known. */
  | 'COPPICE_CORRUPT'
  /** The disk or the quota is full. Nothing of the transaction is kept. */
  | 'COPPICE_NO_SPACE'
  /** The file would grow beyond 4 TiB. Nothing of the transaction is kept. */
  | 'COPPICE_TOO_LARGE'
  /** The system refused to read or write, see `cause`. */
  | 'COPPICE_IO'
  /** The disk refused a sync, so it is unknown what is on it. The store takes no more writes until it is opened anew. */
  | 'COPPICE_SYNC_FAILED'

/** Where in the file an error was met, as far as it is known. */
export interface ErrorPlace {
  /** Page number, 0 for the first page of the file. */
  page?: number | undefined
  /** Id of the tree, as in page headers: 0 the catalog, 1 the default tree, 2 and up the named trees. */
  tree?: number | undefined
}

/**
 * The one class of error that coppice throws for anything but a bug of its own. Compare the `code`; the message is for
 * people, says what to do, and may change. `cause` has the error behind it, where there is one.
 *
 * **Every read** may throw `COPPICE_CLOSED`, `COPPICE_CORRUPT` and `COPPICE_IO`; in a transaction also
 * `COPPICE_TRANSACTION_ENDED` and `COPPICE_TRANSACTION_FAILED`.
 *
 * **Every write** may throw the same, and `COPPICE_READ_ONLY`, `COPPICE_BUSY`, `COPPICE_NO_SPACE`, `COPPICE_TOO_LARGE` and
 * `COPPICE_SYNC_FAILED`. A write that is a transaction of its own has then changed nothing; a transaction in which the disk
 * refused a write can only be rolled back. In a large transaction puts may wait for each other: what one that waited would have thrown,
 * a later call of the transaction throws, a read as well, or `commit`. After `COPPICE_SYNC_FAILED` it shows when the file is opened anew what is there.
 *
 * Each method names what it throws besides. An asynchronous one rejects with it.
 *
 * @example
 * ```ts
 * try {
 *   db.put('key', value)
 * } catch (error) {
 *   if (error instanceof CoppiceError && error.code === 'COPPICE_NO_SPACE') freeSomeSpace()
 *   else throw error
 * }
 * ```
 */
export class CoppiceError extends Error {
  /** What happened. */
  readonly code: ErrorCode
  /** Number of the damaged page, 0 for the first of the file; for `COPPICE_CORRUPT`. */
  readonly page: number | undefined
  /** Id of the tree that the damaged page was met in: 0 the catalog, 1 the default tree, 2 and up named trees; for `COPPICE_CORRUPT`. */
  readonly tree: number | undefined

  /** @internal */
  constructor(code: ErrorCode, message: string, options: ErrorOptions & ErrorPlace = {}) {
    super(message, options)
    this.name = 'CoppiceError'
    this.code = code
    this.page = options.page
    this.tree = options.tree
  }
}

/** The error for damage found in a page. `tree` is undefined where the page belongs to no tree. */
export function corrupt(page: number, tree: number | undefined, what: string): CoppiceError {
  const where = tree === undefined ? `page ${page}` : `page ${page} of ${treeName(tree)}`
  return new CoppiceError(
    'COPPICE_CORRUPT',
    `${where} is damaged: ${what}. Restore the file from a backup, or copy what can still be read into a new store.`,
    tree === undefined ? { page } : { page, tree },
  )
}

function treeName(tree: number): string {
  if (tree === 0) return 'the catalog'
  return tree === 1 ? 'the default tree' : `tree ${tree}`
}

/** Turns a failed system call into a typed error; anything else comes back as it was. */
export function ioError(error: unknown, doing: string): unknown {
  if (!(error instanceof Error) || error instanceof CoppiceError) return error
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CoppiceError('COPPICE_NO_SPACE', `no space left while ${doing}. Free some and try again.`, { cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new CoppiceError('COPPICE_PERMISSION', `no permission for ${doing}. Change it, or open with { readOnly: true }.`, { cause: error })
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new CoppiceError('COPPICE_NOT_FOUND', `no such file or folder, while ${doing}. Create the folder first, or correct the path.`, { cause: error })
  }
  if (code === 'EISDIR') {
    return new CoppiceError('COPPICE_IS_DIRECTORY', `a folder stands where a file is wanted, while ${doing}. Give a file's path.`, { cause: error })
  }
  if (code === undefined) return error
  return new CoppiceError('COPPICE_IO', `the system answered ${code} while ${doing}.`, { cause: error })
}
