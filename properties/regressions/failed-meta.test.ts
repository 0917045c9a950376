import { expect, it } from 'vitest'
import type { DiskEvent } from '../../src/crash/disk.js'
import { Disk, Platter, WHOLE } from '../../src/crash/disk.js'
import { fileFrom, SimulatedFile } from '../../src/crash/file.js'
import { systemError } from '../../src/file/transfer.js'
import { emptyImage, fileOf, openOn } from '../../test/faulty-file.js'

const STORE = 0

/** A disk that takes only the first part of the next meta page, and says that it is full. */
class FullDisk extends SimulatedFile {
  full = false

  override write(sources: readonly Uint8Array[], position: number): void {
    const meta = this.full && position < 3 * 4096
    this.full &&= !meta
    super.write(meta ? [sources[0].subarray(0, 1024)] : sources, position)
    if (meta) throw systemError('ENOSPC', 'made to fail')
  }
}

it('a commit whose meta page could be written only in part never comes back after a crash', () => {
  const image = emptyImage()
  const log: DiskEvent[] = []
  const file = new FullDisk(fileOf(image), log, STORE)
  const { db } = openOn(file)
  for (let i = 0; i < 4; i++) db.put('key', `value ${i}`)
  file.full = true
  expect(() => db.put('lost', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
  const disk = new Disk(Platter.holding(STORE, image))
  for (const event of log) disk.pass(event)
  // The disk may have taken any of what was not synced: the part that was written, and not what was put in its place.
  for (let kept = 0; kept <= disk.pending.length; kept++) {
    const after = openOn(fileFrom(disk.crashed((i) => (i < kept ? WHOLE : 0)), STORE)).db
    expect([...after.entries()]).toEqual([['key', 'value 3']])
  }
})
