/**
 * Which commit is on the disk, and the syncs that bring the next ones there. A commit rests on a checkpoint: itself, or the one
 * whose journal it stands in.
 *
 *   published --start--> syncing --succeeded--> durable
 *                                --failed-----> poisoned: no more commits until the file is opened anew
 *
 * Invariants:
 * - durable <= syncing <= newest;
 * - the checkpoints of the durable and the syncing commit are holders: no page that they reach is reused, and `slotFor` and
 *   `regionFor` never answer with their meta slots and the regions of their journals;
 * - so is the newest checkpoint, as the commits in its journal are made again from it;
 * - a commit that recovery takes without a look at its pages is a holder until it is durable, or a later one is.
 */
import { CoppiceError } from '../errors.js'
import { JOURNAL_REGIONS, META_SLOTS } from '../page/layout.js'

interface Waiter {
  transaction: number
  resolve: () => void
  reject: (error: Error) => void
}

/** What the durability of commits needs of the store. */
export interface SyncTarget {
  syncAsync(): Promise<void>
  hold(transaction: number): void
  release(transaction: number): void
}

export class Durability {
  private readonly target: SyncTarget
  /** The last commit known to be on the disk, and its checkpoint. */
  durable: number
  durableBase: number
  private syncing: number | undefined
  private syncingBase = 0
  newest: number
  private newestBase: number
  /** The checkpoint in each meta slot, and that whose journal is in each region; -1 for one with nothing of worth. */
  private readonly slots: number[]
  private readonly regions: number[]
  private readonly waiters: Waiter[] = []
  /** Bulk commits, oldest first, whose pages are on the disk while their meta pages may not be. */
  private readonly bulk: number[] = []
  private failure: CoppiceError | undefined
  private timer: NodeJS.Timeout | undefined
  /** Milliseconds within which another sync is to follow the one that runs; undefined for none. */
  private following: number | undefined

  /** `checkpoint` is what recovery found in `slot`, its journal in `region`, and `transaction` the newest commit, of its journal perhaps. */
  constructor(target: SyncTarget, checkpoint: number, slot: number, region: number, transaction: number) {
    this.target = target
    this.durable = transaction
    this.durableBase = checkpoint
    this.newest = transaction
    this.newestBase = checkpoint
    this.slots = new Array<number>(META_SLOTS).fill(-1)
    this.slots[slot] = checkpoint
    this.regions = new Array<number>(JOURNAL_REGIONS).fill(-1)
    this.regions[region] = checkpoint
    // Once as the durable one, once as the one that the journal rests on.
    target.hold(checkpoint)
    target.hold(checkpoint)
  }

  get failed(): boolean {
    return this.failure !== undefined
  }

  /** Throws where an earlier sync has failed. */
  assertUsable(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** The meta slot for the next checkpoint. */
  slotFor(): number {
    return this.oldestOf(this.slots)
  }

  /** The region for its journal. */
  regionFor(): number {
    return this.oldestOf(this.regions)
  }

  /** Which of these no recovery may need: of several the one of the oldest checkpoint. */
  private oldestOf(checkpoints: readonly number[]): number {
    let best = -1
    for (const [index, holds] of checkpoints.entries()) {
      if (holds === this.durableBase || (this.syncing !== undefined && holds === this.syncingBase)) continue
      if (best === -1 || holds < checkpoints[best]) best = index
    }
    return best
  }

  /** A checkpoint became visible; its meta page stands in `slot`. */
  publishedCheckpoint(transaction: number, slot: number, region: number): void {
    this.slots[slot] = transaction
    this.regions[region] = transaction
    this.newest = transaction
    const before = this.newestBase
    this.newestBase = transaction
    this.target.hold(transaction)
    this.target.release(before)
  }

  /** A commit in the journal became visible. */
  publishedRecord(transaction: number): void {
    this.newest = transaction
  }

  /** The pages of this commit are on the disk and its meta page says so: from when that one may be there too, they are to stay. */
  publishedBulk(transaction: number): void {
    this.bulk.push(transaction)
    this.target.hold(transaction)
  }

  /** How often this holds a commit. */
  holdsOf(transaction: number): number {
    const held = [this.durableBase, this.newestBase, this.syncing === undefined ? -1 : this.syncingBase, ...this.bulk]
    return held.filter((one) => one === transaction).length
  }

  /** Everything up to this commit, and so its checkpoint, is on the disk. */
  reached(transaction: number, base: number): void {
    if (transaction > this.durable) {
      this.target.hold(base)
      const before = this.durableBase
      this.durable = transaction
      this.durableBase = base
      this.target.release(before)
    }
    while (this.bulk.length > 0 && this.bulk[0] <= this.durable) this.target.release(this.bulk.shift() as number)
    for (let i = this.waiters.length - 1; i >= 0; i--) {
      if (this.waiters[i].transaction <= this.durable) this.waiters.splice(i, 1)[0].resolve()
    }
    if (this.newest === this.durable) this.cancelTimer()
  }

  /** Every published commit is on the disk. */
  reachedNewest(): void {
    this.reached(this.newest, this.newestBase)
  }

  /** Resolves when the commit is on the disk; one sync serves all who wait by then. */
  whenDurable(transaction: number): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    if (transaction <= this.durable) return Promise.resolve()
    const promise = new Promise<void>((resolve, reject) => this.waiters.push({ transaction, resolve, reject }))
    this.start()
    return promise
  }

  /** Syncs what is published, in the thread pool, unless a sync runs already: then the next follows it. */
  start(): void {
    this.cancelTimer()
    if (this.syncing !== undefined) this.following = 0
    if (this.syncing !== undefined || this.failure !== undefined || this.newest === this.durable) return
    const transaction = this.newest
    const base = this.newestBase
    this.syncing = transaction
    this.syncingBase = base
    this.target.hold(base)
    this.target.syncAsync().then(
      () => this.ended(transaction, base, undefined),
      (error: unknown) => this.ended(transaction, base, error),
    )
  }

  private ended(transaction: number, base: number, error: unknown): void {
    const { following } = this
    this.syncing = undefined
    this.following = undefined
    // Also where a later sync has succeeded: the system tells of a lost write once, and it has told this one.
    if (error !== undefined) this.poison(error)
    else if (this.failure === undefined) this.reached(transaction, base)
    this.target.release(base)
    if (this.waiters.length > 0 || following === 0) this.start()
    else if (following !== undefined && this.newest > this.durable) this.startWithin(following)
  }

  /** Syncs within `delay` milliseconds, in the background; the process may end before. */
  startWithin(delay: number): void {
    if (this.syncing !== undefined) this.following ??= delay
    if (this.timer !== undefined) return
    this.timer = setTimeout(() => this.start(), delay)
    this.timer.unref()
  }

  cancelTimer(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  /** After a failed sync nobody knows what is on the disk, and asking again proves nothing. */
  poison(cause: unknown): CoppiceError {
    this.cancelTimer()
    this.failure = new CoppiceError(
      'COPPICE_SYNC_FAILED',
      'the disk refused a sync, so it is unknown which of the latest commits are on it. The store is read-only from now on: close it, look after the disk, open it again.',
      { cause },
    )
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.failure)
    return this.failure
  }
}
