import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, SEED, TIMEOUT } from '../runs.js'
import { tally } from '../tally.js'
import { following, gathering, history, piling } from './generators.js'
import type { CursorMove, Operation } from './operations.js'
import type { Extent } from './replay.js'
import { replay } from './replay.js'
import type { Layer } from './world.js'

const RUNS = runs(200, 10_000)

export function shareOfRuns(share: number): number {
  return Math.ceil(RUNS * share)
}

/** A failure is shrunk for no longer than leaves time to report it. */
const LIMITS = { seed: SEED, interruptAfterTimeLimit: 0.9 * TIMEOUT, markInterruptAsFailure: true }

/** Without prototypes and the like, a history prints as it can be pasted into ../regressions.ts. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

/** More pages than the smallest pool has, in one transaction, and changed again after they were spilled. */
const MUCH: Operation[] = [
  { type: 'begin' },
  { type: 'bulk', tree: 0, family: 'hash', how: 'put', order: 'scrambled', start: 0, step: 1, count: 4000, value: { length: 750, seed: 1 } },
  { type: 'savepoint' },
  { type: 'bulk', tree: 1, family: 'pairs', how: 'put', order: 'scrambled', start: 0, step: 1, count: 1200, value: { length: 30, seed: 2 } },
  { type: 'bulk', tree: 0, family: 'hash', how: 'put', order: 'ascending', start: 500, step: 2, count: 1000, value: { length: 300, seed: 3 } },
  { type: 'rollbackTo', which: 0 },
  { type: 'bulk', tree: 0, family: 'hash', how: 'delete', order: 'descending', start: 0, step: 3, count: 1000, value: { length: 0, seed: 0 } },
  { type: 'compareAll', reader: 0 },
  { type: 'commit', how: 'commit' },
]

/** A tree of more pages than the smallest pool has, read and changed all over, so that clean and dirty pages push each other out. */
function churn(): Operation[] {
  const all = { type: 'bulk', tree: 0, family: 'hash', order: 'scrambled', start: 0, step: 1, count: 4000 } as const
  return [
    { ...all, how: 'put', value: { length: 700, seed: 0 } },
    ...Array.from({ length: Math.min(8, runs(4, 8)) }, (_, i): Operation[] => [
      { type: 'begin' },
      { ...all, how: 'put', step: 3, start: i, count: 1300, value: { length: 600 + 90 * i, seed: i } },
      { type: 'bulk', tree: 2, family: 'pairs', how: i % 2 === 0 ? 'put' : 'delete', order: 'scrambled', start: 0, step: 1, count: 600, value: { length: 40, seed: i } },
      { ...all, how: 'delete', step: 2, start: i, count: 1900, value: { length: 0, seed: 0 } },
      { ...all, how: 'put', step: 1 + (i % 2), start: 20 * i, count: 1900, value: { length: 800 - 60 * i, seed: i } },
      { type: 'compareAll', reader: 0 },
      { type: 'commit', how: 'commit' },
      { type: 'reopen', durability: 'lazy', readOnlyFirst: false },
    ]).flat(),
  ]
}

/** Free space in more pieces than a meta page can name, time and again, so that the log of them is written anew too. */
function fragments(): Operation[] {
  return Array.from({ length: 12 }, (_, i): Operation[] => {
    const each = { type: 'bulk', tree: 0, family: 'counter', order: 'ascending', step: 1 + (i % 3), value: { length: 2100 + i, seed: i } } as const
    return [
      { ...each, how: 'put', start: i * 10, count: 900 },
      { ...each, how: 'delete', step: 2, start: i * 10 + (i % 2), count: 700 },
      i % 4 === 1 ? { type: 'snapshot', how: 'snapshot' } : { type: 'check' },
      i % 4 === 3 ? { type: 'reopen', durability: 'lazy', readOnlyFirst: false } : { type: 'stats' },
    ]
  }).flat()
}

