/**
 * A file of pages with transactions: what the trees stand on.
 *
 * The way of a read: the newest commit's root page, then `pager.locate` for each page on the path.
 * The way of a write: `begin` gives a Writer, whose `writable` copies each page on the path once.
 * The ways of a commit are in `commit`, as numbered lists: a small one is written to the journal, any other is a checkpoint and
 * writes its pages.
 */
import { corrupt, ioError } from '../errors.js'
import type { StoreFile } from '../file/file.js'
import { DEFAULT_TREE, CATALOG_TREE, PAGE_SIZE } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { encodeMeta, metaFault } from '../page/meta.js'
import { Recorder } from '../page/record.js'
import { Durability } from './durability.js'
import { loadSpace, nextFreeState } from './free-log.js'
import type { Run } from '../page/runs.js'
import type { JournalRecord } from './journal.js'
import { Journal, JOURNAL_FROM_PAGES, waitingPages } from './journal.js'
import { Pager } from './pager.js'
import { Readers } from './readers.js'
import type { Commit } from './recover.js'
import { recover, writeAgain } from './recover.js'
import { Root } from './root.js'
import type { Outcome } from './seal.js'
import { sealCommit, sealFrames } from './seal.js'
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

export class Store {
  readonly file: StoreFile
  readonly pager: Pager
  readonly readers = new Readers()
  /** Free space; filled from the free log when first needed, so that opening does not depend on its size. */
  private loadedSpace: Space | undefined
  private readonly durability: Durability
  private readonly journal: Journal
  private readonly recorder = new Recorder()
  private readonly syncInterval: number
  private readonly journalFrom: number
  /** The newest commit: what a read without a transaction sees. */
  newest: Commit
  /** The newest checkpoint: the newest commit itself, or the one whose journal it stands in. */
  private checkpoint: Commit
  /** Commits of the journal that opening found and that have not been made again yet. */
  private readonly found: JournalRecord[]
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

