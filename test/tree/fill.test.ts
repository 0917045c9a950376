import { describe, expect, it } from 'vitest'
import { assertSound, byteStore, padded, randomBytes, seeded, shuffled, textStore } from '../helpers.js'

/** Keys of 33 random bytes, so that nothing but their first bytes is common. */
function randomKeys(count: number, seed: number): Uint8Array[] {
  const random = seeded(seed)
  return Array.from({ length: count }, () => randomBytes(random, 33))
}

describe('leaves', () => {
  for (const length of [8, 100, 750]) {
    const count = length === 750 ? 5000 : 12_000
    const value = new Uint8Array(length).fill(1)

    it(`are at least 95 % full after a load and after ascending puts of ${length} bytes`, () => {
      const keys = randomKeys(count, length).sort(Buffer.compare)
      const loaded = byteStore()
      loaded.load(keys.map((key) => [key, value] as [Uint8Array, Uint8Array]))
      expect(loaded.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.95)
      const put = byteStore()
      put.transaction((tx) => keys.forEach((key) => tx.put(key, value)))
      expect(put.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.95)
      assertSound(loaded)
      assertSound(put)
    })

    it(`are at least 80 % full after puts of ${length} bytes in random order`, () => {
      const db = byteStore()
      db.transaction((tx) => randomKeys(count, length).forEach((key) => tx.put(key, value)))
      expect(db.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.8)
      assertSound(db)
    })
  }

  it('are at least 95 % full after ascending puts in many small transactions', () => {
    const db = textStore({ durability: 'lazy' })
    for (let i = 0; i < 3000; i++) db.put(padded(i), 'v'.repeat(80))
    expect(db.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.95)
    assertSound(db)
  })

  it('are at least 95 % full after several ascending runs side by side', () => {
    const db = textStore()
    for (const run of ['m', 'c', 'x']) db.transaction((tx) => { for (let i = 0; i < 5000; i++) tx.put(`${run}-${padded(i)}`, 'v'.repeat(80)) })
    expect(db.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.95)
    assertSound(db)
  })

  it('stay in use where short and long values come in random order', () => {
    const db = textStore()
    const random = seeded(6)
    const keys = shuffled(Array.from({ length: 12_000 }, (_, i) => padded(i)), random)
    db.transaction((tx) => keys.forEach((key) => tx.put(key, 'v'.repeat(random() < 0.2 ? 1500 : random() * 60))))
    expect(db.stats().trees[0].leafFill).toBeGreaterThanOrEqual(0.75)
    assertSound(db)
  })
})
