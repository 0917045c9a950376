/**
 * The trees of a moment: those of a commit, which never change, and those of a write transaction under way.
 * Named trees are records of the catalog, itself a tree from names to roots.
 */
import { CoppiceError, corrupt } from './errors.js'
import { arenaOf, baseOf } from './page/arena.js'
import { pageOf } from './page/header.js'
import { CATALOG_RECORD, CATALOG_TREE, MAX_KEY_LENGTH, PAGE_SIZE } from './page/layout.js'
import { isOverflow, storedLength, valueAt } from './page/leaf.js'
import { EMPTY_TREE, validateTreePointer, writeTreePointer } from './page/tree-pointer.js'
import type { CatalogRecord, Commit } from './pager/recover.js'
import { readCatalogRecord } from './pager/recover.js'
import type { RecordMark } from './page/record.js'
import { Root } from './pager/root.js'
import type { Outcome } from './pager/seal.js'
import { sealRoot } from './pager/seal.js'
import type { SpaceMark } from './pager/allocator.js'
import type { DurabilityMode, Store } from './pager/store.js'
import { Scratch } from './pager/scratch.js'
import type { Writer } from './pager/writer.js'
import { discardTree } from './tree/cut.js'
import { insert } from './tree/insert.js'
import { PutBuffer } from './tree/put-buffer.js'
import { remove } from './tree/remove.js'
import { EVERYTHING, TreeScan } from './tree/scan.js'
import { Tree } from './tree/tree.js'
import { keyOf } from './tree/values.js'
import { binary } from './encoding/binary.js'
import { utf8 } from './encoding/utf8.js'

/** The bytes of a tree's name. */
export function encodeName(name: string): Uint8Array {
  const bytes = nameBytes(name)
  if (bytes.length > 0 && bytes.length <= MAX_KEY_LENGTH) return bytes
  throw new CoppiceError('COPPICE_INVALID_KEY', `the name of a tree is a string of 1 to ${MAX_KEY_LENGTH} bytes in UTF-8, and this one has ${bytes.length}.`)
}

function nameBytes(name: string): Uint8Array {
  try {
    return new Uint8Array(utf8.encode(name))
  } catch (error) {
    throw new CoppiceError('COPPICE_INVALID_KEY', 'the name of a tree is a string without lone surrogates.', { cause: error })
  }
}

function findRecord(catalog: Tree, name: string): CatalogRecord | undefined {
  const key = encodeName(name)
  if (!catalog.find(key, key.length)) return undefined
  return recordAt(catalog, catalog.slot, catalog.index)
}

function recordAt(catalog: Tree, slot: number, index: number): CatalogRecord {
  // A transaction's own records name pages that may not have been written yet.
  const pageCount = Math.max(catalog.pager.usedPages, catalog.writer?.space.pageCount ?? 0)
  const arena = catalog.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (isOverflow(arena, base, index)) throw corrupt(pageOf(arena, base), CATALOG_TREE, `the record in slot ${index} stands outside the page`)
  return readCatalogRecord(arena.bytes, valueAt(arena, base, index), storedLength(arena, base, index), pageCount)
}

function nameAt(catalog: Tree, slot: number, index: number): string {
  const bytes = keyOf(catalog, slot, index, binary)
  const name = utf8.decode(bytes)
  // A name that is not the same again was not made by a writer, and nobody could open the tree by it.
  if (bytes.length > 0 && bytes.equals(utf8.encode(name))) return name
  throw corrupt(pageOf(catalog.pager.arenas[arenaOf(slot)], baseOf(slot)), CATALOG_TREE, `the key in slot ${index} is no tree's name`)
}

/** Names of all named trees, with their records, in the order of the names' bytes. */
function* recordsOf(catalog: Tree): Generator<[name: string, record: CatalogRecord]> {
  const scan = new TreeScan(catalog, EVERYTHING)
  while (scan.next()) {
    const { slot, index } = scan.cursor
    yield [nameAt(catalog, slot, index), recordAt(catalog, slot, index)]
  }
}

/** The trees of a commit. */
export class CommitView {
  readonly commit: Commit
  readonly defaultTree: Tree
  private readonly store: Store
  private catalogTree: Tree | undefined
  private readonly named = new Map<string, Tree>()

  constructor(store: Store, commit: Commit) {
    this.store = store
    this.commit = commit
    this.defaultTree = new Tree(store.pager, commit.defaultTree, null, commit.base)
  }

