/** What single operations cost on a large tree, counted in pages and system calls rather than in time. */
import fs from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../src/index.js'
import { Pager } from '../../src/pager/pager.js'
import { assertSound, diskStore, padded, seeded } from '../helpers.js'

const COUNT = 120_000

afterEach(() => {
  vi.restoreAllMocks()
})

function* entries(): Generator<[string, Uint8Array]> {
  const value = new Uint8Array(16)
  for (let i = 0; i < COUNT; i++) yield [padded(2 * i), value]
}

function large(): Database<string, Uint8Array> {
  const db = diskStore()
  db.load(entries())
  return db
}

/** Pages that a call looks up, or reads. */
function pagesLookedAt(call: () => unknown): number {
  const locate = vi.spyOn(Pager.prototype, 'locate')
  try {
    call()
    return locate.mock.calls.length
  } finally {
    locate.mockRestore()
  }
}

/** Counts the bytes written to files, and the syncs. */
function watchWrites(): { bytes: () => number; syncs: () => number } {
  const single = vi.spyOn(fs, 'writeSync')
  const several = vi.spyOn(fs, 'writevSync')
  const now = vi.spyOn(fs, 'fdatasyncSync')
  const background = vi.spyOn(fs, 'fdatasync')
  const sum = (results: { value: unknown }[]) => results.reduce((total, { value }) => total + (value as number), 0)
  return {
    bytes: () => sum(single.mock.results) + sum(several.mock.results),
    syncs: () => now.mock.calls.length + background.mock.calls.length,
  }
}

describe('on a large tree', () => {
  it('a look-up goes down one path; count, at, rank and an offset down two at most', () => {
    const db = large()
    const { depth } = db.stats().trees[0]
    expect(depth).toBeGreaterThanOrEqual(3)
    const random = seeded(1)
    for (let i = 0; i < 200; i++) {
      const a = Math.floor(random() * COUNT)
      const b = a + Math.floor(random() * (COUNT - a))
      expect(pagesLookedAt(() => db.get(padded(2 * a)))).toBeLessThanOrEqual(depth)
      expect(pagesLookedAt(() => db.has(padded(2 * a + 1)))).toBeLessThanOrEqual(depth)
      const calls: [() => unknown, unknown][] = [
        [() => db.count({ gte: padded(2 * a), lt: padded(2 * b) }), b - a],
        [() => db.at(a)?.[0], padded(2 * a)],
        [() => db.at(-1 - a)?.[0], padded(2 * (COUNT - 1 - a))],
        [() => db.rank(padded(2 * a + 1)), a + 1],
        [() => db.keys({ gte: padded(2 * a), offset: b - a }).next().value, b < COUNT ? padded(2 * b) : undefined],
        [() => db.keys({ lte: padded(2 * b), reverse: true, offset: b - a }).next().value, padded(2 * a)],
      ]
      for (const [call, answer] of calls) {
        let answered: unknown
        expect(pagesLookedAt(() => { answered = call() }), String(call)).toBeLessThanOrEqual(2 * depth)
        expect(answered, String(call)).toBe(answer)
      }
    }
    expect(pagesLookedAt(() => expect(db.count()).toBe(COUNT))).toBe(0)
    expect(pagesLookedAt(() => expect(db.count({ prefix: '0001' })).toBe(5000))).toBeLessThanOrEqual(2 * depth)
  })

  it('deleting a range looks at its two edges and at the branches, and reads no leaf in between', () => {
    const db = large()
    const { leafPages, branchPages, depth } = db.stats().trees[0]
    const looked = pagesLookedAt(() => expect(db.deleteRange({ gte: padded(2000), lt: padded(2 * COUNT - 2000) })).toBe(COUNT - 2000))
    expect(looked).toBeLessThanOrEqual(branchPages + 20 * depth)
    expect(looked).toBeLessThan(leafPages / 10)
    expect(db.count()).toBe(2000)
    assertSound(db)
  })

  it('a durable put syncs once and writes one page of the journal, and a thousand of them a few checkpoints besides', () => {
    const db = large()
    const random = seeded(2)
    const { depth } = db.stats().trees[0]
    for (let i = 0; i < 20; i++) db.put(padded(2 * Math.floor(random() * COUNT)), new Uint8Array(16).fill(1))
    const writes = watchWrites()
    let exact = 0
    for (let i = 0; i < 1000; i++) {
      const before = writes.bytes()
      db.put(padded(2 * Math.floor(random() * COUNT)), new Uint8Array(16).fill(i))
      if (writes.bytes() - before === 4096) exact++
    }
    // When the journal is full a checkpoint follows, and the put after that names it durable in a second meta page.
    const checkpoints = Math.ceil(1000 / (db.stats().pages.journal / 3))
    expect(exact).toBeGreaterThanOrEqual(1000 - 2 * (checkpoints + 1))
    expect(writes.syncs()).toBe(1000)
    // A checkpoint writes each changed page once, at most the path of each put, and a second meta page; the file grows by regions of 256 pages.
    expect(writes.bytes() / 4096).toBeLessThan(1000 * (depth + 1) * 0.75)
    vi.restoreAllMocks()
    assertSound(db)
  })

  it('a thousand durable puts of new keys write less than their paths', () => {
    const db = large()
    const random = seeded(3)
    const { depth } = db.stats().trees[0]
    db.put('first', new Uint8Array(16))
    const writes = watchWrites()
    for (let i = 0; i < 1000; i++) db.put(padded(2 * Math.floor(random() * COUNT) + 1), new Uint8Array(16))
    expect(writes.syncs()).toBe(1000)
    // Some of them split a page that the load has left full.
    expect(writes.bytes() / 4096).toBeLessThan(1000 * (depth + 1))
    vi.restoreAllMocks()
    assertSound(db)
  })

  it('a put of a value that is deleted again leaves as many pages as there were', () => {
    const db = large()
    const before = db.stats().pages
    for (let i = 0; i < 50; i++) {
      db.put('new', new Uint8Array(10_000))
      db.delete('new')
    }
    const after = db.stats().pages
    expect([after.leaf, after.branch, after.overflow]).toEqual([before.leaf, before.branch, before.overflow])
    // A region for leaves and one for branches.
    expect(after.total - before.total).toBeLessThan(50 + 2 * 256)
  })
})
