/** Cursors and iterators beside their models: a key and the rule where to go from there. */
import type { Cursor, EntryIterator, KeyIterator, ValueIterator } from '../../src/index.js'
import { keyBytes, textOf } from './bytes.js'
import type { CursorMove, PlaceOperation, ScanSpec } from './operations.js'
import { TREES } from './operations.js'
import { optionsOf } from './reads.js'
import type { ModelStore, SortedMap, TextRange } from './sorted-map.js'
import type { Bytes, BytesKeyspace, OpenTransaction, Snapshot, World } from './world.js'
import { rangeOf, refused, same, sameKey, sameValue, treeOf } from './world.js'

/** Whose data it reads: it ends with that. Undefined for the database, whose places are snapshots of their own. */
export type Owner = OpenTransaction | Snapshot | undefined

export interface Place {
  readonly owner: Owner
  step(moves: readonly CursorMove[], steps: number): void
  close(): void
  /** What it read has ended: it must say so. */
  ended(code: string): void
}

const MOST_PLACES = 8

export function place(world: World, operation: PlaceOperation): void {
  const { places } = world
  if (operation.type === 'openCursor' || operation.type === 'openIterator') {
    if (places.length >= MOST_PLACES) return
    const { handle, live, snapshot } = world.reader(operation.reader)
    const owner = handle === world.transaction?.tx ? world.transaction : snapshot
    const tree = owner === undefined ? frozen(live(), operation.tree) : (): SortedMap => live().read(TREES[operation.tree])
    const keyspace = treeOf(handle, operation.tree)
    places.push(operation.type === 'openCursor' ? new CursorPlace(owner, keyspace, tree) : new IteratorPlace(owner, keyspace, tree, operation.what, operation.scan))
    return
  }
  if (places.length === 0) return
  const index = operation.which % places.length
  if (operation.type === 'closePlace') places.splice(index, 1)[0].close()
  else if (operation.type === 'moveCursor') places[index].step(operation.moves, operation.moves.length)
  else places[index].step([], operation.steps)
}

function frozen(model: ModelStore, tree: number): () => SortedMap {
  const copy = model.read(TREES[tree]).clone()
  return () => copy
}

/** Ends the places whose owner has ended; all of them for `everything`. */
export function endPlaces(world: World, owner: Owner | 'everything', code: string): void {
  for (let i = world.places.length - 1; i >= 0; i--) {
    if (owner !== 'everything' && world.places[i].owner !== owner) continue
    world.places.splice(i, 1)[0].ended(code)
  }
}

class CursorPlace implements Place {
  readonly owner: Owner
  private readonly cursor: Cursor<Bytes, Bytes>
  private readonly tree: () => SortedMap
  private at: string | undefined

  constructor(owner: Owner, keyspace: BytesKeyspace, tree: () => SortedMap) {
    this.owner = owner
    this.cursor = keyspace.cursor()
    this.tree = tree
  }

  step(moves: readonly CursorMove[], steps: number): void {
    if (moves.length === 0) for (let i = 0; i < steps; i++) this.move({ move: 'next' })
    for (const move of moves) this.move(move)
  }

  private move(move: CursorMove): void {
    const { cursor } = this
    if (move.move !== 'look') {
      const moved = this.moveCursor(move)
      this.at = this.tree().keys[this.target(move)]
      same(`cursor ${move.move}`, moved, this.at !== undefined)
    }
    const value = this.at === undefined ? undefined : this.tree().get(this.at)
    sameKey(`key of the cursor after ${move.move}`, cursor.key, value === undefined ? undefined : this.at)
    sameValue(`value of the cursor after ${move.move}`, cursor.value, value)
  }

  private moveCursor(move: CursorMove): boolean {
    const { cursor } = this
    switch (move.move) {
      case 'seek': return cursor.seek(keyBytes(move.key))
      case 'seekBefore': return cursor.seekBefore(keyBytes(move.key))
      case 'seekPosition': return cursor.seekPosition(move.position)
      case 'first': return cursor.first()
      case 'last': return cursor.last()
      case 'previous': return cursor.previous()
      default: return cursor.next()
    }
  }

