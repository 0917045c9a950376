/** The example of `npm start`, run as users run it: built, in a process of its own. `npm test` builds first. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../src/index.js'

const EXAMPLE = fileURLToPath(new URL('../dist/examples/store-folder.js', import.meta.url))
const SOURCE = fileURLToPath(new URL('../examples/store-folder.ts', import.meta.url))

let place: string
let folder: string
let temporary: string

const contents = new Map<string, Buffer>([
  ['empty', Buffer.alloc(0)],
  ['large.bin', Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) >>> 3))],
  ['src/a.ts', Buffer.from('let a\n')],
  ['src/deep/er/b.ts', Buffer.from('let b\n')],
  ['src/ünï✓.txt', Buffer.from('text')],
  ['srcs/not below src', Buffer.from('x')],
])

function example(...args: string[]): { status: number | null; lines: string[]; errors: string[] } {
  const env = { ...process.env, TMPDIR: temporary, NODE_OPTIONS: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [EXAMPLE, ...args], { encoding: 'utf8', env, timeout: 60_000 })
  return { status, lines: stdout.split('\n'), errors: stderr.trimEnd().split('\n') }
}

beforeAll(() => {
  expect(existsSync(EXAMPLE), 'the example is not built: npm run build').toBe(true)
  place = mkdtempSync(join(tmpdir(), 'coppice-example-'))
  folder = join(place, 'folder')
  temporary = join(place, 'temporary')
  mkdirSync(join(folder, 'src/deep/er'), { recursive: true })
  mkdirSync(join(folder, 'srcs'))
  mkdirSync(join(folder, 'without files'))
  mkdirSync(temporary)
  for (const [path, content] of contents) writeFileSync(join(folder, path), content)
  symlinkSync('large.bin', join(folder, 'link'))
})

afterAll(() => rmSync(place, { recursive: true, force: true }))

describe('the example', () => {
  it('stores, lists, counts, compares, rolls back, reopens and checks, says so, and leaves nothing behind', () => {
    const { status, lines, errors } = example(folder)
    expect(errors).toEqual([''])
    expect(status).toBe(0)
    const steps = lines.filter((line) => /^ {2}\w/.test(line)).map((line) => line.trim().replace(/ {2,}/g, '  ').replace(/ {2}[\d.]+ m?s$/, ''))
    expect(steps.slice(0, 13)).toEqual([
      'found  6 files, 293.0 KiB',
      'storing  25 %, 2 of 6 files',
      'storing  50 %, 3 of 6 files',
      'storing  75 %, 5 of 6 files',
      'stored  6 files, 293.0 KiB, in one durable transaction',
      'skipped  symbolic links: 1',
      'listed  the first 3 files below src/',
      'counted  3 files below src/, from two paths of the tree, not one by one',
      'comparing  25 %, 2 of 6 files',
      'comparing  50 %, 3 of 6 files',
      'comparing  75 %, 5 of 6 files',
      'compared  6 files read back, each byte as on the disk',
      'rolled back  6 files deleted and one added, 1 left; then undone, 6 again',
    ])
    expect(steps[13]).toBe('reopened  6 files in the store')
    expect(steps[14]).toMatch(/^checked {2}\d+ pages of 4 KiB, every checksum: all in order$/)
    expect(readdirSync(temporary)).toEqual([])
  })

  it('ends with the lines of its own source that did it', () => {
    const { lines } = example(folder)
    const source = readFileSync(SOURCE, 'utf8').split('\n').map((line) => line.trim())
    const shown = lines.slice(lines.findIndex((line) => line.startsWith('The lines that did it')) + 1).map((line) => line.trim()).filter((line) => line !== '')
    expect(shown.length).toBeGreaterThan(8)
    expect(shown.length).toBeLessThan(20)
    expect(shown.filter((line) => !source.includes(line))).toEqual([])
    expect(shown[0]).toBe('const db = open(storePath)')
  })

  it('keeps the store where it is told to, every file under its path', () => {
    const path = join(place, 'kept.coppice')
    expect(example(folder, path).status).toBe(0)
    const db = open(path, { readOnly: true })
    try {
      expect(new Map([...db.entries()])).toEqual(contents)
    } finally {
      db.close()
    }
    expect(readdirSync(temporary)).toEqual([])
  })

  it('does not store its own store', () => {
    const path = join(folder, 'src', 'kept.coppice')
    const { status } = example(folder, path)
    const db = open(path, { readOnly: true })
    try {
      expect(status).toBe(0)
      expect([...db.keys()]).toEqual([...contents.keys()])
    } finally {
      db.close()
      rmSync(path)
    }
  })

  it('passes over a file that is too large for a value, and says which', () => {
    const path = join(folder, 'huge')
    writeFileSync(path, '')
    truncateSync(path, 2 ** 30 + 1)
    try {
      const { status, lines } = example(folder)
      expect(status).toBe(0)
      expect(lines.some((line) => /skipped +huge, 1\.0 GiB: a value has 1 GiB at most/.test(line))).toBe(true)
      expect(lines.some((line) => /stored +6 files/.test(line))).toBe(true)
    } finally {
      rmSync(path)
    }
  })

  it('takes a folder without files', () => {
    const { status, lines } = example(join(folder, 'without files'))
    expect(status).toBe(0)
    expect(lines.some((line) => /stored +0 files/.test(line))).toBe(true)
  })
})

describe('the example refuses with one line and exit code 1', () => {
  const refused = (args: string[], why: RegExp) => {
    const { status, lines, errors } = example(...args)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(why)
    expect(lines).toEqual([''])
    expect(status).toBe(1)
  }

  it('a folder that is not there', () => refused([join(place, 'nowhere')], /there is no folder .*nowhere/))

  it('a file in place of a folder', () => refused([join(folder, 'empty')], /empty is not a folder/))

  it('a store that is there already, which stays as it is', () => {
    const path = join(folder, 'src', 'a.ts')
    refused([folder, path], /a\.ts is there already/)
    expect(readFileSync(path)).toEqual(contents.get('src/a.ts'))
  })

  it('a store in a folder that is not there', () => refused([folder, join(place, 'nowhere', 'store')], /there is no folder .*nowhere for the store/))

  it('more arguments than it has', () => refused([folder, 'a', 'b'], /too many arguments/))
})
