import { CoppiceError } from './errors.js'
import { WriterGate } from './gate.js'
import type { Hold, Source } from './keyspace.js'
import type { Settings } from './options.js'
import type { DurabilityMode, Store } from './pager/store.js'
import { repeatCommit } from './repeat.js'
import type { TransactionHost } from './transaction.js'
import { TransactionState } from './transaction.js'
import type { Tree } from './tree/tree.js'
import { CommitView, WriteView } from './views.js'

/** A group of writes that commits together with others made in the same turn of the event loop. */
interface QueuedWrite {
  apply: (view: WriteView) => void
  resolve: () => void
  reject: (error: unknown) => void
}

/** What an open database is inside: the store, the view of its newest commit, and the gate for writers. */
export class Core implements TransactionHost {
  readonly store: Store
  readonly durability: DurabilityMode
  readonly mapper: Settings<unknown, unknown>['mapper']
  readonly lock: boolean
  open = true
  private readonly gate = new WriterGate()
  private newest: CommitView
  private waiting: QueuedWrite[] = []
  /** All who hold a tree of a commit share one object: a hold is a number in a count. */
  private lastHold: CommitHold | undefined

  constructor(store: Store, settings: Pick<Settings<unknown, unknown>, 'durability' | 'mapper' | 'lock'>) {
    this.store = store
    this.durability = settings.durability
    this.mapper = settings.mapper
    this.lock = settings.lock
    for (const record of store.takeFound()) repeatCommit(store, record)
    this.newest = new CommitView(store, store.newest)
  }

  assertOpen(): void {
    if (!this.open) throw new CoppiceError('COPPICE_CLOSED', 'the database has been closed. Open it again.')
  }

  assertWritable(): void {
    this.assertOpen()
    if (this.store.file.readOnly) throw new CoppiceError('COPPICE_READ_ONLY', 'the database was opened with { readOnly: true }. Open it without to write.')
  }

  /** The trees of the newest commit. */
  view(): CommitView {
    this.assertOpen()
    if (this.newest.commit !== this.store.newest) this.newest = new CommitView(this.store, this.store.newest)
    return this.newest
  }

  /** Keeps the pages of the newest commit from being reused. */
  holdView(view: CommitView, name: string | undefined): Hold {
    const tree = view.tree(name)
    const transaction = this.store.hold().meta.transaction
    if (this.lastHold?.tree !== tree) this.lastHold = new CommitHold(this, tree, transaction)
    return this.lastHold
  }

  releaseCommit(transaction: number): void {
    if (this.open) this.store.release(transaction)
  }

  beginRead(): TransactionState {
    const view = this.view()
    this.store.hold()
    return new TransactionState(this, view, undefined)
  }

  beginWrite(): TransactionState {
    this.assertWritable()
    this.gate.enter()
    return this.beginInside()
  }

  async beginWriteInTurn(): Promise<TransactionState> {
    this.assertWritable()
    await this.gate.enterInTurn()
    return this.beginInside()
  }

  private beginInside(): TransactionState {
    try {
      this.assertWritable()
      return new TransactionState(this, this.view(), new WriteView(this.store))
    } catch (error) {
      this.gate.leave()
      throw error
    }
  }

  writerLeft(): void {
    this.gate.leave()
  }

  /** A change as a transaction of its own. */
  write<T>(change: (view: WriteView) => T): T {
    this.assertWritable()
    this.gate.enter()
    try {
      return this.writeInside(change, this.durability)
    } finally {
      this.gate.leave()
    }
  }

  private writeInside<T>(change: (view: WriteView) => T, mode: DurabilityMode): T {
    const view = new WriteView(this.store)
    let result: T
    try {
      result = change(view)
    } catch (error) {
      view.rollback()
      throw error
    }
    view.commit(mode)
    return result
  }

  /** Puts a change in line; the changes that stand there when the gate opens commit together. Resolves when they are durable. */
  queue(apply: (view: WriteView) => void): Promise<void> {
    this.assertWritable()
    return new Promise<void>((resolve, reject) => {
      this.waiting.push({ apply, resolve, reject })
      if (this.waiting.length === 1) queueMicrotask(() => void this.drain())
    })
  }

  private async drain(): Promise<void> {
    // To wait for a gate that is free would keep it from others for a moment in which nobody writes.
    if (!this.gate.enterIfFree()) await this.gate.enterInTurn()
    const group = this.waiting
    this.waiting = []
    let failure: unknown
    try {
      this.assertWritable()
      this.writeInside((view) => group.forEach((write) => write.apply(view)), this.durability === 'lazy' ? 'lazy' : 'async')
    } catch (error) {
      failure = error
    }
    const durable = failure === undefined && this.durability !== 'lazy' ? this.store.whenDurable() : undefined
    this.gate.leave()
    if (failure === undefined) await durable?.catch((error: unknown) => (failure = error))
    for (const write of group) {
      if (failure === undefined) write.resolve()
      else write.reject(failure)
    }
  }

  whenDurable(): Promise<void> {
    return this.store.whenDurable()
  }

  close(): void {
    if (!this.open) return
    if (this.gate.isBusy) {
      throw new CoppiceError('COPPICE_BUSY', 'a write transaction is open. Commit it or roll it back, then close the database.')
    }
    this.open = false
    this.store.close()
  }
}

/** A tree of a commit that is kept readable. */
class CommitHold implements Hold {
  readonly tree: Tree
  private readonly core: Core
  private readonly transaction: number

  constructor(core: Core, tree: Tree, transaction: number) {
    this.core = core
    this.tree = tree
    this.transaction = transaction
  }

  assertReadable(): void {
    this.core.assertOpen()
  }

  release(): void {
    this.core.releaseCommit(this.transaction)
  }
}

/** The newest commit for reads, and a transaction for each write. */
export class AutoSource implements Source {
  private readonly core: Core
  private readonly name: string | undefined

  constructor(core: Core, name: string | undefined) {
    this.core = core
    this.name = name
  }

  tree(): Tree {
    return this.core.view().tree(this.name)
  }

  hold(): Hold {
    return this.core.holdView(this.core.view(), this.name)
  }

  write<T>(change: (tree: Tree) => T): T {
    return this.core.write((view) => view.write(this.name, change))
  }

  writeOrUndo<T>(change: (tree: Tree) => T): T {
    return this.write(change)
  }
}
