/** What one life leaves to the next. */
import { emptyImage } from '../../test/faulty-file.js'
import { Disk, Platter } from '../../src/crash/disk.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Lived, Past } from './life.js'
import { STORE } from './life.js'
import type { Point } from '../../src/crash/points.js'
import { pointAt } from './points.js'

/** A disk with a new store. */
export function newPast(): Past {
  return rested(Platter.holding(STORE, emptyImage()), new ModelStore())
}

/** The process has closed the store. */
export function pastAfter(lived: Lived): Past {
  const { disk, cache } = pointAt(lived, lived.log.length)
  return { disk: disk.copy(), cache: cache.copy(), states: lived.states.slice(-1), floor: 0 }
}

/** The process died, and the next one found the state of this index. What is pending stays so. */
export function pastAfterKill({ states }: Lived, { disk, cache, power }: Point, found: number): Past {
  return { disk: disk.copy(), cache: cache.copy(), states: states.slice(0, found + 1), floor: Math.min(power.floor, found) }
}

/** The machine crashed and left this, in which the state of this index was found. */
export function pastAfterCrash({ states }: Lived, platter: Platter, found: number): Past {
  return rested(platter, states[found])
}

/** A disk on which nothing is pending. */
function rested(platter: Platter, state: ModelStore): Past {
  return { disk: new Disk(platter), cache: platter.copy(), states: [state], floor: 0 }
}
