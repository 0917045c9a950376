/**
 * Puts of a transaction that are too many to wait in memory wait in runs on the disk, each in the order of its keys, and are made all in
 * one pass over the tree. Where few of what the memory holds come to the same leaf, it would be read, copied and written for these alone.
 *
 * Invariants:
 * - all runs are puts of one tree, and later than whatever else was put there before;
 * - of a key that stands in several runs the latest has the value.
 */
import { assert } from '../assert.js'
import { Arena } from '../page/arena.js'
import { PAGE_SIZE } from '../page/layout.js'
import type { Run, RunReading, Scratch } from '../pager/scratch.js'
import { merge } from './merge.js'
import { compareEntries, copyEntry, entrySizeAt, SortedPuts } from './sorted-puts.js'
import type { Tree } from './tree.js'

/** Where so many puts or more come to a leaf they are made at once. */
const DENSE = 32
/** Runs are written and read in pieces of so many bytes at most, 64 KiB, of whole entries. */
const PIECE = 2 ** 16
/** Puts that are merged at a time take so many pieces of memory, 128 KiB to 4 MiB, and are so many at most. */
const LEAST_BATCH = 2
const MOST_BATCH = 64
const MOST_IN_BATCH = 2 ** 16

export class PutRuns {
  private readonly scratch: Scratch
  private readonly runs: Run[] = []
  private tree: Tree | undefined
  private outgoing: Arena | undefined

  constructor(scratch: Scratch) {
    this.scratch = scratch
  }

  get isEmpty(): boolean {
    return this.runs.length === 0
  }

  /** Whether `count` puts of a tree, which take `bytes` of `memory`, had better wait in a run. */
  wants(tree: Tree, count: number, bytes: number, memory: Arena): boolean {
    if (this.runs.length >= mostRuns(memory)) return false
    const leaves = (tree.root.entries * (bytes / count)) / PAGE_SIZE
    return (!this.isEmpty || count < DENSE * leaves) && this.takes(tree, bytes)
  }

  /** Whether a run of so many bytes can be written for a tree. */
  takes(tree: Tree, bytes: number): boolean {
    return (this.isEmpty || tree === this.tree) && this.scratch.takes(bytes)
  }

  /** Writes a run; false where that could not be done, and nothing has happened. */
  write(tree: Tree, puts: SortedPuts): boolean {
    const run = this.scratch.write(this.piecesOf(puts))
    if (run === undefined) return false
    this.tree = tree
    this.runs.push(run)
    return true
  }

  private *piecesOf(puts: SortedPuts): Generator<Uint8Array> {
    const outgoing = (this.outgoing ??= new Arena(new ArrayBuffer(PIECE)))
    for (let i = 0; i < puts.count; ) {
      let end = 0
      for (; i < puts.count && end + puts.entrySizeOf(i) <= PIECE; i++) {
        puts.askAhead(i)
        end += puts.copyTo(i, outgoing, end)
      }
      yield outgoing.bytes.subarray(0, end)
    }
  }

  /** Bytes of memory that `make` takes at least. */
  get least(): number {
    return (this.runs.length + LEAST_BATCH) * PIECE
  }

  /** Makes all puts of the runs, `last` where none follow; answers their tree. `memory` is free for that. */
  make(memory: Arena, last: boolean): Tree {
    const { tree, runs, scratch } = this
    assert(tree !== undefined, 'runs are those of a tree')
    const batchBytes = Math.min(memory.bytes.length - runs.length * PIECE, MOST_BATCH * PIECE)
    const heap = new RunHeap(memory, runs.map((run, i) => new RunReader(scratch.read(run), i, memory, batchBytes + i * PIECE)))
    const places = new Int32Array(Math.min(MOST_IN_BATCH, batchBytes >>> 3))
    let count = 0
    let end = 0
    const makeBatch = (): void => {
      merge(tree, new SortedPuts(memory, places, count, false), last)
      count = 0
      end = 0
    }
    for (let run = heap.first; run !== undefined; run = heap.next()) {
      // The run that was first has the latest value of this key.
      if (count > 0 && compareEntries(memory, places[count - 1], run.at) === 0) continue
      const size = entrySizeAt(memory, run.at)
      if (end + size > batchBytes || count === places.length) makeBatch()
      copyEntry(memory, run.at, memory, end, size)
      places[count++] = end
      end += size
    }
    if (count > 0) makeBatch()
    this.discard()
    return tree
  }

  /** Forgets all runs. */
  discard(): void {
    this.runs.length = 0
    this.tree = undefined
    this.scratch.clear()
  }

  close(): void {
    this.discard()
    this.scratch.close()
    this.outgoing = undefined
  }
}

/** So many runs can be read at a time, less the last one that is written before that. */
function mostRuns(memory: Arena): number {
  return Math.floor(memory.bytes.length / PIECE) - LEAST_BATCH - 1
}

/** A run that is being read: its next entry is in memory. */
class RunReader {
  /** Runs that were written later have greater numbers. */
  readonly number: number
  /** Where the next entry stands. */
  at: number
  private readonly reading: RunReading
  private readonly memory: Arena
  private readonly target: Uint8Array
  private readonly start: number
  private end: number

  /** Has the memory for a piece from `start` on. */
  constructor(reading: RunReading, number: number, memory: Arena, start: number) {
    this.reading = reading
    this.number = number
    this.memory = memory
    this.target = memory.bytes.subarray(start, start + PIECE)
    this.start = start
    this.at = start
    this.end = start
    this.fill()
  }

  /** To the next entry; false where there is none. */
  next(): boolean {
    this.at += entrySizeAt(this.memory, this.at)
    return this.at < this.end || this.fill()
  }

  private fill(): boolean {
    this.at = this.start
    this.end = this.start + this.reading.next(this.target)
    return this.at < this.end
  }
}

/** Runs by the keys of their next entries, the least first; of equal keys the one that was written last. */
class RunHeap {
  private readonly memory: Arena
  private readonly runs: RunReader[]

  constructor(memory: Arena, runs: RunReader[]) {
    this.memory = memory
    this.runs = runs
    for (let i = (runs.length >>> 1) - 1; i >= 0; i--) this.sink(i)
  }

  get first(): RunReader | undefined {
    return this.runs[0]
  }

  /** Moves the first run to its next entry, and answers which is first then. */
  next(): RunReader | undefined {
    const { runs } = this
    if (!runs[0].next()) {
      const last = runs.pop()
      if (last === undefined || runs.length === 0) return undefined
      runs[0] = last
    }
    this.sink(0)
    return runs[0]
  }

  private sink(index: number): void {
    const { runs } = this
    const run = runs[index]
    for (;;) {
      let child = 2 * index + 1
      if (child >= runs.length) break
      if (child + 1 < runs.length && this.isBefore(runs[child + 1], runs[child])) child++
      if (!this.isBefore(runs[child], run)) break
      runs[index] = runs[child]
      index = child
    }
    runs[index] = run
  }

  private isBefore(a: RunReader, b: RunReader): boolean {
    const order = compareEntries(this.memory, a.at, b.at)
    return order === 0 ? a.number > b.number : order < 0
  }
}
