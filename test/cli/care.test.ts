/** The commands that look after a store: stats, check, backup, compact. */
import fs from 'node:fs'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Stats } from '../../src/index.js'
import { open } from '../../src/index.js'
import { encodeMeta } from '../../src/page/meta.js'
import { newestMeta } from '../damage/fixture.js'
import { padded, randomBytes, seeded } from '../helpers.js'
import { buildProgram, eachInAFolder, folder, path } from './run.js'

const program = buildProgram()

eachInAFolder()

/** A store with two trees, large values, and free space. */
function makeStore(entries = 3000): void {
  const db = open(path)
  const value = Buffer.alloc(100, 'v')
  db.load(Array.from({ length: entries }, (_, i) => [padded(i), value] as const))
  db.tree('orders').put('large', Buffer.alloc(50_000, 'o'))
  db.deleteRange({ gte: padded(100), lt: padded(entries - 100) })
  db.close()
}

/** The entries of all trees. */
function contents(of: string): unknown {
  const db = open(of, { readOnly: true, valueEncoding: 'utf8' })
  try {
    return [[...db], ...db.trees().map((name) => [name, [...db.tree(name, { valueEncoding: 'utf8' })]])]
  } finally {
    db.close()
  }
}

function damageByte(at: number): void {
  const file = fs.openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  fs.readSync(file, byte, 0, 1, at)
  byte[0] ^= 0xff
  fs.writeSync(file, byte, 0, 1, at)
  fs.closeSync(file)
}

/** Damages the root of the default tree; answers its page. */
async function damageRoot(): Promise<number> {
  const pages = await Promise.all([0, 1, 2].map((slot) => program.run(['page', path, String(slot), '--json'])))
  const headers = pages.map(({ output }) => (JSON.parse(output) as { header: { transaction: number; defaultTree: number } }).header)
  const root = headers.sort((a, b) => b.transaction - a.transaction)[0].defaultTree
  damageByte(root * 4096 + 4000)
  return root
}

describe('stats', () => {
  it('shows pages by kind, free space and each tree, with bars', async () => {
    makeStore()
    const { code, output, talk } = await program.run(['stats', path])
    expect([code, talk]).toEqual([0, ''])
    for (const kind of ['leaf', 'branch', 'large values', 'free log', 'meta', 'free']) expect(output).toMatch(new RegExp(`^ {2}${kind} +[█░]{24} +[<>]?\\d+ % +[\\d,]+ +[\\d.]+ (B|KiB)$`, 'm'))
    expect(output).toMatch(/^ {2}\(default\) +200 /m)
    expect(output).toMatch(/^ {2}orders +1 +1 +[█░]{10} /m)
    expect(output).not.toContain('add up')
  })

  it('answers in JSON what the library says', async () => {
    makeStore()
    const found = JSON.parse((await program.run(['stats', path, '--json'])).output) as Stats
    const db = open(path, { readOnly: true })
    const { pool, trees, ...rest } = db.stats()
    db.close()
    expect(pool.dirty).toBe(0)
    expect(found).toEqual({ ...rest, trees: trees.map((tree) => ({ ...tree, name: tree.name ?? null })) })
  })

  it('of a new, empty store has something to show', async () => {
    open(path).close()
    const { code, output } = await program.run(['stats', path])
    expect(code).toBe(0)
    expect(output).toMatch(/^ {2}\(default\) +0 +0 /m)
  })

  it('of a damaged store shows no figures but the error, with exit code 3', async () => {
    makeStore()
    const root = await damageRoot()
    for (const words of [['stats', path], ['stats', path, '--json']]) {
      const { code, output, talk } = await program.run(words)
      expect([code, output]).toEqual([3, ''])
      expect(talk).toContain(`page ${root} of the default tree is damaged`)
      expect(talk).toMatch(/\(COPPICE_CORRUPT\)\n$/)
    }
  })

  it('does not keep it to itself when nothing reaches some of the pages', async () => {
    makeStore()
    const file = fs.readFileSync(path)
    const { meta } = newestMeta(file)
    for (const slot of [0, 1, 2]) file.set(encodeMeta({ ...meta, delta: [] }, slot), slot * 4096)
    fs.writeFileSync(path, file)
    const { code, output } = await program.run(['stats', path])
    expect(code).toBe(0)
    expect(output).toMatch(/damaged: see coppice check/)
  })
})

