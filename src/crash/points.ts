/** Every place for a crash in a log, and what may be on the disk then. */
import { META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import type { Change, Disk, DiskEvent, Platter } from './disk.js'
import { isChange, WHOLE } from './disk.js'

/** What a process knows of a commit, noted in the log. Commits are numbered by the states that they lead to. */
export type Note =
  /** From here on the commit may be found. */
  | { commit: number; is: 'begun' }
  /** From here on the process may be killed, and it is found. */
  | { commit: number; is: 'returned' }
  /** From here on the machine may crash, and it is found. */
  | { commit: number; is: 'durable' }

/** The states that may be found: from `floor` to `ceiling`, both included. */
export interface Bounds {
  floor: number
  ceiling: number
}

/** Where a log begins. */
export interface Beginning {
  disk: Disk
  /** What the files show as long as the machine runs. */
  cache: Platter
  /** Index of the newest state, which the process has found. */
  newest: number
  /** Index of the oldest state that a crash of the machine may lead to. */
  floor: number
}

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

/** Walks a log from its beginning, which changes on the way, and stands at each point where something else may be found than before. */
export function* pointsOf(log: readonly DiskEvent[], { disk, cache, newest, floor }: Beginning): Generator<Point> {
  const power: Bounds = { floor, ceiling: newest }
  const kill: Bounds = { floor: newest, ceiling: newest }
  const begun = new Map<number, number>()
  let failed = false
  for (const [index, event] of log.entries()) {
    const before = power.floor
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
    if (changed && !(event.type === 'length' && event.length < cache.file(event.file).length)) cache.make(event, WHOLE)
    if (changed || power.floor > before || (event.type === 'syncEnds' && event.kept !== undefined)) yield { at: index + 1, disk, cache, power: { ...power }, kill: { ...kill }, changed }
  }
  yield { at: log.length, disk, cache, power, kill, changed: false }

  function take({ commit, is }: Note): void {
    power.ceiling = kill.ceiling = Math.max(power.ceiling, commit)
    if (is !== 'begun') kill.floor = Math.max(kill.floor, commit)
    if (is === 'durable') power.floor = Math.max(power.floor, commit)
  }
}

/** Points in a log. A commit of a thousand pages is no likelier to be hit than one of three, or nothing else would be. */
export function choosePoints(log: readonly DiskEvent[], random: () => number, count: number): Set<number> {
  const runs: number[][] = [[]]
  for (const [index, event] of log.entries()) {
    runs[runs.length - 1].push(index + 1)
    if (!isChange(event)) runs.push([])
  }
  const chosen = new Set<number>()
  for (let i = 0; i < count; i++) {
    const run = runs[Math.floor(random() * runs.length)]
    if (run.length > 0) chosen.add(run[Math.floor(random() * run.length)])
  }
  return chosen
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

/** Subsets of many changes: half of them of whole changes, half with torn ones; of none there is one. */
export function* someSubsets(pending: readonly Change[], random: () => number, count: number): Generator<Kept> {
  if (pending.length === 0) return yield []
  yield* sampledSubsets(pending, random, Math.ceil(count / 2))
  yield* tornSubsets(pending, random, Math.floor(count / 2))
}

/** Subsets of many changes: the telling ones (one missing, one alone, a first part, a last part, a single meta page), and random ones. */
export function* sampledSubsets(pending: readonly Change[], random: () => number, samples: number): Generator<Kept> {
  const metas = metasOf(pending)
  for (let i = 0; i < samples; i++) {
    const chosen = Math.floor(random() * pending.length)
    const meta = metas[Math.floor(random() * metas.length)]
    const kind = Math.floor(random() * 6)
    const share = random()
    yield pending.map((_, at) => {
      if (kind === 0) return at === chosen ? 0 : WHOLE
      if (kind === 1) return at <= chosen ? WHOLE : 0
      if (kind === 2) return at >= chosen ? WHOLE : 0
      if (kind === 3) return at === meta || !metas.includes(at) ? WHOLE : 0
      if (kind === 4) return at === chosen ? WHOLE : 0
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
