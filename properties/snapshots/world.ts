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

/** A file whose background syncs end when the history says so. Nothing here depends on what is on the disk, so it syncs nothing. */
class WatchedFile extends FaultyFile {
  /** The newest commit when each background sync began. */
  readonly running: { meta: Meta; end: () => void }[] = []
  newest: () => Meta | undefined = () => undefined

  override sync(): void {
    // See above.
  }

  override syncAsync(): Promise<void> {
    const meta = this.newest()
    return new Promise((resolve) => this.running.push({ meta: meta as Meta, end: resolve }))
  }
}

export class HeldStore {
  readonly layer: LayerName
  readonly durability: DurabilityMode
  private readonly folder: string | undefined
  private image = emptyImage()
  private file!: WatchedFile
  db!: Database<Bytes, Bytes>
  store!: Store
  committed = new ModelStore()
  readonly holds: Hold[] = []
  /** The last commit that is on the disk, and bulk commits after it: their pages are, and their meta pages say so. */
  private durable!: Meta
  private bulk: Meta[] = []
  private newest!: Meta
  private readonly reached = new WeakMap<Meta, Reach>()
  /** What the run went through. */
  readonly extent = { commits: 0, comparisons: 0, pages: 0, held: 0, spilled: 0, logPages: 0 }

  constructor(layer: LayerName, durability: DurabilityMode) {
    this.layer = layer
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
    this.store = new Store(this.file, POOL_PAGES, NEVER)
    this.db = new Database(new Core(this.store, settings), settings)
    this.file.newest = () => this.store.newest.meta
    this.newest = this.durable = this.store.newest.meta
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

  /** To be called after whatever may have committed; `synced` where the commits returned only when durable. */
  noteCommits(synced = this.durability === 'sync'): void {
    const { meta } = this.store.newest
    if (meta === this.newest) return
    const before = this.newest
    this.newest = meta
    this.extent.commits++
    if (synced) this.durable = meta
    else if (meta.durable === meta.transaction) {
      // A bulk commit syncs before its meta page is written, and with its pages all that came before.
      this.durable = before
      this.bulk.push(meta)
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
    if (ended.meta.transaction > this.durable.transaction) this.durable = ended.meta
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

  newestMeta(): Meta {
    return this.store.newest.meta
  }

  /** What a commit reaches, from the file as it is now. */
  reachNow(meta: Meta): Reach {
    return reach(imageOf(this.file.inner), meta)
  }

  /** The same as of the first time that it was asked for: a commit never changes, and `checkUnchanged` sees to that. */
  reach(meta: Meta): Reach {
    let found = this.reached.get(meta)
    if (found === undefined) this.reached.set(meta, (found = this.reachNow(meta)))
    return found
  }

  /** The commits that somebody holds, by their ids. */
  private heldCommits(): Map<number, Meta> {
    this.bulk = this.bulk.filter((meta) => meta.transaction > this.durable.transaction)
    const metas = [...this.holds.map(({ meta }) => meta), this.durable, ...this.bulk, ...this.file.running.map(({ meta }) => meta)]
    return new Map(metas.map((meta) => [meta.transaction, meta]))
  }

  /** Pages that the holders reach and the newest commit does not. */
  private heldBack(): Set<number> {
    const held = new Set<number>()
    const newest = this.reach(this.newestMeta())
    for (const [transaction, meta] of this.heldCommits()) {
      if (transaction === this.newestMeta().transaction) continue
      for (const page of this.reach(meta).pages.keys()) if (!newest.pages.has(page)) held.add(page)
    }
    return held
  }

  /** Outside a write transaction: every page is of one kind, and pending is what somebody holds and no more. */
  checkSpace(): void {
    const meta = this.newestMeta()
    const newest = this.reach(meta)
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
    const now = this.reachNow(hold.meta).pages
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