  get catalog(): Tree {
    this.catalogTree ??= new Tree(this.store.pager, this.commit.catalog, null, this.commit.base)
    return this.catalogTree
  }

  /** A tree by name, the default one for none; a tree that is not there has no entries. */
  tree(name: string | undefined): Tree {
    if (name === undefined) return this.defaultTree
    let tree = this.named.get(name)
    if (tree === undefined) {
      const record = findRecord(this.catalog, name)
      tree = new Tree(this.store.pager, new Root(record?.tree ?? CATALOG_TREE, record?.pointer ?? EMPTY_TREE), null, this.commit.base)
      // Names that are not there are without number, so they are not remembered.
      if (record !== undefined) this.named.set(name, tree)
    }
    return tree
  }

  names(): string[] {
    return [...recordsOf(this.catalog)].map(([name]) => name)
  }
}

/** A named tree in a write transaction. */
interface OpenTree {
  tree: Tree
  /** The catalog has a record of it, as of this moment in the transaction. */
  recorded: boolean
  /** The root that the record names. */
  recordedPage: number
  recordedEntries: number
}

/** Where a transaction can go back to. */
export interface ViewMark {
  space: SpaceMark
  record: RecordMark
  roots: Map<string | undefined, Root>
  catalog: Root
}

/** Puts of a large transaction that wait may take this part of the pool's size besides it. */
const WAITING_SHARE = 3 / 4

/** The trees of the write transaction under way. */
export class WriteView {
  readonly writer: Writer
  readonly defaultTree: Tree
  private readonly store: Store
  /** The checkpoint that the transaction rests on. */
  private readonly base: number
  private readonly catalog: Tree
  readonly puts: PutBuffer
  private readonly named = new Map<string, OpenTree>()
  /** The id for the next tree that is opened, and the next above those that the catalog has had. */
  private nextTree: number
  private nextRecorded: number
  private changeFailure: unknown
  /** True while a change runs that calls the user's code. */
  changing = false

  constructor(store: Store, writer = store.begin()) {
    const { meta, base, defaultTree, catalog } = store.newest
    this.store = store
    this.base = base
    this.writer = writer
    this.puts = new PutBuffer(store.pager.pool.capacity * PAGE_SIZE * WAITING_SHARE, new Scratch(store.file))
    this.defaultTree = new Tree(store.pager, defaultTree.clone(), writer, base, this.puts)
    this.catalog = new Tree(store.pager, catalog.clone(), writer, base)
    this.nextTree = meta.nextTree
    this.nextRecorded = meta.nextTree
  }

  /** A tree as it is with all that the transaction has put. */
  tree(name: string | undefined): Tree {
    this.puts.settle()
    return this.treeAsItIs(name)
  }

  private treeAsItIs(name: string | undefined): Tree {
    return name === undefined ? this.defaultTree : this.open(name).tree
  }

  /** Runs a change of a tree; one that fails half-way fails the transaction. */
  write<T>(name: string | undefined, change: (tree: Tree) => T): T {
    try {
      this.writer.recorder.enter(name)
      const result = change(this.treeAsItIs(name))
      if (name !== undefined && this.treeAsItIs(name).root.page !== 0) this.createTree(name)
      return result
    } catch (error) {
      this.changeFailure = error
      throw error
    }
  }

  /** What went wrong in the middle of a change; the transaction can only be rolled back then. */
  get failure(): unknown {
    return this.changeFailure ?? this.puts.failure
  }

  /** Runs a change during which the user's code runs too; where it fails the transaction is as it was before. */
  writeOrUndo<T>(name: string | undefined, change: (tree: Tree) => T): T {
    const mark = this.mark()
    this.changing = true
    try {
      const result = this.write(name, change)
      // The user's code may have read in the transaction, and caught what that threw.
      if (this.failure !== undefined) throw this.failure
      return result
    } catch (error) {
      this.rollbackTo(mark)
      this.changeFailure = undefined
      throw error
    } finally {
      this.changing = false
    }
  }

  names(): string[] {
    return [...recordsOf(this.catalog)].map(([name]) => name)
  }

  has(name: string): boolean {
    return this.open(name).recorded
  }

  /** Makes a tree without entries; answers false where there is one of that name. */
  createTree(name: string): boolean {
    const open = this.open(name)
    if (open.recorded) return false
    this.record(name, open)
    return true
  }