  /** A store of `journalFrom` pages or more has a journal. */
  constructor(file: StoreFile, poolPages: number, syncInterval: number, journalFrom = JOURNAL_FROM_PAGES) {
    this.file = file
    this.syncInterval = syncInterval
    this.journalFrom = journalFrom
    // Who may not write cannot move the pages that the journal's commits have changed to the file.
    const waiting = file.readOnly ? waitingPages(Math.floor(file.size() / PAGE_SIZE)) : 0
    this.pager = new Pager(file, poolPages + waiting, (frames) => sealFrames(this.pager, frames))
    const { commit, journal, highest, unsettled, worthless, passedOver } = recover(this.pager)
    this.newest = commit
    this.checkpoint = commit
    this.journal = new Journal(this.pager, commit.meta, journal.pages)
    this.found = journal.records
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
    this.durability = new Durability(target, commit.meta.transaction, commit.slot, journal.records.at(-1)?.transaction ?? commit.meta.transaction)
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
      const space = new Space(this.readers, (start, count) => this.pager.reserve(start, count), (page) => this.pager.forget(page))
      loadSpace(this.pager, space, this.checkpoint.meta)
      this.loadedSpace = space
    }
    return this.loadedSpace
  }

  /** Starts a write transaction; the caller sees to it that there is one at a time. */
  begin(): Writer {
    this.durability.assertUsable()
    this.settle()
    return this.newWriter(this.nextId)
  }

  private newWriter(id: number): Writer {
    this.pager.written.clear()
    return new Writer(this.pager, this.space(), this.recorder, this.checkpoint.meta.transaction, id)
  }

  /** First page of the journal, or 0 for none. */
  get journalPage(): number {
    return this.journal.region.page
  }

  /** The commits that opening found in the journal; each is to be made again, by `repeat` and `publishRepeated`, before anything else. */
  takeFound(): JournalRecord[] {
    return this.found.splice(0)
  }

  /** A writer that makes this commit again, in memory; where the pool gets full its pages go to the file. */
  repeat({ transaction }: JournalRecord): Writer {
    if (!this.file.readOnly) this.settle()
    return this.newWriter(transaction)
  }

  /** Before anything else is written, what recovery found is made durable. */
  private settle(): void {
    if (this.unsettled.size === 0) return
    writeAgain(this.pager, this.unsettled, this.worthless)
    this.syncOrPoison()
    this.unsettled = new Set()
  }

  rollback(writer: Writer): void {
    writer.space.unsettle()
    writer.rollback()
    this.pager.usedPages = this.newest.meta.pageCount
    // The id is not used again: pages with it may stand in the file, behind the end or in free places.
    this.nextId = writer.id + 1
    this.spilledBefore = this.pager.pool.spilled
  }

  /** Commits what the writer wrote. On an error nothing has been committed, and the caller rolls back. */
  commit(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    // A background sync may have failed since the transaction began.
    this.durability.assertUsable()
    if (this.fitsJournal(writer)) this.commitToJournal(writer, outcome, mode)
    else this.commitPages(writer, outcome, mode)
  }

  /** A checkpoint has to come before the pool is full of pages that wait for it, and pages without blocks cannot wait for one. */
  private fitsJournal({ recorder, space }: Writer): boolean {
    const { pool } = this.pager
    return recorder.fits && this.journal.hasRoomFor(recorder.record.length) && space.hasBlocks && pool.dirtyCount <= Math.min(waitingPages(space.pageCount), pool.capacity >>> 1)
  }

  /**
   * A small commit:
   *
   * 1. Settle free space, in memory alone.
   * 2. Seal the changed pages, so that they need not be touched again. They stay in the pool.
   * 3. Write what was changed to the journal.
   * 4. Sync, or see to it that a sync follows.
   * 5. Publish.
   */
  private commitToJournal(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    const meta = this.settledMeta(writer, outcome)
    const { record } = writer.recorder
    this.repeatCheckpoint()
    try {
      this.journal.write(writer.id, this.durability.durable, record)
    } catch (error) {
      this.orPoison(() => this.journal.erase(record.length), error)
      throw error
    }
    if (mode === 'sync') this.syncOrPoison()
    this.journal.advance(record.length)
    this.durability.publishedRecord(writer.id)
    this.publish(writer, { meta, slot: this.checkpoint.slot }, mode, Math.ceil(record.length / PAGE_SIZE))
  }

  /** The commit as it is in memory alone. */
  private settledMeta(writer: Writer, outcome: Outcome): Meta {
    writer.trim()
    writer.space.settle()
    return sealCommit(writer, outcome, this.newest.meta)
  }

  /** A commit of the journal has been made again by the writer of `repeat`. */
  publishRepeated(writer: Writer, outcome: Outcome): void {
    const meta = this.settledMeta(writer, outcome)
    this.publish(writer, { meta, slot: this.checkpoint.slot }, 'sync', 0)
  }

  /**
   * A checkpoint that has a journal is written to a second slot: if its meta page were damaged, all that the journal holds would be
   * lost with it.
   */
  private repeatCheckpoint(): void {
    const { meta } = this.checkpoint
    if (meta.durable === meta.transaction || this.durability.durableBase < meta.transaction) return
    const whole = { ...meta, durable: meta.transaction }
    this.writeMeta(whole)
    this.checkpoint = { meta: whole, slot: this.checkpoint.slot }
  }

  /**
   * Any other commit, a checkpoint:
   *
   * 1. Settle free space: what was taken and freed since the last checkpoint, as a delta for the meta page or as log pages.
   * 2. Seal the changed pages bottom-up: each parent gets its child's checksum.
   * 3. Write them, and those that the commits in the journal have left in the pool, neighbours together, and zeros to pages that are
   *    free from the beginning; a bulk commit syncs here.
   * 4. Write the meta page over a slot that no recovery needs.
   * 5. Sync, or see to it that a sync follows.
   * 6. Publish: from now on reads see the commit, and what it freed may be used again.
   */
  private commitPages(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    const journal = this.journal.next(writer, this.journalFrom)
    const free = nextFreeState(writer, this.checkpoint.meta.log)
    const sealed = sealCommit(writer, outcome, this.newest.meta)
    for (const [start, count] of writer.space.unwritten()) this.pager.fill(start, count)
    const written = this.writePages(writer)
    const bulk = written > BULK_PAGES
    if (bulk) this.syncOrPoison()
    const meta: Meta = { ...sealed, durable: bulk ? writer.id : this.durability.durableBase, log: free.log, journal, delta: free.delta }
    // Writing to a damaged tree may end in a state that no reader would take.
    const wrong = metaFault(meta)
    if (wrong !== undefined) throw corrupt(0, undefined, `the commit would not be valid, as ${wrong}`)
    const commit = { meta, slot: this.writeMeta(meta) }
    if (mode === 'sync') this.syncOrPoison()
    this.durability.publishedCheckpoint(writer.id, commit.slot)
    if (mode !== 'sync' && bulk) this.durability.publishedBulk(writer.id)
    if (free.log !== this.checkpoint.meta.log) writer.space.rebase()
    this.checkpoint = commit
    this.journal.restart(meta)
    writer.space.collects = journal.page !== 0
    this.spilledBefore = this.pager.pool.spilled
    this.publish(writer, commit, mode, written)
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
    const held = this.checkpoint.slot === slot ? encodeMeta(this.checkpoint.meta, slot) : new Uint8Array(PAGE_SIZE)
    this.orPoison(() => this.pager.writeFile([held], slot * PAGE_SIZE), cause)
  }

  /** Takes back what a write that failed may have left on the disk; where that fails too, nobody knows what is there. */
  private orPoison(takeBack: () => void, cause: unknown): void {
    try {
      takeBack()
      this.file.sync()
    } catch {
      throw this.durability.poison(cause)
    }
  }

  private publish(writer: Writer, commit: Commit, mode: DurabilityMode, written: number): void {
    const { transaction, pageCount } = commit.meta
    if (mode === 'sync') this.durability.reachedNewest()
    writer.space.publish(transaction)
    this.newest = commit
    this.pager.committed = transaction
    this.pager.usedPages = pageCount
    this.pager.solidPages = Math.max(this.pager.solidPages, pageCount)
    this.nextId = Math.max(this.nextId, transaction + 1)
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

  /** What the newest commit says of free space besides the free log: in its meta page, or in memory alone where it stands in the journal. */
  newestDelta(): readonly Run[] {
    return this.newest === this.checkpoint ? this.newest.meta.delta : this.space().delta()
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
    this.durability.reachedNewest()
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
    }
  }

  private finish(): void {
    this.sync()
    if (this.journal.position > 0) this.flush()
    const { meta } = this.checkpoint
    if (meta.durable === meta.transaction) return
    this.writeMeta({ ...meta, durable: meta.transaction })
    this.syncOrPoison()
  }

  /** A checkpoint of the newest commit. Where it fails nothing is lost, as the journal has all of it. */
  private flush(): void {
    const { meta } = this.newest
    const writer = this.begin()
    try {
      this.commitPages(writer, { defaultTree: new Root(DEFAULT_TREE, meta.defaultTree), catalog: new Root(CATALOG_TREE, meta.catalog), nextTree: meta.nextTree }, 'sync')
    } catch {
      this.rollback(writer)
      this.durability.assertUsable()
    }
  }
}
