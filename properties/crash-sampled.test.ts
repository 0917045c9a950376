/**
 * Invariants, for random histories of lives over one disk, each of which ends with a crash of the machine, the
 * death of the process (perhaps while the next one was still recovering) or a clean close:
 *
 * 1. After each, and after other crashes that might have happened on the way, the store opens in the state after
 *    a commit that is no older than the last acknowledged one; `check` finds nothing (I1 to I9, I11 to I22, I26).
 * 2. It goes on from there: what the next life writes and promises holds in turn (I10, I23, I24, I27, I28, I29, I31).
 * 3. The death of the process alone loses no commit that had returned.
 * 4. A sync that fails loses nothing that an earlier one has brought to the disk, and the store takes no more writes.
 * 5. Lazy commits are lost newest first, and none that was written before the last sync began.
 */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { PlannedLife } from './crash/generators.js'
import { bulkLife, failingLives, fragmentedLives, lives, spillingLife } from './crash/generators.js'
import type { CrashCounts, Sampling } from './crash/replay.js'
import { replayLives } from './crash/replay.js'
import { LIMITS, runs, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

interface Kind {
  name: string
  /** For the report. */
  property: string
  histories: fc.Arbitrary<PlannedLife[]>
  sampling: Sampling
  numRuns: number
  /** What these histories are for: they have to have tried it. */
  tries?: keyof CrashCounts
}

const KINDS: Kind[] = [
  { name: 'in random histories', property: 'random histories with crashes', histories: lives, sampling: { points: 8, images: 6 }, numRuns: runs(35, 9000) },
  { name: 'with syncs that fail', property: 'failed syncs with crashes', histories: failingLives, sampling: { points: 6, images: 6 }, numRuns: runs(6, 2000), tries: 'failed syncs' },
  { name: 'with transactions of more pages than the pool has', property: 'spilling transactions with crashes', histories: spillingLife.map((life) => [life]), sampling: { points: 5, images: 4 }, numRuns: runs(3, 150), tries: 'spilled pages' },
  { name: 'with commits that sync their pages first', property: 'bulk commits with crashes', histories: bulkLife.map((life) => [life]), sampling: { points: 12, images: 4 }, numRuns: runs(4, 200) },
  { name: 'with free space in very many pieces', property: 'fragmented stores with crashes', histories: fragmentedLives, sampling: { points: 8, images: 4 }, numRuns: runs(1, 150) },
]

describe('a store that crashes again and again holds what it has promised', () => {
  it.each(KINDS)('$name', async ({ property, histories, sampling, numRuns, tries = 'crash images' }) => {
    const counts = { histories: 0, lives: 0, 'failed syncs': 0, 'spilled pages': 0, 'crash images': 0 }
    await fc.assert(fc.asyncProperty(histories, async (plans) => {
      counts.histories++
      await replayLives(plans, sampling, counts)
    }), { ...LIMITS, numRuns })
    if (counts[tries] === 0) throw new Error(`no ${tries} in ${counts.histories} histories`)
    tally(property, counts)
  }, TIMEOUT)
})