describe('check', () => {
  it('says that a store is sound, on standard output and by exit code 0', async () => {
    makeStore()
    const { code, output, talk } = await program.run(['check', path])
    expect([code, talk]).toEqual([0, ''])
    expect(output).toMatch(/^.*store\.coppice is sound\.\n/)
    expect(output).toMatch(/^ {2}entries +201$/m)
    const found = JSON.parse((await program.run(['check', path, '--json'])).output) as unknown
    expect(found).toMatchObject({ path, ok: true, errors: [], trees: 2, entries: 201 })
  })

  it('names what is damaged, and is exit code 1', async () => {
    makeStore()
    const root = await damageRoot()
    const { code, output, talk } = await program.run(['check', path])
    expect([code, talk]).toEqual([1, ''])
    expect(output).toMatch(/is damaged: 1 fault\.\n/)
    expect(output).toContain(`  page ${root} of the default tree is damaged: its checksum does not match.\n`)
    expect(output.match(/Restore the file/g)?.length).toBe(1)
    const ran = await program.run(['check', path, '--json'])
    expect(ran.code).toBe(1)
    expect(JSON.parse(ran.output)).toMatchObject({ ok: false, errors: [{ page: root, tree: 1 }] })
  })

  it('of a store so damaged that it cannot be opened says that', async () => {
    makeStore()
    for (const slot of [0, 1, 2]) damageByte(slot * 4096 + 300)
    const { code, output } = await program.run(['check', path])
    expect(code).toBe(1)
    expect(output).toMatch(/is damaged: 1 fault\.\n\n {2}all three meta pages of .*store\.coppice are damaged \(page 0: /)
    expect(JSON.parse((await program.run(['check', path, '--json'])).output)).toMatchObject({ ok: false, errors: [{ page: 0, tree: null }] })
  })
})

describe('backup', () => {
  it('copies a store to a new file, beside other readers', async () => {
    makeStore()
    const reader = open(path, { readOnly: true })
    const copy = join(folder, 'copy')
    const { code, output, talk } = await program.run(['backup', path, copy])
    reader.close()
    expect([code, output]).toEqual([0, ''])
    expect(talk).toMatch(/^.*copy: [\d.]+ KiB\n$/)
    expect(contents(copy)).toEqual(contents(path))
    const again = await program.run(['backup', path, `${copy}2`, '--json'])
    expect(JSON.parse(again.output)).toEqual({ path: `${copy}2`, bytes: fs.statSync(`${copy}2`).size })
    expect(fs.readdirSync(folder).sort()).toEqual(['copy', 'copy2', 'store.coppice'])
  })

  it('copies to standard output', async () => {
    makeStore()
    const { code, data, talk } = await program.run(['backup', path, '-'])
    expect([code, talk]).toEqual([0, ''])
    const copy = join(folder, 'copy')
    fs.writeFileSync(copy, data)
    expect(contents(copy)).toEqual(contents(path))
    expect(await program.run(['backup', path, '-', '--json'])).toMatchObject({ code: 2, output: '' })
  })

  it('replaces nothing, and needs a folder', async () => {
    makeStore()
    const taken = join(folder, 'taken')
    fs.writeFileSync(taken, 'mine')
    expect((await program.run(['backup', path, taken])).talk).toMatch(/^coppice backup: .*is there already.*\(COPPICE_EXISTS\)\n$/)
    expect((await program.run(['backup', path, join(folder, 'no', 'copy')])).talk).toMatch(/\(COPPICE_NOT_FOUND\)\n$/)
    expect(fs.readFileSync(taken, 'utf8')).toBe('mine')
    expect(fs.readdirSync(folder).sort()).toEqual(['store.coppice', 'taken'])
  })
})

describe('compact', () => {
  it('writes a small store to a new file, and leaves the old one as it is', async () => {
    makeStore()
    const before = fs.readFileSync(path)
    const small = join(folder, 'small')
    const { code, output, talk } = await program.run(['compact', path, small])
    expect([code, output]).toEqual([0, ''])
    expect(talk).toMatch(/^.*small: [\d.]+ KiB before, [\d.]+ KiB after \(\d+ %\)\n$/)
    expect(fs.statSync(small).size).toBeLessThan(before.length / 2)
    expect(fs.readFileSync(path)).toEqual(before)
    expect(contents(small)).toEqual(contents(path))
    expect((await program.run(['compact', path, small])).talk).toMatch(/\(COPPICE_EXISTS\)\n$/)
    expect(await program.run(['compact', path, `${dirname(path)}/./store.coppice`])).toMatchObject({ code: 2 })
  })

  it('takes the place of the old file, with its permissions and through a link', async () => {
    makeStore()
    fs.chmodSync(path, 0o640)
    const link = join(folder, 'link')
    fs.symlinkSync('store.coppice', link)
    const before = { size: fs.statSync(path).size, contents: contents(path) }
    const { code, output } = await program.run(['compact', link, '--json'])
    const { size, mode } = fs.statSync(path)
    expect(code).toBe(0)
    expect(JSON.parse(output)).toEqual({ path: link, before: before.size, after: size })
    expect(size).toBeLessThan(before.size / 2)
    expect(mode & 0o777).toBe(0o640)
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true)
    expect(contents(path)).toEqual(before.contents)
    expect(fs.readdirSync(folder).sort()).toEqual(['link', 'store.coppice'])
  })

  it('of a damaged store leaves it as it is', async () => {
    makeStore()
    await damageRoot()
    const before = fs.readFileSync(path)
    const { code, talk } = await program.run(['compact', path])
    expect(code).toBe(3)
    expect(talk).toMatch(/^coppice compact: .*\(COPPICE_CORRUPT\)\n$/)
    expect(fs.readFileSync(path)).toEqual(before)
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })
})

describe('a program that is stopped half-way', () => {
  /** Large enough that there is time to stop a copy of it. */
  function makeLargeStore(): void {
    const db = open(path)
    const value = randomBytes(seeded(1), 1 << 20)
    db.load(Array.from({ length: 64 }, (_, i) => [padded(i), value] as const))
    db.close()
  }

  /** Resolves when the program has begun to write a file, or has ended. */
  async function begun(child: ReturnType<typeof program.start>, files: number): Promise<void> {
    while (fs.readdirSync(folder).length <= files && child.exitCode === null && child.signalCode === null) await setTimeout(2)
  }

  it('leaves no half-written file and an unchanged store, and ends by the signal', async () => {
    makeLargeStore()
    const before = fs.statSync(path)
    for (const [signal, words] of [['SIGINT', ['compact', path]], ['SIGTERM', ['compact', path, join(folder, 'target')]], ['SIGINT', ['backup', path, join(folder, 'target')]]] as const) {
      const child = program.start(words)
      await begun(child, 1)
      child.kill(signal)
      await once(child, 'close')
      expect([words[0], child.signalCode]).toEqual([words[0], signal])
      expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
      expect(fs.statSync(path)).toMatchObject({ ino: before.ino, size: before.size })
    }
    expect(await program.run(['count', path])).toMatchObject({ code: 0, output: '64\n' })
  })
})
