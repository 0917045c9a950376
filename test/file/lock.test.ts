/** Who may open a file at one time, and what the others are told. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFile } from '../../src/file/create.js'
import { openFile, type DiskFile } from '../../src/file/disk.js'
import { lockFile, parseLocks, sameFile, unlockFile } from '../../src/file/lock.js'
import { native } from '../../src/file/native.js'
import { closing, codeOf, failureOf, temporaryFolder } from './layers.js'

const onLinux = process.platform === 'linux'
const hasFlock = spawnSync('flock', ['--version']).status === 0
const koffi = JSON.stringify(createRequire(import.meta.url).resolve('koffi'))

/** Locks the file given on the command line, says so, and stays. */
const HOLDER = `
  const koffi = require(${koffi})
  const flock = koffi.load(null).func('int flock(int fd, int operation)')
  const fd = require('node:fs').openSync(process.argv[1], 'r+')
  if (flock(fd, Number(process.argv[2]) | 4) !== 0) process.exit(1)
  process.stdout.write('locked')
  setInterval(() => {}, 1000)
`

async function lockInChild(path: string, operation: 'shared' | 'exclusive'): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', HOLDER, path, operation === 'shared' ? '1' : '2'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  await once(child.stdout, 'data')
  return child
}

function newPath(): string {
  const path = join(temporaryFolder(), 'store')
  createFile(path, [new Uint8Array(4096)])
  return path
}

function openHere(path: string, readOnly = false, mapper = native()?.map): DiskFile {
  return closing(openFile(path, { readOnly, mapper, lock: true }))
}

describe.skipIf(native() === undefined)('a lock', () => {
  it('keeps a second writer out of the same process, and says so', () => {
    const path = newPath()
    openHere(path)
    const failure = failureOf(() => openHere(path))
    expect(failure?.code).toBe('COPPICE_LOCKED')
    expect(failure?.message).toContain(path)
    if (onLinux) expect(failure?.message).toContain(`this process (pid ${process.pid}) has it open already`)
  })

  it('keeps a second writer out of another process, and names the holder', async () => {
    const path = newPath()
    const child = await lockInChild(path, 'exclusive')
    const failure = failureOf(() => openHere(path))
    expect(failure?.code).toBe('COPPICE_LOCKED')
    if (onLinux) expect(failure?.message).toMatch(new RegExp(`process ${child.pid} \\(.+\\) has it open for writing. Close it there, or`))
  })

  it('is gone at once when its holder is killed', async () => {
    const path = newPath()
    const child = await lockInChild(path, 'exclusive')
    expect(codeOf(() => openHere(path))).toBe('COPPICE_LOCKED')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(() => openHere(path)).not.toThrow()
  })

  it.skipIf(!hasFlock)(`is honoured by other programs${hasFlock ? '' : ' (skipped: flock(1) is not installed)'}`, () => {
    const path = newPath()
    const file = openHere(path)
    const probe = (): number | null => spawnSync('flock', ['--nonblock', '--exclusive', path, 'true']).status
    expect(probe()).toBe(1)
    file.close()
    expect(probe()).toBe(0)
  })

  it('is shared by readers', async () => {
    const path = newPath()
    openHere(path, true)
    openHere(path, true)
    await lockInChild(path, 'shared')
    expect(() => openHere(path, true)).not.toThrow()
  })

  it('of a reader keeps a writer out, and the message offers to read', async () => {
    const path = newPath()
    const child = await lockInChild(path, 'shared')
    const failure = failureOf(() => openHere(path))
    expect(failure?.code).toBe('COPPICE_LOCKED')
    if (!onLinux) return
    expect(failure?.message).toContain(`process ${child.pid} `)
    expect(failure?.message).toContain('open for reading')
    expect(failure?.message).toContain('{ readOnly: true }')
  })

  it('of a writer keeps a reader out', async () => {
    const path = newPath()
    await lockInChild(path, 'exclusive')
    const failure = failureOf(() => openHere(path, true))
    expect(failure?.code).toBe('COPPICE_LOCKED')
    expect(failure?.message).toContain('open for writing')
  })

  it('counts the other holders', async () => {
    const path = newPath()
    await lockInChild(path, 'shared')
    await lockInChild(path, 'shared')
    const failure = failureOf(() => openHere(path))
    if (onLinux) expect(failure?.message).toMatch(/process \d+ \(.+\) and 1 more have it open for reading/)
  })

  it.skipIf(!onLinux)('names this process before others that hold it too', async () => {
    const path = newPath()
    await lockInChild(path, 'shared')
    openHere(path, true)
    await lockInChild(path, 'shared')
    expect(failureOf(() => openHere(path))?.message).toContain('this process')
  })

  it('ends with close, though a window of the file is still in use', () => {
    const path = newPath()
    const file = openHere(path)
    file.reserve(4096)
    const view = new Uint8Array(file.window(0) as ArrayBuffer, 0, 4096)
    file.close()
    expect(() => openHere(path)).not.toThrow()
    expect(view[0]).toBe(0)
  })

  it('ends with close, though a sync is still running, and the descriptors end with the sync', async () => {
    const path = newPath()
    const file = openHere(path)
    file.write([new Uint8Array(100_000).fill(1)], 0)
    const closed = vi.spyOn(fs, 'closeSync')
    onTestFinished(() => closed.mockRestore())
    const syncs = [file.syncAsync(), file.syncAsync()]
    file.close()
    expect(closed).not.toHaveBeenCalled()
    const again = openHere(path)
    closed.mockClear()
    await Promise.all(syncs)
    expect(closed).toHaveBeenCalledTimes(2)
    expect(again.size()).toBe(100_000)
  })

  it('is not left behind by an open that failed', () => {
    const path = newPath()
    const reader = openHere(path, true)
    expect(codeOf(() => openHere(path))).toBe('COPPICE_LOCKED')
    reader.close()
    expect(() => openHere(path)).not.toThrow()
  })

  it('is not asked for where the caller wants none', () => {
    const path = newPath()
    openHere(path)
    const unlocked = closing(openFile(path, { readOnly: false, mapper: undefined, lock: false }))
    unlocked.close()
    expect(codeOf(() => openHere(path))).toBe('COPPICE_LOCKED')
  })

  it('keeps worker threads apart too', async () => {
    const path = newPath()
    openHere(path)
    const worker = new Worker(HOLDER.replaceAll('process.argv', 'require("node:worker_threads").workerData'), {
      eval: true,
      workerData: ['', path, '2'],
    })
    const [code] = (await once(worker, 'exit')) as [number]
    expect(code).toBe(1)
  })
})

