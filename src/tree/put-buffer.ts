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
import { leaveSlab, takeSlab } from '../pager/slabs.js'
import type { Scratch } from '../pager/scratch.js'
import { makeSorted } from './merge.js'
import { PutRuns } from './put-runs.js'
import type { Part } from './sorted-puts.js'
import { compareEntries, ENTRY_HEADER, entrySize, MOST_ENTRY_BYTES, SORTING, SortedPuts, writeEntry } from './sorted-puts.js'
import type { Tree } from './tree.js'

/** A tree's puts wait once so many in a row have each gone to another leaf than the one before. */
const SCATTERED = 64
/** Trees whose puts may wait at a time: each is looked for in all of the memory. */
const MAX_TREES = 8
/** The memory is filled a part at a time, the first one again behind the last: where all are full, the oldest alone comes to a run. */
const PARTS = 3

/** The puts of one tree. */
interface Waiting {
  tree: Tree
  count: number
  /** Where the first one stands, and how many bytes all keys have in common at their beginning. */
  first: number
  shared: number
  /** Where the last one stands, and how many came in order up to it, each not before the one before. */
  last: number
  run: number
}

export class PutBuffer {
  /** Bytes of a part. */
  private readonly capacity: number
  private memory: Arena | undefined
  /** Those with puts, oldest first; the last one is being filled. */
  private readonly parts: Part[] = []
  private readonly waiting: Waiting[] = []
  /** Puts before those. */
  private readonly runs: PutRuns
  /** Puts that have waited are being made. */
  settling = false
  /** What went wrong in the middle of a put that had waited; the transaction can only be rolled back then. */
  failure: unknown

  /** Takes up to `capacity` bytes, once they are needed and until the transaction ends, and `scratch` for more. */
  constructor(capacity: number, scratch: Scratch) {
    this.capacity = (Math.min(capacity, MOST_ENTRY_BYTES) / PARTS) & ~7
    this.runs = new PutRuns(scratch, this.capacity)
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
    if (number === MAX_TREES || !this.hasRoom(size)) {
      this.makeRoom(number)
      number = this.numberOf(tree)
    }
    const part = this.parts[this.parts.length - 1]
    const memory = (this.memory ??= new Arena(takeSlab(this.capacity * PARTS)))
    if (number === this.waiting.length) this.waiting.push({ tree, count: 0, first: part.end, shared: length, last: part.end, run: 0 })
    writeEntry(memory, part.end, number, key, length, value)
    this.note(memory, this.waiting[number], part.end, key, length)
    part.end += size
    part.count++
    return true
  }

  private numberOf(tree: Tree): number {
    const { waiting } = this
    for (let i = 0; i < waiting.length; i++) if (waiting[i].tree === tree) return i
    return waiting.length
  }

  /** Whether the last part has room for an entry of so many bytes. */
  private hasRoom(size: number): boolean {
    const { parts, capacity } = this
    if (parts.length === 0) return false
    const { start, end, count } = parts[parts.length - 1]
    return end - start + size + SORTING * (count + 1) <= capacity
  }

  /** Begins another part, where tree `number` is to have a put. */
  private makeRoom(number: number): void {
    const { parts, capacity, waiting } = this
    if (parts.length > 0) {
      // Where a part is full of puts that ascend, none had to wait.
      const ascending = number < waiting.length && waiting[number].run >= parts[parts.length - 1].count
      if (ascending || number === MAX_TREES || (parts.length === PARTS && !this.moveOldest())) this.settle()
    }
    const start = parts.length === 0 ? 0 : (parts[parts.length - 1].start + capacity) % (capacity * PARTS)
    parts.push({ start, end: start, count: 0 })
  }

  /** A put of the tree stands at `at`: what all of its keys have in common may be less than before. */
  private note(memory: Arena, waiting: Waiting, at: number, key: Uint8Array, length: number): void {
    const { bytes } = memory
    waiting.run = compareEntries(memory, waiting.last, memory, at) <= 0 ? waiting.run + 1 : 1
    waiting.last = at
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

  /** Moves the oldest part to a run; false where all are to be made. */
  private moveOldest(): boolean {
    const { waiting, memory, parts, runs } = this
    if (memory === undefined || waiting.length !== 1) return false
    const [one] = waiting
    const [oldest, next] = parts
    if (!runs.takes(one.tree, oldest.end - oldest.start)) return false
    if (!runs.write(one.tree, SortedPuts.of(memory, [oldest], 0, oldest.count, one.shared))) return false
    parts.shift()
    one.count -= oldest.count
    one.first = next.start
    return true
  }

  /** Makes all puts that wait, `last` where none follow. Where one fails nothing waits any more, and every later call throws the same. */
  settle(last = false): void {
    this.assertWhole()
    if (this.memory === undefined || this.isEmpty) return
    this.settling = true
    try {
      this.makeAll(this.memory, last)
    } catch (error) {
      this.failure = error
      throw error
    } finally {
      this.settling = false
      this.empty()
      this.runs.discard()
    }
  }

  private makeAll(memory: Arena, last: boolean): void {
    const { waiting, parts, runs } = this
    const joined = waiting.length === 1 && runs.areOf(waiting[0].tree)
    if (!runs.isEmpty && !joined) runs.make(undefined, false).path.scattered = SCATTERED
    for (const [number, { tree, count, shared, run }] of waiting.entries()) {
      const puts = SortedPuts.of(memory, parts, number, count, shared)
      if (joined) runs.make(puts, last)
      else makeSorted(tree, puts.count, [puts], last)
      // Those that ascend come to few leaves, and so will the next.
      tree.path.scattered = run >= count ? 0 : SCATTERED
    }
  }

  private empty(): void {
    this.waiting.length = 0
    this.parts.length = 0
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
