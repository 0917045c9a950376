/**
 * Invariants, for every small workload, every point of it at which the machine may crash or the process may die,
 * and every subset of what was not yet synced:
 *
 * 1. The store opens in the state after a commit that is no older than the last acknowledged one, with whole
 *    transactions only, and `check` finds nothing (I1 to I9, I11 to I22, I26).
 * 2. It takes writes afterwards (I27, I28).
 * 3. The death of the process alone loses no commit that had returned, in any mode of durability.
 *
 * That no subset leads elsewhere is what the rules for writers are for: I10, I23, I24, I31.
 */
import { describe, it } from 'vitest'
import type { Kept, Point } from '../src/crash/points.js'
import { sampledSubsets, subsets, tornSubsets } from '../src/crash/points.js'
import { randomFrom } from '../test/faulty-file.js'
import type { Lived, Past } from './crash/life.js'
import { live } from './crash/life.js'
import { pastAfterCrash, pastAfterKill } from './crash/past.js'
import { assertSurvives, assertSurvivesKill, pointsIn } from './crash/points.js'
import type { Workload } from './crash/workloads.js'
import { ACTIONS, firstPast, fragmentedPast, fragmentingWorkloads, workloadsOf } from './crash/workloads.js'
import { LONG, runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

/** Up to so many pending changes every subset is tried; each one more doubles the time. */
const EXHAUSTIVE = LONG ? 10 : 8
const SAMPLES = 48
const TORN = 6

const random = randomFrom(SEED)
const counts = { workloads: 0, 'crash points': 0, 'crash images': 0, 'second crashes': 0 }

function* keptAt({ disk: { pending }, changed }: Point): Generator<Kept> {
  if (pending.length <= EXHAUSTIVE) yield* subsets(pending.length, changed)
  else yield* sampledSubsets(pending, random, SAMPLES)
  if (pending.length > 0) yield* tornSubsets(pending, random, TORN)
}

/** Every crash of a life. `again`: how often what a crash left gets another life, with crashes of its own. */
async function crashEverywhere(lived: Lived, again: number): Promise<void> {
  for (const point of pointsIn(lived)) {
    counts['crash points']++
    for (const kept of keptAt(point)) {
      counts['crash images']++
      const found = assertSurvives(lived, point, kept)
      if (random() < again) await crashAgain(pastAfterCrash(lived, point.disk.crashed((i) => kept[i]), found))
    }
    counts['crash images']++
    const found = assertSurvivesKill(lived, point)
    if (random() < 8 * again) await crashAgain(pastAfterKill(lived, point, found))
  }
}

/** Recovery, and the first commit after it, with every crash that these may meet. */
async function crashAgain(past: Past): Promise<void> {
  counts['second crashes']++
  const [action] = Object.values(ACTIONS).slice(Math.floor(random() * Object.keys(ACTIONS).length))
  const how = random() < 0.7 ? 'commit' : 'commitAsync'
  await crashEverywhere(await live(past, { durability: 'sync', mapped: true, steps: [{ do: 'commit', how, writes: action(5) }], closes: false }), 0)
}

async function attempt(past: Past, { name, plan }: Workload, again: number): Promise<void> {
  counts.workloads++
  try {
    await crashEverywhere(await live(past, plan), again)
  } catch (error) {
    throw new Error(`${name}${plan.closes ? ', then a close' : ''} (seed ${SEED}): ${(error as Error).message}`, { cause: error })
  }
}

/** So many of the workloads, or all of them where that is more. */
async function attemptSome(past: Past, all: Workload[], wanted: number, again: number): Promise<void> {
  let left = Math.min(wanted, all.length)
  for (const [index, workload] of all.entries()) {
    if (random() * (all.length - index) >= left) continue
    left--
    await attempt(past, workload, again)
  }
}

describe('every crash of every small workload leaves a store that is whole', () => {
  it('with a transaction', async () => {
    await attemptSome(await firstPast(), [...workloadsOf(1)], runs(8, Infinity), LONG ? 0.02 : 0.002)
  }, TIMEOUT)

  it('with free space in very many pieces', async () => {
    await attemptSome(await fragmentedPast(), [...fragmentingWorkloads()], runs(1, Infinity), 0)
  }, TIMEOUT)

  it('with two transactions', async () => {
    await attemptSome(await firstPast(), [...workloadsOf(2)], runs(4, 600), 0.001)
  }, TIMEOUT)

  it('with three transactions', async () => {
    await attemptSome(await firstPast(), [...workloadsOf(3)], runs(1, 400), 0.001)
    tally('small workloads, every crash', counts)
  }, TIMEOUT)
})
