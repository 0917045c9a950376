import { describe, expect, it } from 'vitest'
import { leaveSlab, takeSlab } from '../../src/pager/slabs.js'

const LARGE = 16 * 2 ** 20

describe('large slabs', () => {
  it('are memory that V8 does not count as in use', () => {
    const before = process.memoryUsage().external
    const slab = takeSlab(LARGE)
    expect(slab.byteLength).toBe(LARGE)
    expect(process.memoryUsage().external - before).toBeLessThan(LARGE)
  })

  it('are used again by one pool at a time', () => {
    const slab = takeSlab(LARGE)
    leaveSlab(slab)
    expect(takeSlab(LARGE)).toBe(slab)
    expect(takeSlab(LARGE)).not.toBe(slab)
  })

  it('are used again all where several pools have come to their end, so that the memory does not grow with each turn', () => {
    const slabs = [takeSlab(LARGE), takeSlab(LARGE), takeSlab(LARGE)]
    slabs.forEach(leaveSlab)
    const again = new Set([takeSlab(LARGE), takeSlab(LARGE), takeSlab(LARGE)])
    expect(slabs.every((slab) => again.has(slab))).toBe(true)
    expect(again.has(takeSlab(LARGE))).toBe(false)
  })

  it('are used again for the same length only', () => {
    leaveSlab(takeSlab(LARGE))
    expect(takeSlab(2 * LARGE).byteLength).toBe(2 * LARGE)
  })
})

describe('small slabs', () => {
  it('are new each time', () => {
    const slab = takeSlab(4096)
    leaveSlab(slab)
    expect(takeSlab(4096)).not.toBe(slab)
    expect(slab).toBeInstanceOf(ArrayBuffer)
  })
})
