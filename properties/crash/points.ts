/** Every place for a crash in a life, and what has to be true of what it leaves. */
import { PAGE_SIZE } from '../../src/page/layout.js'
import type { DiskEvent, Platter } from '../../src/crash/disk.js'
import { WHOLE } from '../../src/crash/disk.js'
import { fileFrom } from '../../src/crash/file.js'
import type { Bounds, Kept, Point } from '../../src/crash/points.js'
import { pointsOf } from '../../src/crash/points.js'
import { FaultyFile } from '../../test/faulty-file.js'
import type { Lived } from './life.js'
import { STORE } from './life.js'
import { assertRecovered } from './oracle.js'

/** Stands at each point of a life where something else may be found than before. */
export function pointsIn({ past, log }: Lived): Generator<Point> {
  return pointsOf(log, { disk: past.disk.copy(), cache: past.cache.copy(), newest: past.states.length - 1, floor: past.floor })
}

/** The disk and the bounds at one point. */
export function pointAt(lived: Lived, at: number): Point {
  const places = [...pointsIn(lived)].map((point) => point.at)
  const chosen = places.findLast((place) => place <= at) ?? places[0]
  // The walk ends here, so that what it has built stays as it is at this point.
  for (const point of pointsIn(lived)) if (point.at === chosen) return point
  throw new Error('a log without points')
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
