/** A store whose every holder of old commits is known, so that what is held back can be said exactly. */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { DurabilityMode } from '../../src/index.js'
import { Core } from '../../src/core.js'
import { Database } from '../../src/database.js'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import type { Mapper } from '../../src/file/file.js'
import { native } from '../../src/file/native.js'
import { resolveOptions } from '../../src/options.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta } from '../../src/page/meta.js'
import type { Run } from '../../src/page/runs.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { Store } from '../../src/pager/store.js'
import { emptyImage, FaultyFile, fileOf, imageOf } from '../../test/faulty-file.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY, same } from '../model/world.js'
import type { Hold } from './holds.js'
import type { Reach } from './reach.js'
import { reach } from './reach.js'

export type LayerName = 'mapped' | 'plain' | 'memory'

/** Few enough that ordinary transactions spill; a pool keeps its last 128 pages in any case. */
const POOL_PAGES = 192
/** Long enough that no background sync of a lazy store begins by itself. */
const NEVER = 1e9

/** So few that a store has a journal from nearly its first commit on. */
const JOURNAL_FROM = 3

/** A commit, with the checkpoint that it rests on: itself, or the one whose journal it stands in. */
export class Point {
  readonly transaction: number
  /** The store's own commit, whose meta page is right once the store has sealed it. */
  readonly commit: { meta: Meta }
  readonly checkpoint: Point

  constructor(commit: { meta: Meta }, checkpoint?: Point) {
    this.transaction = commit.meta.transaction
    this.commit = commit
    this.checkpoint = checkpoint ?? this
  }
}

/** A file whose background syncs end when the history says so. Nothing here depends on what is on the disk, so it syncs nothing. */
class WatchedFile extends FaultyFile {
  /** The newest commit when each background sync began. */
  readonly running: { point: Point; end: () => void }[] = []
  newest: () => Point | undefined = () => undefined

  override sync(): void {
    // See above.
  }

  override syncAsync(): Promise<void> {
    const point = this.newest()
    return new Promise((resolve) => this.running.push({ point: point as Point, end: resolve }))
  }
}

export class HeldStore {
  readonly layer: LayerName
  readonly durability: DurabilityMode
  private readonly journal: boolean
  private readonly folder: string | undefined
  private image = emptyImage()
  private file!: WatchedFile
  db!: Database<Bytes, Bytes>
  store!: Store
  committed = new ModelStore()
  readonly holds: Hold[] = []
  /** The last commit that is on the disk, and bulk commits after it: their pages are, and their meta pages say so. */
  private durable!: Point
  private bulk: Point[] = []
  /** The newest commit that `noteCommits` was told of, and the newest that was looked at. */
  newest!: Point
  private latest: Point | undefined
  private readonly reached = new WeakMap<Point, Reach>()
  /** What the run went through. */
  readonly extent = { commits: 0, comparisons: 0, pages: 0, held: 0, spilled: 0, logPages: 0, records: 0, bulk: 0 }

  constructor(layer: LayerName, durability: DurabilityMode, journal: boolean) {
    this.layer = layer
    this.journal = journal
    this.durability = durability
    this.folder = layer === 'memory' ? undefined : fs.mkdtempSync(join(os.tmpdir(), 'coppice-snapshots-'))
    if (this.folder !== undefined) createFile(join(this.folder, 'store'), newDatabase())
    this.open()
  }

  private open(): void {
    const mapper: Mapper | undefined = this.layer === 'mapped' ? native()?.map : undefined
    const inner = this.folder === undefined ? fileOf(this.image) : openFile(join(this.folder, 'store'), { readOnly: false, mapper, lock: false })
    this.file = new WatchedFile(inner)
    const settings = resolveOptions<Bytes, Bytes>({ ...BINARY, durability: this.durability })
    this.store = new Store(this.file, POOL_PAGES, NEVER, this.journal ? JOURNAL_FROM : Infinity)
    this.db = new Database(new Core(this.store, settings), settings)
    this.file.newest = () => this.point()
    this.latest = undefined
    this.newest = this.durable = this.point()
    this.bulk = []
  }

