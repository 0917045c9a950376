import { randomFrom } from '../../test/faulty-file.js'
import { WHOLE } from '../../src/crash/disk.js'
import { choosePoints, someSubsets } from '../../src/crash/points.js'
import type { Ending, PlannedLife } from './generators.js'
import type { Lived, Past } from './life.js'
import { live } from './life.js'
import { newPast, pastAfter, pastAfterCrash, pastAfterKill } from './past.js'
import { assertSurvives, assertSurvivesKill, pointAt, pointsIn } from './points.js'

/** How many points of a life are looked at, and how many crashes at each of them. */
export interface Sampling {
  points: number
  images: number
}

export interface CrashCounts {
  lives: number
  'failed syncs'?: number
  'spilled pages'?: number
  'crash images': number
}

/** Lives one life after the other, and tries crashes on the way through each. */
export async function replayLives(plans: readonly PlannedLife[], sampling: Sampling, counts: CrashCounts): Promise<void> {
  let past = newPast()
  for (const { plan, ending } of plans) {
    counts.lives++
    // A life that ends in a close does close, so that the close itself is a place for crashes.
    const lived = await live(past, { ...plan, closes: plan.closes || ending.how === 'close' })
    counts['failed syncs'] = (counts['failed syncs'] ?? 0) + Number(lived.failed)
    counts['spilled pages'] = (counts['spilled pages'] ?? 0) + lived.spilled
    const random = randomFrom(ending.seed)
    tryCrashes(lived, random, sampling, counts)
    past = next(lived, ending, random, counts)
  }
}

function tryCrashes(lived: Lived, random: () => number, { points, images }: Sampling, counts: CrashCounts): void {
  const chosen = choosePoints(lived.log, random, points)
  for (const point of pointsIn(lived)) {
    if (!chosen.has(point.at)) continue
    for (const kept of someSubsets(point.disk.pending, random, images)) {
      counts['crash images']++
      assertSurvives(lived, point, kept)
    }
    counts['crash images']++
    assertSurvivesKill(lived, point)
  }
}

function next(lived: Lived, { how, at }: Ending, random: () => number, counts: CrashCounts): Past {
  if (how === 'close' && !lived.failed) return pastAfter(lived)
  const point = pointAt(lived, Math.round((at / 1000) * lived.log.length))
  counts['crash images']++
  if (how !== 'crash') return pastAfterKill(lived, point, assertSurvivesKill(lived, point))
  const [kept] = [...someSubsets(point.disk.pending, random, 2)].slice(random() < 0.5 ? 0 : -1)
  return pastAfterCrash(lived, point.disk.crashed((i) => kept[i] ?? WHOLE), assertSurvives(lived, point, kept))
}
