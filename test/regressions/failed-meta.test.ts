import { expect, it } from 'vitest'
import { systemError } from '../../src/file/disk.js'
import { CrashFile, emptyImage, fileOf, openOn } from '../faulty-file.js'

/** A disk that takes only the first part of the next meta page, and says that it is full. */
class FullDisk extends CrashFile {
  full = false

  override write(sources: readonly Uint8Array[], position: number): void {
    const meta = this.full && position < 3 * 4096
    this.full &&= !meta
    super.write(meta ? [sources[0].subarray(0, 1024)] : sources, position)
    if (meta) throw systemError('ENOSPC', 'made to fail')
  }
}

it('a commit whose meta page could be written only in part never comes back after a crash', () => {
  const file = new FullDisk(emptyImage())
  const { db } = openOn(file)
  for (let i = 0; i < 4; i++) db.put('key', `value ${i}`)
  file.full = true
  expect(() => db.put('lost', 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_NO_SPACE' }))
  // The disk may have taken any of what was not synced: the part that was written, and not what was put in its place.
  for (let kept = 0; kept <= file.unsynced.length; kept++) {
    const after = openOn(fileOf(file.afterCrash((i) => i < kept))).db
    expect([...after.entries()]).toEqual([['key', 'value 3']])
  }
})
