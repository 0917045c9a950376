/**
 * Puts of a large transaction that wait, to be made in the order of their keys. In an order of its own each waits for memory at every
 * level of the tree; sorted, most come to the leaf that the one before has brought into the cache.
 *
 * Invariants:
 * - only puts wait: whatever else reads or changes entries in the transaction comes after `settle`;
 * - of a tree without a root none waits, so that a tree with entries shows that it has some.
 */
import { Arena } from '../page/arena.js'
import { needsOverflow } from '../page/leaf.js'
import { align4 } from '../page/node.js'
import { leaveSlab, takeSlab } from '../pager/slabs.js'
import type { Scratch } from '../pager/scratch.js'
import { merge } from './merge.js'
import { PutRuns } from './put-runs.js'
import { ENTRY_HEADER, entrySize, MOST_ENTRY_BYTES, SORTING, SortedPuts } from './sorted-puts.js'
import type { Tree } from './tree.js'

/** A tree's puts wait once so many in a row have each gone to another leaf than the one before. */
const SCATTERED = 64
/** Trees whose puts may wait at a time: each is looked for in all of the memory. */
const MAX_TREES = 8

/** The puts of one tree. */
interface Waiting {
  tree: Tree
  count: number
  /** Where the first one stands, and how many bytes all keys have in common at their beginning. */
  first: number
  shared: number
}

export class PutBuffer {
  private readonly capacity: number
  private memory: Arena | undefined
  private end = 0
  private count = 0
  private readonly waiting: Waiting[] = []
  /** Puts before those. */
  private readonly runs: PutRuns
  /** Puts that have waited are being made. */
  settling = false
  /** What went wrong in the middle of a put that had waited; the transaction can only be rolled back then. */
  failure: unknown

  /** Takes up to `capacity` bytes, once they are needed and until the transaction ends, and `scratch` for more. */
  constructor(capacity: number, scratch: Scratch) {
    this.capacity = Math.min(capacity, MOST_ENTRY_BYTES)
    this.runs = new PutRuns(scratch)
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.runs.isEmpty
  }

  /** Lets a put wait; false where this one is to be made at once, behind those that wait. */
  add(tree: Tree, key: Uint8Array, length: number, value: Uint8Array): boolean {
    if (tree.path.scattered < SCATTERED || tree.root.page === 0 || needsOverflow(length, value.length)) return false
    this.assertWhole()
    const size = entrySize(length, value.length)
    let number = this.numberOf(tree)
    if (this.end + size + SORTING * (this.count + 1) > this.capacity || number === MAX_TREES) {
      if (!this.waitsOn()) this.settle()
      number = 0
    }
    const memory = (this.memory ??= new Arena(takeSlab(this.capacity)))
    if (number === this.waiting.length) this.waiting.push({ tree, count: 0, first: this.end, shared: length })
    this.write(memory, number, key, length, value)
    this.end += size
    this.count++
    return true
  }

  private numberOf(tree: Tree): number {
    const { waiting } = this
    for (let i = 0; i < waiting.length; i++) if (waiting[i].tree === tree) return i
    return waiting.length
  }

  private write(memory: Arena, number: number, key: Uint8Array, length: number, value: Uint8Array): void {
    const { bytes, words } = memory
    const { end } = this
    const waiting = this.waiting[number]
    words[end >>> 2] = number
    words[(end >>> 2) + 1] = length | (value.length << 16)
    for (let i = 0; i < length; i++) bytes[end + ENTRY_HEADER + i] = key[i]
    bytes.set(value, end + ENTRY_HEADER + align4(length))
    waiting.count++
    const first = waiting.first + ENTRY_HEADER
    const most = Math.min(waiting.shared, length)
    let shared = 0
    while (shared < most && bytes[first + shared] === key[shared]) shared++
    waiting.shared = shared
  }

  private assertWhole(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Moves what waits in memory to a run, where it would come to many leaves, each for a few puts; false where it is to be made. */
  private waitsOn(): boolean {
    const { waiting, memory, runs } = this
    if (memory === undefined || waiting.length !== 1) return false
    const [{ tree, count }] = waiting
    if (!runs.wants(tree, count, this.end, memory)) return false
    const puts = this.sorted(memory, 0)
    // Those that ascend came to few leaves, and so will the next.
    return !puts.ascending && this.moveToRun(tree, puts)
  }

  private moveToRun(tree: Tree, puts: SortedPuts): boolean {
    if (!this.runs.write(tree, puts)) return false
    this.empty()
    return true
  }

  private sorted(memory: Arena, number: number): SortedPuts {
    const { count, first, shared } = this.waiting[number]
    return SortedPuts.of(memory, number, count, first, shared)
  }

  /** Makes all puts that wait, `last` where none follow. Where one fails nothing waits any more, and every later call throws the same. */
  settle(last = false): void {
    this.assertWhole()
    if (this.memory === undefined || this.isEmpty) return
    this.settling = true
    try {
      if (!this.runs.isEmpty) this.makeRuns(this.memory, last)
      this.makeWaiting(this.memory, last)
    } catch (error) {
      this.failure = error
      throw error
    } finally {
      this.settling = false
      this.empty()
      this.runs.discard()
    }
  }

  /** Those in memory are later, and best made in the same pass. Where they cannot be, as on a full disk, they keep their memory. */
  private makeRuns(memory: Arena, last: boolean): void {
    const free = this.waiting.length === 0 || (this.waiting.length === 1 && this.join(memory))
    const tree = this.runs.make(free ? memory : new Arena(new ArrayBuffer(this.runs.least)), last && free)
    tree.path.scattered = SCATTERED
  }

  private join(memory: Arena): boolean {
    const [{ tree }] = this.waiting
    return this.runs.takes(tree, this.end) && this.moveToRun(tree, this.sorted(memory, 0))
  }

  private makeWaiting(memory: Arena, last: boolean): void {
    const { waiting } = this
    for (let number = 0; number < waiting.length; number++) {
      const { tree } = waiting[number]
      const puts = this.sorted(memory, number)
      merge(tree, puts, last)
      tree.path.scattered = puts.ascending ? 0 : SCATTERED
    }
  }

  private empty(): void {
    this.waiting.length = 0
    this.end = 0
    this.count = 0
  }

  /** Forgets what waits, and what went wrong: the transaction is as it was before. */
  discard(): void {
    this.empty()
    this.runs.discard()
    this.failure = undefined
  }

  /** The transaction has ended. */
  close(): void {
    this.discard()
    this.runs.close()
    if (this.memory !== undefined) leaveSlab(this.memory.bytes.buffer)
    this.memory = undefined
  }
}
