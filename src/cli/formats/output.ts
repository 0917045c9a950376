/** Where a dump goes: standard output, or a file that is there only when it is whole. */
import type { FileHandle } from 'node:fs/promises'
import { open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { temporaryName } from '../../file/create.js'
import { syncNamesIn } from '../../file/folder.js'
import type { Terminal } from '../command.js'

export interface Output {
  write(text: string): Promise<void>
  /** All has been written. */
  finish(): Promise<void>
  /** Something went wrong: what has been written so far goes away. Nothing to do for what is finished. */
  discard(): Promise<void>
}

export function terminalOutput(terminal: Terminal): Output {
  return {
    async write(text) {
      await terminal.write(text)
      // Writing to a file or a pipe may block instead of waiting, and then signals would never be heard.
      await setImmediate()
    },
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  }
}

/** Opens a file for writing; `source` is a file that it may not be. */
export async function fileOutput(path: string, source: string): Promise<Output> {
  try {
    const target = await targetOf(path)
    const there = await stat(target).catch(() => undefined)
    if (there?.isDirectory() === true) throw new Error(`${path} is a folder. Give a file's path.`)
    const own = await stat(source).catch(() => undefined)
    if (there !== undefined && own !== undefined && there.ino === own.ino && there.dev === own.dev) throw new Error(`${path} is the store itself. Choose another file.`)
    // A pipe or a device is written to; renaming would put a file in its place.
    if (there !== undefined && !there.isFile()) return plainOutput(path, await open(target, 'w'))
    return await wholeOutput(path, target, there?.mode)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** Where a path leads: a rename onto a symbolic link would replace the link, also where nothing stands yet at its end. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const next = await readlink(path).catch(() => undefined)
    return next === undefined ? path : await targetOf(resolve(await realpath(dirname(path)), next))
  }
}

function plainOutput(path: string, handle: FileHandle): Output {
  return {
    write: (text) => writeAll(path, handle, text),
    finish: () => handle.close(),
    discard: () => handle.close().catch(() => undefined),
  }
}

async function wholeOutput(path: string, target: string, mode: number | undefined): Promise<Output> {
  const temporary = temporaryName(target)
  const handle = await open(temporary, 'wx')
  return {
    write: (text) => writeAll(path, handle, text),
    async finish() {
      try {
        if (mode !== undefined) await handle.chmod(mode & 0o7777)
        await handle.sync()
        await handle.close()
        await rename(temporary, target)
        syncNamesIn(dirname(target), target)
      } catch (error) {
        throw unwritable(path, error)
      }
    },
    async discard() {
      // Closing twice, or removing what has been renamed, is not worth a word.
      await handle.close().catch(() => undefined)
      await rm(temporary, { force: true }).catch(() => undefined)
    },
  }
}

async function writeAll(path: string, handle: FileHandle, text: string): Promise<void> {
  try {
    await handle.writeFile(text)
  } catch (error) {
    throw unwritable(path, error)
  }
}

function unwritable(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (typeof code !== 'string') return error
  const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such folder', EACCES: 'there is no permission', ENOSPC: 'the disk is full' }
  return new Error(`${path} cannot be written: ${reasons[code] ?? `the system answered ${code}`}.`, { cause: error })
}
