/** What the transactions do: something of all that a store is for, each time noted in the ledger too. */
import { MAX_KEY_LENGTH } from '../page/layout.js'
import type { Transaction } from '../transaction.js'
import type { ByteTree, Ledger, TreeName } from './ledger.js'
import { treeIn } from './ledger.js'
import { below, oneOf } from './random.js'

/** Writes at most in a transaction. */
const MOST_WRITES = 8
/** Keys of the store at most that one write deletes. */
const MOST_DELETED = 20
/** A value that makes its transaction so large that its pages are synced before its meta page is written. */
const BULK_BYTES = 4.5 * 2 ** 20

type Tx = Transaction<Uint8Array, Uint8Array>

/** Fills a transaction; `bulk` makes it a large one. */
export function fill(tx: Tx, ledger: Ledger, random: () => number, bulk: boolean): void {
  if (bulk) put(tx, ledger, oneOf(ledger.trees, random), newKey(undefined, random), valueOf(BULK_BYTES, random))
  for (let left = 1 + below(MOST_WRITES, random); left > 0; left--) write(tx, ledger, random)
}

function write(tx: Tx, ledger: Ledger, random: () => number): void {
  const tree = oneOf(ledger.trees, random)
  const key = ledger.someKey(tree, random)
  const kind = random()
  if (key === undefined || kind < 0.3) put(tx, ledger, tree, newKey(key, random), someValue(random))
  else if (kind < 0.6) put(tx, ledger, tree, key, someValue(random))
  else if (kind < 0.9) assertSame('delete', treeIn(tx, tree).delete(key), ledger.delete(tree, key))
  else deleteRange(treeIn(tx, tree), ledger, tree, key, random)
}

function put(tx: Tx, ledger: Ledger, tree: TreeName, key: Uint8Array, value: Uint8Array): void {
  treeIn(tx, tree).put(key, value)
  ledger.put(tree, key, value)
}

function deleteRange(target: ByteTree, ledger: Ledger, tree: TreeName, from: Uint8Array, random: () => number): void {
  const range = ledger.rangeFrom(tree, from, below(MOST_DELETED, random))
  assertSame('deleteRange', target.deleteRange(range), ledger.deleteRange(tree, range))
}

function assertSame(what: string, answer: unknown, expected: unknown): void {
  if (answer !== expected) throw new Error(`${what} answered ${String(answer)}, where ${String(expected)} was right`)
}

/** A key that stands beside another one, or anywhere; now and then a long one. */
function newKey(near: Uint8Array | undefined, random: () => number): Uint8Array {
  const length = random() < 0.05 ? below(MAX_KEY_LENGTH - 100, random) : 4 + below(36, random)
  const bytes = Uint8Array.from({ length }, () => below(256, random))
  if (near === undefined || near.length + length > MAX_KEY_LENGTH) return bytes
  return new Uint8Array(Buffer.concat([near, bytes]))
}

/** Most values stand in their leaf, some in pages of their own. */
function someValue(random: () => number): Uint8Array {
  const kind = random()
  return valueOf(below(kind < 0.7 ? 200 : kind < 0.9 ? 2000 : 30_000, random), random)
}

function valueOf(length: number, random: () => number): Uint8Array {
  return new Uint8Array(Buffer.alloc(length, String(random())))
}
