/**
 * Invariants, for histories in which snapshots, iterators, cursors and views of different ages stay open while later
 * commits free, reuse and spill pages, on every file layer, in every durability, with a journal and without:
 *
 * 1. Whoever holds a commit reads the same entries, counts, ranks and positions each time, and no page that the
 *    commit reaches changes a byte while it is held, in the file or where it waits in memory (I10; I4 to I7 on the way).
 * 2. At any point outside a write transaction, the pages that are pending are exactly those that some holder reaches and the
 *    newest commit does not. Holders are snapshots and the like; the checkpoints of the durable commit, of one whose sync runs
 *    and of the newest; and bulk commits that are not durable yet. Free and reached pages, those of the log, of the journal
 *    and the meta pages are all there are (I1, I2, I11, I12).
 * 3. When a holder ends, exactly what only it saw becomes available, in a write transaction too.
 * 4. A file in which as much is deleted as is put stops growing, however old the snapshots are that stay open.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LONG, runs, SEED, TIMEOUT } from './runs.js'
import { growth } from './snapshots/growth.js'
import type { Extent, SnapshotHistory } from './snapshots/history.js'
import { bulkHistory, history, layers, longHistory, replay } from './snapshots/history.js'
import { tally } from './tally.js'

function counts(extents: readonly Extent[]): Record<string, number> {
  const sum = (name: keyof Extent): number => extents.reduce((total, extent) => total + extent[name], 0)
  return { histories: extents.length, commits: sum('commits'), 'comparisons of snapshots': sum('comparisons'), 'commits in the journal': sum('records') }
}

/** Pages from which on a commit syncs them before its meta page is written. */
const BULK_PAGES = 16_384

/** Less than this would not meet what is looked for. */
const FEWEST = { histories: 30, rounds: 10 }

describe('a snapshot', () => {
  it('stays what it was in random histories, and holds back what it can see and no more', async () => {
    const extents: Extent[] = []
    const property = fc.asyncProperty(history, async (plan) => void extents.push(await replay(plan)))
    await fc.assert(property, { seed: SEED, numRuns: Math.max(FEWEST.histories, runs(30, 3000)), interruptAfterTimeLimit: TIMEOUT / 2, markInterruptAsFailure: true })
    // Histories in which nothing is held, or nothing spilled, would show nothing.
    expect(extents.some(({ held }) => held > 20)).toBe(true)
    expect(extents.some(({ spilled }) => spilled > 0)).toBe(true)
    expect(extents.some(({ records }) => records > 20)).toBe(true)
    tally('snapshots in random histories', counts(extents))
  }, TIMEOUT)

  it.each(layers.flatMap((layer) => [true, false].map((journal) => ({ layer, journal }))))('stays what it was while thousands of commits go on around it ($layer, journal: $journal)', async ({ layer, journal }) => {
    const rounds = Math.max(FEWEST.rounds, runs(10, 500) / 2)
    const plan: SnapshotHistory = { layer, journal, durability: layer === 'mapped' ? 'sync' : layer === 'plain' ? 'lazy' : 'async', acts: longHistory(rounds) }
    const extent = await replay(plan)
    expect(extent.commits).toBeGreaterThan(rounds * (LONG ? 50 : 100))
    expect(extent.held).toBeGreaterThan(100)
    expect(extent.logPages).toBeGreaterThan(0)
    expect(extent.records > rounds * 50).toBe(journal)
    tally(`snapshots under a long history, ${layer}, ${journal ? 'with' : 'without'} a journal`, counts([extent]))
  }, TIMEOUT)

  it.each([true, false])('is held back for a bulk commit until that is durable (journal: %s)', async (journal) => {
    const extent = await replay({ layer: 'plain', durability: 'async', journal, acts: bulkHistory() })
    expect(extent.bulk).toBe(1)
    expect(extent.held).toBeGreaterThan(BULK_PAGES)
  }, TIMEOUT)

  it('does not let the file grow without end', () => {
    const commits = growth(runs(1500, 40_000))
    tally('growth under snapshots', { commits })
  }, TIMEOUT)
})