describe.skipIf(native() === undefined)('a lock on a descriptor', () => {
  it('can be dropped and gained again', () => {
    const path = newPath()
    const [first, second] = [fs.openSync(path, 'r+'), fs.openSync(path, 'r+')]
    onTestFinished(() => [first, second].forEach((descriptor) => fs.closeSync(descriptor)))
    lockFile(first, path, true)
    expect(codeOf(() => lockFile(second, path, false))).toBe('COPPICE_LOCKED')
    unlockFile(first)
    unlockFile(first)
    lockFile(second, path, false)
    lockFile(first, path, false)
  })

  it('reports a descriptor that cannot be locked as unsupported, with the name of the error', () => {
    const failure = failureOf(() => lockFile(1_000_000, 'store', true))
    expect(failure?.code).toBe('COPPICE_UNSUPPORTED')
    expect(failure?.message).toContain('EBADF')
  })
})

describe('sameFile', () => {
  it('is false once the path names another file, or none', () => {
    const path = newPath()
    const descriptor = fs.openSync(path, 'r')
    onTestFinished(() => fs.closeSync(descriptor))
    expect(sameFile(descriptor, path)).toBe(true)
    fs.writeFileSync(`${path}.other`, '')
    fs.renameSync(`${path}.other`, path)
    expect(sameFile(descriptor, path)).toBe(false)
    fs.unlinkSync(path)
    expect(sameFile(descriptor, path)).toBe(false)
  })
})

describe('the reader of /proc/locks', () => {
  const text = [
    '1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF',
    '2: FLOCK  ADVISORY  WRITE 22 fe:00:77 0 EOF',
    '2: -> FLOCK  ADVISORY  WRITE 23 fe:00:77 0 EOF',
    '3: FLOCK  ADVISORY  READ  33 fe:00:78 0 EOF',
    '4: FLOCK  ADVISORY  READ  44 103:1ff:77 0 EOF',
    '5: FLOCK  ADVISORY  READ  0 fe:00:79 0 EOF',
    '',
  ].join('\n')

  it('finds the holders of one file among other locks and waiters', () => {
    expect(parseLocks(text, 0xfe00n, 77n)).toEqual([{ pid: 22, writes: true }])
    expect(parseLocks(text, 0xfe00n, 78n)).toEqual([{ pid: 33, writes: false }])
    expect(parseLocks(text, 0xfe00n, 80n)).toEqual([])
  })

  it('tells large device numbers apart', () => {
    expect(parseLocks(text, (0x1n << 20n) | (0x103n << 8n) | 0xffn, 77n)).toEqual([{ pid: 44, writes: false }])
  })

  it('knows a holder that is not shown here from none', () => {
    expect(parseLocks(text, 0xfe00n, 79n)).toEqual([{ pid: undefined, writes: false }])
  })
})
