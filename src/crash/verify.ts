/**
 * A short crash property on a copy of a store. Transactions run on the simulated disk, over the copy; then, at many points
 * and for many subsets of what was pending there, what a crash leaves is opened. It has to be true that
 *
 * 1. the store opens, and holds what it held after one commit: none older than the last one that was acknowledged as
 *    durable, none that had not begun; so transactions are there whole, and in order;
 * 2. `check` finds nothing wrong with it (where the store is large this is looked at after some of the crashes only);
 * 3. it takes writes, and they change nothing else.
 *
 * Each round begins with the copy as it is: nothing ever writes to it, and memory holds no more than what a round changes.
 */
import { setImmediate } from 'node:timers/promises'
import { open } from '../database.js'
import { CoppiceError } from '../errors.js'
import { openFile } from '../file/disk.js'
import type { StoreFile } from '../file/file.js'
import type { Base } from './disk.js'
import { Platter, WHOLE } from './disk.js'
import { fileOn, History, openOn, STORE } from './history.js'
import type { ByteStore, TreeName } from './ledger.js'
import { Ledger } from './ledger.js'
import type { Bounds, Kept, Point } from './points.js'
import { choosePoints, pointsOf, someSubsets } from './points.js'
import { below, randomFrom } from './random.js'

const IMAGES_PER_ROUND = 150
/** Where something is pending; elsewhere there is but one. */
const IMAGES_PER_POINT = 6
/** At most of the events that are chosen nothing else can be found than before: so many make an image, and so many surely some. */
const CHOSEN_PER_IMAGE = 0.8
const LEAST_CHOSEN = 30
/** Histories of a round; each but the first begins with what a crash of the one before has left. */
const HISTORIES = 2
/** One round of so many has transactions so large that their pages are synced first. */
const BULK_ROUND = 4
/** Named trees of the store that are worked in at most, beside its default tree and one of our own. */
const NAMED_TREES = 4
const OWN_TREE = 'coppice verify-crash'
/** Bytes that checks may read for each image, on average: those of a larger store come less often. */
const CHECKED_BYTES = 2 ** 19
/** Crashes at least after which the whole store is checked. */
const LEAST_CHECKED = 2
const AFTER = Buffer.from('written after the crash')

export interface CrashOptions {
  seed: number
  /** How many crashes are tried. */
  images: number
}

/** What was tried, and what was found. */
export interface CrashReport {
  seed: number
  /** Transactions committed. */
  transactions: number
  /** Points at which the machine crashed. */
  points: number
  /** Crashes; each is an image of the disk that was opened. */
  images: number
  /** Images every page of which was checked. */
  checked: number
  /** What was wrong, and where; undefined for nothing. Then no more was tried. */
  violation: string | undefined
}

/** The copy could not be read: no fault of the engine. */
class CopyError extends Error {}

/** Tries crashes on a copy of a store, a file that nobody else uses; `onImage` hears of each. */
export async function verifyCrashes(copy: string, { seed, images }: CrashOptions, onImage: () => void): Promise<CrashReport> {
  const origin = open<Uint8Array, Uint8Array>(copy, { keyEncoding: 'binary', readOnly: true })
  const file = openFile(copy, { readOnly: true, mapper: undefined, lock: false })
  const report: CrashReport = { seed, transactions: 0, points: 0, images: 0, checked: 0, violation: undefined }
  try {
    const random = randomFrom(seed)
    const toCheck = Math.min(images, Math.max(LEAST_CHECKED, Math.floor((images * CHECKED_BYTES) / file.size())))
    for (let round = 0; report.images < images && report.violation === undefined; round++) {
      const left = Math.min(IMAGES_PER_ROUND, images - report.images)
      const tries = new Round(origin, baseOf(file), random, report)
      await tries.run(left, { round, checks: (image) => isChosen(image, toCheck, images), onImage })
    }
    return report
  } finally {
    file.close()
    origin.close()
  }
}

/** Whether this one is among `chosen` of `all`, which lie as far apart as can be. */
function isChosen(index: number, chosen: number, all: number): boolean {
  return Math.floor(((index + 1) * chosen) / all) > Math.floor((index * chosen) / all)
}

function baseOf(file: StoreFile): Base {
  const read = (target: Uint8Array, position: number): void => {
    try {
      file.read(target, position)
    } catch (cause) {
      throw new CopyError(`the copy cannot be read: ${(cause as Error).message}`, { cause })
    }
  }
  return { length: file.size(), read }
}

interface RoundOptions {
  round: number
  /** Whether the image of this number is to be checked as a whole. */
  checks: (image: number) => boolean
  onImage: () => void
}

/** Histories one after the other, and crashes at points of each. */
class Round {
  private readonly ledger: Ledger
  private readonly random: () => number
  private readonly report: CrashReport
  /** What is on the disk when the next history begins. */
  private start: Platter

  constructor(origin: ByteStore, base: Base, random: () => number, report: CrashReport) {
    this.ledger = new Ledger(origin, treesOf(origin, random))
    this.random = random
    this.report = report
    this.start = Platter.holding(STORE, base)
  }