  /** The position that a move goes to; -1 or past the end for none. */
  private target(move: CursorMove): number {
    const { at } = this
    const tree = this.tree()
    switch (move.move) {
      case 'seek': return tree.rank(textOf(keyBytes(move.key)))
      case 'seekBefore': return tree.rank(textOf(keyBytes(move.key))) - 1
      case 'seekPosition': return move.position < 0 ? tree.size + move.position : move.position
      case 'first': return 0
      case 'last': return tree.size - 1
      case 'previous': return at === undefined ? -1 : tree.rank(at) - 1
      default: return at === undefined ? -1 : tree.rankAfter(at)
    }
  }

  close(): void {
    this.cursor.close()
  }

  ended(code: string): void {
    refused('a move of a cursor whose transaction has ended', code, () => this.cursor.next())
    refused('a look at a cursor whose transaction has ended', code, () => this.cursor.key)
    this.cursor.close()
  }
}

class IteratorPlace implements Place {
  readonly owner: Owner
  private readonly iterator: EntryIterator<Bytes, Bytes> | KeyIterator<Bytes> | ValueIterator<Bytes>
  private readonly tree: () => SortedMap
  private readonly range: TextRange
  private readonly reverse: boolean
  private readonly what: 'entries' | 'keys' | 'values'
  private readonly offset: number
  private left: number
  private at: string | undefined
  private done = false

  constructor(owner: Owner, keyspace: BytesKeyspace, tree: () => SortedMap, what: 'entries' | 'keys' | 'values', scan: ScanSpec) {
    this.owner = owner
    this.tree = tree
    this.what = what
    this.range = rangeOf(scan).text
    this.reverse = scan.reverse === true
    this.offset = scan.offset ?? 0
    this.left = scan.limit ?? Infinity
    const options = optionsOf(scan)
    if (what === 'entries') this.iterator = keyspace.entries(options)
    else this.iterator = what === 'keys' ? keyspace.keys(options) : keyspace.values(options)
  }

  step(_moves: readonly CursorMove[], steps: number): void {
    for (let i = 0; i < steps; i++) this.next()
  }

  private next(): void {
    const tree = this.tree()
    const position = this.done || this.left <= 0 ? -1 : this.target(tree)
    const result = this.iterator.next()
    this.done = position === -1
    same(`done of an iterator over ${this.what}`, result.done, this.done)
    if (result.done === true) return
    this.left--
    this.at = tree.keys[position]
    const [key, value] = this.parts(result.value)
    if (key !== undefined) sameKey(`key of an iterator over ${this.what}`, key, this.at)
    if (value !== undefined) sameValue(`value of an iterator over ${this.what}`, value, tree.values[position])
  }

  /** The next position in the range as it is now, beyond the key that came last; -1 for none. */
  private target(tree: SortedMap): number {
    const [from, to] = tree.span(this.range)
    let position: number
    if (this.reverse) position = this.at === undefined ? to - 1 - this.offset : Math.min(to, tree.rank(this.at)) - 1
    else position = this.at === undefined ? from + this.offset : Math.max(from, tree.rankAfter(this.at))
    return position >= from && position < to ? position : -1
  }

  private parts(value: Bytes | [Bytes, Bytes]): [Bytes | undefined, Bytes | undefined] {
    if (Array.isArray(value)) return value
    return this.what === 'keys' ? [value, undefined] : [undefined, value]
  }

  close(): void {
    this.iterator.return()
    same('done of an iterator that was closed', this.iterator.next().done, true)
  }

  ended(code: string): void {
    if (this.done) same('done of an iterator that has come to its end', this.iterator.next().done, true)
    else refused('a step of an iterator whose transaction has ended', code, () => this.iterator.next())
  }
}
