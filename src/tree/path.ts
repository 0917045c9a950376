import { MAX_DEPTH } from '../page/layout.js'

/**
 * The way from the root to a leaf, by level: the slot of the page at each level, and the index in it at
 * which the way goes on (in the leaf, the index of an entry).
 */
export class Path {
  readonly slots = new Int32Array(MAX_DEPTH)
  readonly index = new Int32Array(MAX_DEPTH)
  /** False where the slots may have been given to other pages, or the pages changed shape. */
  valid = false
  /** `pool.evictions` and the writer's id when the way was walked. */
  evictions = 0
  id = 0
  /** Leaf of the last insert, and how many inserts went there each just behind the one before. */
  lastSlot = 0
  run = 0
  /** How many puts in a row went each to another leaf than the one before. */
  scattered = 0
}
