/**
 * Invariants, for workloads of sync, async and lazy commits in which the system refuses calls: each call in turn, with
 * each error that it may end in, and several calls in a row:
 *
 * 1. The transaction fails with an error of ours that has a documented code, nothing of it is visible, and what was
 *    committed before is there; `check` passes. Once the fault is gone the same transaction succeeds.
 * 2. A failed sync makes the store read-only until it is opened anew; every promise of durability is rejected then,
 *    transactions that were open are refused, and none waits for ever. An opening that fails changes nothing, and succeeds once the fault is gone.
 * 3. Nothing that was acknowledged as durable is lost: not where the machine crashes at the fault or after any later
 *    step (I24, I26), and not where a sync failed, what it covered never reaches the disk while the files still show
 *    it, the store is opened again in the same boot, commits once more, and only then the machine crashes (I27).
 * 4. Where the process is killed after a fault, and the machine goes on, the last commit that returned is there.
 * 5. What is found after a crash is the state after some commit: no older than the last one acknowledged, whole, and
 *    not one that failed for want of space, nor one that failed before the store was last opened and synced; `check`
 *    finds nothing (I2, I4, I8, I11, I14, I15, I17, I18, I22). Then the store takes writes.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shuffled, seeded } from '../test/helpers.js'
import { directed } from './faults/directed.js'
import type { Plan } from './faults/plans.js'
import { planChoice, planFrom, severalFaults, singleFaults } from './faults/plans.js'
import { runWorkload } from './faults/session.js'
import type { Workload } from './faults/workloads.js'
import { large, small, workload } from './faults/workloads.js'
import { LONG, runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

class Total {
  histories = 0
  faults = 0
  images = 0

  async run(workload: Workload, plan: Plan): Promise<void> {
    const { faults, images } = await runWorkload(workload, plan, SEED + plan.at)
    this.histories++
    this.faults += faults
    this.images += images
  }

  tally(property: string): void {
    tally(property, { histories: this.histories, 'faults injected': this.faults, 'crash images': this.images })
  }
}

/** Runs the workload with `count` of the plans that there are for it. */
async function tryPlans(total: Total, workload: Workload, plansOf: typeof singleFaults, count: number): Promise<void> {
  const { calls } = await runWorkload(workload, undefined, SEED)
  const plans = shuffled(plansOf(calls), seeded(SEED)).slice(0, count)
  for (const plan of plans) {
    try {
      await total.run(workload, plan)
    } catch (error) {
      const { kind, position, length } = calls[plan.at]
      const call = `call ${plan.at} of ${calls.length}, a ${kind}${kind === 'write' ? ` of ${length} bytes at byte ${position}` : ''}`
      throw new Error(`workload '${workload.name}', ${call}, plan ${JSON.stringify(plan)} (COPPICE_SEED=${SEED}): ${(error as Error).message}`, { cause: error })
    }
  }
}

describe('a store whose file fails it', () => {
  it.each(small.map((one) => [one.name, one] as const))('loses nothing, whichever call fails: %s', async (name, one) => {
    const total = new Total()
    await tryPlans(total, one, singleFaults, runs(5, 100_000))
    expect(total.faults).toBeGreaterThan(0)
    total.tally(`one fault, ${name}`)
  }, TIMEOUT)

  it.each(small.map((one) => [one.name, one] as const))('loses nothing when several calls fail: %s', async (name, one) => {
    const total = new Total()
    await tryPlans(total, one, severalFaults, runs(2, 150))
    expect(total.faults).toBeGreaterThan(0)
    total.tally(`several faults, ${name}`)
  }, TIMEOUT)

  it.each(directed.map((one) => [one.workload.name, one] as const))('loses nothing in the history of %s', async (name, { workload, plans }) => {
    const total = new Total()
    await tryPlans(total, workload, plans, Infinity)
    expect(total.faults).toBeGreaterThan(0)
    total.tally(`directed faults, ${name}`)
  }, TIMEOUT)

  // In the short run a few of them stand for all.
  it.each(large.filter((_, i) => LONG || i % 6 === 0).map((one) => [one.name, one] as const))('loses nothing in large transactions: %s', async (name, one) => {
    const total = new Total()
    await tryPlans(total, one, singleFaults, runs(1, 10))
    await tryPlans(total, one, severalFaults, runs(1, 6))
    total.tally(`faults in large transactions, ${name}`)
  }, TIMEOUT)

  it('loses nothing in random histories', async () => {
    const total = new Total()
    const property = fc.asyncProperty(workload, planChoice, async (one, choice) => {
      const { calls } = await runWorkload(one, undefined, SEED)
      await total.run(one, planFrom(choice, calls))
    })
    await fc.assert(property, { seed: SEED, numRuns: runs(20, 2000), interruptAfterTimeLimit: TIMEOUT / 2, markInterruptAsFailure: true })
    total.tally('faults in random histories')
  }, TIMEOUT)
})
