/** `coppice page`: one page of the file, decoded, however it is. */
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { PageFile } from '../../src/cli/page/source.js'
import { open } from '../../src/index.js'
import { padded, temporaryFolder } from '../helpers.js'
import { buildProgram } from './run.js'

interface PageJson {
  page: number
  kind: string
  use: string
  wrong: string | null
  header: Record<string, number | string>
  cells: { head: string; suffixLength: number; key: unknown; value?: unknown; child?: { page: number; entries: number }; overflow?: { page: number; pages: number; bytes: number } }[]
  runs: { start: number; length: number; freed: boolean }[]
  hex?: string
}

const program = buildProgram()

let path: string

beforeEach(() => {
  path = join(temporaryFolder(), 'store.coppice')
})

/** A tree of two levels, a large value, and enough commits that there is a log of free pages. */
function makeStore(): void {
  const db = open(path)
  db.load(Array.from({ length: 200 }, (_, i) => [padded(i), Buffer.alloc(100, 'v')] as const))
  db.put('zz large', Buffer.alloc(10_000, 'L'))
  db.put('zz bytes', Uint8Array.of(0xff, 0x00))
  db.close()
}

async function decoded(page: number, ...words: string[]): Promise<PageJson> {
  const { code, output } = await program.run(['page', path, String(page), '--json', ...words])
  expect(code).toBe(0)
  return JSON.parse(output) as PageJson
}

/** The newest meta page. */
async function newestMeta(): Promise<PageJson> {
  const metas = await Promise.all([0, 1, 2].map((slot) => decoded(slot)))
  return metas.sort((a, b) => Number(b.header.transaction) - Number(a.header.transaction))[0]
}

function damage(at: number, bytes: Uint8Array): void {
  const file = fs.openSync(path, 'r+')
  fs.writeSync(file, bytes, 0, bytes.length, at)
  fs.closeSync(file)
}

