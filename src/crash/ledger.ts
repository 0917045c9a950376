/**
 * What a store is to hold after each commit, kept beside the engine: it comes from what the transactions were asked to
 * do, and for keys that they have not touched before from a copy of the store that nobody writes to.
 *
 * - A place is a key of a tree. Every state knows of every place that any transaction touched, so that it shows where
 *   a transaction is there in part.
 * - Values are known by their digests, so that memory does not depend on their size.
 * - What no transaction touched is known by the number of entries of its tree alone.
 */
import { createHash } from 'node:crypto'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import type { TreeOptions } from '../options.js'
import type { Bounds } from './points.js'
import { below, oneOf } from './random.js'

export type ByteStore = Database<Uint8Array, Uint8Array>
export type ByteTree = Keyspace<Uint8Array, Uint8Array>
/** Undefined names the default tree. */
export type TreeName = string | undefined

/** Values of more bytes are left alone: each would be read at every crash. */
const LARGEST_VALUE = 2 ** 20

interface Place {
  tree: TreeName
  key: Uint8Array
}

/** The store after a commit. */
interface State {
  /** By place, the digest of the value; none where there is no such key. */
  values: Map<string, string>
  /** Entries of each tree that there is. */
  counts: Map<TreeName, number>
}

export class Ledger {
  /** The trees to be worked in. */
  readonly trees: readonly TreeName[]
  private readonly origin: ByteStore
  /** The named trees of the origin. */
  private readonly names: readonly string[]
  private readonly places = new Map<string, Place>()
  /** Oldest first; the last one is that of the transaction under way, if there is one. */
  private readonly states: State[]

  constructor(origin: ByteStore, trees: readonly TreeName[]) {
    this.origin = origin
    this.trees = trees
    this.names = origin.trees()
    const there = trees.filter((tree) => tree === undefined || this.names.includes(tree))
    this.states = [{ values: new Map(), counts: new Map(there.map((tree) => [tree, treeIn(origin, tree).count()])) }]
  }

  /** Number of the newest state. */
  get newest(): number {
    return this.states.length - 1
  }

  /** Begins a transaction; what follows is done in it. Answers the number of its state. */
  begin(): number {
    const { values, counts } = this.states[this.newest]
    this.states.push({ values: new Map(values), counts: new Map(counts) })
    return this.newest
  }

  /** Forgets the transaction that was begun last. */
  rollback(): void {
    this.states.pop()
  }

  /** After a crash that led to this state: those after it have never been. */
  resume(state: number): void {
    this.states.length = state + 1
  }

  put(tree: TreeName, key: Uint8Array, value: Uint8Array): void {
    const place = this.touch(tree, key)
    const { values, counts } = this.states[this.newest]
    counts.set(tree, (counts.get(tree) ?? 0) + Number(!values.has(place)))
    values.set(place, digestOf(value))
  }

  /** Answers whether there was such a key. */
  delete(tree: TreeName, key: Uint8Array): boolean {
    return this.deletePlace(tree, this.touch(tree, key))
  }

  private deletePlace(tree: TreeName, place: string): boolean {
    const { values, counts } = this.states[this.newest]
    const was = values.delete(place)
    if (was) counts.set(tree, (counts.get(tree) ?? 0) - 1)
    return was
  }

  /** Answers how many keys there were. */
  deleteRange(tree: TreeName, range: Range): number {
    for (const key of treeIn(this.origin, tree).keys(range)) this.touch(tree, key)
    const inside = [...this.places].filter(([, place]) => place.tree === tree && isInside(place.key, range))
    return inside.filter(([place]) => this.deletePlace(tree, place)).length
  }

  /** A place from now on: the states so far get what the origin holds there. */
  private touch(tree: TreeName, key: Uint8Array): string {
    const place = `${this.trees.indexOf(tree)} ${Buffer.from(key).toString('latin1')}`
    if (this.places.has(place)) return place
    this.places.set(place, { tree, key })
    const value = treeIn(this.origin, tree).view(key, digestOf)
    if (value !== undefined) for (const { values } of this.states) values.set(place, value)
    return place
  }

  /** A key that is in the tree now, from the origin or from a transaction; undefined where chance has found none. */
  someKey(tree: TreeName, random: () => number): Uint8Array | undefined {
    const { values } = this.states[this.newest]
    if (random() < 0.5) {
      const own = [...this.places].filter(([place, at]) => at.tree === tree && values.has(place))
      return own.length === 0 ? undefined : oneOf(own, random)[1].key
    }
    const origin = treeIn(this.origin, tree)
    const [key] = origin.keys({ offset: below(origin.count(), random), limit: 1 })
    if (key === undefined || this.isLarge(tree, key)) return undefined
    return values.has(this.touch(tree, key)) ? key : undefined
  }

  /** A range that begins with this key and has up to so many keys of the origin. */
  rangeFrom(tree: TreeName, gte: Uint8Array, most: number): Range {
    const keys = [...treeIn(this.origin, tree).keys({ gte, limit: most + 1 })]
    const lt = keys.find((key, i) => i === most || this.isLarge(tree, key))
    return lt === undefined ? { gte } : { gte, lt }
  }

  private isLarge(tree: TreeName, key: Uint8Array): boolean {
    return (treeIn(this.origin, tree).valueLength(key) ?? 0) > LARGEST_VALUE
  }

  /** The newest of these states that is the store's, or undefined where none of them is. */
  find(db: ByteStore, { floor, ceiling }: Bounds): number | undefined {
    const found = this.printOf(db)
    for (let index = ceiling; index >= floor; index--) if (this.print(this.states[index]) === found) return index
    return undefined
  }

  private printOf(db: ByteStore): string {
    const trees = new Map(this.trees.map((tree) => [tree, treeIn(db, tree)]))
    const values = [...this.places.values()].map(({ tree, key }) => trees.get(tree)?.view(key, digestOf))
    return print(values, this.trees.map((tree) => trees.get(tree)?.count()), db.trees())
  }

  private print({ values, counts }: State): string {
    const made = [...counts.keys()].filter((tree) => tree !== undefined && !this.names.includes(tree)) as string[]
    return print([...this.places.keys()].map((place) => values.get(place)), this.trees.map((tree) => counts.get(tree) ?? 0), [...this.names, ...made])
  }
}

/** Keys from the one on, up to the other or to the last. */
export interface Range {
  gte: Uint8Array
  lt?: Uint8Array
}

function isInside(key: Uint8Array, { gte, lt }: Range): boolean {
  return Buffer.compare(key, gte) >= 0 && (lt === undefined || Buffer.compare(key, lt) < 0)
}

/** What has trees: a store or a transaction. */
interface Trees extends ByteTree {
  tree(name: string, options: TreeOptions<Uint8Array, Uint8Array>): ByteTree
}

/** A tree of a store or of a transaction. */
export function treeIn(trees: Trees, name: TreeName): ByteTree {
  return name === undefined ? trees : trees.tree(name, { keyEncoding: 'binary' })
}

function digestOf(value: Uint8Array): string {
  return createHash('sha1').update(value).digest('base64')
}

function print(values: readonly (string | undefined)[], counts: readonly (number | undefined)[], names: readonly string[]): string {
  return JSON.stringify([values.map((value) => value ?? ''), counts, [...names].sort()])
}
