/** Every place for a crash in a log, and what may be on the disk then. */
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { FaultyFile } from '../../test/faulty-file.js'
import type { Change, Disk, DiskEvent, Platter } from '../disk/disk.js'
import { isChange, WHOLE } from '../disk/disk.js'
import { fileFrom } from '../disk/file.js'
import type { Lived, Note } from './life.js'
import { STORE } from './life.js'
import type { Bounds } from './oracle.js'
import { assertRecovered } from './oracle.js'

/** A point between two events of a log. */
export interface Point {
  /** Events before it. */
  at: number
  disk: Disk
  /** What the next process finds where the machine lives on. */
  cache: Platter
  /** What a crash of the machine may lead to. */
  power: Bounds
  /** What the death of the process may lead to. */
  kill: Bounds
  /** True where the event before it is a change: crashes that lose it lead to what an earlier point led to. */
  changed: boolean
}

/** Walks a log from its beginning, and stands at each point where something else may be found than before. */
export function* pointsOf({ past, log, states }: Lived): Generator<Point> {
  const disk = past.disk.copy()
  const cache = past.cache.copy()
  const newest = past.states.length - 1
  const power: Bounds = { floor: past.floor, ceiling: newest }
  const kill: Bounds = { floor: newest, ceiling: newest }
  const begun = new Map<number, number>()
  let failed = false
  for (const [index, event] of log.entries()) {
    const floor = power.floor
    disk.pass(event)
    if (event.type === 'note') take(event.note as Note)
    // All that had returned was written when the sync began.
    else if (event.type === 'syncBegins') begun.set(event.sync, kill.floor)
    else if (event.type === 'syncEnds') {
      failed ||= event.kept !== undefined
      // What one sync has lost another does not bring, though it may succeed.
      if (!failed) power.floor = Math.max(power.floor, begun.get(event.sync) ?? 0)
    }
    const changed = isChange(event)
    // Growth that comes back to the disk was never lost from what is shown, and the engine makes no file shorter.
    if (changed && !(event.type === 'length' && event.length < cache.content(STORE).length)) cache.make(event, WHOLE)
    if (changed || power.floor > floor || (event.type === 'syncEnds' && event.kept !== undefined)) yield { at: index + 1, disk, cache, power: { ...power }, kill: { ...kill }, changed }
  }
  yield { at: log.length, disk, cache, power, kill, changed: false }

  function take({ commit, is }: Note): void {
    if (commit >= states.length) throw new Error(`a note about commit ${commit} of ${states.length}`)
    power.ceiling = kill.ceiling = Math.max(power.ceiling, commit)
    if (is !== 'begun') kill.floor = Math.max(kill.floor, commit)
    if (is === 'durable') power.floor = Math.max(power.floor, commit)
  }
}

/** The disk and the bounds at one point. */
export function pointAt(lived: Lived, at: number): Point {
  const places = [...pointsOf(lived)].map((point) => point.at)
  const chosen = places.findLast((place) => place <= at) ?? places[0]
  // The walk ends here, so that what it has built stays as it is at this point.
  for (const point of pointsOf(lived)) if (point.at === chosen) return point
  throw new Error('a log without points')
}

/** Which sectors of each pending change a crash keeps. */
export type Kept = readonly number[]

/** Every subset of so many changes, or only those that hold the last one. */
export function* subsets(count: number, withLast: boolean): Generator<Kept> {
  const free = withLast ? count - 1 : count
  for (let bits = 0; bits < 2 ** free; bits++) {
    yield Array.from({ length: count }, (_, i) => (i >= free || (bits & (1 << i)) !== 0 ? WHOLE : 0))
  }
}

/** Subsets of many changes: the telling ones (one missing, one alone, a first part, a single meta page), and random ones. */
export function* sampledSubsets(pending: readonly Change[], random: () => number, samples: number): Generator<Kept> {
  const metas = metasOf(pending)
  for (let i = 0; i < samples; i++) {
    const chosen = Math.floor(random() * pending.length)
    const meta = metas[Math.floor(random() * metas.length)]
    const kind = Math.floor(random() * 5)
    const share = random()
    yield pending.map((_, at) => {
      if (kind === 0) return at === chosen ? 0 : WHOLE
      if (kind === 1) return at <= chosen ? WHOLE : 0
      if (kind === 2) return at >= chosen ? WHOLE : 0
      if (kind === 3) return at === meta || !metas.includes(at) ? WHOLE : 0
      return random() < share ? WHOLE : 0
    })
  }
}

/** Subsets some of whose changes are torn at 512 bytes; one of them is, every other time a meta page. */
export function* tornSubsets(pending: readonly Change[], random: () => number, samples: number): Generator<Kept> {
  const metas = metasOf(pending)
  for (let i = 0; i < samples; i++) {
    const choice = metas.length > 0 && random() < 0.5 ? metas : [...pending.keys()]
    const torn = choice[Math.floor(random() * choice.length)]
    const share = 0.5 + random()
    yield pending.map((_, at) => {
      if (at === torn) return Math.floor(random() * (WHOLE + 1))
      return random() < 0.1 ? Math.floor(random() * (WHOLE + 1)) : random() < share ? WHOLE : 0
    })
  }
}

/** Which of the changes are writes of meta pages. */
function metasOf(pending: readonly Change[]): number[] {
  return pending.flatMap((change, at) => (change.type === 'write' && change.position < META_SLOTS * PAGE_SIZE ? [at] : []))
}

/** Opens what a crash at this point leaves, and answers the index of the state found. */
export function assertSurvives(lived: Lived, point: Point, kept: Kept, bounds: Bounds = point.power): number {
  return assertOpens(lived, point, point.disk.crashed((i) => kept[i]), bounds, `a crash at event ${point.at} of ${lived.log.length} that keeps of the pending changes ${describeKept(point, kept)}`)
}

/** The process dies here and the machine lives on. */
export function assertSurvivesKill(lived: Lived, point: Point): number {
  return assertOpens(lived, point, point.cache, point.kill, `the death of the process at event ${point.at} of ${lived.log.length}`)
}

function assertOpens({ states }: Lived, { at }: Point, platter: Platter, bounds: Bounds, what: string): number {
  // Decided by the point alone, so that a failure can be repeated.
  const mapped = at % 4 !== 0
  try {
    return assertRecovered(new FaultyFile(fileFrom(platter, STORE), mapped), states, bounds)
  } catch (error) {
    throw new Error(`${what}${mapped ? '' : ', read without a mapping'}: ${(error as Error).message}`, { cause: error })
  }
}

function describeKept(point: Point, kept: Kept): string {
  const parts = point.disk.pending.map((change, i) => `${describeEvent(change)}${kept[i] === WHOLE ? ' kept' : kept[i] === 0 ? ' lost' : ` torn (sectors ${kept[i].toString(2).padStart(8, '0')})`}`)
  return `[${parts.join(', ')}]`
}

function describeEvent(event: DiskEvent): string {
  if (event.type === 'write') return `page ${event.position / PAGE_SIZE}`
  return event.type === 'length' ? `length ${event.length}` : event.type
}
