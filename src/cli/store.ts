/** Stores as the commands open them: keys and values are bytes, and a store is closed whatever happens. */
import { isUtf8 } from 'node:buffer'
import fs from 'node:fs'
import { join } from 'node:path'
import type { AutoKeyspace, Database } from '../index.js'
import { CoppiceError, open } from '../index.js'
import type { Arguments } from './command.js'
import { NotFoundError, UsageError } from './command.js'
import { fromText, toText } from './text.js'

/** A store, and a tree of it, whose keys and values are bytes. */
export type ByteStore = Database<Uint8Array, Uint8Array>
export type ByteTree = AutoKeyspace<Uint8Array, Uint8Array>

/** `read` works beside other readers; `write` is alone, and wants a store that is there; `create` makes one where there is none. */
export type Mode = 'read' | 'write' | 'create'

/** Opens the store for as long as `work` takes. */
export async function withStore<T>(path: string, mode: Mode, work: (db: ByteStore) => T | Promise<T>): Promise<T> {
  const db = openStore(path, mode)
  try {
    return await work(db)
  } finally {
    db.close()
  }
}

/** Opens the store; the caller closes it. */
export function openStore(path: string, mode: Mode): ByteStore {
  try {
    return open<Uint8Array, Uint8Array>(path, { keyEncoding: 'binary', readOnly: mode === 'read', create: mode === 'create' })
  } catch (error) {
    if (mode === 'create' || !(error instanceof CoppiceError) || error.code !== 'COPPICE_NOT_FOUND') throw error
    throw new CoppiceError(error.code, `there is no store ${path}. Correct the path; "coppice put" and "coppice load" make one.`, { cause: error })
  }
}

/** Refuses what is no path of a store on the command line. */
export function assertStorePath(path: string): void {
  if (path === ':memory:') throw new UsageError('a store in memory would be gone when the program ends. Give a file; ./:memory: is one.')
}

/** Makes a folder with a name of its own in another one, for what is to go away again. */
export function temporaryFolderIn(folder: string, prefix: string): string {
  try {
    return fs.mkdtempSync(join(folder, prefix))
  } catch (cause) {
    const { code = 'an error without a code' } = cause as NodeJS.ErrnoException
    const why = { EACCES: 'there is no permission', EPERM: 'there is no permission', EROFS: 'it is read-only', ENOENT: 'it does not exist', ENOTDIR: 'it is no folder', ENOSPC: 'the disk is full' }[code] ?? `the system answered ${code}`
    throw new Error(`nothing can be made in the folder ${folder}: ${why}. Choose another one.`, { cause })
  }
}

/** The tree that `--tree` names, or the default one. Throws `NotFoundError` where there is none of that name. */
export function treeOf(db: ByteStore, args: Arguments): ByteTree {
  const name = treeName(args)
  if (name === undefined) return db
  if (!db.trees().includes(name)) throw new NotFoundError(`there is no tree ${quoted(name)} in ${db.path}. "coppice trees" lists those that there are.`)
  return namedTree(db, name)
}

/** The tree of that name, whether it is there or not. */
export function namedTree(db: ByteStore, name: string): ByteTree {
  return db.tree<Uint8Array, Uint8Array>(name, { keyEncoding: 'binary' })
}

/** The name that `--tree` says. */
export function treeName(args: Arguments): string | undefined {
  const { tree } = args.values
  if (tree === '') throw new UsageError('--tree wants a name. Leave it out for the default tree.')
  return typeof tree === 'string' ? nameFrom(tree) : undefined
}

/** A tree's name of its text, which has the escapes of keys. */
export function nameFrom(text: string): string {
  const bytes = fromText(text)
  if (!isUtf8(bytes)) throw new UsageError(`"${text}" is no name of a tree: names are UTF-8.`)
  return Buffer.from(bytes).toString('utf8')
}

/** A name in quotes, safe to print. */
export function quoted(name: string): string {
  return `"${shownName(name)}"`
}

/** A tree's name, safe to print, and as `--tree` takes it; a word in parentheses for the default tree. */
export function shownName(name: string | undefined): string {
  return name === undefined ? '(default)' : toText(Buffer.from(name))
}
