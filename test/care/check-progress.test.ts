/** `check` tells how far it is. */
import { describe, expect, it } from 'vitest'
import { CoppiceError, open } from '../../src/index.js'
import { closing, diskStore, padded } from '../helpers.js'

describe('the progress of check', () => {
  it('goes up to all pages that trees have, large values and named trees included', () => {
    const db = closing(open(':memory:'))
    db.load(Array.from({ length: 2000 }, (_, i) => [padded(i), Buffer.alloc(100)] as const))
    db.put('large', Buffer.alloc(50_000))
    db.tree('side').put('key', Buffer.alloc(9000))
    db.deleteRange({ gte: padded(100), lt: padded(900) })
    const told: [pages: number, total: number][] = []
    const { ok, pages } = db.check({ progress: (...counts) => void told.push(counts) })
    expect([ok, pages.free > 0]).toEqual([true, true])
    expect(told.every(([count], i) => count > (told[i - 1]?.[0] ?? 0))).toBe(true)
    expect(new Set(told.map(([, total]) => total))).toEqual(new Set([pages.reached]))
    expect(told.at(-1)).toEqual([pages.reached, pages.reached])
  })

  it.each([true, false])('may write to the store, which is checked as it was (mapped: %s)', (mapped) => {
    const db = diskStore(mapped ? { durability: 'lazy' } : { durability: 'lazy', mapper: false, poolSize: 2 ** 21 })
    db.load(Array.from({ length: 20_000 }, (_, i) => [padded(i), Buffer.alloc(100)] as const))
    let writes = 0
    const report = db.check({
      progress: (pages) => {
        if (pages % 20 !== 0) return
        for (let i = 0; i < 20; i++) db.put(padded((7919 * (pages + i)) % 20_000), Buffer.alloc(120, ++writes))
      },
    })
    expect(writes).toBeGreaterThan(400)
    expect([report.errors, report.entries]).toEqual([[], 20_000])
    expect(db.check().errors).toEqual([])
    expect(db.stats().pending.filter(({ awaitsSync }) => !awaitsSync)).toEqual([])
  })

  it('ends the check where it throws or closes the store, with an error of that and no report of damage', () => {
    const db = diskStore()
    db.load(Array.from({ length: 2000 }, (_, i) => [padded(i), Buffer.alloc(100)] as const))
    const mine = new CoppiceError('COPPICE_CORRUPT', 'of another store')
    expect(() => db.check({ progress: () => { throw mine } })).toThrow(mine)
    expect(db.check().ok).toBe(true)
    expect(() => db.check({ progress: () => db.close() })).toThrow(expect.objectContaining({ code: 'COPPICE_CLOSED' }))
  })

  it('is asked for with a function and nothing else', () => {
    const db = closing(open(':memory:'))
    for (const options of [{ progress: 7 }, { progres: () => undefined }]) {
      expect(() => db.check(options as never)).toThrow(expect.objectContaining({ code: 'COPPICE_INVALID_OPTION' }))
    }
  })
})
