import { describe, expect, it } from 'vitest'
import type { Arena } from '../../src/page/arena.js'
import { PAGE_SIZE } from '../../src/page/layout.js'
import { FRAME_SLOTS, Pool } from '../../src/pager/pool.js'
import { randomFrom } from '../faulty-file.js'

const CAPACITY = 512
/** Frames touched among the last so many are not spilled. */
const RECENT = 128

interface Bench {
  pool: Pool
  arenas: Arena[]
  /** Pages in the order in which they were spilled, dirty ones as negative numbers. */
  spilled: number[]
}

/** A pool whose spilled frames are released at once, as those of a mapped file are. */
function bench(capacity = CAPACITY): Bench {
  const arenas: Arena[] = []
  const spilled: number[] = []
  const pool: Pool = new Pool(arenas, capacity, (frames) => {
    for (const frame of frames) {
      spilled.push(pool.isDirty(frame) ? -pool.pageOf(frame) : pool.pageOf(frame))
      pool.release(frame)
    }
  })
  pool.keepsDirty = false
  return { pool, arenas, spilled }
}

describe('the pool', () => {
  it('gives each page a frame of its own, whose slot and view are the same bytes', () => {
    const { pool, arenas } = bench()
    const slots = new Set<number>()
    for (let page = 10; page < 10 + CAPACITY; page++) {
      const frame = pool.acquire(page, false)
      const slot = pool.slotOf(frame)
      expect(slot).toBeGreaterThanOrEqual(FRAME_SLOTS)
      expect(pool.frameOf(slot)).toBe(frame)
      expect(pool.pageOf(frame)).toBe(page)
      slots.add(slot)
      pool.viewOf(frame)[7] = page & 0xff
      expect(arenas[slot >>> 18].bytes[(slot & 0x3ffff) * PAGE_SIZE + 7]).toBe(page & 0xff)
    }
    expect(slots.size).toBe(CAPACITY)
  })

  it('takes memory only as it is needed, and never more than its capacity', () => {
    const { pool, arenas } = bench(300)
    const bytes = () => arenas.reduce((sum, arena) => sum + arena.bytes.length, 0)
    expect(bytes()).toBe(0)
    pool.acquire(3, false)
    expect(bytes()).toBe(256 * PAGE_SIZE)
    for (let page = 4; page < 2000; page++) pool.acquire(page, false)
    expect(bytes()).toBe(300 * PAGE_SIZE)
  })

  it('counts dirty frames, and names each once', () => {
    const { pool } = bench()
    const frames = [3, 4, 5].map((page) => pool.acquire(page, page !== 4))
    expect(pool.dirtyCount).toBe(2)
    pool.markDirty(frames[1])
    pool.markDirty(frames[1])
    pool.markClean(frames[0])
    pool.markDirty(frames[0])
    expect(pool.dirtyCount).toBe(3)
    expect(pool.dirtyFrames().toSorted((a, b) => a - b)).toEqual(frames.toSorted((a, b) => a - b))
    pool.release(frames[2])
    expect(pool.dirtyFrames().length).toBe(2)
    for (const frame of frames.slice(0, 2)) pool.markClean(frame)
    pool.forgetDirty()
    expect(pool.dirtyCount).toBe(0)
    expect(pool.dirtyFrames()).toEqual([])
  })

  it('does not grow with the number of times that frames become dirty', () => {
    const { pool } = bench()
    const frame = pool.acquire(3, true)
    for (let i = 0; i < 20 * CAPACITY; i++) {
      pool.markClean(frame)
      pool.markDirty(frame)
    }
    expect(pool.dirtyFrames()).toEqual([frame])
  })

  it('spills what was not used lately, and never what was touched among the last ones or is pinned', () => {
    for (let seed = 0; seed < 5; seed++) {
      const random = randomFrom(seed)
      const { pool, spilled } = bench()
      const frames = new Map<number, number>()
      const touched: number[] = []
      const pinned = new Set<number>()
      for (let page = 3; page < 4000; page++) {
        const before = spilled.length
        const frame = pool.acquire(page, random() < 0.5)
        const recent = new Set(touched.slice(-RECENT + 1))
        for (const gone of spilled.slice(before).map(Math.abs)) {
          expect(recent.has(gone), `seed ${seed}: page ${gone} was touched lately`).toBe(false)
          expect(pinned.has(gone), `seed ${seed}: page ${gone} is pinned`).toBe(false)
          frames.delete(gone)
        }
        frames.set(page, frame)
        touched.push(page)
        if (random() < 0.3) {
          const one = [...frames.keys()][Math.floor(random() * frames.size)]
          pool.touch(frames.get(one) ?? 0)
          touched.push(one)
        }
        if (page % 40 === 0 && pinned.size < 60) {
          pool.pin(pool.slotOf(frame))
          pinned.add(page)
        } else if (page % 97 === 0) {
          for (const one of pinned) pool.unpin(pool.slotOf(frames.get(one) ?? 0))
          pinned.clear()
        }
      }
      expect(spilled.length).toBeGreaterThan(1000)
      expect(pool.evictions).toBe(spilled.length)
      expect(frames.size).toBeLessThanOrEqual(CAPACITY)
      for (const [page, frame] of frames) expect(pool.pageOf(frame)).toBe(page)
    }
  })

  it('gives a second chance to what was used since the hand came by', () => {
    const { pool, spilled } = bench()
    const hot = pool.acquire(9999, false)
    for (let page = 3; page < 5000; page++) {
      pool.acquire(page, false)
      if (page % 50 === 0) pool.touch(hot)
    }
    expect(spilled).not.toContain(9999)
    expect(pool.pageOf(hot)).toBe(9999)
  })

  it('a pin ends with the page, and unpinning what is not pinned does nothing', () => {
    const { pool, spilled } = bench()
    const frame = pool.acquire(3, false)
    pool.pin(pool.slotOf(frame))
    pool.release(frame)
    pool.unpin(pool.slotOf(frame))
    for (let page = 10; page < 3000; page++) pool.acquire(page, false)
    expect(pool.pageOf(frame)).not.toBe(3)
    expect(spilled.length).toBeGreaterThan(2000)
  })

  it('keeps everything where spilling fails, and works again afterwards', () => {
    let fail = true
    const pool: Pool = new Pool([], CAPACITY, (frames) => {
      if (fail) throw new Error('no space')
      for (const frame of frames) pool.release(frame)
    })
    pool.keepsDirty = false
    for (let page = 3; page < 3 + CAPACITY; page++) pool.acquire(page, true)
    expect(() => pool.acquire(5000, true)).toThrow('no space')
    expect(pool.dirtyCount).toBe(CAPACITY)
    fail = false
    expect(pool.pageOf(pool.acquire(5000, true))).toBe(5000)
  })
})
