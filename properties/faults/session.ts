/** Runs a workload once, with the calls failing that a plan names, and looks at the store and the disk after each fault. */
import type { Transaction } from '../../src/index.js'
import { CoppiceError } from '../../src/index.js'
import { randomFrom } from '../../test/faulty-file.js'
import { WHOLE } from '../../src/crash/disk.js'
import { printOf, printOfModel } from '../model/contents.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { sameStore } from '../model/world.js'
import { itemOf, modelBatch } from '../model/writes.js'
import type { Call, Fault, FaultFile } from './machine.js'
import { Machine } from './machine.js'
import type { Crash, Opened } from './oracle.js'
import { assertRecovers, openStore, tryCrash } from './oracle.js'
import { apply, assertReadOnly, closeFailed, REFUSED, tick, within } from './parts.js'
import type { Plan } from './plans.js'
import type { Step, Workload } from './workloads.js'

export interface Outcome {
  calls: readonly Call[]
  faults: number
  images: number
}

/** Crash images looked at where a fault has just struck, and after each further step. */
const IMAGES_AT_FAULT = 4
const IMAGES_AFTER = 1

export async function runWorkload(workload: Workload, plan: Plan | undefined, seed: number): Promise<Outcome> {
  const session = new Session(workload, plan, seed)
  await session.run()
  const { machine, images } = session
  return { calls: machine.calls, faults: machine.faults, images }
}

/** A commit that failed with its sync: it may be found later, or not. */
interface Doubt {
  model: ModelStore
  after: number
  /** Number of the opening in which it failed. */
  opening: number
}

class Session {
  readonly machine: Machine
  images = 0
  private readonly workload: Workload
  private readonly plan: Plan | undefined
  private readonly random: () => number
  private file!: FaultFile
  private opened!: Opened
  /** What was committed, oldest first; the last one is what reads have to see. */
  private readonly states = [new ModelStore()]
  /** The last state that was acknowledged as durable. */
  private floor = 0
  private openings = 0
  /** What the commit under way will make of the store. */
  private begun: ModelStore | undefined
  private doubts: Doubt[] = []
  private readonly waiting = new Set<Promise<void>>()
  private problem: unknown
  private spaceFreed = false
  /** Crashes at a fault, to be tried after the step: in the middle of a call another store may not use what all stores share. */
  private readonly taken: Crash[] = []

  constructor(workload: Workload, plan: Plan | undefined, seed: number) {
    this.workload = workload
    this.plan = plan
    this.random = randomFrom(seed)
    this.machine = new Machine(this.random)
    this.machine.faultAt = (index, call) => this.faultAt(index, call)
    this.machine.onFault = () => this.taken.push(...this.crashed(IMAGES_AT_FAULT, 'at the fault'))
  }

  private faultAt(index: number, call: Call): Fault | undefined {
    const { plan } = this
    if (plan === undefined || index < plan.at) return undefined
    if (index === plan.at) return plan.fault
    if (plan.full === true && !this.spaceFreed && call.kind === 'write' && call.position + call.length > this.machine.length()) return { code: 'ENOSPC' }
    if (!plan.also.includes(index - plan.at)) return undefined
    return call.kind === 'sync' || call.kind === 'syncAsync' ? { code: 'EIO', kept: plan.keptLater ?? 'none' } : { code: 'EIO', bytes: call.length >>> 1 }
  }

  private get current(): ModelStore {
    return this.states[this.states.length - 1]
  }

