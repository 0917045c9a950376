import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { MemoryFile } from '../../src/file/memory.js'
import { SyncAhead } from '../../src/pager/sync-ahead.js'
import { emptyImage, openOn } from '../faulty-file.js'
import { assertSound, randomBytes, seeded } from '../helpers.js'

/** Answers after how many pages the disk was asked to begin, of a transaction that writes so many, some at a time. */
function asked(pages: number, step: number): number[] {
  const at: number[] = []
  let written = 0
  const ahead = new SyncAhead({ syncAhead: () => at.push(written) } as unknown as MemoryFile)
  ahead.restart()
  while (written < pages) {
    written += step
    ahead.wrote(step)
  }
  return at
}

describe('the disk', () => {
  it('is asked to begin with what a large transaction has written, the more seldom the more that is', () => {
    expect(asked(4095, 1)).toEqual([])
    expect(asked(4096, 1)).toEqual([4096])
    expect(asked(30000, 1)).toEqual([4096, 8192, 12288, 18432, 27648])
    expect(asked(2 ** 22, 256).length).toBeLessThan(25)
  })

  it('is asked anew in each transaction', () => {
    let count = 0
    const ahead = new SyncAhead({ syncAhead: () => count++ } as unknown as MemoryFile)
    for (let i = 0; i < 10; i++) {
      ahead.restart()
      ahead.wrote(4000)
    }
    expect(count).toBe(0)
  })

  it('is asked by nobody where the file knows no such thing', () => {
    const ahead = new SyncAhead(new MemoryFile())
    ahead.restart()
    expect(() => ahead.wrote(5000)).not.toThrow()
  })
})

/** Notes when the disk is asked to begin, when something is written, and when it is synced for good. */
class WatchedFile extends MemoryFile {
  readonly events: string[] = []

  syncAhead(): void {
    this.events.push('ahead')
  }

  override sync(): void {
    this.events.push('sync')
    super.sync()
  }
}

describe('a large transaction', () => {
  const value = Buffer.alloc(200, 1)
  const changes: [how: string, change: (db: Database<Uint8Array, Uint8Array>, keys: Uint8Array[]) => unknown][] = [
    ['puts in no order', (db, keys) => db.transaction((tx) => { for (const key of keys) tx.put(key, value) })],
    ['ascending puts', (db, keys) => db.transaction((tx) => { for (const key of keys.sort(Buffer.compare)) tx.put(key, value) })],
    ['a load', (db, keys) => db.load(keys.sort(Buffer.compare).map((key): [Uint8Array, Uint8Array] => [key, value]))],
    ['a value', (db, keys) => db.put(keys[0], Buffer.alloc(20 * 2 ** 20))],
  ]
  for (const [how, change] of changes) {
    it(`lets the disk begin before its sync: ${how}`, () => {
      const file = new WatchedFile()
      file.write([emptyImage()], 0)
      const { db } = openOn<Uint8Array, Uint8Array>(file, { keyEncoding: 'binary', valueEncoding: 'binary' })
      const random = seeded(1)
      const keys = Array.from({ length: 100_000 }, () => randomBytes(random, 16))
      db.put(new Uint8Array(1), value)
      file.events.length = 0
      change(db, keys)
      expect(file.events[0]).toBe('ahead')
      expect(file.events.at(-1)).toBe('sync')
      assertSound(db)
      file.events.length = 0
      for (let i = 1; i <= 20; i++) db.put(keys[i], value)
      expect(file.events).not.toContain('ahead')
      db.close()
    })
  }

  it('counts for itself alone: several that write less one after the other let the disk wait for the sync of each', () => {
    const file = new WatchedFile()
    file.write([emptyImage()], 0)
    const { db } = openOn<string, Uint8Array>(file, { valueEncoding: 'binary' })
    for (let i = 0; i < 4; i++) db.put(`${i}`, Buffer.alloc(10 * 2 ** 20))
    expect(file.events).toContain('sync')
    expect(file.events).not.toContain('ahead')
    db.close()
  })
})
