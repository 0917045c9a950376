/** What one life leaves to the next. */
import { emptyImage } from '../../test/faulty-file.js'
import { Disk, Platter } from '../disk/disk.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Lived, Past } from './life.js'
import { STORE } from './life.js'
import type { Point } from './points.js'

/** A disk with a new store. */
export function newPast(): Past {
  return { disk: new Disk(Platter.holding(STORE, emptyImage())), states: [new ModelStore()], floor: 0 }
}

/** The process has closed the store. */
export function pastAfter({ past, log, states }: Lived): Past {
  const disk = past.disk.copy()
  for (const event of log) disk.pass(event)
  return { disk, states: states.slice(-1), floor: 0 }
}

/** The process died, and the next one found the state of this index. What is pending stays so. */
export function pastAfterKill({ states }: Lived, { disk, power }: Point, found: number): Past {
  return { disk: disk.copy(), states: states.slice(0, found + 1), floor: Math.min(power.floor, found) }
}

/** The machine crashed and left this, in which the state of this index was found. */
export function pastAfterCrash({ states }: Lived, platter: Platter, found: number): Past {
  return { disk: new Disk(platter), states: [states[found]], floor: 0 }
}
