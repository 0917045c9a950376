import { expect, it } from 'vitest'
import type { DiskEvent } from '../../src/crash/disk.js'
import { Disk, Platter, WHOLE } from '../../src/crash/disk.js'
import { fileFrom, SimulatedFile } from '../../src/crash/file.js'
import { emptyImage, fileOf, openOn } from '../../test/faulty-file.js'

const STORE = 0

/** A lazy store on a disk of its own, every commit a checkpoint, and the disk as what has happened has left it. */
function lazyStore() {
  const image = emptyImage()
  const log: DiskEvent[] = []
  const { db } = openOn(new SimulatedFile(fileOf(image), log, STORE), { durability: 'lazy', syncInterval: 1e6 }, Infinity)
  const disk = (): Disk => {
    const disk = new Disk(Platter.holding(STORE, image))
    for (const event of log) disk.pass(event)
    return disk
  }
  const bulk = (name: string) => db.transaction((tx) => {
    for (let i = 0; i < 17; i++) tx.put(`${name} ${i}`, 'b'.repeat(4 * 2 ** 20))
  })
  return { db, disk, bulk }
}

it('a bulk commit whose meta page is not synced yet keeps its pages until it is, as recovery takes it without a look', () => {
  const { db, disk, bulk } = lazyStore()
  db.put('first', 'write')
  db.sync()
  bulk('bulk')
  const before = JSON.stringify([...db.entries()])
  const bulkMeta = disk().pending.length - 1
  for (let i = 0; i < 6; i++) db.put('small', `value ${i}`)
  const crashed = disk()
  // Of the small commits no meta page reached the disk, but their other pages did.
  const lost = crashed.pending.map((change, i) => change.type === 'write' && change.position < 3 * 4096 && i !== bulkMeta)
  const after = openOn(fileFrom(crashed.crashed((i) => (lost[i] ? 0 : WHOLE)), STORE)).db
  expect(after.check().errors).toEqual([])
  expect(JSON.stringify([...after.entries()])).toBe(before)
})

it('the sync inside a bulk commit counts for the commits before it, whose meta pages are not overwritten from then on', () => {
  const { db, disk, bulk } = lazyStore()
  db.put('first', 'write')
  bulk('bulk')
  for (let i = 0; i < 3; i++) db.put('small', `value ${i}`)
  // Nothing that was written after that sync has reached the disk but the newest meta page.
  const crashed = disk()
  const after = openOn(fileFrom(crashed.crashed((i) => (i === crashed.pending.length - 1 ? WHOLE : 0)), STORE)).db
  expect([...after.entries()]).toEqual([['first', 'write']])
})
