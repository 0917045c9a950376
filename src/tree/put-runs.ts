/**
 * Puts of a transaction that are too many to wait in memory wait in runs on the disk, each in the order of its keys, and are made in one
 * pass over the tree, together with those in memory: made earlier, they would come to leaves that are laid out and written again for others.
 *
 * Invariants:
 * - all runs are puts of one tree, and later than whatever else was put there before;
 * - of a key that stands in several runs the latest has the value.
 */
import { assert } from '../assert.js'
import { Arena } from '../page/arena.js'
import type { Run, RunReading, Scratch } from '../pager/scratch.js'
import { makeSorted } from './merge.js'
import { compareEntries, copyEntry, entrySizeAt, SortedPuts } from './sorted-puts.js'
import type { Tree } from './tree.js'

/** Runs are written and read in pieces of so many bytes at most, 64 KiB, of whole entries. */
const PIECE = 2 ** 16
/** Puts that are merged at a time take so many pieces of memory, 128 KiB to 4 MiB, and are so many at most. */
const LEAST_BATCH = 2
const MOST_BATCH = 64
const MOST_IN_BATCH = 2 ** 16

export class PutRuns {
  private readonly scratch: Scratch
  /** Bytes of memory that merging may take. */
  private readonly capacity: number
  private readonly runs: Run[] = []
  /** Puts in all of them. */
  private count = 0
  private tree: Tree | undefined
  private outgoing: Arena | undefined

  constructor(scratch: Scratch, capacity: number) {
    this.scratch = scratch
    this.capacity = capacity
  }

  get isEmpty(): boolean {
    return this.runs.length === 0
  }

  /** Whether a run of so many bytes may be written for a tree. */
  takes(tree: Tree, bytes: number): boolean {
    // So many runs can be read at a time.
    if ((this.runs.length + 1 + LEAST_BATCH) * PIECE > this.capacity) return false
    return (this.isEmpty || this.areOf(tree)) && this.scratch.takes(bytes)
  }

  areOf(tree: Tree): boolean {
    return tree === this.tree
  }

  /** Writes a run; false where that could not be done, and nothing has happened. */
  write(tree: Tree, puts: SortedPuts): boolean {
    const run = this.scratch.write(this.piecesOf(puts))
    if (run === undefined) return false
    this.tree = tree
    this.runs.push(run)
    this.count += puts.count
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

  /** Makes all puts of the runs, and those that have come `later`, `last` where none follow; answers their tree. */
  make(later: SortedPuts | undefined, last: boolean): Tree {
    const { tree } = this
    assert(tree !== undefined, 'runs are those of a tree')
    makeSorted(tree, this.count + (later?.count ?? 0), this.batches(later), last)
    this.discard()
    return tree
  }

  /** The puts of all runs and those that have come later in the order of their keys; a batch is good until the next one. */
  private *batches(later: SortedPuts | undefined): Generator<SortedPuts> {
    const { runs, scratch } = this
    const batchBytes = Math.min(this.capacity - runs.length * PIECE, MOST_BATCH * PIECE)
    const memory = new Arena(new ArrayBuffer(batchBytes + runs.length * PIECE))
    const sources: Source[] = runs.map((run, i) => new RunReader(scratch.read(run), i, memory, batchBytes + i * PIECE))
    if (later !== undefined) sources.push(new PutsReader(later, runs.length))
    const heap = new SourceHeap(sources)
    const places = new Int32Array(Math.min(MOST_IN_BATCH, batchBytes >>> 3))
    let count = 0
    let end = 0
    for (let source = heap.first; source !== undefined; source = heap.next()) {
      // The source that was first has the latest value of this key.
      if (count > 0 && compareEntries(memory, places[count - 1], source.memory, source.at) === 0) continue
      const size = entrySizeAt(source.memory, source.at)
      if (end + size > batchBytes || count === places.length) {
        yield new SortedPuts(memory, places, count)
        count = 0
        end = 0
      }
      copyEntry(source.memory, source.at, memory, end, size)
      places[count++] = end
      end += size
    }
    yield new SortedPuts(memory, places, count)
  }

  /** Forgets all runs. */
  discard(): void {
    this.runs.length = 0
    this.count = 0
    this.tree = undefined
    this.scratch.clear()
  }

  close(): void {
    this.discard()
    this.scratch.close()
    this.outgoing = undefined
  }
}

/** Puts in the order of their keys, one after the other. */
interface Source {
  /** Later ones have greater numbers. */
  readonly number: number
  /** Where the next entry stands. */
  readonly memory: Arena
  readonly at: number
  /** To the next entry; false where there is none. */
  next(): boolean
}

/** A run that is being read: its next entry is in memory. */
class RunReader implements Source {
  readonly number: number
  readonly memory: Arena
  at: number
  private readonly reading: RunReading
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

/** Puts that wait in memory. */
class PutsReader implements Source {
  readonly number: number
  readonly memory: Arena
  at: number
  private readonly puts: SortedPuts
  private index = 0

  constructor(puts: SortedPuts, number: number) {
    this.number = number
    this.memory = puts.memory
    this.puts = puts
    this.at = puts.places[0]
  }

  next(): boolean {
    this.index++
    if (this.index === this.puts.count) return false
    this.puts.askAhead(this.index)
    this.at = this.puts.places[this.index]
    return true
  }
}

/** Sources by the keys of their next entries, the least first; of equal keys the latest. */
class SourceHeap {
  private readonly sources: Source[]

  constructor(sources: Source[]) {
    this.sources = sources
    for (let i = (sources.length >>> 1) - 1; i >= 0; i--) this.sink(i)
  }

  get first(): Source | undefined {
    return this.sources[0]
  }

  /** Moves the first source to its next entry, and answers which is first then. */
  next(): Source | undefined {
    const { sources } = this
    if (!sources[0].next()) {
      const last = sources.pop()
      if (last === undefined || sources.length === 0) return undefined
      sources[0] = last
    }
    this.sink(0)
    return sources[0]
  }

  private sink(index: number): void {
    const { sources } = this
    const source = sources[index]
    for (;;) {
      let child = 2 * index + 1
      if (child >= sources.length) break
      if (child + 1 < sources.length && isBefore(sources[child + 1], sources[child])) child++
      if (!isBefore(sources[child], source)) break
      sources[index] = sources[child]
      index = child
    }
    sources[index] = source
  }
}

function isBefore(a: Source, b: Source): boolean {
  const order = compareEntries(a.memory, a.at, b.memory, b.at)
  return order === 0 ? a.number > b.number : order < 0
}
