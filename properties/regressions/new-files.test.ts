/** What system calls that fail, and others at the same path, once did to files that were being made. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { native } from '../../src/file/native.js'
import { open } from '../../src/index.js'
import { systemError } from '../../src/file/transfer.js'
import { codeOf, codeOfAsync, diskStore, temporaryFolder } from '../../test/helpers.js'

const lock = native() !== undefined
const COPIES = ['backup', 'compactTo'] as const

afterEach(() => void vi.restoreAllMocks())

/** Whether the descriptor is that of the folder. */
function isFolder(descriptor: number): boolean {
  return fs.fstatSync(descriptor).isDirectory()
}

it.each(COPIES)('%s replaces no store that was made there while it ran', async (copy) => {
  const db = diskStore({ lock })
  const path = join(temporaryFolder(), 'copy')
  const real = fs.linkSync
  vi.spyOn(fs, 'linkSync').mockImplementation((from, to) => {
    if (to === path) fs.writeFileSync(path, 'theirs')
    real(from, to)
  })
  expect(await codeOfAsync(async () => db[copy](path))).toBe('COPPICE_EXISTS')
  expect(fs.readFileSync(path, 'utf8')).toBe('theirs')
  expect(fs.readdirSync(dirname(path))).toEqual(['copy'])
})

it.skipIf(!lock).each(COPIES)('%s whose folder cannot be synced leaves no copy, and says so with a code', async (copy) => {
  const db = diskStore()
  const path = join(temporaryFolder(), 'copy')
  const real = fs.fsyncSync
  vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
    if (fs.existsSync(path) && isFolder(descriptor)) throw systemError('EIO', 'made to fail')
    real(descriptor)
  })
  expect(await codeOfAsync(async () => db[copy](path))).toBe('COPPICE_IO')
  expect(fs.readdirSync(dirname(path))).toEqual([])
})

it('whoever opens a store for writing has its name on the disk, though its maker may not have come so far', () => {
  const path = join(temporaryFolder(), 'store')
  open(path, { lock }).close()
  const synced = vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => expect(isFolder(descriptor)).toBe(true))
  open(path, { lock }).close()
  expect(synced).toHaveBeenCalledTimes(1)
  open(path, { lock, readOnly: true }).close()
  expect(synced).toHaveBeenCalledTimes(1)
})

it.skipIf(process.platform !== 'linux' || !lock)('a temporary file that cannot be removed at first, and a close that fails, leave nothing behind', () => {
  const folder = temporaryFolder()
  const before = fs.readdirSync('/proc/self/fd').length
  vi.spyOn(fs, 'rmSync').mockImplementationOnce(() => {
    throw systemError('EIO', 'made to fail')
  })
  expect(codeOf(() => open(join(folder, 'store')))).toBe('COPPICE_IO')
  expect(fs.readdirSync(folder)).toEqual([])
  const real = fs.closeSync
  vi.spyOn(fs, 'closeSync').mockImplementation((descriptor) => {
    real(descriptor)
    throw systemError('EIO', 'made to fail')
  })
  open(join(folder, 'store')).close()
  vi.restoreAllMocks()
  expect(fs.readdirSync('/proc/self/fd').length).toBe(before)
})
