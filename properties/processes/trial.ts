/** A store whose processes are killed one after the other, and what is to be found after each. */
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Database } from '../../src/index.js'
import { CoppiceError, open } from '../../src/index.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY, sameStore } from '../model/world.js'
import { SEED } from '../runs.js'
import type { Kind } from './history.js'
import { advance, fill, NEWEST, newestOf, planOf } from './history.js'
import type { CopyState } from './ledger.js'
import { Ledger } from './ledger.js'
import type { Moment } from './victim.js'
import { Victim } from './victim.js'
import type { Life } from './writer.js'

export class Trial {
  readonly ledger = new Ledger()
  readonly path: string
  kills = 0
  private readonly children: string
  private readonly seed: number
  /** The store as of commit `at`. */
  private readonly model = new ModelStore()
  private at = 0

  /** `children` is what `buildChildren` answered. */
  constructor(children: string, path: string, seed: number) {
    this.children = children
    this.path = path
    this.seed = seed
  }

  private start(life: Life): Victim {
    const victim = new Victim(this.children, 'writer', this.path, JSON.stringify(life))
    onTestFinished(() => victim.dispose())
    return victim
  }

  private async kill(victim: Victim): Promise<void> {
    await victim.kill()
    this.kills++
    this.ledger.hear(victim.lines)
  }

  /** A child lives until the moment has come. */
  async live(life: Life, moment: Moment): Promise<void> {
    const victim = this.start(life)
    await victim.untilMoment(moment)
    await this.kill(victim)
  }

  /** While the first child lives the second is refused; from its death on it goes on where that was. */
  async liveInTurn(life: Life, moment: Moment): Promise<void> {
    const first = this.start({ ...life, reopens: false })
    await first.until(() => first.count('open') > 0)
    const second = this.start(life)
    await second.until(() => second.count('locked') > 1 || second.count('open') > 0)
    await first.untilMoment(moment)
    const tooEarly = second.count('open')
    await this.kill(first)
    if (tooEarly > 0) throw new Error('a second child has opened the store while the first one lived')
    await second.until(() => second.count('begin') > 0)
    await this.kill(second)
    if (second.count('open') === 0) throw new Error('the first child is dead, and the second one cannot open the store')
  }

  /** Opens the store at once, as nobody may hold its lock any more, and compares it with the model; then it takes another transaction. */
  inspect(mapped: boolean, next: Kind): void {
    const db = this.open(this.path, mapped)
    try {
      const { n, kind } = newestOf(db.get(NEWEST))
      this.ledger.found(n)
      if (n > 0 && kind !== this.ledger.kinds[n]) throw new Error(`commit ${n} is found as ${kind}, and it was begun as ${this.ledger.kinds[n]}`)
      this.goTo(n)
      compare(`commit ${n}`, db, this.model)
      this.removeRemains()
      this.write(db, n + 1, next)
    } finally {
      db.close()
    }
  }

  private open(path: string, mapped: boolean): Database<Bytes, Bytes> {
    return open<Bytes, Bytes>(path, { ...BINARY, ...(mapped ? {} : { mapper: false }) })
  }

  /** Brings the model to commit n, and compares the copies of commits on the way. */
  private goTo(n: number): void {
    const { copies, kinds } = this.ledger
    for (;;) {
      const state = copies.get(this.at)
      if (state !== undefined) this.inspectCopy(state)
      copies.delete(this.at)
      if (this.at === n) return
      this.at++
      advance(this.model, this.seed, this.at, kinds[this.at])
    }
  }

  /** There and whole, or not there. */
  private inspectCopy(state: CopyState): void {
    const path = `${this.path}-copy-${this.at}`
    const there = fs.existsSync(path)
    if (state !== 'cut off' && there !== (state === 'whole')) throw new Error(`the copy of commit ${this.at} was said to be ${state}, and is ${there ? '' : 'not '}there`)
    if (!there) return
    const copy = this.open(path, false)
    try {
      compare(`the copy of commit ${this.at}`, copy, this.model)
    } finally {
      copy.close()
      fs.rmSync(path)
    }
  }

  /** A process that is killed while it makes a file may leave it under its temporary name; nothing else is left. */
  private removeRemains(): void {
    const folder = dirname(this.path)
    for (const name of fs.readdirSync(folder)) {
      if (name === basename(this.path) || !name.startsWith(basename(this.path))) continue
      if (!name.endsWith('.new') || !this.ledger.remains) throw new Error(`${name} is left, of which nobody knows`)
      fs.rmSync(join(folder, name))
    }
    this.ledger.remains = false
  }

  private write(db: Database<Bytes, Bytes>, n: number, kind: Kind): void {
    db.transaction((tx) => fill(tx, planOf(this.seed, n, kind), n, kind))
    this.ledger.kinds[n] = kind
    this.ledger.announced = n
    this.ledger.known = n
    this.ledger.acknowledged++
  }
}

/** All entries of all trees, and check: a store that is what the model is. */
export function compare(what: string, db: Database<Bytes, Bytes>, model: ModelStore): void {
  sameStore(what, db, model)
  const { ok, errors } = db.check()
  if (!ok) throw new Error(`${what}: check found ${errors.slice(0, 5).map(({ message }) => message).join(' | ')}`)
}

/** Runs part of a trial; where it fails, says which part and how to repeat it. */
export async function told(what: string, part: () => Promise<void> | void): Promise<void> {
  try {
    await part()
  } catch (error) {
    const code = error instanceof CoppiceError ? `${error.code}: ` : ''
    const again = `COPPICE_SEED=${SEED}${process.env.COPPICE_RUN === undefined ? '' : ` COPPICE_RUN=${process.env.COPPICE_RUN}`}`
    throw new Error(`${what}: ${code}${(error as Error).message} (${again}; where exactly a kill falls is not up to the seed)`, { cause: error })
  }
}
