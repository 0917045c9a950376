import type { TreePointer } from '../page/tree-pointer.js'

/** The root of a tree, as a transaction sees it; a write transaction moves it. */
export class Root {
  readonly tree: number
  page: number
  crc: number
  entries: number
  depth: number
  /** The transaction has changed the root page, and `crc` is not yet what it will be. */
  unsealed = false

  constructor(tree: number, pointer: TreePointer) {
    this.tree = tree
    this.page = pointer.page
    this.crc = pointer.crc
    this.entries = pointer.entries
    this.depth = pointer.depth
  }

  pointer(): TreePointer {
    return { page: this.page, crc: this.crc, entries: this.entries, depth: this.depth }
  }

  /** Makes this root point where `other` does. */
  assign(other: Root): void {
    this.page = other.page
    this.crc = other.crc
    this.entries = other.entries
    this.depth = other.depth
    this.unsealed = other.unsealed
  }

  clone(): Root {
    const copy = new Root(this.tree, this)
    copy.unsealed = this.unsealed
    return copy
  }
}
