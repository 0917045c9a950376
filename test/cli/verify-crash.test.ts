/** Power failures tried on a copy: the command, and the property that it runs. */
import fs from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { runProgram } from '../../src/cli/program.js'
import { Content, WHOLE } from '../../src/crash/disk.js'
import { SimulatedFile } from '../../src/crash/file.js'
import type { CrashReport } from '../../src/crash/verify.js'
import { verifyCrashes } from '../../src/crash/verify.js'
import { withStore } from '../../src/cli/store.js'
import { CoppiceError, open } from '../../src/index.js'
import { padded, randomBytes, seeded } from '../helpers.js'
import { fakeTerminal } from './fake-terminal.js'
import { buildProgram, eachInAFolder, folder, path } from './run.js'

// Threads run what has been built; a command in this process has its copy made here.
vi.mock('../../src/cli/tasks.js', () => ({
  start: ({ path: store, target }: { path: string; target: string }) => ({ outcome: withStore(store, 'read', (db) => db.backup(target)), stop: () => Promise.resolve() }),
}))

const program = buildProgram()
/** Few, so that a test does not take long; the property's own runs are longer. */
const FEW = ['--images', '40']

eachInAFolder()

/** Several trees, free space, values in pages of their own. */
function makeStore(entries = 300): void {
  const db = open(path)
  db.load(Array.from({ length: entries }, (_, i) => [padded(i), Buffer.alloc(100, 'v')] as const))
  for (const name of ['orders', 'empty', 'näme']) db.createTree(name)
  for (let i = 0; i < 20; i++) db.tree('orders').put(padded(i), Buffer.alloc(1000 * i, 'o'))
  db.deleteRange({ gte: padded(50), lt: padded(150) })
  db.close()
}

/** A folder for copies, beside the store. */
function copies(): string {
  const made = join(folder, 'copies')
  fs.mkdirSync(made)
  return made
}

/** Damages every page but those that a store is opened by. */
function damagePages(): void {
  const file = fs.openSync(path, 'r+')
  for (let at = 3 * 4096; at < fs.fstatSync(file).size; at += 4096) fs.writeSync(file, 'damage', at)
  fs.closeSync(file)
}

describe('verify-crash', () => {
  it('of a sound store says so, with its figures, and leaves store and folder as they were', async () => {
    makeStore()
    const before = fs.readFileSync(path)
    const { code, output, talk } = await program.run(['verify-crash', path, ...FEW, '--in', copies()])
    expect([code, talk]).toEqual([0, ''])
    expect(output).toMatch(/store\.coppice survives every power failure that was tried\.\n\n {2}seed +\d+\n/)
    expect(output).toMatch(/^ {2}transactions +\d+ /m)
    expect(output).toMatch(/^ {2}images +40 .* all checked page by page$/m)
    expect(fs.readFileSync(path)).toEqual(before)
    expect(fs.readdirSync(join(folder, 'copies'))).toEqual([])
  })

  it('of an empty store has enough to try as well, in the folder for temporary files', async () => {
    open(path).close()
    const temporary = copies()
    const { code, output } = await program.run(['verify-crash', path, ...FEW, '--json'], { env: { TMPDIR: temporary } })
    expect(code).toBe(0)
    expect(JSON.parse(output)).toMatchObject({ path, ok: true, images: 40, checked: 40, violation: null })
    expect(fs.readdirSync(temporary)).toEqual([])
  })

  it('tries the same with the same seed', async () => {
    makeStore()
    const found = async (seed: string): Promise<object> => {
      const ran = await program.run(['verify-crash', path, ...FEW, '--seed', seed, '--json'])
      const { seconds, ...figures } = JSON.parse(ran.output) as CrashReport & { seconds: number }
      expect(seconds).toBeGreaterThan(0)
      return figures
    }
    const first = await found('7')
    expect(first).toMatchObject({ seed: 7 })
    expect(await found('7')).toEqual(first)
    expect({ ...await found('8'), seed: 7 }).not.toEqual(first)
  })

  it.each([
    ['a number of images that is none', ['--images', 'many'], /--images is to be a whole number/],
    ['no images', ['--images', '0'], /--images is to be 1 or more/],
    ['a seed that is no number', ['--seed', 'x'], /--seed is to be a whole number/],
    ['a seed that is too large', ['--seed', '4294967296'], /--seed is to be less than 4294967296/],
  ])('refuses %s', async (_, words, says) => {
    const { code, output, talk } = await program.run(['verify-crash', 'none', ...words])
    expect([code, output]).toEqual([2, ''])
    expect(talk).toMatch(says)
  })

  it('of what is no store, or cannot be had, says why and leaves nothing behind', async () => {
    const where = copies()
    const refused = async (says: RegExp): Promise<void> => {
      const { code, output, talk } = await program.run(['verify-crash', path, '--in', where])
      expect([code, output], talk).toEqual([3, ''])
      expect(talk).toMatch(says)
      expect(fs.readdirSync(where)).toEqual([])
    }
    await refused(/\(COPPICE_NOT_FOUND\)\n$/)
    fs.writeFileSync(path, 'just some text')
    await refused(/\(COPPICE_NOT_A_DATABASE\)\n$/)
    fs.rmSync(path)
    makeStore()
    const writer = open(path)
    await refused(/\(COPPICE_LOCKED\)\n$/)
    writer.close()
    damagePages()
    await refused(/\(COPPICE_CORRUPT\)\n$/)
    expect(await program.run(['verify-crash', path, '--in', join(folder, 'none')])).toMatchObject({ code: 3, talk: expect.stringMatching(/none is no folder/) as string })
  })

  it('stopped half-way leaves nothing behind, and others may write to the store once it is copied', async () => {
    makeStore()
    const where = copies()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const before = fs.readFileSync(path)
      const child = program.start(['verify-crash', path, '--images', '1000000', '--in', where])
      const isCopied = (): boolean => fs.readdirSync(where, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('/copy'))
      while (!isCopied() && child.exitCode === null) await setTimeout(2)
      while (!canWrite() && child.exitCode === null) await setTimeout(2)
      child.kill(signal)
      await once(child, 'close')
      expect(child.signalCode).toBe(signal)
      expect(fs.readdirSync(where)).toEqual([])
      expect(fs.readFileSync(path)).toEqual(before)
    }
  })
})