  /** Closes the store and opens it again: nobody holds anything then. */
  async reopen(): Promise<void> {
    this.shut()
    await setImmediate()
    this.holds.length = 0
    this.open()
  }

  private shut(): void {
    for (const { end } of this.file.running.splice(0)) end()
    this.extent.spilled += this.store.pager.pool.spilled
    this.db.close()
    this.image = this.file.left
  }

  dispose(): void {
    this.shut()
    if (this.folder !== undefined) fs.rmSync(this.folder, { recursive: true, force: true })
  }

  /** The newest commit. */
  private point(): Point {
    const { newest } = this.store
    const { transaction } = newest.meta
    if (this.latest?.transaction === transaction) return this.latest
    const checkpoint = newest.base === transaction ? undefined : this.checkpointBelow(newest.base, newest.slot)
    return (this.latest = new Point(newest, checkpoint))
  }

  /** The checkpoint that the newest commit names: the one that is known, or what stands in its slot. */
  private checkpointBelow(base: number, slot: number): Point {
    if (this.latest?.checkpoint.transaction === base) return this.latest.checkpoint
    const page = new Uint8Array(PAGE_SIZE)
    this.file.inner.read(page, slot * PAGE_SIZE)
    const reading = decodeMeta(page, slot)
    if (reading.kind !== 'valid' || reading.meta.transaction !== base) throw new Error(`checkpoint ${base} does not stand in slot ${slot}`)
    return new Point(reading)
  }

  /** To be called after whatever may have committed; `synced` where the commits returned only when durable. */
  noteCommits(synced = this.durability === 'sync'): void {
    const point = this.point()
    if (point === this.newest) return
    const before = this.newest
    this.newest = point
    this.extent.commits++
    if (point.checkpoint !== point) this.extent.records++
    const { meta } = point.commit
    if (synced) this.durable = point
    else if (meta.durable === meta.transaction) {
      // A bulk commit syncs before its meta page is written, and with its pages all that came before.
      this.durable = before
      this.bulk.push(point)
      this.extent.bulk++
    }
  }

  noteSynced(): void {
    this.durable = this.newest
  }

  /** Lets the background sync that runs end, if one does. */
  async endSync(): Promise<void> {
    const ended = this.file.running.shift()
    if (ended === undefined) return
    ended.end()
    await setImmediate()
    if (ended.point.transaction > this.durable.transaction) this.durable = ended.point
  }

  /** Ends background syncs until the promise is settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const finish = (): void => void (done = true)
    promise.then(finish, finish)
    for (let i = 0; !done; i++) {
      if (i > 1000) throw new Error('a promise of the store is never settled')
      await setImmediate()
      await this.endSync()
    }
    return promise
  }

  /** What a commit reaches, from the file as it is now and from the pages that wait in memory. Those were sealed when it was first asked for. */
  private reachNow({ commit: { meta } }: Point, delta: readonly Run[]): Reach {
    const { pool } = this.store.pager
    const stored = imageOf(this.file.inner)
    const image = new Uint8Array(Math.max(stored.length, meta.pageCount * PAGE_SIZE))
    image.set(stored)
    for (const frame of pool.dirtyFrames()) if (pool.pageOf(frame) < meta.pageCount) image.set(pool.viewOf(frame), pool.pageOf(frame) * PAGE_SIZE)
    return reach(image, meta, delta)
  }

  /**
   * The same as of the first time that it was asked for: a commit never changes, and `checkUnchanged` sees to that. The newest commit is
   * asked for before a transaction begins, as sealing is for the time between transactions.
   */
  reach(point: Point): Reach {
    let found = this.reached.get(point)
    if (found === undefined) {
      if (point.commit === this.store.newest) this.store.seal()
      const delta = point.commit === this.store.newest ? this.store.newestDelta() : point.commit.meta.delta
      this.reached.set(point, (found = this.reachNow(point, delta)))
    }
    return found
  }

