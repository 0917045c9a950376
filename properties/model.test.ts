/**
 * Invariants, for every history of operations, on every file layer, with a journal from early on or when the store has grown:
 *
 * 1. Each operation answers what a plain sorted map answers, inside a transaction and outside.
 * 2. A snapshot, and a cursor or iterator over the database, stays what it was while later commits happen (I10).
 * 3. Cursors and iterators in a write transaction follow the keys and see the writes ahead of them.
 * 4. A rollback, to a savepoint or of all, and an operation that failed leave nothing behind.
 * 5. `check` finds nothing, after every history and after opening the store again (I1 to I9, I11 to I22).
 * 6. The pages of the file are those of the trees, the free log, the journal, the meta slots and the free ones, and no other;
 *    no page stays pending that nobody holds: what is left is what the store's newest checkpoint reaches (I2, I10, I11).
 *
 * The layers that map are here, those that do not in unmapped.test.ts, as vitest runs files side by side.
 */
import { describe, it } from 'vitest'
import { mmapIo } from '../src/adapters/mmap-io.js'
import { hasMmapIo, mmapIoTitle } from '../test/file/layers.js'
import { describeLayer, shareOfRuns } from './model/suite.js'

describe('the store does what a sorted map does', () => {
  describeLayer({ name: 'mapped', memory: false, mapper: undefined }, shareOfRuns(0.35))
  if (hasMmapIo) describeLayer({ name: 'mapped by mmap-io', memory: false, mapper: mmapIo() }, shareOfRuns(0.1))
  else it.skipIf(!hasMmapIo)(mmapIoTitle, () => undefined)
})
