/**
 * The life of a process over the simulated disk: it opens the store, does its steps, and leaves a log of all that
 * happened to the disk, with notes of what it promised and when. Where it dies is decided afterwards: every
 * point of the log is a place for a crash.
 */
import { setImmediate } from 'node:timers/promises'
import type { Database, DurabilityMode, Transaction } from '../../src/index.js'
import { openOn } from '../../test/faulty-file.js'
import type { Disk, DiskEvent } from '../disk/disk.js'
import { SimulatedFile } from '../disk/file.js'
import type { Write } from '../model/operations.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY } from '../model/world.js'
import { write } from '../model/writes.js'

/** The store's file on every simulated disk. */
export const STORE = 0

export type Step =
  /** `back`: done inside the transaction after a savepoint, and undone before the commit. */
  | { do: 'commit'; how: 'commit' | 'commitAsync' | 'transactionAsync'; writes: Write[]; back?: Write[] }
  | { do: 'rollback'; writes: Write[] }
  | { do: 'sync' | 'syncAsync' }
  /** Ends the background sync that runs. */
  | { do: 'endSync' }
  | { do: 'snapshot' | 'endSnapshot' }

/** What the process knows of a commit. */
export type Note =
  /** From here on the commit may be found. */
  | { commit: number; is: 'begun' }
  /** From here on the process may be killed, and it is found. */
  | { commit: number; is: 'returned' }
  /** From here on the machine may crash, and it is found. */
  | { commit: number; is: 'durable' }

/** A disk, the states of the store that may be found on it, oldest first, and the first of those that must. */
export interface Past {
  disk: Disk
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
}

class Life {
  readonly states: ModelStore[]
  readonly log: DiskEvent[] = []
  readonly file: SimulatedFile
  readonly db: Database<Bytes, Bytes>
  private readonly durability: DurabilityMode
  private readonly snapshots: Transaction<Bytes, Bytes>[] = []

  constructor(past: Past, { durability, mapped }: LifePlan) {
    this.durability = durability
    this.states = [...past.states]
    this.file = new SimulatedFile(past.disk.shown().content(STORE), this.log, STORE)
    this.file.mapped = mapped
    // Nothing may happen by itself: a history ends its background syncs where it says so.
    this.db = openOn<Bytes, Bytes>(this.file, { ...BINARY, durability, syncInterval: 2 ** 31 - 1, poolSize: 2 ** 21 }).db
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'commit': this.commit(step)
        break
      case 'rollback': this.rollback(step.writes)
        break
      case 'sync': this.sync()
        break
      case 'syncAsync': this.whenDurable(this.db.syncAsync(), this.states.length - 1)
        break
      case 'endSync': this.file.running[0]?.end()
        break
      case 'snapshot': this.snapshots.push(this.db.snapshot())
        break
      case 'endSnapshot': this.snapshots.shift()?.rollback()
        break
    }
    // What waits for promises goes on.
    await setImmediate()
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
      if (!lazy) this.whenDurable(done, commit)
      return
    }
    const tx = this.db.begin()
    work(tx)
    this.note(commit, 'begun')
    const done = how === 'commit' ? tx.commit() : tx.commitAsync()
    this.note(commit, 'returned')
    if (done !== undefined && !lazy) this.whenDurable(done, commit)
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

  private whenDurable(promise: Promise<void>, commit: number): void {
    promise.then(() => this.note(commit, 'durable'), () => undefined)
  }

  /** A clean close: what it has done is all on the disk when it returns. */
  close(): void {
    this.db.close()
    this.note(this.states.length - 1, 'durable')
  }

  /** Ends timers and promises, which would keep the store in memory. The log has been taken before. */
  async dispose(): Promise<void> {
    while (this.file.running.length > 0) this.file.running[0].end()
    await setImmediate()
    this.file.automatic = true
    this.db.close()
  }

  private note(commit: number, is: Note['is']): void {
    const note: Note = { commit, is }
    this.log.push({ type: 'note', note })
  }
}

/** Lives a life; afterwards nothing of it is left in memory but the log and the states. */
export async function live(past: Past, plan: LifePlan): Promise<Lived> {
  const life = new Life(past, plan)
  for (const step of plan.steps) await life.step(step)
  if (plan.closes) life.close()
  const lived = { past, log: [...life.log], states: life.states }
  await life.dispose()
  return lived
}