describe('a page', () => {
  it('leads from the meta slots over branches to leaves and large values', async () => {
    makeStore()
    const meta = await newestMeta()
    expect(meta).toMatchObject({ kind: 'meta', use: 'meta', wrong: null })
    const root = await decoded(Number(meta.header.defaultTree))
    expect(root).toMatchObject({ kind: 'branch', use: 'in use', wrong: null, header: { level: 1, tree: 1 } })
    expect(root.cells.reduce((sum, { child }) => sum + child!.entries, 0)).toBe(202)
    const last = await decoded(root.cells.at(-1)!.child!.page)
    expect(last).toMatchObject({ kind: 'leaf', use: 'in use', header: { level: 0, count: last.cells.length } })
    expect(last.cells.at(-2)).toMatchObject({ key: 'zz bytes', value: { hex: 'ff00' } })
    expect(last.cells.at(-1)).toMatchObject({ key: 'zz large', overflow: { pages: 3, bytes: 10_000 } })
    const large = await decoded(last.cells.at(-1)!.overflow!.page)
    expect(large).toMatchObject({ kind: 'raw', use: 'in use', hex: '4c'.repeat(4096) })
  })

  it('is shown as text with header, cells and bytes; --brief leaves the bytes out', async () => {
    makeStore()
    const root = await decoded(Number((await newestMeta()).header.defaultTree))
    const leaf = root.cells.at(-1)!.child!.page
    const { code, output, talk } = await program.run(['page', path, String(leaf)])
    expect([code, talk]).toEqual([0, ''])
    expect(output).toMatch(new RegExp(`^Page ${leaf} of .*: a leaf, in use\n`))
    expect(output).toMatch(/^ {2}checksum {2} *[0-9a-f]{8} +fits$/m)
    expect(output).toMatch(/^ {2}tree +1 +the default tree$/m)
    expect(output).toMatch(/^ +\d+ {2}[0-9a-f]{8} +\d+ +\d+ +\d+ {2}zz bytes +\\xff\\x00$/m)
    expect(output).toMatch(/^ +\d+ {2}[0-9a-f]{8} +\d+ +\d+ +\d+ {2}zz large +9\.8 KiB from page \d+ on \(3 pages\), checksum [0-9a-f]{8}, born \d+$/m)
    expect(output).toMatch(/^ {2}0000 {2}([0-9a-f]{2} ){8} ([0-9a-f]{2} ){8} \S+/m)
    const brief = await program.run(['page', path, String(leaf), '--brief'])
    expect(output.startsWith(brief.output.trimEnd())).toBe(true)
    expect(brief.output).not.toContain('Bytes')
  })

  it('shows the slots as they are: the head, and how long the suffix is that it begins', async () => {
    makeStore()
    const root = await decoded(Number((await newestMeta()).header.defaultTree))
    const leaf = root.cells.at(-1)!.child!.page
    const { header: { prefix }, cells } = await decoded(leaf)
    for (const { key, head, suffixLength } of cells) {
      const suffix = Buffer.from(key as string).subarray(Number(prefix))
      expect([head, suffixLength]).toEqual([suffix.toString('hex').slice(0, 8).padEnd(8, '0'), suffix.length])
    }
    const { output } = await program.run(['page', path, String(leaf), '--brief'])
    expect(output).toMatch(/^ +slot +head +offset +suffix +size +key +value$/m)
    expect(output).toMatch(new RegExp(`^ +\\d+ {2}7a7a206c +\\d+ +${8 - Number(prefix)} +\\d+ {2}zz large`, 'm'))
  })

  it('has its keys and values in hex with --hex', async () => {
    makeStore()
    const root = await decoded(Number((await newestMeta()).header.defaultTree))
    const leaf = await decoded(root.cells.at(-1)!.child!.page, '--hex', '--brief')
    expect(leaf.cells.at(-2)).toMatchObject({ key: Buffer.from('zz bytes').toString('hex'), value: 'ff00' })
    expect(leaf.hex).toBeUndefined()
  })

  it('that is free is told from one in use, by the meta page and by the log', async () => {
    const value = Buffer.alloc(400)
    const writer = open(path)
    writer.load(Array.from({ length: 16_000 }, (_, i) => [padded(i), value] as const))
    // Every other leaf is copied, so that what is free are more runs than fit in a meta page.
    writer.transaction((tx) => {
      for (let i = 0; i < 16_000; i += 20) tx.delete(padded(i))
    })
    writer.deleteRange({ gte: padded(1000), lt: padded(1500) })
    writer.close()
    const reader = open(path, { readOnly: true })
    const { free, freeLog } = reader.stats().pages
    reader.close()
    expect(freeLog).toBeGreaterThan(0)
    const meta = await newestMeta()
    const log = await decoded(Number(meta.header.freeLog))
    expect(log).toMatchObject({ kind: 'free log', use: 'in use', wrong: null })
    expect(log.runs.length).toBe(log.header.count)
    const file = new PageFile(path)
    const newest = file.newest()
    const uses = Array.from({ length: newest!.pageCount }, (_, page) => file.useOf(page, newest))
    file.close()
    expect(uses.filter((use) => use === 'free').length).toBe(free)
    const freed = await program.run(['page', path, String(uses.indexOf('free')), '--brief'])
    expect(freed.output).toMatch(/^Page \d+ of .*: free; it holds /)
  })

  it('that is not in the file is exit code 1', async () => {
    makeStore()
    const { code, output, talk } = await program.run(['page', path, '100000'])
    expect([code, output]).toEqual([1, ''])
    expect(talk).toMatch(/^coppice page: there is no page 100000: the file has pages 0 to \d+\.\n$/)
  })
})

describe('a damaged page', () => {
  it('is shown with what is wrong, and with its cells where they can still be told', async () => {
    makeStore()
    const root = Number((await newestMeta()).header.defaultTree)
    const { cells } = await decoded(root)
    const leaf = cells[0].child!.page
    damage(leaf * 4096 + 4000, Buffer.from('!'))
    const page = await decoded(leaf)
    expect(page).toMatchObject({ kind: 'leaf', wrong: 'its checksum does not fit' })
    expect(page.cells.length).toBeGreaterThan(0)
    expect((await program.run(['page', path, String(leaf)])).output).toMatch(/^Damaged: its checksum does not fit\.$/m)
  })

  it('whose structure leads outside it is shown without cells', async () => {
    makeStore()
    const root = Number((await newestMeta()).header.defaultTree)
    damage(root * 4096 + 18, Uint8Array.of(0xff, 0xff))
    const page = await decoded(root)
    expect(page.wrong).toMatch(/^its checksum does not fit, and its 65535 slots/)
    expect(page.cells).toEqual([])
  })

  it('is shown also where the store cannot be opened for it', async () => {
    makeStore()
    for (const slot of [0, 1, 2]) damage(slot * 4096 + 300, Buffer.from('damage'))
    const { code, output, talk } = await program.run(['page', path, '0'])
    expect(code).toBe(0)
    expect(talk).toMatch(/^The store cannot be opened: all three meta pages of .* are damaged/)
    expect(output).toMatch(/^Damaged: its checksum does not match\.$/m)
    expect((await program.run(['page', path, '5', '--brief'])).output).toMatch(/cannot be told/)
  })
})
