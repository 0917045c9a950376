/**
 * The life of a process over the simulated disk: it opens the store, does its steps, and leaves a log of all that
 * happened to the disk, with notes of what it promised and when. Where it dies is decided afterwards: every
 * point of the log is a place for a crash.
 */
import { setImmediate } from 'node:timers/promises'
import { CoppiceError } from '../../src/index.js'
import type { Database, DurabilityMode, Transaction } from '../../src/index.js'
import type { Store } from '../../src/pager/store.js'
import { randomFrom } from '../../test/faulty-file.js'
import type { Disk, DiskEvent, Platter } from '../../src/crash/disk.js'
import { WHOLE } from '../../src/crash/disk.js'
import type { Note } from '../../src/crash/points.js'
import { openStore } from '../faults/oracle.js'
import type { Write } from '../model/operations.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { write } from '../model/writes.js'
import { LivingFile } from './file.js'

/** The store's file on every simulated disk. */
export const STORE = 0

/** What a failed sync leaves on the disk: nothing, or what chance with this seed leaves. */
export type Failure = number | 'nothing'

export type Step =
  /** `back`: done inside the transaction after a savepoint, and undone before the commit. */
  | { do: 'commit'; how: 'commit' | 'commitAsync' | 'transactionAsync'; writes: Write[]; back?: Write[] }
  | { do: 'rollback'; writes: Write[] }
  | { do: 'sync' | 'syncAsync' }
  /** Ends the background sync that runs. */
  | { do: 'endSync'; fails?: Failure }
  /** The next sync in the foreground fails. */
  | { do: 'failSync'; fails: Failure }
  | { do: 'snapshot' | 'endSnapshot' }

/** A disk, the states of the store that may be found on it, oldest first, and the first of those that must. */
export interface Past {
  disk: Disk
  /** What the files show as long as the machine runs. After a failed sync that is more than the disk will ever hold. */
  cache: Platter
  states: ModelStore[]
  /** Index of the oldest state that a crash of the machine may lead to; the process has found the last one. */
  floor: number
}

export interface LifePlan {
  durability: DurabilityMode
  mapped: boolean
  steps: Step[]
  /** Whether it closes the store at its end, or leaves it open. */
  closes: boolean
}

/** A life that is over. */
export interface Lived {
  past: Past
  log: DiskEvent[]
  /** The states of the past, and after them those of the commits of this life. */
  states: ModelStore[]
  /** True where a sync failed, after which the store was read-only and not closed. */
  failed: boolean
  /** Pages that were written before their commit, as the pool was full. */
  spilled: number
}

class Life {
  readonly states: ModelStore[]
  readonly log: DiskEvent[] = []
  readonly file: LivingFile
  readonly db: Database<Bytes, Bytes>
  readonly store: Store
  private readonly durability: DurabilityMode
  private readonly snapshots: Transaction<Bytes, Bytes>[] = []
  /** True from when a sync was to fail: it may have, and then errors are expected. */
  private failing = false
  failed = false
  /** What a promise was rejected with, though nothing had failed. */
  private unexpected: unknown

  constructor(past: Past, { durability, mapped }: LifePlan) {
    this.durability = durability
    this.states = [...past.states]
    this.file = new LivingFile(past, this.log)
    this.file.mapped = mapped
    // Nothing happens by itself: no timer starts a sync, and a history ends those in the background where it says so.
    const { db, store } = openStore(this.file, durability)
    this.db = db
    this.store = store
  }

  async step(step: Step): Promise<void> {
    if (this.failed && step.do === 'commit') this.assertReadOnly()
    else if (!this.failed) this.attempt(() => this.take(step))
    // What waits for promises goes on.
    await setImmediate()
    if (this.unexpected !== undefined) throw this.unexpected
    // What a process waits for, or has been promised to follow soon, is on its way to the disk.
    const waits = this.durability !== 'lazy' && !this.failed && this.store.durableTransaction < this.store.newest.meta.transaction
    if (waits && this.file.running.length === 0) throw new Error(`after ${step.do} no sync is running, and the newest commit is not durable`)
  }