  async run(): Promise<void> {
    this.open()
    for (const [index, step] of this.workload.steps.entries()) {
      try {
        await this.step(step)
        this.taken.splice(0).forEach((one) => this.tryCrash(one))
        if (this.machine.faults > 0) {
          this.killed('after the step', [])
          this.crashes(IMAGES_AFTER, 'after the step')
        }
        if (this.problem !== undefined) throw this.problem
      } catch (error) {
        throw new Error(`step ${index}, ${step.type}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
    await this.step({ type: 'reopen' })
    this.crashes(IMAGES_AT_FAULT, 'at the end')
    this.machine.paused = true
    this.compare()
    await this.allSettled()
    this.opened.db.close()
  }

  /** Does a step, as often as the faults make it fail. */
  private async step(step: Step): Promise<void> {
    for (let tries = 0; ; tries++) {
      this.begun = undefined
      try {
        await this.perform(step)
        this.begun = undefined
        return
      } catch (error) {
        if (tries > 2 + (this.plan?.also.length ?? 0)) throw new Error('it fails for ever', { cause: error })
        if (await this.failed(error)) return
        if (step.type === 'reopen') return
      }
    }
  }

  private perform(step: Step): Promise<void> | void {
    const { db } = this.opened
    switch (step.type) {
      case 'commit': return this.commit(step)
      case 'queued': return this.queued(step)
      case 'sync': {
        db.sync()
        this.acknowledged(this.states.length - 1)
        return
      }
      case 'syncAsync': {
        this.track([db.syncAsync()], this.states.length - 1, true)
        return
      }
      case 'endSync': {
        this.file.endSync()
        return tick()
      }
      case 'reopen': return this.reopen()
      case 'compare': return this.compare()
      case 'stats': return void db.stats()
    }
  }

  private compare(): void {
    sameStore('the store', this.opened.db, this.current)
    const { errors } = this.opened.db.check()
    // A read that failed is among them, and no damage.
    const refused = errors.find(({ code }) => code === 'COPPICE_IO')
    if (refused !== undefined) throw refused
    if (errors.length > 0) throw new Error(`check found: ${errors.slice(0, 5).map(({ message }) => message).join('; ')}`)
  }

  // Commits.

  private async commit({ parts, how, meanwhile }: Extract<Step, { type: 'commit' }>): Promise<void> {
    const { db } = this.opened
    const work = (tx: Transaction<Bytes, Bytes>): void => {
      const model = apply(tx, this.current.clone(), parts)
      if (how !== 'rollback') this.begun = model
    }
    if (how === 'call') return this.synchronously(() => db.transaction(work))
    if (how === 'callAsync') return this.later(() => [db.transactionAsync(async (tx) => work(tx))])
    const tx = db.begin()
    try {
      work(tx)
      if (meanwhile === 'endSync') {
        this.file.endSync()
        await tick()
      }
      if (how === 'commit') this.synchronously(() => tx.commit())
      else if (how === 'commitAsync') await this.later(() => [tx.commitAsync()])
    } finally {
      tx.rollback()
    }
  }

  private synchronously(commit: () => void): void {
    const before = this.newest()
    commit()
    if (this.published(before) && this.workload.durability === 'sync') this.acknowledged(this.states.length - 1)
  }

  private queued({ items }: Extract<Step, { type: 'queued' }>): Promise<void> {
    const { db } = this.opened
    const model = this.current.clone()
    this.begun = model
    return this.later(() => items.map(itemOf).map((item) => {
      modelBatch(model, '', [item])
      return item.type === 'put' ? db.putAsync(item.key, item.value) : db.deleteAsync(item.key)
    }))
  }

  /** Commits that resolve when they are durable. They are visible at once, or fail at once. */
  private async later(begin: () => Promise<void>[]): Promise<void> {
    const before = this.newest()
    const calls = begin()
    const settled = Promise.allSettled(calls)
    await tick()
    if (this.published(before)) return this.track(calls, this.states.length - 1, this.workload.durability !== 'lazy')
    // Nothing was committed: either there was nothing to do but wait for what was there, or all of them failed alike.
    const results = await within(settled, () => this.file.endSync())
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
    if (failures.length > 0 && failures.length < results.length) throw new Error('of calls that commit together some failed and some did not')
    if (failures.length > 0) throw failures[0]
  }

  private newest(): number {
    return this.opened.store.newest.meta.transaction
  }

  private published(before: number): boolean {
    const { begun } = this
    this.begun = undefined
    if (this.newest() === before) {
      if (begun !== undefined && printOfModel(begun) !== printOfModel(this.current)) this.begun = begun
      return false
    }
    if (begun === undefined) throw new Error('a commit appeared that nobody made')
    if (this.machine.syncFailed) throw new Error('after a failed sync a transaction commits')
    this.states.push(begun)
    return true
  }

  /** What an opened store says is durable is so; and then no commit that failed before it was opened may come back. */
  private acknowledged(index: number, opening = this.openings): void {
    this.floor = Math.max(this.floor, index)
    this.doubts = this.doubts.filter((doubt) => doubt.opening >= opening)
  }

  /** Follows promises; those that resolve acknowledge the state, those that are rejected have to say why. */
  private track(calls: Promise<void>[], index: number, acknowledges: boolean): void {
    const { openings } = this
    for (const call of calls) {
      const followed = call.then(
        () => void (acknowledges && this.acknowledged(index, openings)),
        (error: unknown) => {
          try {
            this.assertExplained(error)
          } catch (problem) {
            this.problem ??= problem
          }
        },
      ).finally(() => this.waiting.delete(followed))
      this.waiting.add(followed)
    }
  }

  /** Lets background syncs end until nobody waits any more. */
  private async allSettled(): Promise<void> {
    for (let i = 0; this.waiting.size > 0; i++) {
      if (i > 200) throw new Error('a promise is never settled')
      this.file.endSync()
      await tick()
    }
  }

  // Opening and closing.

  private open(): void {
    for (let tries = 0; ; tries++) {
      this.file = this.machine.open(this.workload.mapped)
      this.openings++
      const events = this.machine.log.length
      try {
        this.opened = openStore(this.file, this.workload.durability)
        return
      } catch (error) {
        this.assertExplained(error)
        if (tries > 2 + (this.plan?.also.length ?? 0)) throw error
        if (this.machine.log.length !== events) throw new Error('an opening that failed has changed the file', { cause: error })
      }
    }
  }

  private async reopen(): Promise<void> {
    this.opened.db.close()
    this.acknowledged(this.states.length - 1)
    await this.openAgain()
  }

  /** Opens the file in the same boot of the machine: it still shows what may never reach the disk. */
  private async openAgain(): Promise<void> {
    while (this.file.endSync()) await tick()
    await this.allSettled()
    this.open()
    this.machine.paused = true
    const found = printOf(this.opened.db)
    this.machine.paused = false
    if (found === printOfModel(this.current)) return
    const candidates = [...this.doubts.filter(({ after }) => after >= this.floor).map(({ model }) => model), ...this.ifSeveral()]
    const model = candidates.find((candidate) => printOfModel(candidate) === found)
    if (model === undefined) throw new Error('opened again, the store holds none of the states that it may hold')
    this.states.push(model)
  }

  /** Several faults at a time may take back what was not yet durable. */
  private ifSeveral(): ModelStore[] {
    const several = (this.plan?.also.length ?? 0) > 0 || this.plan?.full === true
    return several ? this.states.slice(this.floor) : []
  }

  // Faults.

  private assertExplained(error: unknown): asserts error is CoppiceError {
    if (this.machine.faults === 0) throw error
    if (!(error instanceof CoppiceError)) throw new Error(`a fault shows as ${String(error)}, which is no error of ours`, { cause: error })
    const codes = ['COPPICE_NO_SPACE', 'COPPICE_IO', REFUSED]
    if (!codes.includes(error.code)) throw new Error(`a fault shows as ${error.code}: ${error.message}`, { cause: error })
    if (this.plan === undefined || this.plan.also.length > 0 || this.plan.full === true || error.code === REFUSED) return
    const wanted = this.plan.fault.code === 'ENOSPC' ? 'COPPICE_NO_SPACE' : 'COPPICE_IO'
    if (error.code !== wanted) throw new Error(`${this.plan.fault.code} shows as ${error.code}`, { cause: error })
  }

  /** After a step has failed; answers whether what it was to commit turned out to be there. */
  private async failed(error: unknown): Promise<boolean> {
    this.assertExplained(error)
    const { begun } = this
    const poisoned = error.code === REFUSED
    if (poisoned && begun !== undefined) this.doubts.push({ model: begun, after: this.states.length - 1, opening: this.openings })
    this.begun = undefined
    const { db } = this.opened
    if (db.isOpen) {
      this.machine.paused = true
      this.compare()
      this.machine.paused = false
    }
    this.killed('after the failure', poisoned && begun !== undefined ? [begun] : [])
    this.crashes(IMAGES_AT_FAULT, 'after the failure')
    if (db.isOpen && !poisoned) {
      this.spaceFreed = this.machine.faults > 2
      return false
    }
    if (poisoned && this.plan !== undefined && this.plan.also.length === 0 && !('kept' in this.plan.fault) && this.plan.full !== true) {
      throw new Error(`a single fault of a ${this.machine.calls[this.plan.at].kind} has made the store read-only`, { cause: error })
    }
    if (db.isOpen) {
      this.machine.paused = true
      await assertReadOnly(db, this.machine)
      this.compare()
      this.machine.paused = false
      closeFailed(db)
    }
    await this.openAgain()
    if (this.plan?.synced === true) this.syncFirst()
    return begun !== undefined && printOfModel(begun) === printOfModel(this.current)
  }

  private syncFirst(): void {
    this.machine.paused = true
    this.opened.db.sync()
    this.machine.paused = false
    this.acknowledged(this.states.length - 1)
    this.crashes(IMAGES_AT_FAULT, 'after a sync of the store that was opened again')
  }

  // Crashes.

  /** The process is killed here, and the machine goes on: every commit that has returned is there, durable or not. */
  private killed(when: string, others: readonly ModelStore[]): void {
    try {
      assertRecovers(this.file.shown(), [this.current, ...others, ...this.ifSeveral()], false)
    } catch (error) {
      throw new Error(`after a kill of the process ${when}: ${(error as Error).message}`, { cause: error })
    }
  }

  private allowed(): ModelStore[] {
    const doubts = this.doubts.filter(({ after }) => after >= this.floor).map(({ model }) => model)
    return [...this.states.slice(this.floor), ...doubts, ...(this.begun === undefined ? [] : [this.begun])]
  }

  /** The machine crashes here, in several ways: it keeps nothing of what is pending, all of it, all but the last, or some. */
  private crashes(count: number, when: string): void {
    this.crashed(count, when).forEach((one) => this.tryCrash(one))
  }

  private crashed(count: number, when: string): Crash[] {
    const { pending } = this.machine
    const first = count === IMAGES_AFTER ? Math.floor(this.random() * 5) : 0
    return Array.from({ length: count }, (_, nth) => {
      const i = first + nth
      const share = this.random()
      const some = (): number => (this.random() < 0.2 ? Math.floor(this.random() * 256) : this.random() < share ? WHOLE : 0)
      const image = this.machine.crashed((index) => (i === 0 ? 0 : i === 1 ? WHOLE : i === 2 ? (index < pending - 1 ? WHOLE : 0) : some()))
      const how = ['loses all that is pending', 'keeps all that is pending', 'loses the last of what is pending'].at(i) ?? 'keeps some of what is pending'
      return { image, allowed: this.allowed(), what: `a crash ${when} that ${how} (states ${this.floor} to ${this.states.length - 1} are allowed)` }
    })
  }

  private tryCrash(crash: Crash): void {
    tryCrash(crash, this.images++ % 4 === 3)
  }
}
