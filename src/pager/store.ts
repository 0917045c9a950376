/**
 * A file of pages with transactions: what the trees stand on.
 *
 * The way of a read: the newest commit's root page, then `pager.locate` for each page on the path.
 * The way of a write: `begin` gives a Writer, whose `writable` copies each page on the path once.
 * The ways of a commit are in `commit`, as numbered lists: a small one is written to the journal, any other is a checkpoint and
 * writes its pages.
 */
import type { StoreFile } from '../file/file.js'
import { META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { journalStart, validMeta } from '../page/meta.js'
import { journalPagesFor } from '../page/journal.js'
import { Recorder } from '../page/record.js'
import { CommitFile } from './commit-file.js'
import { Durability } from './durability.js'
import { loadSpace, nextFreeState } from './free-log.js'
import type { Run } from '../page/runs.js'
import type { JournalRecord } from './journal.js'
import { Journal, JOURNAL_FROM_PAGES, waitingPages } from './journal.js'
import { Pager } from './pager.js'
import { Readers } from './readers.js'
import type { Commit } from './recover.js'
import { checkpointOf, recover, writeAgain } from './recover.js'
import type { Outcome } from './seal.js'
import { metaAfter, sealAll, sealFrames } from './seal.js'
import { Space } from './space.js'
import { Writer } from './writer.js'

/**
 * When a commit counts as done. `sync`: on the disk. `async`: visible, on its way to the disk. `lazy`: visible,
 * on its way within the sync interval.
 */
export type DurabilityMode = 'sync' | 'async' | 'lazy'

/**
 * A checkpoint of more pages than this syncs them before its meta page is written, so that recovery has none of
 * them to walk: a second sync costs little beside writing 4 MiB, and a walk would make opening slower, as it looks at all
 * pages below a new branch.
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
  private readonly writing: CommitFile
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
  /** The same when the newest checkpoint was made, less those that have been written for one that failed. */
  private spilledAtCheckpoint = 0
  /** Commits that opening found are being made again, for which the file is not made longer. */
  private repeating = false
  /** Two meta slots hold the newest checkpoint. */
  private standsTwice: boolean
  /** Dirty pages that commits in the journal have left in the pool. */
  private waiting = 0
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
    this.pager = new Pager(file, poolPages + waiting, (frames) => {
      this.settle()
      return sealFrames(this.pager, frames)
    })
    const { commit, standsTwice, journal, highest, unsettled, worthless, passedOver } = recover(this.pager)
    this.newest = commit
    this.checkpoint = commit
    this.standsTwice = standsTwice
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
    this.durability = new Durability(target, commit.base, commit.slot, commit.meta.journal.region, journal.records.at(-1)?.transaction ?? commit.base)
    this.writing = new CommitFile(this.pager, this.durability)
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
      const space = new Space(this.readers, (start, count) => this.repeating || this.pager.reserve(start, count), (page) => this.pager.forget(page))
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
    this.pager.restart()
    this.pager.pool.keepsDirty = this.file.readOnly
    return new Writer(this.pager, this.space(), this.recorder, this.checkpoint.meta.transaction, id)
  }

  /** First page of the journal, or 0 for none. */
  get journalPage(): number {
    return journalStart(this.journal.place)
  }

  /** The commits that opening found in the journal; each is to be made again, by `repeat` and `publishRepeated`, before anything else. */
  takeFound(): JournalRecord[] {
    return this.found.splice(0)
  }

  /** A writer that makes this commit again, in memory; only where the pool gets full is anything written. */
  repeat({ transaction }: JournalRecord): Writer {
    this.repeating = true
    return this.newWriter(transaction)
  }

  /** Before anything else is written, what recovery found is made durable. */
  private settle(): void {
    if (this.unsettled.size === 0) return
    writeAgain(this.pager, this.unsettled, this.worthless)
    this.writing.sync()
    this.unsettled = new Set()
    // Pages that commits of the journal take again had their blocks; a crash may have cut the file short of them.
    this.pager.reserve(META_SLOTS, this.newest.meta.pageCount - META_SLOTS)
  }

  rollback(writer: Writer): void {
    const { blockless } = writer.space
    this.undo(writer)
    // Pages that commits in the journal have freed may be all that a full disk has left, and only a checkpoint gives them back.
    if (blockless && this.journal.position > 0) this.flush()
  }

  private undo(writer: Writer): void {
    writer.space.unsettle()
    writer.rollback()
    this.pager.pool.keepsDirty = true
    this.pager.usedPages = this.newest.meta.pageCount
    // The id is not used again: pages with it may stand in the file, behind the end or in free places.
    this.nextId = writer.id + 1
    this.spilledBefore = this.pager.pool.spilled
  }

  /** Commits what the writer wrote. On an error nothing has been committed, and the caller rolls back. */
  commit(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    // A background sync may have failed since the transaction began.
    this.durability.assertUsable()
    const { pool } = this.pager
    if (this.journal.takes(writer, pool.dirtyCount + pool.spilled - this.spilledAtCheckpoint)) this.commitToJournal(writer, outcome, mode)
    else this.commitPages(writer, outcome, mode)
  }

  /**
   * A small commit:
   *
   * 1. Settle free space, in memory alone.
   * 2. Write what was changed to the journal. The changed pages stay in the pool, and are sealed when they are written.
   * 3. Sync, or see to it that a sync follows.
   * 4. Publish.
   */
  private commitToJournal(writer: Writer, outcome: Outcome, mode: DurabilityMode): void {
    const meta = this.settledMeta(writer, outcome)
    const { record } = writer.recorder
    this.repeatCheckpoint()
    this.writing.writeRecord(this.journal, writer.id, record)
    if (mode === 'sync') this.writing.sync()
    this.journal.advance(record.length)
    this.durability.publishedRecord(writer.id)
    this.publishRecord(writer, outcome, meta, mode, journalPagesFor(record.length))
  }

  /** The commit as it is in memory alone. */
  private settledMeta(writer: Writer, outcome: Outcome): Meta {
    writer.trim()
    writer.space.settle()
    return validMeta(metaAfter(this.newest.meta, writer, outcome))
  }

  /** Publishes a commit of the journal. */
  private publishRecord(writer: Writer, outcome: Outcome, meta: Meta, mode: DurabilityMode, written: number): void {
    const { base, slot } = this.checkpoint
    this.waiting = this.pager.pool.dirtyCount
    this.publish(writer, { meta, base, slot, defaultTree: outcome.defaultTree, catalog: outcome.catalog }, mode, written)
  }

  /** A commit of the journal has been made again by the writer of `repeat`. */
  publishRepeated(writer: Writer, outcome: Outcome): void {
    const { pool } = this.pager
    this.publishRecord(writer, outcome, this.settledMeta(writer, outcome), 'sync', 0)
    this.repeating = false
    // Who opened the store before had a larger pool, and readers need some of it.
    if (!this.file.readOnly && pool.dirtyCount > pool.capacity >>> 1) this.pager.writeEarly(pool.dirtyFrames().map((frame) => pool.pageOf(frame)))
  }

  /**
   * A checkpoint that has a journal is written to a second slot: if its meta page were damaged, all that the journal holds would be
   * lost with it.
   */
  private repeatCheckpoint(): void {
    const { meta } = this.checkpoint
    if (this.standsTwice || this.durability.durableBase < meta.transaction) return
    const whole = { ...meta, durable: meta.transaction }
    this.writing.writeMeta(whole, this.checkpoint)
    this.checkpoint = { ...this.checkpoint, meta: whole }
    this.standsTwice = true
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
    const journal = this.journal.next(writer, this.journalFrom, this.durability.regionFor())
    const free = nextFreeState(writer, this.checkpoint.meta.log)
    sealAll(this.pager, [outcome.defaultTree, outcome.catalog], writer.id)
    const sealed = metaAfter(this.newest.meta, writer, outcome)
    for (const [start, count] of writer.space.unwritten()) this.pager.fill(start, count)
    if (journal.page !== 0) writer.space.reserveAhead()
    const written = this.writePages(writer)
    // Who waits for a sync anyway waits for two, and is spared the walk; others do not wait for what earlier commits have left.
    const bulk = (mode === 'sync' ? written : written - this.waiting) > BULK_PAGES
    if (bulk) this.writing.sync()
    const meta: Meta = { ...sealed, durable: bulk ? writer.id : this.durability.durableBase, log: free.log, journal, delta: free.delta }
    const commit = checkpointOf(validMeta(meta), this.writing.writeMeta(meta, this.checkpoint))
    if (mode === 'sync') this.writing.sync()
    this.durability.publishedCheckpoint(writer.id, commit.slot, journal.region)
    if (mode !== 'sync' && bulk) this.durability.publishedBulk(writer.id)
    if (free.log !== this.checkpoint.meta.log) writer.space.rebase()
    this.checkpoint = commit
    this.standsTwice = false
    this.journal.restart(meta)
    this.waiting = 0
    this.spilledBefore = this.spilledAtCheckpoint = this.pager.pool.spilled
    this.publish(writer, commit, mode, written)
  }

  /** Writes what is dirty; answers the pages written since the last commit, spilled ones included. */
  private writePages(writer: Writer): number {
    const { pool } = this.pager
    const frames = pool.dirtyFrames()
    this.pager.writeFrames(frames)
    // Should the checkpoint fail, they wait for the next one as those do that were spilled.
    this.spilledAtCheckpoint -= frames.length
    // What small commits have changed is soon changed again, and a clean frame becomes the next version's without a copy.
    if (this.journal.place.page === 0 || frames.length > waitingPages(writer.space.usedCount)) this.pager.dropMapped(frames)
    pool.forgetDirty()
    return frames.length + pool.spilled - this.spilledBefore + writer.extentPages
  }

  private publish(writer: Writer, commit: Commit, mode: DurabilityMode, written: number): void {
    const { transaction, pageCount } = commit.meta
    if (mode === 'sync') this.durability.reachedNewest()
    writer.space.publish(transaction)
    this.pager.pool.keepsDirty = true
    this.newest = commit
    this.pager.committed = transaction
    this.pager.usedPages = pageCount
    if (!this.repeating) this.pager.solidPages = Math.max(this.pager.solidPages, pageCount)
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
    if (this.durability.durable < this.newest.meta.transaction) this.writing.sync()
  }

  /** What the newest commit says of free space besides the free log: in its meta page, or in memory alone where it stands in the journal. */
  newestDelta(): readonly Run[] {
    return this.newest === this.checkpoint ? this.newest.meta.delta : this.space().delta()
  }

  /** Seals what waits for a checkpoint: the pages of the newest commit are then what they will be in the file. */
  seal(): void {
    const { newest } = this
    sealAll(this.pager, [newest.defaultTree, newest.catalog], newest.meta.transaction)
    newest.meta = { ...newest.meta, defaultTree: newest.defaultTree.pointer(), catalog: newest.catalog.pointer() }
  }

  /** How many of the holders of a commit are the store itself, for recovery's sake. */
  ownHolds(transaction: number): number {
    return this.durability.holdsOf(transaction)
  }

  get durableTransaction(): number {
    return this.durability.durable
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
    if (this.journal.position > 0) this.flush()
    this.durability.assertUsable()
    const { meta } = this.checkpoint
    if (meta.durable === meta.transaction) return
    this.writing.writeMeta({ ...meta, durable: meta.transaction }, this.checkpoint)
    this.writing.sync()
  }

  /** A checkpoint of the newest commit. Where it fails nothing is lost, as the journal has all of it. */
  private flush(): void {
    const { meta, defaultTree, catalog } = this.newest
    let writer: Writer | undefined
    try {
      writer = this.begin()
      this.commitPages(writer, { defaultTree, catalog, nextTree: meta.nextTree }, 'sync')
    } catch {
      if (writer !== undefined) this.undo(writer)
    }
  }
}
