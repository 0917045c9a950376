import { expect, it } from 'vitest'
import type { DiskEvent } from '../../src/crash/disk.js'
import { Disk, Platter, WHOLE } from '../../src/crash/disk.js'
import { fileFrom, SimulatedFile } from '../../src/crash/file.js'
import { emptyImage, openOn } from '../../test/faulty-file.js'

const STORE = 0
const FIRST_HALF = 0x0f
const SECOND_HALF = 0xf0

/** Puts the same entry into the store on this disk, and answers what is on the disk when the machine crashes before the first sync of the commit ends. */
function putAndCrash(platter: Platter, keep: (page: number) => number): Platter {
  const log: DiskEvent[] = []
  const { db } = openOn(new SimulatedFile(fileFrom(platter, STORE), log, STORE))
  expect(db.get('key')).toBeUndefined()
  db.sync()
  const opened = log.length
  db.put('key', 'value '.repeat(300))
  const disk = new Disk(platter)
  for (const event of log.slice(0, opened)) disk.pass(event)
  for (const event of log.slice(opened)) if (event.type === 'write' || event.type === 'length') disk.pass(event)
  return disk.crashed((i) => {
    const change = disk.pending[i]
    return change.type === 'write' ? keep(change.position / 4096) : WHOLE
  })
}

it('a commit that recovery has passed over does not come back when the part of the page that it lacked is written again', () => {
  const first = putAndCrash(Platter.holding(STORE, emptyImage()), (page) => (page === 3 ? FIRST_HALF : WHOLE))
  // Header and checksum of the new page are in its first half; the second is the very one that was missing.
  const second = putAndCrash(first, (page) => (page === 3 ? SECOND_HALF : 0))
  const { db } = openOn(new SimulatedFile(fileFrom(second, STORE), [], STORE))
  expect([...db.entries()]).toEqual([])
})
