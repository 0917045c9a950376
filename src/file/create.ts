/**
 * New files: whole or not there at all, as their content reaches the disk under another name first, and their
 * name after it.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CoppiceError, ioError } from '../errors.js'
import { writeAll } from './transfer.js'
import { closeQuietly, openFolder, syncFolder } from './folder.js'
import { lockFile, sameFile } from './lock.js'

/**
 * Creates a file with the given content, so that after a crash it is there with all of it or not there.
 * Answers false where something stands at `path` already, which is then left as it is.
 *
 * Throws `COPPICE_NOT_FOUND` where the folder is missing, `COPPICE_PERMISSION`, `COPPICE_NO_SPACE`,
 * `COPPICE_IO`. Then nothing is left behind.
 */
export function createFile(path: string, content: readonly Uint8Array[]): boolean {
  const temporary = temporaryName(path)
  return fillAndPlace(temporary, path, 'wx', (descriptor) => writeAll(descriptor, temporary, content, 0))
}

/** The same for a file that has been written whole under a temporary name. */
export function placeFile(temporary: string, path: string): boolean {
  return fillAndPlace(temporary, path, 'r+', () => undefined)
}

/** A name beside `path` that nobody else takes, nor an earlier process with the same id that was killed half-way. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.${randomBytes(6).toString('hex')}.new`
}

/** What `temporaryName` adds to a path, once or, beside a temporary name, twice. */
const TEMPORARY_END = /^(\.\d+\.[0-9a-f]{12}\.new)+/

/** The files of this process that are to be given the name `path` when they are whole. */
export function temporariesOf(path: string): string[] {
  const folder = dirname(path)
  const begin = basename(path)
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => name.startsWith(`${begin}.${process.pid}.`) && name.slice(begin.length).replace(TEMPORARY_END, '') === '')
      .map((name) => join(folder, name))
  } catch {
    // Without the folder there is nothing in it; what is wrong with it, the work itself says.
    return []
  }
}

/** The error with a name that people know in place of a temporary one, beside which making a store may have made one more. */
export function withoutTemporary(error: unknown, temporary: string, known: string): unknown {
  if (!(error instanceof Error) || !error.message.includes(temporary)) return error
  const [before, ...rest] = error.message.split(temporary)
  const message = [before, ...rest.map((part) => part.replace(TEMPORARY_END, ''))].join(known)
  if (!(error instanceof CoppiceError)) return new Error(message, { cause: error })
  return new CoppiceError(error.code, message, { cause: error.cause, page: error.page, tree: error.tree })
}

/** Removes a temporary file where there is one. Where that fails, the error that brought us here matters more. */
export function removeQuietly(temporary: string): void {
  try {
    fs.rmSync(temporary, { force: true })
  } catch {
    // Nobody minds the file.
  }
}

function fillAndPlace(temporary: string, path: string, flags: string, fill: (descriptor: number) => void): boolean {
  const folder = openFolder(dirname(path), path)
  try {
    const descriptor = fs.openSync(temporary, flags)
    try {
      fill(descriptor)
      fs.fdatasyncSync(descriptor)
      return place(descriptor, temporary, path, folder)
    } finally {
      removeQuietly(temporary)
      closeQuietly(descriptor)
    }
  } catch (error) {
    throw ioError(error, `creating ${path}`)
  } finally {
    closeQuietly(folder)
  }
}

function place(descriptor: number, temporary: string, path: string, folder: number | undefined): boolean {
  const created = moveIntoPlace(temporary, path)
  try {
    // The temporary name goes before the folder is synced, so that it cannot come back after a crash.
    fs.rmSync(temporary, { force: true })
    // Also where another creator was faster: it may not have come this far, and our caller relies on the name.
    syncFolder(folder)
  } catch (error) {
    if (created) takeBack(descriptor, path)
    throw error
  }
  return created
}

function moveIntoPlace(temporary: string, path: string): boolean {
  try {
    // Unlike a rename, a link replaces nothing: of two creators only one succeeds.
    fs.linkSync(temporary, path)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error
  }
  // No links on this filesystem. What is left is a moment in which another creator could be overwritten.
  if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false
  fs.renameSync(temporary, path)
  return true
}

/** Removes the new file again, unless somebody has opened it by now: then it is theirs, and complete. */
function takeBack(descriptor: number, path: string): void {
  try {
    lockFile(descriptor, path, true)
    if (sameFile(descriptor, path)) fs.unlinkSync(path)
  } catch {
    // The error that brought us here matters more.
  }
}
