import { expect, it } from 'vitest'
import { Pool } from '../../src/pager/pool.js'

it('a pool whose pages have all been touched since the last one came still finds frames to free', () => {
  const capacity = 512
  const pool: Pool = new Pool([], capacity, (frames) => frames.forEach((frame) => pool.release(frame)))
  for (let page = 1; page <= capacity; page++) pool.acquire(page, true)
  for (let frame = 0; frame < capacity; frame++) pool.touch(frame)
  const last = pool.acquire(capacity + 1, true)
  expect(pool.pageOf(last)).toBe(capacity + 1)
})

it('a pool frees none of the frames touched last', () => {
  const capacity = 512
  const pool: Pool = new Pool([], capacity, (frames) => frames.forEach((frame) => pool.release(frame)))
  for (let page = 1; page <= capacity; page++) pool.acquire(page, true)
  const kept = Array.from({ length: 100 }, (_, i) => (i * 5) % capacity)
  const pages = kept.map((frame) => pool.pageOf(frame))
  for (const frame of kept) pool.touch(frame)
  pool.acquire(capacity + 1, true)
  expect(kept.map((frame) => pool.pageOf(frame))).toEqual(pages)
})
