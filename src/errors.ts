/**
 * Every error that coppice throws on purpose, grouped by the occasion. A code is stable: programs may
 * compare it. A message is for people: it says what happened and what to do, and may change.
 */

export type ErrorCode =
  // Opening.
  | 'COPPICE_NOT_FOUND'
  | 'COPPICE_EXISTS'
  | 'COPPICE_IS_DIRECTORY'
  | 'COPPICE_PERMISSION'
  | 'COPPICE_LOCKED'
  | 'COPPICE_NOT_A_DATABASE'
  | 'COPPICE_VERSION'
  | 'COPPICE_UNSUPPORTED'
  // Arguments.
  | 'COPPICE_INVALID_OPTION'
  | 'COPPICE_INVALID_KEY'
  | 'COPPICE_INVALID_VALUE'
  | 'COPPICE_KEY_TOO_LARGE'
  | 'COPPICE_VALUE_TOO_LARGE'
  | 'COPPICE_UNSORTED'
  // Use out of order.
  | 'COPPICE_CLOSED'
  | 'COPPICE_BUSY'
  | 'COPPICE_TRANSACTION_ENDED'
  | 'COPPICE_TRANSACTION_FAILED'
  | 'COPPICE_READ_ONLY'
  | 'COPPICE_PROMISE_RETURNED'
  // The disk.
  | 'COPPICE_CORRUPT'
  | 'COPPICE_NO_SPACE'
  | 'COPPICE_TOO_LARGE'
  | 'COPPICE_IO'
  | 'COPPICE_SYNC_FAILED'

/** Where in the file an error was met, as far as it is known. */
export interface ErrorPlace {
  /** Page number, 0 for the first page of the file. */
  page?: number
  /** Id of the tree, as in page headers: 0 the catalog, 1 the default tree, 2 and up the named trees. */
  tree?: number
}

/** The one class of error that coppice throws for anything but a bug of its own. */
export class CoppiceError extends Error {
  readonly code: ErrorCode
  /** Number of the damaged page, for `COPPICE_CORRUPT`. */
  readonly page: number | undefined
  /** Id of the tree the damaged page was met in, for `COPPICE_CORRUPT`. */
  readonly tree: number | undefined

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
