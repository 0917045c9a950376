/** Folders: their names, too, have to reach the disk. */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { CoppiceError, ioError } from '../errors.js'

/** What was to reach the disk has been synced, so nothing hangs on whether closing succeeds; the descriptor is gone anyway. */
export function closeQuietly(descriptor: number | undefined): void {
  try {
    if (descriptor !== undefined) fs.closeSync(descriptor)
  } catch {
    // See above.
  }
}

/** The folder's descriptor, opened first because a folder that cannot be synced is better known before. */
export function openFolder(folder: string, path: string): number | undefined {
  // Windows opens no folders, and needs no sync of them.
  if (process.platform === 'win32') return undefined
  try {
    return fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw ioError(error, `creating ${path}`)
    const message = code === 'ENOENT' ? `the folder ${folder} does not exist. Create it first, or correct` : `${folder} is no folder. Correct`
    throw new CoppiceError('COPPICE_NOT_FOUND', `${message} the path ${path}.`, { cause: error })
  }
}

export function syncFolder(folder: number | undefined): void {
  if (folder === undefined) return
  try {
    fs.fsyncSync(folder)
  } catch (error) {
    // Some filesystems cannot sync a folder at all, and say so in one of these ways.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Brings the names in a folder to the disk; `path` is what that is done for, for the error. */
export function syncNamesIn(folder: string, path: string): void {
  const descriptor = openFolder(folder, path)
  try {
    syncFolder(descriptor)
  } finally {
    closeQuietly(descriptor)
  }
}

/**
 * Brings the name of an existing file to the disk: whoever made it may have been killed just before, or be about to,
 * and a commit in a file that nothing leads to would be lost.
 */
export function syncName(path: string): void {
  try {
    syncNamesIn(dirname(fs.realpathSync(path)), path)
  } catch (error) {
    // Who may not read the folder did not make the file either, and has to leave its name to who did.
    if (error instanceof CoppiceError && error.code === 'COPPICE_PERMISSION') return
    throw error
  }
}
