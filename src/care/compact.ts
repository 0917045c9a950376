import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from '../database.js'
import { binary } from '../encoding/binary.js'
import { CoppiceError } from '../errors.js'
import { TreeScan } from '../tree/scan.js'
import type { Tree } from '../tree/tree.js'
import { keyOf, valueOf } from '../tree/values.js'
import type { CommitView } from '../views.js'

/** Opens a store whose keys and values are bytes. */
export type OpenRaw = (path: string) => Database<Uint8Array, Uint8Array>

/**
 * Loads all trees of a commit into a new store at `path`, in one transaction. It is written under another
 * name first, so that what stands at `path` is whole, and nothing is left behind on an error.
 */
export function compactTo(view: CommitView, path: string, open: OpenRaw): void {
  refuseExisting(path)
  const temporary = temporaryName(path)
  try {
    const target = open(temporary)
    try {
      copyTrees(view, target)
    } finally {
      target.close()
    }
    refuseExisting(path)
    renameSync(temporary, path)
    syncPath(dirname(path))
  } finally {
    rmSync(temporary, { force: true })
  }
}

function copyTrees(view: CommitView, target: Database<Uint8Array, Uint8Array>): void {
  target.transaction((tx) => {
    tx.load(entriesOf(view.defaultTree))
    for (const name of view.names()) {
      tx.createTree(name)
      tx.tree(name, { keyEncoding: binary, valueEncoding: binary }).load(entriesOf(view.tree(name)))
    }
  })
}

/** Refuses a path at which something stands: a copy never replaces what may be somebody's data. */
export function refuseExisting(path: string): void {
  if (existsSync(path)) throw new CoppiceError('COPPICE_EXISTS', `${path} is there already. Choose another path, or delete it first.`)
}

/** A name beside `path` that nobody else takes, nor an earlier process with the same id that was killed half-way. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.${randomBytes(6).toString('hex')}.new`
}

/** Brings a file, or the names in a folder, to the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function* entriesOf(tree: Tree): Generator<[Uint8Array, Uint8Array]> {
  const scan = new TreeScan(tree, undefined, undefined, false, Infinity, 0)
  while (scan.next()) yield [keyOf(tree, scan.cursor.slot, scan.cursor.index, binary), valueOf(tree, scan.cursor.slot, scan.cursor.index, binary)]
}
