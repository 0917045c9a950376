/** Opening, creating and writing files on a disk: what happens when something is in the way. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFile } from '../../src/file/create.js'
import { DiskFile, openFile } from '../../src/file/disk.js'
import { WINDOW_SIZE, type Mapper } from '../../src/file/file.js'
import { native } from '../../src/file/native.js'
import { CoppiceError } from '../../src/errors.js'
import { closing, codeOf, failureOf, PAGE, pattern, readBack, restoring, temporaryFolder } from './layers.js'

const lock = native() !== undefined
const onWindows = process.platform === 'win32'

function open(path: string, { readOnly = false, mapper = undefined as Mapper | undefined } = {}): DiskFile {
  return closing(openFile(path, { readOnly, mapper, lock }))
}

function newFile(content: Uint8Array[] = []): string {
  const path = join(temporaryFolder(), 'store')
  createFile(path, content)
  return path
}

/** Runs as a user without rights where the tests run as root, whom no permission binds. */
function asNobody<Result>(action: () => Result): Result {
  if (process.geteuid?.() !== 0) return action()
  process.seteuid?.(65534)
  try {
    return action()
  } finally {
    process.seteuid?.(0)
  }
}

function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').length
}

describe('openFile', () => {
  it('opens what is there, for reading or for both', () => {
    const path = newFile([pattern(PAGE)])
    const reader = open(path, { readOnly: true })
    expect(reader.readOnly).toBe(true)
    expect(reader.path).toBe(path)
    expect(readBack(reader, 0, PAGE)).toEqual(pattern(PAGE))
    expect(codeOf(() => reader.write([pattern(1)], 0))).toBe('EBADF')
    reader.close()
    expect(open(path).readOnly).toBe(false)
  })

  it('answers a missing file with COPPICE_NOT_FOUND and creates none', () => {
    const folder = temporaryFolder()
    expect(codeOf(() => open(join(folder, 'missing')))).toBe('COPPICE_NOT_FOUND')
    expect(codeOf(() => open(join(folder, 'no', 'folder'), { readOnly: true }))).toBe('COPPICE_NOT_FOUND')
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('answers a folder with COPPICE_IS_DIRECTORY', () => {
    const folder = temporaryFolder()
    expect(codeOf(() => open(folder))).toBe('COPPICE_IS_DIRECTORY')
    expect(codeOf(() => open(folder, { readOnly: true }))).toBe('COPPICE_IS_DIRECTORY')
  })

  it.skipIf(onWindows)('answers a file it may not open with COPPICE_PERMISSION', () => {
    const path = newFile([pattern(PAGE)])
    fs.chmodSync(dirname(path), 0o755)
    fs.chmodSync(path, 0o444)
    expect(codeOf(() => asNobody(() => open(path)))).toBe('COPPICE_PERMISSION')
    expect(codeOf(() => asNobody(() => open(path, { readOnly: true })))).toBeUndefined()
    fs.chmodSync(path, 0)
    expect(codeOf(() => asNobody(() => open(path, { readOnly: true })))).toBe('COPPICE_PERMISSION')
  })

  it.skipIf(onWindows)('refuses a pipe, a socket and a device without waiting', async () => {
    const folder = temporaryFolder()
    const pipe = join(folder, 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const socket = net.createServer().listen(join(folder, 'socket'))
    onTestFinished(() => {
      socket.close()
    })
    await once(socket, 'listening')
    for (const path of [pipe, join(folder, 'socket'), '/dev/null']) {
      for (const readOnly of [true, false]) expect([path, codeOf(() => open(path, { readOnly }))]).toEqual([path, 'COPPICE_NOT_A_DATABASE'])
    }
  })

  it.skipIf(process.platform !== 'linux')('leaves no descriptor open when it fails', () => {
    const path = newFile()
    open(path)
    const before = openDescriptors()
    codeOf(() => open(temporaryFolder(), { readOnly: true }))
    codeOf(() => open('/dev/null'))
    if (lock) expect(codeOf(() => open(path))).toBe('COPPICE_LOCKED')
    expect(openDescriptors()).toBe(before)
  })

  it.skipIf(!lock)('opens the file that has taken the place of the first while it was being locked', () => {
    const path = newFile([pattern(10, 1)])
    fs.writeFileSync(`${path}.other`, pattern(20, 2))
    const real = fs.fstatSync
    const stub = restoring(vi.spyOn(fs, 'fstatSync'))
    stub.mockImplementationOnce(((descriptor: number) => {
      fs.renameSync(`${path}.other`, path)
      return real(descriptor)
    }) as typeof fs.fstatSync)
    const file = open(path)
    expect(file.size()).toBe(20)
    if (lock) expect(codeOf(() => open(path))).toBe('COPPICE_LOCKED')
  })

  it.skipIf(!lock)('gives up with COPPICE_BUSY on a file that is replaced all the time', () => {
    const path = newFile()
    const real = fs.statSync
    restoring(vi.spyOn(fs, 'statSync')).mockImplementation(((_path: string, options: fs.StatOptions) => real(dirname(path), options)) as typeof fs.statSync)
    expect(codeOf(() => open(path))).toBe('COPPICE_BUSY')
  })
})

describe('a file on a disk', () => {
  it('resumes writes of which the system took a part', () => {
    const file = open(newFile())
    const { writeSync, writevSync } = fs
    // Hands at most 1000 bytes on to the real call, so that pieces end within buffers and between them.
    restoring(vi.spyOn(fs, 'writeSync')).mockImplementation(((fd: number, bytes: Uint8Array, offset: number, length: number, position: number) =>
      writeSync(fd, bytes, offset, Math.min(length, 1000), position)) as typeof fs.writeSync)
    restoring(vi.spyOn(fs, 'writevSync')).mockImplementation((fd, buffers, position) => {
      const taken: Uint8Array[] = []
      let room = 1000
      for (const bytes of buffers as Uint8Array[]) {
        taken.push(bytes.subarray(0, room))
        room -= taken[taken.length - 1].length
      }
      return writevSync(fd, taken, position ?? undefined)
    })
    const sources = [400, 0, 600, 1, 2500, 0, 999, 3000].map((length, seed) => pattern(length, seed))
    file.write(sources, 123)
    file.write([pattern(4500, 9)], 20_000)
    expect(Buffer.from(readBack(file, 123, 7500))).toEqual(Buffer.concat(sources))
    expect(readBack(file, 20_000, 4500)).toEqual(pattern(4500, 9))
  })

  it('hands at most 1024 buffers to a call', () => {
    const file = open(newFile())
    const writev = restoring(vi.spyOn(fs, 'writevSync'))
    const sources = Array.from({ length: 3000 }, (_, seed) => pattern(3, seed))
    file.write(sources, 0)
    expect(writev.mock.calls.map(([, buffers]) => buffers.length)).toEqual([1024, 1024, 952])
    expect(Buffer.from(readBack(file, 0, 9000))).toEqual(Buffer.concat(sources))
  })

  it('resumes reads that brought a part', () => {
    const file = open(newFile([pattern(5000)]))
    const real = fs.readSync
    restoring(vi.spyOn(fs, 'readSync')).mockImplementation(((fd: number, bytes: Uint8Array, offset: number, length: number, position: number) =>
      real(fd, bytes, offset, Math.min(length, 700), position)) as typeof fs.readSync)
    expect(readBack(file, 10, 4990)).toEqual(pattern(5000).slice(10))
  })

  it('throws EIO where the system writes nothing and reports nothing', () => {
    const file = open(newFile())
    restoring(vi.spyOn(fs, 'writeSync')).mockReturnValue(0)
    restoring(vi.spyOn(fs, 'writevSync')).mockReturnValue(0)
    expect(codeOf(() => file.write([pattern(10)], 0))).toBe('EIO')
    expect(codeOf(() => file.write([pattern(10), pattern(10)], 0))).toBe('EIO')
  })

  it.skipIf(!fs.existsSync('/dev/full'))('throws what the system answers to a write: ENOSPC from a full device', () => {
    const descriptor = fs.openSync('/dev/full', 'r+')
    const file = closing(new DiskFile(descriptor, '/dev/full', { readOnly: false, mapper: undefined, locked: false, background: descriptor }))
    expect(codeOf(() => file.write([pattern(10)], 0))).toBe('ENOSPC')
    expect(codeOf(() => file.write([pattern(10), pattern(10)], 0))).toBe('ENOSPC')
  })

  it('reports a sync that failed, and frees its descriptors all the same', async () => {
    const path = newFile()
    const file = open(path)
    const real = fs.fdatasync
    restoring(vi.spyOn(fs, 'fdatasync')).mockImplementationOnce(((descriptor: number, done: (error: Error | null) => void) =>
      real(descriptor, () => done(Object.assign(new Error('EIO'), { code: 'EIO' })))) as typeof fs.fdatasync)
    const closed = restoring(vi.spyOn(fs, 'closeSync'))
    const sync = file.syncAsync()
    file.close()
    await expect(sync).rejects.toMatchObject({ code: 'EIO' })
    expect(closed).toHaveBeenCalledTimes(2)
  })

  it('has no window where the mapper has none, and asks it once for each', () => {
    const asked: number[] = []
    const file = open(newFile(), {
      mapper: (_descriptor, offset, length) => {
        asked.push(offset)
        return offset === 0 ? undefined : new ArrayBuffer(length)
      },
    })
    file.reserve(WINDOW_SIZE + 1)
    expect(file.window(0)).toBeUndefined()
    expect(file.window(0)).toBeUndefined()
    expect(file.window(1)?.byteLength).toBe(2 ** 20)
    expect(asked).toEqual([0, WINDOW_SIZE])
  })

  it('keeps the map of a window where the mapper refuses a longer one, and asks for each length once', () => {
    const asked: number[] = []
    const file = open(newFile(), {
      mapper: (_descriptor, _offset, length) => {
        asked.push(length)
        return length === 2 ** 20 ? new ArrayBuffer(length) : undefined
      },
    })
    for (const bytes of [1, 2 ** 20, 2 ** 20 + 1, 2 ** 24]) {
      file.reserve(bytes)
      expect(file.window(0)?.byteLength).toBe(2 ** 20)
    }
    expect(asked).toEqual([2 ** 20, 2 ** 24])
  })

  it('refuses a mapper that answers less than a window', () => {
    const file = open(newFile(), { mapper: () => new ArrayBuffer(PAGE) })
    file.reserve(1)
    expect(codeOf(() => file.window(0))).toBe('COPPICE_INVALID_OPTION')
  })
})

describe('a mapper that throws', () => {
  it('is told so with a code', () => {
    const file = open(newFile(), {
      mapper: () => {
        throw new TypeError('not today')
      },
    })
    file.reserve(1)
    expect(codeOf(() => file.window(0))).toBe('COPPICE_INVALID_OPTION')
  })
})

describe('createFile', () => {
  it('creates a file with all its content and nothing beside it', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store')
    expect(createFile(path, [pattern(PAGE), pattern(PAGE, 2)])).toBe(true)
    expect(fs.readFileSync(path)).toEqual(Buffer.concat([pattern(PAGE), pattern(PAGE, 2)]))
    expect(fs.readdirSync(folder)).toEqual(['store'])
    expect(fs.statSync(path).nlink).toBe(1)
  })

  it('overwrites nothing: it answers false and leaves what stands there', () => {
    const folder = temporaryFolder()
    fs.writeFileSync(join(folder, 'file'), 'mine')
    fs.mkdirSync(join(folder, 'folder'))
    fs.symlinkSync(join(folder, 'nowhere'), join(folder, 'symlink'))
    for (const name of ['file', 'folder', 'symlink']) expect(createFile(join(folder, name), [pattern(PAGE)])).toBe(false)
    expect(fs.readFileSync(join(folder, 'file'), 'utf8')).toBe('mine')
    expect(fs.readdirSync(folder).sort()).toEqual(['file', 'folder', 'symlink'])
  })

  it('lets only one of two creators succeed', () => {
    const path = join(temporaryFolder(), 'store')
    const real = fs.linkSync
    // The other one comes in after our own content is on the disk and before it has its name.
    restoring(vi.spyOn(fs, 'linkSync')).mockImplementationOnce((from, to) => {
      fs.writeFileSync(path, 'theirs')
      real(from, to)
    })
    expect(createFile(path, [pattern(PAGE)])).toBe(false)
    expect(fs.readFileSync(path, 'utf8')).toBe('theirs')
    expect(fs.readdirSync(dirname(path))).toEqual(['store'])
  })

  it('answers a missing folder with COPPICE_NOT_FOUND and its name', () => {
    const folder = temporaryFolder()
    const failure = failureOf(() => createFile(join(folder, 'no', 'store'), []))
    expect(failure?.code).toBe('COPPICE_NOT_FOUND')
    expect(failure?.message).toContain(`the folder ${join(folder, 'no')} does not exist`)
    fs.writeFileSync(join(folder, 'file'), '')
    expect(codeOf(() => createFile(join(folder, 'file', 'store'), []))).toBe('COPPICE_NOT_FOUND')
    expect(fs.readdirSync(folder)).toEqual(['file'])
  })

  it.skipIf(onWindows)('answers a folder it may not write in with COPPICE_PERMISSION', () => {
    const folder = temporaryFolder()
    fs.chmodSync(folder, 0o555)
    expect(codeOf(() => asNobody(() => createFile(join(folder, 'store'), [])))).toBe('COPPICE_PERMISSION')
    expect(fs.readdirSync(folder)).toEqual([])
    fs.chmodSync(folder, 0o755)
  })

  const steps = ['writeSync', 'fdatasyncSync', 'linkSync', 'fsyncSync'] as const
  it.skipIf(!lock).each(steps)('leaves nothing behind where %s fails', (step) => {
    const folder = temporaryFolder()
    restoring(vi.spyOn(fs, step)).mockImplementation(() => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    })
    const failure = failureOf(() => createFile(join(folder, 'store'), [pattern(PAGE)]))
    expect(failure).toBeInstanceOf(CoppiceError)
    expect(failure?.code).toBe('COPPICE_NO_SPACE')
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it.skipIf(!lock)('leaves the file to another opener who has it by the time the last step fails', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store')
    restoring(vi.spyOn(fs, 'fsyncSync')).mockImplementationOnce(() => {
      open(path)
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    })
    expect(codeOf(() => createFile(path, [pattern(PAGE)]))).toBe('COPPICE_IO')
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })

  it.skipIf(!lock)('leaves alone what has taken the place of the file by the time the last step fails', () => {
    const path = join(temporaryFolder(), 'store')
    restoring(vi.spyOn(fs, 'fsyncSync')).mockImplementation(() => {
      fs.writeFileSync(`${path}.other`, 'theirs')
      fs.renameSync(`${path}.other`, path)
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    })
    expect(codeOf(() => createFile(path, [pattern(PAGE)]))).toBe('COPPICE_IO')
    expect(fs.readFileSync(path, 'utf8')).toBe('theirs')
  })

  it('removes its temporary name before it syncs the folder, and syncs it last', () => {
    const folder = temporaryFolder()
    const real = fs.fsyncSync
    let seen: string[] = []
    restoring(vi.spyOn(fs, 'fsyncSync')).mockImplementation((descriptor) => {
      seen = fs.readdirSync(folder)
      real(descriptor)
    })
    createFile(join(folder, 'store'), [pattern(PAGE)])
    expect(seen).toEqual(onWindows ? [] : ['store'])
  })

  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('renames where links answer %s, and still overwrites nothing', (code) => {
    const folder = temporaryFolder()
    const path = join(folder, 'store')
    restoring(vi.spyOn(fs, 'linkSync')).mockImplementation(() => {
      throw Object.assign(new Error(code), { code })
    })
    expect(createFile(path, [pattern(PAGE)])).toBe(true)
    expect(createFile(path, [pattern(PAGE, 2)])).toBe(false)
    expect(new Uint8Array(fs.readFileSync(path))).toEqual(pattern(PAGE))
    expect(fs.readdirSync(folder)).toEqual([basename(path)])
  })

  it('goes on where the filesystem cannot sync a folder', () => {
    const path = join(temporaryFolder(), 'store')
    restoring(vi.spyOn(fs, 'fsyncSync')).mockImplementation(() => {
      throw Object.assign(new Error('EINVAL'), { code: 'EINVAL' })
    })
    expect(createFile(path, [pattern(PAGE)])).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')('leaves no descriptor open', () => {
    const folder = temporaryFolder()
    const before = openDescriptors()
    createFile(join(folder, 'store'), [pattern(PAGE)])
    createFile(join(folder, 'store'), [pattern(PAGE)])
    codeOf(() => createFile(join(folder, 'no', 'store'), []))
    expect(openDescriptors()).toBe(before)
  })
})
