import { describe, expect, it, vi } from 'vitest'
import { Durability } from '../../src/pager/durability.js'

/** A store of which only the syncs are there; each waits until the test ends it. */
class Target {
  readonly held: number[] = []
  readonly syncs: { succeed: () => Promise<void>; fail: () => Promise<void> }[] = []

  syncAsync(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.syncs.push({
        succeed: () => settled(resolve),
        fail: () => settled(() => reject(Object.assign(new Error('EIO: made to fail'), { code: 'EIO' }))),
      })
    })
  }

  hold(transaction: number): void {
    this.held.push(transaction)
  }

  release(transaction: number): void {
    const index = this.held.indexOf(transaction)
    expect(index, `a hold of ${transaction}`).not.toBe(-1)
    this.held.splice(index, 1)
  }
}

async function settled(end: () => void): Promise<void> {
  end()
  await new Promise((resolve) => setImmediate(resolve))
}

function begun(): { target: Target; durability: Durability; publish: (transaction: number) => void } {
  const target = new Target()
  const durability = new Durability(target, 1, 0, 0, 1)
  return { target, durability, publish: (transaction) => durability.publishedCheckpoint(transaction, durability.slotFor(), durability.regionFor()) }
}

describe('durability', () => {
  it('holds the durable commit, the one whose sync runs and the newest checkpoint', async () => {
    const { target, durability, publish } = begun()
    // Each as what it is: the durable one, the one whose sync runs, the newest checkpoint.
    expect(target.held).toEqual([1, 1])
    publish(2)
    expect(target.held.toSorted()).toEqual([1, 2])
    durability.start()
    publish(3)
    expect(target.held.toSorted()).toEqual([1, 2, 3])
    await target.syncs[0].succeed()
    expect(target.held.toSorted()).toEqual([2, 3])
    durability.reached(3, 3)
    expect(target.held).toEqual([3, 3])
  })

  it('holds the checkpoint that a commit of the journal rests on, and keeps its slot', async () => {
    const { target, durability, publish } = begun()
    const slot = durability.slotFor()
    publish(2)
    durability.publishedRecord(3)
    durability.start()
    durability.publishedRecord(4)
    expect(target.held.toSorted()).toEqual([1, 2, 2])
    expect([0, slot]).not.toContain(durability.slotFor())
    await target.syncs[0].succeed()
    expect([durability.durable, durability.durableBase]).toEqual([3, 2])
    expect(target.held).toEqual([2, 2])
    durability.start()
    publish(5)
    await target.syncs[1].succeed()
    expect([durability.durable, durability.durableBase], 'what the second sync covered').toEqual([4, 2])
    expect(target.held.toSorted()).toEqual([2, 5])
    expect(durability.slotFor()).not.toBe(slot)
    durability.reachedNewest()
    expect([durability.durable, durability.durableBase]).toEqual([5, 5])
    expect(target.held).toEqual([5, 5])
  })

  it('never answers with the slot or the region of the durable commit nor with those of the one whose sync runs', async () => {
    const target = new Target()
    // After a close a checkpoint may stand in another slot than its region.
    const durability = new Durability(target, 1, 0, 2, 1)
    const second = durability.slotFor()
    const secondRegion = durability.regionFor()
    expect(secondRegion).not.toBe(2)
    durability.publishedCheckpoint(2, second, secondRegion)
    durability.start()
    for (let transaction = 3; transaction < 20; transaction++) {
      const slot = durability.slotFor()
      // Slot 0 holds the first commit, which is the durable one until the sync of the second has ended.
      expect([0, second]).not.toContain(slot)
      const region = durability.regionFor()
      expect([2, secondRegion]).not.toContain(region)
      durability.publishedCheckpoint(transaction, slot, region)
    }
    await target.syncs[0].succeed()
    expect(durability.durable).toBe(2)
    expect(durability.slotFor()).toBe(0)
    expect(durability.regionFor()).toBe(2)
  })

  it('resolves those who wait for a commit once a sync that covers it has ended, with one sync for all', async () => {
    const { target, durability, publish } = begun()
    const done: number[] = []
    const wait = (transaction: number) => durability.whenDurable(transaction).then(() => void done.push(transaction))
    publish(2)
    const waits = [wait(2)]
    publish(3)
    publish(4)
    waits.push(wait(3), wait(4))
    expect(target.syncs.length).toBe(1)
    await target.syncs[0].succeed()
    expect(done).toEqual([2])
    expect(target.syncs.length).toBe(2)
    await target.syncs[1].succeed()
    await Promise.all(waits)
    expect(done.toSorted()).toEqual([2, 3, 4])
    expect(target.syncs.length).toBe(2)
    await durability.whenDurable(4)
  })

  it('follows a sync with another one when that was asked for meanwhile', async () => {
    const { target, durability, publish } = begun()
    publish(2)
    durability.start()
    publish(3)
    durability.start()
    expect(target.syncs.length).toBe(1)
    await target.syncs[0].succeed()
    expect(target.syncs.length).toBe(2)
    await target.syncs[1].succeed()
    expect(durability.durable).toBe(3)
  })

  it('follows a sync with a timed one when that was asked for meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { target, durability, publish } = begun()
      publish(2)
      durability.startWithin(50)
      durability.startWithin(50)
      expect(target.syncs.length).toBe(0)
      vi.advanceTimersByTime(50)
      expect(target.syncs.length).toBe(1)
      publish(3)
      durability.startWithin(50)
      await target.syncs[0].succeed()
      vi.advanceTimersByTime(50)
      expect(target.syncs.length).toBe(2)
      await target.syncs[1].succeed()
      expect(durability.durable).toBe(3)
    } finally {
      vi.useRealTimers()
    }
  })

  it('needs no timer any more once everything is on the disk', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { target, durability, publish } = begun()
      publish(2)
      durability.startWithin(50)
      durability.reached(2, 2)
      expect(vi.getTimerCount()).toBe(0)
      durability.start()
      expect(target.syncs.length).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is poisoned by a failed sync: those who wait are told, and nothing can be done any more', async () => {
    const { target, durability, publish } = begun()
    publish(2)
    const waiting = durability.whenDurable(2)
    const told = expect(waiting).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED', cause: { code: 'EIO' } })
    await target.syncs[0].fail()
    await told
    expect(durability.failed).toBe(true)
    expect(() => durability.assertUsable()).toThrow(expect.objectContaining({ code: 'COPPICE_SYNC_FAILED' }))
    await expect(durability.whenDurable(2)).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED' })
    durability.start()
    expect(target.syncs.length).toBe(1)
    expect(target.held.toSorted()).toEqual([1, 2])
  })

  it('is poisoned by a failed background sync also when a later one has succeeded: the system tells of a lost write once', async () => {
    const { target, durability, publish } = begun()
    publish(2)
    durability.start()
    publish(3)
    durability.reached(3, 3)
    await target.syncs[0].fail()
    expect(durability.failed).toBe(true)
  })
})
