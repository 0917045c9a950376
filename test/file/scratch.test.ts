import fs from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import type { ScratchFile, StoreFile } from '../../src/file/file.js'
import { native } from '../../src/file/native.js'
import { codeOf } from '../helpers.js'
import { closing, pattern, restoring, temporaryFolder } from './layers.js'

function newFile(): { file: StoreFile; folder: string } {
  const folder = temporaryFolder()
  const path = join(folder, 'store')
  createFile(path, [])
  return { file: closing(openFile(path, { readOnly: false, mapper: undefined, lock: native() !== undefined })), folder }
}

function scratchOf(file: StoreFile): ScratchFile {
  const scratch = file.scratch?.()
  if (scratch === undefined) throw new Error('there is no scratch file')
  return scratch
}

it('a scratch file has no name, and keeps what is written to it, wherever that is', () => {
  const { file, folder } = newFile()
  const scratch = scratchOf(file)
  expect(fs.readdirSync(folder)).toEqual(['store'])
  scratch.write(pattern(5000), 0)
  scratch.write(pattern(300), 100_000)
  const read = new Uint8Array(200)
  scratch.read(read, 4800)
  expect(read).toEqual(pattern(5000).subarray(4800))
  scratch.read(read, 100_050)
  expect(read).toEqual(pattern(300).subarray(50, 250))
  expect(file.size()).toBe(0)
  scratch.close()
})

it('two scratch files of one store are two', () => {
  const { file } = newFile()
  const [one, other] = [scratchOf(file), scratchOf(file)]
  one.write(Uint8Array.of(1), 0)
  other.write(Uint8Array.of(2), 0)
  const read = new Uint8Array(1)
  one.read(read, 0)
  expect(read[0]).toBe(1)
  one.close()
  other.close()
})

it('a scratch file that ends before what is asked for says so, and a closed one takes nothing', () => {
  const { file } = newFile()
  const scratch = scratchOf(file)
  scratch.write(new Uint8Array(10), 0)
  expect(codeOf(() => scratch.read(new Uint8Array(11), 0))).toBe('EIO')
  scratch.close()
  scratch.close()
  expect(codeOf(() => scratch.read(new Uint8Array(1), 0))).toBe('EBADF')
  expect(codeOf(() => scratch.write(new Uint8Array(1), 0))).toBe('EBADF')
})

/** Makes the system know of no files without a name, as some filesystems do not. */
function refuseUnnamed(): void {
  const real = fs.openSync
  restoring(vi.spyOn(fs, 'openSync')).mockImplementation((path, flags, mode) => {
    if (typeof flags === 'number' && (flags & fs.constants.O_DIRECTORY) !== 0) throw Object.assign(new Error('refused'), { code: 'EOPNOTSUPP' })
    return real(path, flags, mode)
  })
}

it('a scratch file loses its name at once where the filesystem has no others', () => {
  const { file, folder } = newFile()
  refuseUnnamed()
  const scratch = scratchOf(file)
  expect(fs.readdirSync(folder)).toEqual(['store'])
  scratch.write(pattern(100), 0)
  const read = new Uint8Array(100)
  scratch.read(read, 0)
  expect(read).toEqual(pattern(100))
  scratch.close()
})

it('a scratch file knows the room of its disk, and gives its own back', () => {
  const { file } = newFile()
  const scratch = scratchOf(file)
  expect(scratch.room()).toBeGreaterThan(0)
  scratch.write(pattern(5000), 0)
  scratch.empty()
  expect(codeOf(() => scratch.read(new Uint8Array(1), 0))).toBe('EIO')
  scratch.close()
})

it.runIf(process.platform === 'linux')('a scratch file stands beside the store, wherever that is by now', () => {
  const { file, folder } = newFile()
  const other = temporaryFolder()
  fs.renameSync(join(folder, 'store'), join(other, 'moved'))
  fs.writeFileSync(join(folder, 'store'), 'of somebody else')
  const opened = restoring(vi.spyOn(fs, 'openSync'))
  scratchOf(file).close()
  expect(opened.mock.calls.map(([path]) => path)).toEqual([other])
})

it('where no scratch file can be made there is none, and no descriptor is left open', () => {
  const { file } = newFile()
  refuseUnnamed()
  const closed = restoring(vi.spyOn(fs, 'closeSync'))
  restoring(vi.spyOn(fs, 'unlinkSync')).mockImplementation(() => {
    throw Object.assign(new Error('refused'), { code: 'EPERM' })
  })
  expect(file.scratch?.()).toBeUndefined()
  expect(closed).toHaveBeenCalledTimes(1)
})

it('a scratch file that came to another disk is not taken', () => {
  const { file } = newFile()
  const real = fs.fstatSync
  let device = 0
  restoring(vi.spyOn(fs, 'fstatSync')).mockImplementation(((descriptor: number) => Object.assign(real(descriptor), { dev: device++ })) as typeof fs.fstatSync)
  const closed = restoring(vi.spyOn(fs, 'closeSync'))
  expect(file.scratch?.()).toBeUndefined()
  expect(closed).toHaveBeenCalledTimes(1)
})
