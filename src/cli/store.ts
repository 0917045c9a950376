/** Stores as the commands open them: keys and values are bytes, and a store is closed whatever happens. */
import type { AutoKeyspace, Database } from '../index.js'
import { open } from '../index.js'
import type { Arguments } from './command.js'
import { NotFoundError } from './command.js'
import { toText } from './text.js'

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
  return open<Uint8Array, Uint8Array>(path, { keyEncoding: 'binary', readOnly: mode === 'read', create: mode === 'create' })
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

/** What `--tree` says. */
export function treeName(args: Arguments): string | undefined {
  const { tree } = args.values
  return typeof tree === 'string' ? tree : undefined
}

/** A name in quotes, safe to print. */
export function quoted(name: string): string {
  return `"${shownName(name)}"`
}

/** A tree's name, safe to print, and as `--tree` takes it; a word in parentheses for the default tree. */
export function shownName(name: string | undefined): string {
  return name === undefined ? '(default)' : toText(Buffer.from(name)).replaceAll('\\\\', '\\')
}
