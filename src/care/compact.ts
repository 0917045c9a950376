import { existsSync } from 'node:fs'
import type { Database } from '../database.js'
import { binary } from '../encoding/binary.js'
import { CoppiceError } from '../errors.js'
import { placeFile, removeQuietly, temporaryName, withoutTemporary } from '../file/create.js'
import { EVERYTHING, TreeScan } from '../tree/scan.js'
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
    } catch (error) {
      if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_UNSORTED') throw error
      throw new CoppiceError('COPPICE_CORRUPT', 'the entries of the store do not come in order, so that they cannot be copied. Run check to see where it is damaged.', { cause: error })
    } finally {
      target.close()
    }
    if (!placeFile(temporary, path)) throw existing(path)
  } catch (error) {
    removeQuietly(temporary)
    throw withoutTemporary(error, temporary, path)
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
  if (existsSync(path)) throw existing(path)
}

export function existing(path: string): CoppiceError {
  return new CoppiceError('COPPICE_EXISTS', `${path} is there already. Choose another path, or delete it first.`)
}

function* entriesOf(tree: Tree): Generator<[Uint8Array, Uint8Array]> {
  const scan = new TreeScan(tree, EVERYTHING)
  while (scan.next()) yield [keyOf(tree, scan.cursor.slot, scan.cursor.index, binary), valueOf(tree, scan.cursor.slot, scan.cursor.index, binary)]
}