  private take(step: Step): void {
    switch (step.do) {
      case 'commit': this.commit(step)
        break
      case 'rollback': this.rollback(step.writes)
        break
      case 'sync': this.sync()
        break
      case 'syncAsync': this.whenDurable(this.db.syncAsync(), this.states.length - 1)
        break
      case 'endSync': this.endSync(step.fails)
        break
      case 'failSync':
        this.failing = true
        this.file.failing = leavings(step.fails)
        break
      case 'snapshot': this.snapshots.push(this.db.snapshot())
        break
      case 'endSnapshot': this.snapshots.shift()?.rollback()
        break
    }
  }

  /** Does what may be refused where a sync has failed, and only there. */
  private attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.refused(error)
    }
  }

  private refused(error: unknown): void {
    if (!this.failing || !(error instanceof CoppiceError) || error.code !== 'COPPICE_SYNC_FAILED') this.unexpected ??= error
    this.failed = true
  }

  private endSync(fails: Failure | undefined): void {
    const [running] = this.file.running
    if (running === undefined || fails === undefined) {
      running?.end()
      return
    }
    this.failing = true
    this.failed = true
    running.end(Array.from({ length: this.log.length }, leavings(fails)))
  }

  private assertReadOnly(): void {
    try {
      this.db.begin().rollback()
    } catch (error) {
      this.refused(error)
      return
    }
    throw new Error('a sync has failed, and the store still takes writes')
  }

  private commit({ how, writes, back }: Extract<Step, { do: 'commit' }>): void {
    const model = this.states[this.states.length - 1].clone()
    const commit = this.states.push(model) - 1
    const work = (tx: Transaction<Bytes, Bytes>): void => {
      for (const one of writes) write(tx, model, one)
      if (back === undefined) return
      const savepoint = tx.savepoint()
      const undone = model.clone()
      for (const one of back) write(tx, undone, one)
      savepoint.rollback()
    }
    const lazy = this.durability === 'lazy'
    if (how === 'transactionAsync') {
      this.note(commit, 'begun')
      const done = this.db.transactionAsync(work)
      this.whenDurable(done, lazy ? undefined : commit)
      return
    }
    const tx = this.db.begin()
    work(tx)
    this.note(commit, 'begun')
    const done = how === 'commit' ? tx.commit() : tx.commitAsync()
    this.note(commit, 'returned')
    if (done !== undefined) this.whenDurable(done, lazy ? undefined : commit)
    if (done === undefined && this.durability === 'sync') this.note(commit, 'durable')
  }

  private rollback(writes: Write[]): void {
    const undone = this.states[this.states.length - 1].clone()
    const tx = this.db.begin()
    for (const one of writes) write(tx, undone, one)
    tx.rollback()
  }

  private sync(): void {
    this.db.sync()
    this.note(this.states.length - 1, 'durable')
  }

  /** Notes it of this commit when the promise is kept; of none where it says nothing about the disk. */
  private whenDurable(promise: Promise<void>, commit: number | undefined): void {
    promise.then(() => void (commit !== undefined && this.note(commit, 'durable')), (error: unknown) => this.refused(error))
  }

  /** A clean close: what it has done is all on the disk when it returns. */
  close(): void {
    this.attempt(() => {
      this.db.close()
      this.note(this.states.length - 1, 'durable')
    })
    if (this.unexpected !== undefined) throw this.unexpected
  }

  /** Ends timers and promises, which would keep the store in memory. The log has been taken before. */
  async dispose(): Promise<void> {
    while (this.file.running.length > 0) this.file.running[0].end()
    await setImmediate()
    this.file.automatic = true
    this.file.failing = undefined
    this.failing = true
    this.attempt(() => this.db.close())
  }

  private note(commit: number, is: Note['is']): void {
    const note: Note = { commit, is }
    this.log.push({ type: 'note', note })
  }
}

/** The sectors of each change that a failed sync leaves: all, none or some. */
function leavings(fails: Failure): () => number {
  if (fails === 'nothing') return () => 0
  const random = randomFrom(fails)
  return () => (random() < 0.8 ? WHOLE * Number(random() < 0.5) : Math.floor(random() * (WHOLE + 1)))
}

/** Lives a life; afterwards nothing of it is left in memory but the log and the states. */
export async function live(past: Past, plan: LifePlan): Promise<Lived> {
  const life = new Life(past, plan)
  for (const step of plan.steps) await life.step(step)
  if (plan.closes && !life.failed) life.close()
  const lived = { past, log: [...life.log], states: life.states, failed: life.failed, spilled: life.store.pager.pool.spilled }
  await life.dispose()
  return lived
}
