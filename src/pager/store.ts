/**
 * A file of pages with transactions: what the trees stand on.
 *
 * The way of a read: the newest commit's root page, then `pager.locate` for each page on the path.
 * The way of a write: `begin` gives a Writer, whose `writable` copies each page on the path once.
 * The way of a commit is in `commit`, as a numbered list.
 */
import { randomBytes } from 'node:crypto'
import { corrupt, ioError } from '../errors.js'
import type { StoreFile } from '../file/file.js'
import { DEFAULT_TREE, CATALOG_TREE, META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { encodeMeta, metaFault } from '../page/meta.js'
import { EMPTY_TREE } from '../page/tree-pointer.js'
import { Durability } from './durability.js'
import { loadSpace, nextFreeState, NO_LOG } from './free-log.js'
import { Pager } from './pager.js'
import { Readers } from './readers.js'
import type { Commit } from './recover.js'
import { recover } from './recover.js'
import type { Root } from './root.js'
import { sealFrames, sealRoot } from './seal.js'
import { Space } from './space.js'
import { Writer } from './writer.js'

/**
 * When a commit counts as done. `sync`: on the disk. `async`: visible, on its way to the disk. `lazy`: visible,
 * on its way within the sync interval.
 */
export type DurabilityMode = 'sync' | 'async' | 'lazy'

/**
 * A commit of more pages than this syncs them before its meta page is written, so that recovery has none of
 * them to walk: a second sync costs little beside writing 4 MiB, and a walk would make opening slower.
 */
const BULK_PAGES = 1024
/** A background sync starts at the latest when this many pages wait for one, so that recovery stays short. */
const UNSYNCED_PAGES = 4096

/** What a write transaction leaves: the roots, and the next id for a new tree. */
export interface Outcome {
  defaultTree: Root
  catalog: Root
  nextTree: number
}

export class Store {
  readonly file: StoreFile
  readonly pager: Pager
  readonly readers = new Readers()
  /** Free space; filled from the free log when first needed, so that opening does not depend on its size. */
  private loadedSpace: Space | undefined
  private readonly durability: Durability
  private readonly syncInterval: number
  /** The newest commit: what a read without a transaction sees. */
  newest: Commit
  private nextId: number
  private unsyncedPages = 0
  /** Pages that earlier transactions spilled. */
  private spilledBefore = 0
  /** Pages of what recovery found that may be in the page cache alone, until this store has written and synced them. */
  private unsettled: ReadonlySet<number>
  /** Meta slots in which recovery found no commit, or one that never finished. */
  private readonly worthless: readonly number[]
  /** What recovery passed over, for people. */
  readonly passedOver: readonly string[]

  constructor(file: StoreFile, poolPages: number, syncInterval: number) {
    this.file = file
    this.syncInterval = syncInterval
    this.pager = new Pager(file, poolPages, (frames) => sealFrames(this.pager, frames))
    const { commit, highest, unsettled, worthless, passedOver } = recover(this.pager)
    this.newest = commit
    this.unsettled = unsettled
    this.worthless = worthless
    this.nextId = highest + 1
    this.passedOver = passedOver
    this.pager.committed = highest
    const target = {
      syncAsync: () => file.syncAsync(),
      hold: (transaction: number) => this.readers.add(transaction),
      release: (transaction: number) => this.release(transaction),
    }
    this.durability = new Durability(target, commit.meta.transaction, commit.slot)
  }

  // Readers.

  /** Keeps the newest commit readable until `release`. */
  hold(): Commit {
    this.readers.add(this.newest.meta.transaction)
    return this.newest
  }

  /** Ends one hold of a commit. */
  release(transaction: number): void {
    if (this.readers.remove(transaction)) this.loadedSpace?.released(transaction)
  }

  // The write transaction.

  /** Free space as of the newest commit, and of the write transaction under way. */
  space(): Space {
    if (this.loadedSpace === undefined) {
      const space = new Space(this.readers, (start, count) => this.pager.reserve(start, count))
      loadSpace(this.pager, space, this.newest.meta)
      this.loadedSpace = space
    }
    return this.loadedSpace
  }

  /** Starts a write transaction; the caller sees to it that there is one at a time. */
  begin(): Writer {
    this.durability.assertUsable()
    this.settle()
    this.pager.written.clear()
    return new Writer(this.pager, this.space(), this.newest.meta.transaction, this.nextId)
  }

  /**
   * Before anything is written over pages that an older meta slot reaches, what recovery found is made durable. It
   * is written again, byte for byte: where an earlier process saw a sync fail, the system may go on showing pages
   * that never reached the disk, and another sync alone would not write them. Every other meta slot is filled with
   * zeros: a commit that lacks a page might find it in what is written from now on, and a slot that shows nothing may
   * hold a failed commit on the disk, by that same failure of a sync.
   */
  private settle(): void {
    if (this.unsettled.size === 0) return
    const bytes = new Uint8Array(PAGE_SIZE)
    for (const page of this.unsettled) {
      this.pager.readFile(bytes, page * PAGE_SIZE)
      this.pager.writeFile([bytes], page * PAGE_SIZE)
    }
    for (const slot of this.worthless) this.pager.writeFile([new Uint8Array(PAGE_SIZE)], slot * PAGE_SIZE)
    this.syncOrPoison()
    this.unsettled = new Set()
  }

  rollback(writer: Writer): void {
    writer.space.unsettle()
    writer.rollback()
    this.dropDirty()
    this.pager.usedPages = this.newest.meta.pageCount
    // The id is not used again: pages with it may stand in the file, behind the end or in free places.
    this.nextId = writer.id + 1
    this.spilledBefore = this.pager.pool.spilled
  }

  private dropDirty(): void {
    const { pool } = this.pager
    for (const frame of pool.dirtyFrames()) this.pager.forget(pool.pageOf(frame))
    pool.forgetDirty()
  }

  /**
   * Commits what the writer wrote. On an error nothing has been committed, and the caller rolls back.
   *
   * 1. Settle free space: what the transaction took and freed, as a delta for the meta page or as log pages.
   * 2. Seal the changed pages bottom-up: each parent gets its child's checksum.
   * 3. Write them, neighbours together, and zeros to pages that are free from the beginning; a bulk commit syncs here.
   * 4. Write the meta page over a slot that no recovery needs.
   * 5. Sync, or see to it that a sync follows.
   * 6. Publish: from now on reads see the commit, and what it freed may be used again.
   */
  commit(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    // A background sync may have failed since the transaction began.
    this.durability.assertUsable()
    const before = this.newest.meta
    const free = nextFreeState(writer, before.log)
    sealRoot(this.pager, outcome.defaultTree, new Set())
    sealRoot(this.pager, outcome.catalog, new Set())
    for (const [start, count] of writer.space.unwritten()) this.pager.fill(start, count)
    const written = this.writePages(writer)
    const bulk = written > BULK_PAGES
    if (bulk) this.syncOrPoison()
    const meta: Meta = {
      database: before.database,
      transaction: writer.id,
      durable: bulk ? writer.id : this.durability.durable,
      pageCount: writer.space.pageCount,
      nextTree: outcome.nextTree,
      defaultTree: outcome.defaultTree.pointer(),
      catalog: outcome.catalog.pointer(),
      log: free.log,
      timestamp: Date.now(),
      delta: free.delta,
    }
    // Writing to a damaged tree may end in a state that no reader would take.
    const wrong = metaFault(meta)
    if (wrong !== undefined) throw corrupt(0, undefined, `the commit would not be valid, as ${wrong}`)
    const slot = this.writeMeta(meta)
    if (mode === 'sync') this.syncOrPoison()
    this.publish(writer, { meta, slot }, mode, written)
  }

  /** Writes what is dirty; answers the pages written since the last commit, spilled ones included. */
  private writePages(writer: Writer): number {
    const { pool } = this.pager
    const frames = pool.dirtyFrames()
    this.pager.writeFrames(frames)
    pool.forgetDirty()
    return frames.length + pool.spilled - this.spilledBefore + writer.extentPages
  }

  private writeMeta(meta: Meta): number {
    const slot = this.durability.slotFor()
    try {
      this.pager.writeFile([encodeMeta(meta, slot)], slot * PAGE_SIZE)
    } catch (error) {
      this.restoreSlot(slot, error)
      throw error
    }
    return slot
  }

  /**
   * A meta page that was written in part may have replaced the newest commit's, or may be whole already, as most
   * of it is zeros: what was there is put back, and synced before the pages of the commit that failed are reused.
   */
  private restoreSlot(slot: number, cause: unknown): void {
    const held = this.newest.slot === slot ? encodeMeta(this.newest.meta, slot) : new Uint8Array(PAGE_SIZE)
    try {
      this.pager.writeFile([held], slot * PAGE_SIZE)
      this.file.sync()
    } catch {
      throw this.durability.poison(cause)
    }
  }

  private publish(writer: Writer, commit: Commit, mode: DurabilityMode, written: number): void {
    const { transaction } = commit.meta
    this.durability.published(transaction, commit.slot)
    if (mode === 'sync') this.durability.reached(transaction)
    else if (commit.meta.durable === transaction) this.durability.publishedBulk(transaction)
    writer.space.publish(transaction)
    if (commit.meta.log !== this.newest.meta.log) writer.space.rebase()
    this.newest = commit
    this.pager.committed = transaction
    this.pager.usedPages = commit.meta.pageCount
    this.pager.solidPages = Math.max(this.pager.solidPages, commit.meta.pageCount)
    this.nextId = transaction + 1
    this.spilledBefore = this.pager.pool.spilled
    this.unsyncedPages = mode === 'sync' ? 0 : this.unsyncedPages + written
    if (mode === 'async' || (mode === 'lazy' && this.unsyncedPages > UNSYNCED_PAGES)) this.startSync()
    else if (mode === 'lazy') this.durability.startWithin(this.syncInterval)
  }

  // Durability.

  private startSync(): void {
    this.unsyncedPages = 0
    this.durability.start()
  }

  /** Resolves once the newest commit is on the disk. */
  async whenDurable(): Promise<void> {
    this.durability.assertUsable()
    this.settle()
    return this.durability.whenDurable(this.newest.meta.transaction)
  }

  /** Brings the newest commit to the disk. */
  sync(): void {
    this.durability.assertUsable()
    this.settle()
    if (this.durability.durable < this.newest.meta.transaction) this.syncOrPoison()
  }

  /** How many of the holders of a commit are the store itself, for recovery's sake. */
  ownHolds(transaction: number): number {
    return this.durability.holdsOf(transaction)
  }

  get durableTransaction(): number {
    return this.durability.durable
  }

  /** After this every published commit is on the disk; one that is being made counts itself. */
  private syncOrPoison(): void {
    try {
      this.file.sync()
    } catch (error) {
      throw this.durability.poison(ioError(error, `syncing ${this.file.path}`))
    }
    this.durability.reached(this.newest.meta.transaction)
  }

  /**
   * Brings all commits to the disk and says so in the file, so that the next open has nothing to walk, then
   * closes the file. The file is closed even where that fails; where a background sync has failed nobody may have been told yet.
   */
  close(): void {
    try {
      if (!this.file.readOnly && !this.durability.failed) this.finish()
      else if (this.durability.durable < this.newest.meta.transaction) this.durability.assertUsable()
    } finally {
      this.durability.cancelTimer()
      this.file.close()
      this.pager.close()
    }
  }

  private finish(): void {
    this.sync()
    const { meta } = this.newest
    if (meta.durable === meta.transaction) return
    this.writeMeta({ ...meta, durable: meta.transaction })
    this.syncOrPoison()
  }
}

/** The pages of a new, empty database: the same first commit in all three slots. */
export function newDatabase(): Uint8Array[] {
  const meta: Meta = {
    database: randomBytes(16),
    transaction: 1,
    durable: 1,
    pageCount: META_SLOTS,
    nextTree: Math.max(DEFAULT_TREE, CATALOG_TREE) + 1,
    defaultTree: EMPTY_TREE,
    catalog: EMPTY_TREE,
    log: NO_LOG,
    timestamp: Date.now(),
    delta: [],
  }
  return Array.from({ length: META_SLOTS }, (_, slot) => encodeMeta(meta, slot))
}

