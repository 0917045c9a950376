/** Every page of the store has its block on the disk, a free one too: so it can be written to when the disk is full. */
import { expect, it } from 'vitest'
import { PAGE_SIZE } from '../../src/page/layout.js'
import { MemoryFile } from '../../src/file/memory.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { openOn } from '../faulty-file.js'
import { assertSound, padded, seeded, shuffled } from '../helpers.js'

/** Knows which pages were ever written, as a disk has blocks for these alone. */
class Blocks extends MemoryFile {
  readonly written = new Set<number>()

  override write(sources: readonly Uint8Array[], position: number): void {
    super.write(sources, position)
    const end = sources.reduce((sum, { length }) => sum + length, position)
    for (let page = Math.floor(position / PAGE_SIZE); page * PAGE_SIZE < end; page++) this.written.add(page)
  }
}

it('after small commits, and after bulk transactions that gave pages back or were rolled back', () => {
  const file = new Blocks()
  file.write(newDatabase(), 0)
  const { db } = openOn<string, Uint8Array>(file, { poolSize: 2 ** 21, valueEncoding: 'binary' })
  // Large enough that it grows by more pages than a commit needs.
  db.load(Array.from({ length: 6000 }, (_, i) => [`base ${padded(i)}`, Buffer.alloc(1900)] as const))
  const value = Buffer.alloc(400, 1)
  const keys = shuffled(Array.from({ length: 6000 }, (_, i) => padded(i)), seeded(3))
  for (const last of ['rollback', 'commit', 'rollback', 'commit'] as const) {
    const tx = db.begin()
    for (const key of keys) tx.put(key, value)
    tx.deleteRange({ gte: padded(1000), lt: padded(5000) })
    tx.put('large', Buffer.alloc(300_000, 2))
    tx[last]()
    for (let i = 0; i < 1500; i++) db.put(`${last} ${i}`, Buffer.alloc(1900))
    const { total, free } = db.stats().pages
    expect(free, 'there are free pages').toBeGreaterThan(0)
    expect(Array.from({ length: total }, (_, page) => page).filter((page) => !file.written.has(page)), `after a ${last}`).toEqual([])
    assertSound(db)
  }
})