/** Cursors that are put elsewhere again and again, and go over more leaves in all than the file has pages. */
function wandering(): Operation[] {
  const there = (position: number, move: 'next' | 'previous'): CursorMove[] => [{ move: 'seekPosition', position }, ...Array.from({ length: 3 }, () => ({ move }))]
  const moves = Array.from({ length: 1200 }, (_, i) => there(3 + (i % 50), 'next'))
  const back = Array.from({ length: 1200 }, (_, i) => there(3 + (i % 50), 'previous'))
  return [
    { type: 'bulk', tree: 0, family: 'counter', how: 'put', order: 'ascending', start: 0, step: 1, count: 60, value: { length: 1900, seed: 1 } },
    { type: 'openCursor', reader: 1, tree: 0 },
    { type: 'moveCursor', which: 0, moves: moves.flat() },
    { type: 'moveCursor', which: 0, moves: back.flat() },
  ]
}

export function describeLayer(layer: Layer, numRuns: number): void {
  describe(layer.name, () => {
    it('in random histories', async () => {
      const all: Extent = { spilled: 0, depth: 0, freeLog: 0 }
      const property = fc.asyncProperty(history.map(plain), async (plan) => {
        const extent = await replay(layer, plan)
        all.spilled += extent.spilled
        all.depth = Math.max(all.depth, extent.depth)
        all.freeLog = Math.max(all.freeLog, extent.freeLog)
      })
      await fc.assert(property, { ...LIMITS, numRuns })
      tally(`model, ${layer.name}`, { histories: numRuns })
      // The histories are worth little where none of them outgrows a page, the pool and the meta page; few may by chance.
      if (numRuns < 1000) return
      expect(all.spilled).toBeGreaterThan(0)
      expect(all.freeLog).toBeGreaterThan(0)
      expect(all.depth).toBeGreaterThan(2)
    }, TIMEOUT)

    it('in a transaction larger than the pool', async () => {
      const extent = await replay(layer, { pool: 'small', durability: 'sync', operations: MUCH })
      expect(extent.spilled).toBeGreaterThan(0)
    })

    it('in a tree larger than the pool', async () => {
      const extent = await replay(layer, { pool: 'small', durability: 'lazy', operations: churn() })
      expect(extent.spilled).toBeGreaterThan(0)
    })

    it('with a cursor that has gone over more leaves than the file has pages', async () => {
      await replay(layer, { pool: 'small', durability: 'lazy', operations: wandering() })
    })

    it('with free space in very many pieces', async () => {
      const extent = await replay(layer, { pool: 'small', durability: 'sync', operations: fragments() })
      expect(extent.freeLog).toBeGreaterThan(0)
    })
  })
}

/** Cursors and iterators alone, over few keys, where a write is mostly near one of them. */
export function describeFollowing(layer: Layer, numRuns: number): void {
  it('with cursors and iterators in a transaction that goes on writing', async () => {
    await replayAll('cursors that follow', layer, following, numRuns)
  }, TIMEOUT)
}

/** Large transactions alone, whose puts wait. */
export function describeGathering(layer: Layer, numRuns: number): void {
  it('with operations between puts that wait', async () => {
    await replayAll('puts that wait', layer, gathering, numRuns)
  }, TIMEOUT)
}

/** The same with more of them than the memory for that, so that they wait on the disk. */
export function describePiling(layer: Layer, numRuns: number): void {
  it('with operations between puts that wait on the disk', async () => {
    await replayAll('puts that wait on the disk', layer, piling, numRuns)
  }, TIMEOUT)
}

async function replayAll(name: string, layer: Layer, histories: fc.Arbitrary<Operation[]>, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(histories.map(plain), async (operations) => {
    await replay(layer, { pool: 'small', durability: 'lazy', operations })
  })
  await fc.assert(property, { ...LIMITS, numRuns })
  tally(name, { histories: numRuns })
}