  /** The commits that somebody holds, by their ids. The store itself holds checkpoints, for recovery's sake. */
  private heldCommits(): Map<number, Point> {
    this.bulk = this.bulk.filter(({ transaction }) => transaction > this.durable.transaction)
    const own = [this.newest, this.durable, ...this.file.running.map(({ point }) => point)].map(({ checkpoint }) => checkpoint)
    return new Map([...this.holds.map(({ point }) => point), ...own, ...this.bulk].map((point) => [point.transaction, point]))
  }

  /** Pages that the holders reach and the newest commit does not. */
  private heldBack(): Set<number> {
    const held = new Set<number>()
    const newest = this.reach(this.newest)
    for (const point of this.heldCommits().values()) {
      if (point === this.newest) continue
      for (const page of this.reach(point).pages.keys()) if (!newest.pages.has(page)) held.add(page)
    }
    return held
  }

  /** Outside a write transaction: every page is of one kind, and pending is what somebody holds and no more. */
  checkSpace(): void {
    same('newest commit', this.store.newest.meta.transaction, this.newest.transaction)
    const newest = this.reach(this.newest)
    const { meta } = this.newest.commit
    const space = this.store.space()
    same('durable commit', this.store.durableTransaction, this.durable.transaction)
    same('pages reached, free and meta', newest.pages.size + newest.free.size + META_SLOTS, meta.pageCount)
    for (const page of newest.free) if (newest.pages.has(page)) throw new Error(`page ${page} is in use and free at once`)
    if (this.file.size() < meta.pageCount * PAGE_SIZE) throw new Error('the file ends before the page count')
    samePages('pages that the file says are free', pagesOf(space.unused), newest.free)
    const held = this.heldBack()
    samePages('pending pages', pagesOf(space.unused, (page) => !space.available.has(page)), held)
    same('pending pages in the figures', space.pendingByHolder().reduce((sum, { pages }) => sum + pages, 0), held.size)
    this.extent.pages = Math.max(this.extent.pages, meta.pageCount)
    this.extent.held = Math.max(this.extent.held, held.size)
    this.extent.logPages = Math.max(this.extent.logPages, newest.logPages)
  }

  /** What a hold sees is byte for byte what it saw when it began. */
  checkUnchanged(hold: Hold): void {
    const now = this.reachNow(hold.point, []).pages
    same('pages that a hold reaches', now.size, hold.pages.size)
    for (const [page, crc] of hold.pages) same(`checksum of page ${page}, which is held`, now.get(page), crc)
    this.extent.comparisons++
  }

  /** Ends a hold: exactly what only it saw is to become available. */
  end(hold: Hold): void {
    this.checkUnchanged(hold)
    const { available } = this.store.space()
    const before = new Set(pagesOf(available))
    const held = this.heldBack()
    this.holds.splice(this.holds.indexOf(hold), 1)
    for (const page of this.heldBack()) held.delete(page)
    hold.end()
    samePages('pages set free by the end of a hold', pagesOf(available, (page) => !before.has(page)), held)
  }
}

function pagesOf(pages: { next(from: number): number }, wanted: (page: number) => boolean = () => true): number[] {
  const found: number[] = []
  for (let page = pages.next(0); page !== -1; page = pages.next(page + 1)) if (wanted(page)) found.push(page)
  return found
}

function samePages(what: string, actual: number[], expected: Set<number>): void {
  const surplus = actual.filter((page) => !expected.has(page))
  const present = new Set(actual)
  const missing = [...expected].filter((page) => !present.has(page))
  if (surplus.length + missing.length === 0) return
  throw new Error(`${what}: ${surplus.length} too many (${surplus.slice(0, 8).join(' ')}), ${missing.length} missing (${missing.slice(0, 8).join(' ')})`)
}
