import fs from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createFile } from '../../src/file/create.js'
import type { DiskFile } from '../../src/file/disk.js'
import { openFile } from '../../src/file/disk.js'
import { native } from '../../src/file/native.js'
import { closing, PAGE, pattern, restoring, temporaryFolder } from './layers.js'

function newFile(): DiskFile {
  const path = join(temporaryFolder(), 'store')
  createFile(path, [])
  return closing(openFile(path, { readOnly: false, mapper: undefined, lock: native() !== undefined }))
}

/** Notes the descriptors that are synced in the background; `ended` waits for all. */
function watchSyncs(): { synced: number[]; ended: () => Promise<unknown> } {
  const real = fs.fdatasync
  const synced: number[] = []
  const ends: Promise<void>[] = []
  restoring(vi.spyOn(fs, 'fdatasync')).mockImplementation(((descriptor: number, done: (error: Error | null) => void) => {
    synced.push(descriptor)
    ends.push(new Promise((resolve) => real(descriptor, (error) => {
      done(error)
      resolve()
    })))
  }) as typeof fs.fdatasync)
  return { synced, ended: () => Promise.all(ends) }
}

const onLinux = process.platform === 'linux'

it('a file lets the disk begin through a descriptor of its own, where Linux tells each of a page that was not written, and closes it', async () => {
  const file = newFile()
  file.write([pattern(PAGE)], 0)
  const { synced, ended } = watchSyncs()
  const closed = restoring(vi.spyOn(fs, 'closeSync'))
  await file.syncAsync()
  file.syncAhead()
  file.close()
  expect(closed).toHaveBeenCalledTimes(onLinux ? 0 : 2)
  await ended()
  const [background, ...ahead] = synced
  expect(ahead).toHaveLength(onLinux ? 1 : 0)
  expect(ahead).not.toContain(background)
  const all = closed.mock.calls.map(([descriptor]) => descriptor)
  expect(all).toHaveLength(2 + ahead.length)
  expect(new Set(all).size).toBe(all.length)
  expect(all).toEqual(expect.arrayContaining(synced))
})

it('a file that lets the disk begin again and again takes one descriptor for it, and few syncs wait at a time', async () => {
  const file = newFile()
  const { synced, ended } = watchSyncs()
  const opened = restoring(vi.spyOn(fs, 'openSync'))
  for (let i = 0; i < 100; i++) file.syncAhead()
  expect(synced).toHaveLength(onLinux ? 6 : 0)
  await ended()
  file.syncAhead()
  expect(synced).toHaveLength(onLinux ? 7 : 0)
  expect(opened).toHaveBeenCalledTimes(onLinux ? 1 : 0)
  file.close()
  await ended()
  expect(() => file.syncAhead()).toThrow('closed')
})

it('a file does without asking the disk to begin where there are no more descriptors', () => {
  const file = newFile()
  restoring(vi.spyOn(fs, 'openSync')).mockImplementation(() => {
    throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
  })
  const syncs = restoring(vi.spyOn(fs, 'fdatasync'))
  file.syncAhead()
  expect(syncs).not.toHaveBeenCalled()
})
