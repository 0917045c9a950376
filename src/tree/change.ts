/**
 * The changes that a transaction makes to a tree, each written down for the journal once it has been made. What no record
 * tells, a bulk load and values in extents, is written to the file by the commit itself.
 */
import { removeRange } from './cut.js'
import type { Loader } from './load.js'
import { remove } from './remove.js'
import type { Tree } from './tree.js'
import { loadValue, putValue } from './values.js'

export function putEntry(tree: Tree, key: Uint8Array, length: number, value: Uint8Array): void {
  const { puts } = tree
  const { recorder } = tree.writing()
  // What the journal takes is soon done, and a record has the changes in the order in which they were made.
  if (puts !== null && !recorder.fits) {
    if (puts.add(tree, key, length, value)) return
    puts.settle()
  }
  putValue(tree, key, length, value)
  recorder.put(key, length, value)
}

/** Answers whether there was such a key. */
export function deleteEntry(tree: Tree, key: Uint8Array, length: number): boolean {
  tree.puts?.settle()
  const found = remove(tree, key, length)
  if (found) tree.writing().recorder.delete(key, length)
  return found
}

/** Answers how many entries there were. */
export function deleteEntries(tree: Tree, low: Uint8Array | undefined, high: Uint8Array | undefined): number {
  tree.puts?.settle()
  const count = removeRange(tree, low, high)
  if (count > 0) tree.writing().recorder.deleteRange(low, high)
  return count
}

export function loadEntry(tree: Tree, loader: Loader, key: Uint8Array, length: number, value: Uint8Array): void {
  loadValue(tree, loader, key, length, value)
  tree.writing().recorder.giveUp()
}
