import { allocations } from './allocations.js'
import { calls } from './calls.js'
import { growth } from './growth.js'
import { level } from './level.js'
import { get, ranges, scan, strings } from './reads.js'
import type { Section } from './section.js'
import { seedA, seedB } from './seeds.js'
import { concurrent, durable, lazy, load } from './writes.js'

/** Every section by its name, in the order in which they run. */
export const sections: Record<string, Section> = {
  get,
  strings,
  scan,
  ranges,
  load,
  durable,
  concurrent,
  lazy,
  level,
  'seed-a': seedA,
  'seed-b': seedB,
  growth,
  allocations,
  calls,
}