  /** Makes so many images. */
  async run(images: number, options: RoundOptions): Promise<void> {
    const end = this.report.images + images
    for (let left = HISTORIES; left > 0 && this.report.violation === undefined; left--) {
      const history = new History(this.start, this.ledger, this.random)
      const where = `round ${options.round + 1}.${HISTORIES - left + 1}`
      if (!await this.holds(`${where}, while the transactions ran`, () => history.run(options.round % BULK_ROUND === 0))) return
      this.report.transactions += history.transactions
      await this.crash(history, where, Math.ceil((end - this.report.images) / left), options)
    }
  }

  /** The last one of the crashes is what the next history begins with. */
  private async crash(history: History, where: string, images: number, { checks, onImage }: RoundOptions): Promise<void> {
    const { report, random, ledger } = this
    const { log } = history
    const chosen = choosePoints(log, random, Math.max(LEAST_CHOSEN, Math.ceil(images * CHOSEN_PER_IMAGE)))
    const end = report.images + images
    const beginning = history.beginning()
    let found = beginning.newest
    for (const point of pointsOf(log, beginning)) {
      if (!chosen.has(point.at) || report.images === end) continue
      report.points++
      for (const crash of this.crashesAt(point)) {
        if (report.images === end) break
        const whole = checks(report.images++)
        report.checked += Number(whole)
        const what = `${where}, a power failure at event ${point.at} of ${log.length} that ${crash.keeps}`
        if (!await this.holds(what, () => void (found = this.judge(crash, whole)))) return
        this.start = crash.platter
        onImage()
        // Signals and the line of progress get their turn.
        await setImmediate()
      }
    }
    ledger.resume(found)
  }

  /** Runs what has to succeed whatever the store holds; where it does not, that is the violation. */
  private async holds(where: string, work: () => Promise<void> | void): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      // The one means that the copy cannot be read, the other that there is no memory.
      if (error instanceof CopyError || (error instanceof CoppiceError && error.code === 'COPPICE_NO_SPACE')) throw error
      this.report.violation = `${where}: ${error instanceof Error ? withoutAdvice(error.message) : String(error)}`
      return false
    }
  }

  private *crashesAt({ disk, cache, power, kill }: Point): Generator<Crash> {
    const { length } = disk.pending
    // What is all there is what the next process finds where the machine lives on, and that loses no commit that had returned.
    yield { platter: cache.copy(), bounds: kill, keeps: `keeps all of ${length} pending changes` }
    if (length === 0) return
    yield { platter: disk.crashed(() => 0), bounds: power, keeps: `keeps none of ${length} pending changes` }
    for (const kept of someSubsets(disk.pending, this.random, IMAGES_PER_POINT - 2)) {
      yield { platter: disk.crashed((i) => kept[i]), bounds: power, keeps: describe(kept) }
    }
  }

  /** Answers the state found. */
  private judge({ platter, bounds }: Crash, whole: boolean): number {
    const { ledger } = this
    const db = openOn(fileOn(platter.copy()), 'sync')
    const found = ledger.find(db, bounds)
    if (found === undefined) throw new Error(`the store holds ${this.stateOf(db)}, where ${span(bounds)} was to be found`)
    const errors = whole ? db.check().errors : []
    if (errors.length > 0) throw new Error(`check found ${errors.length} faults, the first of them: ${errors[0].message}`)
    db.put(AFTER, AFTER)
    if (Buffer.compare(db.get(AFTER) ?? new Uint8Array(0), AFTER) !== 0) throw new Error('what was written after the crash is not there')
    db.delete(AFTER)
    if (ledger.find(db, { floor: found, ceiling: found }) === undefined) throw new Error('a write after the crash has changed something else')
    db.close()
    return found
  }

  private stateOf(db: ByteStore): string {
    const state = this.ledger.find(db, { floor: 0, ceiling: this.ledger.newest })
    return state === undefined ? 'what it held after no commit' : `the state after commit ${state}`
  }
}

/** What users are to do about a damaged file is not for a file that was only simulated. */
function withoutAdvice(message: string): string {
  return message.replace(/ Restore the file from a backup.*$/, '')
}

interface Crash {
  /** What it leaves. */
  platter: Platter
  /** The states that this may be. */
  bounds: Bounds
  keeps: string
}

function describe(kept: Kept): string {
  const whole = kept.filter((sectors) => sectors === WHOLE).length
  const torn = kept.filter((sectors) => sectors !== WHOLE && sectors !== 0).length
  return `keeps ${whole} of ${kept.length} pending changes${torn > 0 ? `, and ${torn} more in part` : ''}`
}

function span({ floor, ceiling }: Bounds): string {
  return floor === ceiling ? `that after commit ${floor}` : `one of those after commits ${floor} to ${ceiling}`
}

/** The default tree, some of those that the store has, and one of our own. */
function treesOf(origin: ByteStore, random: () => number): TreeName[] {
  const names = origin.trees()
  const some = Array.from({ length: Math.min(NAMED_TREES, names.length) }, () => names[below(names.length, random)])
  return [...new Set([undefined, OWN_TREE, ...some])]
}
