import { expect, it } from 'vitest'
import { Core } from '../../src/core.js'
import { Database } from '../../src/database.js'
import { resolveOptions } from '../../src/options.js'
import { Pool } from '../../src/pager/pool.js'
import { Store } from '../../src/pager/store.js'
import { emptyImage, FaultyFile, fileOf } from '../../test/faulty-file.js'
import { padded } from '../../test/helpers.js'

it('a pool whose pages have all been touched since the last one came still finds frames to free', () => {
  const capacity = 512
  const pool: Pool = new Pool([], capacity, (frames) => frames.forEach((frame) => pool.release(frame)))
  pool.keepsDirty = false
  for (let page = 1; page <= capacity; page++) pool.acquire(page, true)
  for (let frame = 0; frame < capacity; frame++) pool.touch(frame)
  const last = pool.acquire(capacity + 1, true)
  expect(pool.pageOf(last)).toBe(capacity + 1)
})

it('a pool frees none of the frames touched last', () => {
  const capacity = 512
  const pool: Pool = new Pool([], capacity, (frames) => frames.forEach((frame) => pool.release(frame)))
  pool.keepsDirty = false
  for (let page = 1; page <= capacity; page++) pool.acquire(page, true)
  const kept = Array.from({ length: 100 }, (_, i) => (i * 5) % capacity)
  const pages = kept.map((frame) => pool.pageOf(frame))
  for (const frame of kept) pool.touch(frame)
  pool.acquire(capacity + 1, true)
  expect(kept.map((frame) => pool.pageOf(frame))).toEqual(pages)
})

it('an iterator in the middle of a leaf reads on there when the pool has moved the page', () => {
  const store = new Store(new FaultyFile(fileOf(emptyImage()), false), 192, 1e9)
  const settings = resolveOptions<string, string>({ valueEncoding: 'binary' })
  const db = new Database<string, string>(new Core(store, settings), settings)
  for (let i = 0; i < 40; i++) db.put(`small ${padded(i)}`, Buffer.alloc(8, i) as never)
  db.load(Array.from({ length: 3000 }, (_, i) => [`x ${padded(i)}`, Buffer.alloc(1500) as never]))
  for (const reverse of [false, true]) {
    const seen: number[] = []
    for (const value of db.values({ lt: 'x', reverse })) {
      seen.push((value as unknown as Buffer)[0])
      // Enough pages come by to push every other one out.
      if (seen.length % 10 === 5) for (const other of db.keys({ gte: 'x', offset: (seen.length * 31) % 1000 })) if (other.endsWith('50')) continue
    }
    expect(reverse ? seen.reverse() : seen).toEqual(Array.from({ length: 40 }, (_, i) => i))
  }
})
