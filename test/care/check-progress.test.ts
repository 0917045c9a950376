/** `check` tells how far it is. */
import { describe, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { closing, padded } from '../helpers.js'

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

  it('is asked for with a function and nothing else', () => {
    const db = closing(open(':memory:'))
    for (const options of [{ progress: 7 }, { progres: () => undefined }]) {
      expect(() => db.check(options as never)).toThrow(expect.objectContaining({ code: 'COPPICE_INVALID_OPTION' }))
    }
  })
})
