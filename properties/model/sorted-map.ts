/** The model: what a store promises to be, in the plainest way. */
import { bytesOf, textOf } from './bytes.js'

/** Bounds of a range, keys as text of one character a byte. */
export interface TextRange {
  gt?: string
  gte?: string
  lt?: string
  lte?: string
  prefix?: string
}

/** A map in the order of its keys' bytes, as two sorted arrays. */
export class SortedMap {
  readonly keys: string[]
  readonly values: Uint8Array[]

  constructor(keys: string[] = [], values: Uint8Array[] = []) {
    this.keys = keys
    this.values = values
  }

  get size(): number {
    return this.keys.length
  }

  clone(): SortedMap {
    return new SortedMap(this.keys.slice(), this.values.slice())
  }

  /** Number of keys for which `before` holds; it holds for a first part of them. */
  private partition(before: (key: string) => boolean): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (before(this.keys[middle])) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Number of keys less than this one. */
  rank(key: string): number {
    return this.partition((other) => other < key)
  }

  /** Number of keys that are not greater than this one. */
  rankAfter(key: string): number {
    return this.partition((other) => other <= key)
  }

  has(key: string): boolean {
    return this.keys[this.rank(key)] === key
  }

  get(key: string): Uint8Array | undefined {
    const at = this.rank(key)
    return this.keys[at] === key ? this.values[at] : undefined
  }

  put(key: string, value: Uint8Array): void {
    const at = this.rank(key)
    const replaced = this.keys[at] === key ? 1 : 0
    this.keys.splice(at, replaced, key)
    this.values.splice(at, replaced, value)
  }

  delete(key: string): boolean {
    const at = this.rank(key)
    if (this.keys[at] !== key) return false
    this.keys.splice(at, 1)
    this.values.splice(at, 1)
    return true
  }

  /** The positions of a range: from the first up to but not including the second. */
  span(range: TextRange): [from: number, to: number] {
    const { gt, gte, lt, lte, prefix } = range
    let from = 0
    let to = this.size
    if (gt !== undefined) from = Math.max(from, this.rankAfter(gt))
    if (gte !== undefined) from = Math.max(from, this.rank(gte))
    if (lt !== undefined) to = Math.min(to, this.rank(lt))
    if (lte !== undefined) to = Math.min(to, this.rankAfter(lte))
    if (prefix !== undefined) {
      from = Math.max(from, this.rank(prefix))
      to = Math.min(to, this.partition((key) => key < prefix || key.startsWith(prefix)))
    }
    return [from, Math.max(from, to)]
  }

  deleteRange(range: TextRange): number {
    const [from, to] = this.span(range)
    this.keys.splice(from, to - from)
    this.values.splice(from, to - from)
    return to - from
  }
}

const NO_ENTRIES = new SortedMap()

/** All trees of a store; '' names the default one, which is always there. */
export class ModelStore {
  readonly trees: Map<string, SortedMap>

  constructor(trees: Map<string, SortedMap> = new Map([['', new SortedMap()]])) {
    this.trees = trees
  }

  clone(): ModelStore {
    return new ModelStore(new Map([...this.trees].map(([name, tree]) => [name, tree.clone()])))
  }

  /** For reading: a tree that is not there has no entries. */
  read(name: string): SortedMap {
    return this.trees.get(name) ?? NO_ENTRIES
  }

  /** For writing: the first write makes the tree. */
  write(name: string): SortedMap {
    let tree = this.trees.get(name)
    if (tree === undefined) this.trees.set(name, (tree = new SortedMap()))
    return tree
  }

  createTree(name: string): boolean {
    if (this.trees.has(name)) return false
    this.write(name)
    return true
  }

  dropTree(name: string): boolean {
    return this.trees.delete(name)
  }

  /** Named trees in the order of their names' bytes. */
  names(): string[] {
    const names = [...this.trees.keys()].filter((name) => name !== '')
    return names.map((name) => textOf(Buffer.from(name, 'utf8'))).sort().map((text) => Buffer.from(bytesOf(text)).toString('utf8'))
  }

  get entries(): number {
    return [...this.trees.values()].reduce((sum, tree) => sum + tree.size, 0)
  }
}
