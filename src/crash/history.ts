/**
 * Processes that open a store one after the other, do transactions and close it or die: all on the simulated disk, whose
 * log says what happened and what the transactions were promised. Where the machine crashes is decided afterwards.
 */
import { setImmediate } from 'node:timers/promises'
import { Core } from '../core.js'
import { Database } from '../database.js'
import type { StoreFile } from '../file/file.js'
import { resolveOptions } from '../options.js'
import type { DurabilityMode } from '../pager/store.js'
import { Store } from '../pager/store.js'
import type { DiskEvent, Platter } from './disk.js'
import { Disk, isChange, WHOLE } from './disk.js'
import { fileFrom, PlatterFile, SimulatedFile } from './file.js'
import type { ByteStore, Ledger } from './ledger.js'
import type { Beginning, Note } from './points.js'
import { below, oneOf } from './random.js'
import { fill } from './work.js'

/** The store's file on the simulated disk. */
export const STORE = 0

const MODES: readonly DurabilityMode[] = ['sync', 'async', 'lazy']
const PROCESSES = 3
/** What a process does: transactions, most of it, and syncs. */
const STEPS = 20
/** Few enough that a transaction of a large value spills. */
const POOL_PAGES = 192
/** Small stores have a journal too, as crashes are tried on it. */
const JOURNAL_FROM = 3
/** Nothing happens by itself: syncs begin where they are asked for. */
const NEVER = 1e9
/** Bytes up to which a file is held in memory, where it can be mapped as a real one; of a longer one only what is read. */
const IN_MEMORY = 2 ** 22

/** The file as a platter has it; writes to it may change the platter. */
export function fileOn(platter: Platter): StoreFile {
  return platter.file(STORE).length <= IN_MEMORY ? fileFrom(platter, STORE) : new PlatterFile(platter, STORE)
}

/** Opens a store on any file, as `open` does on a path. */
export function openOn(file: StoreFile, durability: DurabilityMode): ByteStore {
  const settings = resolveOptions<Uint8Array, Uint8Array>({ keyEncoding: 'binary', durability })
  return new Database(new Core(new Store(file, POOL_PAGES, NEVER, JOURNAL_FROM), settings), settings)
}

export class History {
  readonly log: DiskEvent[] = []
  transactions = 0
  private readonly ledger: Ledger
  private readonly random: () => number
  private readonly start: Platter
  /** The state that the store is in at the start. */
  private readonly first: number
  /** What the file shows, after the first `passed` events. */
  private readonly shown: Platter
  private passed = 0
  /** What a promise was rejected with. */
  private failure: unknown

  /** The store is on the disk at the start, in the newest state of the ledger. */
  constructor(start: Platter, ledger: Ledger, random: () => number) {
    this.start = start
    this.first = ledger.newest
    this.ledger = ledger
    this.random = random
    this.shown = start.copy()
  }

  /** The disk before the first event of the log. */
  beginning(): Beginning {
    return { disk: new Disk(this.start.copy()), cache: this.start.copy(), newest: this.first, floor: this.first }
  }

  /** `bulk`: whether one of the transactions is to be a large one. */
  async run(bulk: boolean): Promise<void> {
    for (let i = 0; i < PROCESSES; i++) await this.live(oneOf(MODES, this.random), bulk && i === 1)
  }

  /** A process from its birth to its end. Its memory is lost then, and what it has written shows. */
  private async live(mode: DurabilityMode, bulk: boolean): Promise<void> {
    for (; this.passed < this.log.length; this.passed++) {
      const event = this.log[this.passed]
      if (isChange(event)) this.shown.make(event, WHOLE)
    }
    const file = new SimulatedFile(fileOn(this.shown.copy()), this.log, STORE)
    const db = openOn(file, mode)
    const { newest } = this.ledger
    if (this.ledger.find(db, { floor: newest, ceiling: newest }) === undefined) throw new Error(`a process that opens the store does not find commit ${newest}`)
    for (let i = 0; i < STEPS; i++) {
      this.step(db, file, mode, bulk && i === STEPS / 2)
      // What waits for promises goes on.
      await setImmediate()
      if (this.failure !== undefined) throw this.failure
    }
    await this.end(db, this.random() < 0.5)
  }

  /** A process that dies is closed as well, since a timer would keep it in memory; but of that the disk never hears. */
  private async end(db: ByteStore, dies: boolean): Promise<void> {
    const { length } = this.log
    db.close()
    if (!dies) this.note(this.ledger.newest, 'durable')
    await setImmediate()
    if (dies) this.log.length = length
  }

  private step(db: ByteStore, file: SimulatedFile, mode: DurabilityMode, bulk: boolean): void {
    const kind = bulk ? 9 : below(10, this.random)
    if (kind === 0) {
      db.sync()
      this.note(this.ledger.newest, 'durable')
    } else if (kind === 1) this.whenDurable(db.syncAsync(), this.ledger.newest)
    else if (kind < 5) file.running[0]?.end()
    else this.transact(db, mode, bulk)
  }

  private transact(db: ByteStore, mode: DurabilityMode, bulk: boolean): void {
    const tx = db.begin()
    const commit = this.ledger.begin()
    fill(tx, this.ledger, this.random, bulk)
    if (this.random() < 0.1) {
      tx.rollback()
      this.ledger.rollback()
      return
    }
    this.transactions++
    this.note(commit, 'begun')
    const done = this.random() < 0.5 ? tx.commitAsync() : tx.commit()
    this.note(commit, 'returned')
    if (mode === 'lazy') this.whenDurable(done, undefined)
    else if (done !== undefined) this.whenDurable(done, commit)
    else if (mode === 'sync') this.note(commit, 'durable')
  }

  /** Notes it of this commit when the promise is kept; of none where it says nothing about the disk. */
  private whenDurable(promise: Promise<void> | void, commit: number | undefined): void {
    promise?.then(() => void (commit !== undefined && this.note(commit, 'durable')), (error: unknown) => (this.failure ??= error))
  }

  private note(commit: number, is: Note['is']): void {
    const note: Note = { commit, is }
    this.log.push({ type: 'note', note })
  }
}