function canWrite(): boolean {
  try {
    open(path, { create: false }).close()
    return true
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_LOCKED') return false
    throw error
  }
}

describe('a file on the simulated disk', () => {
  /** What `Content` stands for: all bytes in one piece, also those behind the end of the file. */
  class Plain {
    readonly all = new Uint8Array(2 ** 16)
    length: number

    constructor(base: Uint8Array) {
      this.all.set(base)
      this.length = base.length
    }

    write(position: number, bytes: Uint8Array, sectors: number): void {
      bytes.forEach((byte, i) => {
        if ((sectors & (1 << (((position + i) % 4096) >> 9))) !== 0) this.all[position + i] = byte
      })
    }

    resize(length: number): void {
      if (length < this.length) this.all.fill(0, length)
      this.length = length
    }
  }

  it('holds what was written over its base, torn or whole, longer or shorter; and a copy stays as it is', () => {
    const random = seeded(5)
    const below = (end: number): number => Math.floor(random() * end)
    const bytes = randomBytes(random, 20_000)
    const plain = new Plain(bytes)
    const content = new Content({ length: bytes.length, read: (target, position) => target.set(bytes.subarray(position, position + target.length)) })
    for (let i = 0; i < 300; i++) {
      const copy = content.copy()
      const before = content.bytes()
      const position = below(60_000)
      const whole = random() < 0.3
      const start = whole ? position - (position % 4096) : position
      const written = randomBytes(random, whole ? 4096 : 1 + below(4096 - (position % 4096)))
      const sectors = random() < 0.5 ? WHOLE : below(WHOLE)
      const length = below(60_000)
      for (const file of [plain, content]) {
        if (i % 5 === 4) file.resize(length)
        else file.write(start, written, sectors)
      }
      expect(Buffer.compare(content.bytes(), plain.all.subarray(0, plain.length))).toBe(0)
      const part = new Uint8Array(below(6000))
      content.read(part, position % 50_000)
      expect(Buffer.compare(part, plain.all.subarray(position % 50_000, (position % 50_000) + part.length))).toBe(0)
      expect(Buffer.compare(copy.bytes(), before)).toBe(0)
    }
  })

  it('serves for a store that is not held in memory', async () => {
    const db = open(path)
    for (const key of ['a', 'b', 'c']) db.put(key, Buffer.alloc(2_000_000, key))
    db.close()
    expect(await verifyCrashes(path, { seed: 2, images: 30 }, () => undefined)).toMatchObject({ images: 30, checked: 2, violation: undefined })
  })
})

describe('an engine that breaks its promise', () => {
  /** Syncs that say they have synced, and have not. */
  function breakSyncs(): void {
    const spy = vi.spyOn(SimulatedFile.prototype, 'sync').mockImplementation(() => undefined)
    onTestFinished(() => spy.mockRestore())
  }

  it('is found, and what it had acknowledged is named', async () => {
    open(path).close()
    expect(await verifyCrashes(path, { seed: 1, images: 100 }, () => undefined)).toMatchObject({ images: 100, violation: undefined })
    breakSyncs()
    let seen = 0
    const report = await verifyCrashes(path, { seed: 1, images: 100 }, () => seen++)
    expect(report.violation).toMatch(/^round 1\.1, a power failure at event \d+ of \d+ that keeps .*: the store holds the state after commit \d+, where (that|one of those) after /)
    expect(seen).toBe(report.images - 1)
  })

  it('is exit code 1, with the way to try it again', async () => {
    open(path).close()
    breakSyncs()
    const terminal = fakeTerminal()
    expect(await runProgram(['verify-crash', path, '--seed', '1', '--in', copies()], COMMANDS, terminal)).toBe(1)
    const output = terminal.data().toString()
    expect(output).toContain(`store.coppice does not survive a power failure:\n  round 1.1, `)
    expect(output).toContain(`To repeat it: coppice verify-crash ${path} --seed 1 --images 1000\n`)
    const json = fakeTerminal()
    expect(await runProgram(['verify-crash', path, '--seed', '1', '--json'], COMMANDS, json)).toBe(1)
    expect(JSON.parse(json.data().toString())).toMatchObject({ ok: false, seed: 1, violation: expect.stringMatching(/^round 1\.1, /) as string })
    expect(fs.readdirSync(join(folder, 'copies'))).toEqual([])
  })
})