  /** Takes a tree away with all its entries; answers whether there was one. */
  dropTree(name: string): boolean {
    const open = this.open(name)
    if (!open.recorded) return false
    try {
      this.puts.settle()
      this.writer.recorder.giveUp()
      discardTree(open.tree)
      const key = encodeName(name)
      open.recorded = false
      return remove(this.catalog, key, key.length)
    } catch (error) {
      this.changeFailure = error
      throw error
    }
  }

  private open(name: string): OpenTree {
    let open = this.named.get(name)
    if (open === undefined) {
      const record = findRecord(this.catalog, name)
      const root = new Root(record?.tree ?? this.nextTree++, record?.pointer ?? EMPTY_TREE)
      open = { tree: new Tree(this.store.pager, root, this.writer, this.base, this.puts), recorded: record !== undefined, recordedPage: root.page, recordedEntries: root.entries }
      this.named.set(name, open)
    }
    return open
  }

  private record(name: string, open: OpenTree): void {
    // A record of the journal names trees that are there.
    if (!open.recorded) this.writer.recorder.giveUp()
    const { root } = open.tree
    const wrong = validateTreePointer(root.pointer(), this.writer.space.pageCount)
    if (wrong !== undefined) throw corrupt(root.page, root.tree, wrong)
    const bytes = new Uint8Array(CATALOG_RECORD.SIZE)
    const view = new DataView(bytes.buffer)
    writeTreePointer(view, CATALOG_RECORD.POINTER, root.pointer())
    view.setUint32(CATALOG_RECORD.TREE, root.tree, true)
    const key = encodeName(name)
    insert(this.catalog, key, key.length, bytes, 0)
    this.nextRecorded = Math.max(this.nextRecorded, root.tree + 1)
    open.recorded = true
    open.recordedPage = root.page
    open.recordedEntries = root.entries
  }

  // Savepoints.

  mark(): ViewMark {
    this.puts.settle()
    const roots = new Map<string | undefined, Root>([[undefined, this.defaultTree.root.clone()]])
    for (const [name, open] of this.named) roots.set(name, open.tree.root.clone())
    return { space: this.writer.savepoint(), record: this.writer.recorder.mark(), roots, catalog: this.catalog.root.clone() }
  }

  rollbackTo(mark: ViewMark): void {
    // Whatever waits was put after the mark.
    this.puts.discard()
    this.writer.rollback(mark.space)
    this.writer.recorder.rollback(mark.record)
    restore(this.catalog, mark.catalog)
    restore(this.defaultTree, mark.roots.get(undefined))
    for (const [name, open] of this.named) {
      const record = findRecord(this.catalog, name)
      open.recorded = record !== undefined
      open.recordedPage = record?.pointer.page ?? 0
      open.recordedEntries = record?.pointer.entries ?? 0
      restore(open.tree, mark.roots.get(name) ?? new Root(open.tree.root.tree, record?.pointer ?? EMPTY_TREE))
    }
  }

  // The end.

  /** Commits; on an error everything is rolled back. */
  commit(mode: DurabilityMode): void {
    if (this.writer.space.untouched && this.puts.isEmpty) {
      this.rollback()
      // What the transaction has read may be on its way still, and its reader relies on it once this returns.
      if (mode === 'sync') this.store.sync()
      return
    }
    try {
      this.store.commit(this.writer, this.outcome(), mode)
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  /** The end of a commit of the journal that has been made again. */
  publish(): void {
    this.store.publishRepeated(this.writer, this.outcome())
  }

  private outcome(): Outcome {
    this.puts.settle(true)
    this.puts.close()
    this.recordChangedTrees()
    return { defaultTree: this.defaultTree.root, catalog: this.catalog.root, nextTree: this.nextRecorded }
  }

  rollback(): void {
    this.puts.close()
    this.store.rollback(this.writer)
  }

  private recordChangedTrees(): void {
    for (const [name, open] of this.named) {
      const { root } = open.tree
      if (!open.recorded || (!root.unsealed && root.page === open.recordedPage && root.entries === open.recordedEntries)) continue
      sealRoot(this.store.pager, root, new Set())
      this.record(name, open)
    }
  }
}

function restore(tree: Tree, root: Root | undefined): void {
  if (root !== undefined) tree.root.assign(root)
  tree.path.valid = false
  tree.changed()
}
