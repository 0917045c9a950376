/** Who reads a store whose pages wait for a checkpoint: sees its commit, writes nothing, and finds room in the pool. */
import { describe, expect, it } from 'vitest'
import type { OpenOptions } from '../../src/index.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../faulty-file.js'
import { assertSound, codeOf } from '../helpers.js'
import { lazy } from './journal-bench.js'

const SMALL_POOL = 2 * 2 ** 20
const key = (i: number): string => `m ${String(i).padStart(6, '0')}`

/** A store of this many entries of 900 bytes without a map, in a small pool, that has a journal. */
function unmapped(entries: number, options: OpenOptions<string, string> = {}) {
  const file = new FaultyFile(fileOf(emptyImage()), false)
  const { db, store } = openOn<string, string>(file, { poolSize: SMALL_POOL, ...options }, 3)
  db.load(Array.from({ length: entries }, (_, i) => [key(i), 'm'.repeat(900)] as const))
  db.put('n', '0')
  return { file, db, store }
}

describe('reading', () => {
  it('writes no page that waits, not where the pool is small nor where the disk takes no writes any more', () => {
    const { file, db, store } = unmapped(8000)
    for (let i = 0; i < 20; i++) db.put(key(i * 100), 'x')
    expect(store.pager.pool.dirtyCount).toBeGreaterThan(0)
    const { write } = file.calls
    expect([...db.keys()].length).toBe(8001)
    expect(file.calls.write).toBe(write)
    file.fault = (call) => (call === 'write' || call === 'sync' ? { code: 'EIO' } : undefined)
    expect(codeOf(() => db.put('n', '1'))).toBeOneOf(['COPPICE_SYNC_FAILED', 'COPPICE_IO'])
    expect([...db.keys()].length).toBe(8001)
    expect(db.get('n')).toBe('0')
  })

  it('of a store with records finds all changed pages room in memory, however small the pool was that wrote them', () => {
    const { file, db } = unmapped(24_000, lazy)
    for (let round = 0; round < 25; round++) {
      db.batch(Array.from({ length: 150 }, (_, j) => ({ type: 'delete', key: key((round * 150 + j) * 6) })))
      db.count()
      // A transaction that is larger than the pool, and comes to nothing, has pages written that wait.
      if (round % 5 === 4) {
        const tx = db.begin()
        for (let i = 0; i < 2400; i++) tx.put(key(i * 10 + 1), 'y')
        tx.rollback()
      }
    }
    const copy = new FaultyFile(fileOf(imageOf(file.inner)), false)
    Object.defineProperty(copy, 'readOnly', { value: true })
    const { db: reader } = openOn<string, string>(copy, { poolSize: SMALL_POOL })
    expect(reader.count()).toBe(db.count())
    assertSound(reader)
    expect(copy.calls.write).toBe(0)
  })

  it.each([20, 300])('by an encoding that changes the store while it decodes gives the value of its commit, of %d bytes', (length) => {
    const state: { inside: (() => void) | undefined } = { inside: undefined }
    const { db, store } = openOn<string, string>(new FaultyFile(fileOf(emptyImage())), {
      valueEncoding: {
        name: 'meddling',
        encode: (value: string) => Buffer.from(value),
        encodeInto: (value: string, target: Uint8Array) => {
          const bytes = Buffer.from(value)
          if (bytes.length <= target.length) target.set(bytes)
          return bytes.length
        },
        decode: (source: Uint8Array, start = 0, end = source.length) => {
          const { inside } = state
          state.inside = undefined
          inside?.()
          return Buffer.from(source.subarray(start, end)).toString()
        },
      } as never,
    }, 3)
    const old = 'w'.repeat(length)
    db.batch(Array.from({ length: 40 }, (_, i) => ({ type: 'put', key: key(i), value: 'v'.repeat(length) })))
    db.put(key(5), old)
    while (store.pager.pool.dirtyCount > 0 || store.newest.base !== store.newest.meta.transaction) db.put(key(5), old)
    const meddle = (how: () => void): void => { state.inside = how }
    const snapshot = db.snapshot()
    meddle(() => db.put(key(5), 'X'.repeat(length)))
    expect(db.get(key(5))).toBe(old)
    meddle(() => db.deleteRange({ lt: key(5) }))
    expect(snapshot.get(key(5))).toBe(old)
    const cursor = snapshot.cursor()
    cursor.seek(key(5))
    meddle(() => db.put(key(6), 'Y'.repeat(length)))
    expect(cursor.value).toBe(old)
    expect(db.get(key(5))).toBe('X'.repeat(length))
  })
})
