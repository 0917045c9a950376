/** `coppice load` and `coppice dump`: the same entries come back, files are whole or not there, and what goes wrong is told with its place. */
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { BrokenPipeError } from '../../src/cli/command.js'
import { dump } from '../../src/cli/commands/dump.js'
import { load } from '../../src/cli/commands/load.js'
import { FORMATS } from '../../src/cli/formats/format.js'
import type { ByteStore } from '../../src/cli/store.js'
import { openStore, withStore } from '../../src/cli/store.js'
import { assertSound, closing, padded } from '../helpers.js'
import { fakeTerminal, runCommand } from './fake-terminal.js'
import { buildProgram, eachInAFolder, folder, path } from './run.js'

const program = buildProgram()

eachInAFolder()

const file = (name: string) => join(folder, name)

function write(name: string, text: string | Uint8Array): string {
  fs.writeFileSync(file(name), text)
  return file(name)
}

/** Makes a store; names with a colon stand for a tree and a key in it. */
function makeStore(entries: Record<string, string>, store = path): void {
  const db = openStore(store, 'create')
  for (const [name, value] of Object.entries(entries)) {
    const [tree, key] = name.includes(':') ? name.split(':') : [undefined, name]
    treeIn(db, tree).put(Buffer.from(key), Buffer.from(value))
  }
  db.close()
}

function treeIn(db: ByteStore, name: string | undefined) {
  return name === undefined ? db : db.tree<Uint8Array, Uint8Array>(name, { keyEncoding: 'binary' })
}

/** Everything in a store, in hex: tree, key and value. */
function contentsOf(store = path): Promise<Record<string, string>> {
  return withStore(store, 'read', (db) => {
    const trees = [undefined, ...db.trees()].map((name) => [name ?? '', [...treeIn(db, name)].map((entry) => entry.map((bytes) => Buffer.from(bytes).toString('latin1')).join('=')).join(' ')])
    return Object.fromEntries(trees) as Record<string, string>
  })
}

describe('what is dumped and loaded again', () => {
  it('is the same, byte for byte, in every format, for any bytes', async () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 10 }).map((text) => new Uint8Array(Buffer.from(text))))
    const entries = fc.array(fc.tuple(bytes, bytes), { maxLength: 8 })
    const ways = [...FORMATS.map((format) => [format]), ['mdb_dump', '--print'], ['csv', '--hex'], ['ndjson', '--hex']]
    let run = 0
    const property = fc.asyncProperty(entries, fc.constantFrom(...ways), fc.boolean(), async (pairs, [format, ...options], named) => {
      const [from, to] = [file(`from ${++run}`), file(`to ${run}`)]
      const tree = named ? ['--tree', 'a \\\\b'] : []
      await withStore(from, 'create', (db) => {
        if (named) db.createTree('a \\b')
        treeIn(db, named ? 'a \\b' : undefined).batch(pairs.map(([key, value]) => ({ type: 'put', key, value })))
      })
      const text = await runCommand(dump, [from, '--format', format, ...options, ...tree])
      expect(text).toMatchObject({ code: 0, talk: '' })
      const loaded = await runCommand(load, [to, '--format', format, ...options.filter((option) => option === '--hex'), ...tree], { input: text.data })
      expect(loaded.code, loaded.talk).toBe(0)
      expect(await contentsOf(to)).toEqual(await contentsOf(from))
    })
    await fc.assert(property, { seed: 20261121, numRuns: 12 })
  })

  it('is a whole store with all its trees, those without entries too, through mdb_dump', async () => {
    makeStore({ a: '1', 'people:ada': 'x\n', 'people:\xff': '', '\u{1f600}\n:k': 'v' })
    await withStore(path, 'write', (db) => void db.createTree('empty'))
    const { data } = await runCommand(dump, [path, '--all-trees', '--format', 'mdb_dump'])
    expect(await runCommand(load, [file('copy'), '-', '--format', 'mdb_dump'], { input: data })).toMatchObject({ code: 0 })
    expect(await contentsOf(file('copy'))).toEqual(await contentsOf())
    expect(Object.keys(await contentsOf(file('copy')))).toEqual(['', 'empty', 'people', '\u{1f600}\n'])
  })

  it('is the same by way of a file, whose name says the format', async () => {
    makeStore({ a: '1', b: '"2", \\' })
    for (const name of ['x.ndjson', 'x.csv', 'x.tsv', 'x.dump']) {
      expect((await runCommand(dump, [path, file(name)])).talk).toMatch(/^dumped 2 entries in \S+ s, \S+\/s\n$/)
      expect((await runCommand(load, [file(`${name}.store`), file(name)])).talk).toMatch(/^loaded 2 entries in \S+ s, \S+\/s\n$/)
      expect(await contentsOf(file(`${name}.store`))).toEqual({ '': 'a=1 b="2", \\' })
    }
  })
})

describe('dump', () => {
  it('takes ranges, in either direction, up to a limit, of a named tree', async () => {
    makeStore({ 't:a1': '1', 't:a2': '2', 't:a3': '3', 't:b': '4', z: '5' })
    const keys = async (...words: string[]) => (await runCommand(dump, [path, '--format', 'tsv', '--tree', 't', ...words])).output.split('\n').slice(1, -1).map((line) => line.split('\t')[0])
    expect(await keys('--prefix', 'a', '--reverse', '--limit', '2')).toEqual(['a3', 'a2'])
    expect(await keys('--gte', 'a2', '--lt', 'b')).toEqual(['a2', 'a3'])
    expect(await keys('--gte', '6133', '--hex')).toEqual(['6133', '62'])
    expect(await keys('--limit', '0')).toEqual([])
  })

  it('leaves a file alone that stands there until the new one is whole, and nothing beside it', async () => {
    makeStore({ a: '\xff' })
    write('out.csv', 'old')
    fs.chmodSync(file('out.csv'), 0o640)
    fs.symlinkSync(file('out.csv'), file('link.csv'))
    await withStore(path, 'write', (db) => db.put(Buffer.from('b'), Buffer.from([0xff])))
    const failed = await runCommand(dump, [path, file('out.csv'), '--literal'])
    expect(failed).toMatchObject({ code: 3, talk: expect.stringContaining('--literal') as string })
    expect(fs.readFileSync(file('out.csv'), 'utf8')).toBe('old')
    expect((await runCommand(dump, [path, file('link.csv')])).code).toBe(0)
    expect(fs.readFileSync(file('out.csv'), 'utf8')).toBe('key,value\na,ÿ\nb,\\xff\n')
    expect(fs.statSync(file('out.csv')).mode & 0o777).toBe(0o640)
    expect(fs.readdirSync(folder).sort()).toEqual(['link.csv', 'out.csv', 'store.coppice'])
  })

  it('writes through a symbolic link whose file is not there yet', async () => {
    makeStore({ a: '1' })
    fs.mkdirSync(file('real'))
    fs.symlinkSync(file('real'), file('folder'))
    fs.symlinkSync('../real/new.csv', file('real/link.csv'))
    expect((await runCommand(dump, [path, file('folder/link.csv'), '--json'])).output).toMatch(/^\{"entries":1,"seconds":[\d.]+\}\n$/)
    expect(fs.lstatSync(file('real/link.csv')).isSymbolicLink()).toBe(true)
    expect(fs.readFileSync(file('real/new.csv'), 'utf8')).toBe('key,value\na,1\n')
  })

  it('writes to a device where one stands, and puts no file in its place', async () => {
    makeStore({ a: '1' })
    expect((await runCommand(dump, [path, '/dev/null', '--format', 'csv'])).code).toBe(0)
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  it('is one moment of the store, and waits for its reader', async () => {
    const text = 'x'.repeat(1000)
    makeStore(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [padded(i), text])))
    const terminal = fakeTerminal({ input: '' })
    let writing = 0
    let most = 0
    const slow = { ...terminal, write: async (data: string | Uint8Array) => {
      most = Math.max(most, ++writing)
      await terminal.write(data)
      writing--
    } }
    const { code, output } = await runCommand(dump, [path], slow)
    expect([code, most, output.split('\n').length]).toEqual([0, 1, 501])
  })

  it('ends when nobody reads any more, and leaves the store closed', async () => {
    makeStore({ a: '1' })
    const broken = { ...fakeTerminal({ input: '' }), write: () => Promise.reject(new BrokenPipeError('nobody reads')) }
    await expect(dump.run({ positionals: [path], values: {} }, broken)).rejects.toThrow(BrokenPipeError)
    closing(openStore(path, 'write'))
  })

  const mistakes: [what: string, words: string[], code: number, says: RegExp][] = [
    ['all trees in a format of one tree', ['--all-trees', '--format', 'csv'], 2, /--format mdb_dump/],
    ['all trees and one of them', ['--all-trees', '--tree', 'x', '--format', 'mdb_dump'], 2, /Leave out one/],
    ['print in another format', ['--print'], 2, /mdb_dump/],
    ['literal in another format', ['--literal'], 2, /csv and tsv/],
    ['a limit that is none', ['--limit', 'x'], 2, /whole number/],
    ['JSON beside the dump itself', ['--json'], 2, /no room for --json/],
    ['an unknown format', ['--format', 'xml'], 2, /no format "xml"/],
    ['a tree that is not there', ['--tree', 'nope'], 1, /no tree "nope"/],
    ['a folder that is not there', ['/nowhere/at/all.csv'], 3, /no such folder/],
  ]
  it.each(mistakes)('refuses %s', async (_, words, code, says) => {
    makeStore({ a: '1' })
    const ended = await runCommand(dump, [path, ...words])
    expect([ended.code, ended.output]).toEqual([code, ''])
    expect(ended.talk).toMatch(says)
  })

  it('refuses to write over the store, under any name of it', async () => {
    makeStore({ a: '1' })
    fs.symlinkSync(path, file('link.csv'))
    expect(await runCommand(dump, [path, file('link.csv')])).toMatchObject({ code: 3, talk: expect.stringContaining('the store itself') as string })
    expect(await contentsOf()).toEqual({ '': 'a=1' })
  })

  it('makes no store where there is none', async () => {
    expect((await runCommand(dump, [path])).code).toBe(3)
    expect(fs.existsSync(path)).toBe(false)
  })
})

describe('load', () => {
  it('makes the store, and gives keys that are there new values', async () => {
    await runCommand(load, [path, write('a.ndjson', '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n')])
    await runCommand(load, [path], { input: '{"key":"b","value":"3"}' })
    await runCommand(load, [path, write('c.csv', 'key,value\nx,y\n'), '--tree', 't'])
    expect(await contentsOf()).toEqual({ '': 'a=1 b=3', t: 'x=y' })
  })

  it('keeps nothing of a file with a bad line, and names the line', async () => {
    makeStore({ a: 'old' })
    const { code, talk } = await runCommand(load, [path, write('a.csv', 'a,new\nb,1\nc\n')])
    expect(code).toBe(3)
    expect(talk).toMatch(/a\.csv, line 3: .*here is 1.* Nothing of it is in the store\./)
    expect(await contentsOf()).toEqual({ '': 'a=old' })
  })

  it('names the line of a key that is too long, too', async () => {
    const { code, talk } = await runCommand(load, [path, '--format', 'csv'], { input: `a,1\n${'k'.repeat(2049)},2\n` })
    expect(code).toBe(3)
    expect(talk).toMatch(/standard input, line 2: a key of 2049 bytes/)
  })

  it('in batches keeps what has been committed, and says where it stopped', async () => {
    const lines = Array.from({ length: 7 }, (_, i) => `k${i},v`)
    const { code, talk } = await runCommand(load, [path, '--format', 'csv', '--batch', '2'], { input: [...lines, 'oops'].join('\n') })
    expect(code).toBe(3)
    expect(talk).toMatch(/line 8: .*The first 6 entries, to line 6, are in the store, and nothing behind\./)
    expect(await contentsOf()).toEqual({ '': 'k0=v k1=v k2=v k3=v k4=v k5=v' })
    expect(await runCommand(load, [path, '--format', 'csv', '--batch', '2'], { input: lines.join('\n') })).toMatchObject({ code: 0 })
    expect((await contentsOf())['']).toContain('k6=v')
  })

  it('puts a dump of one database into the tree that is named, and refuses several', async () => {
    const one = 'VERSION=3\nformat=print\ndatabase=x\nHEADER=END\n a\n 1\nDATA=END\n'
    expect((await runCommand(load, [path, '--format', 'mdb_dump', '--tree', 't'], { input: one })).code).toBe(0)
    expect(await contentsOf()).toEqual({ '': '', t: 'a=1' })
    const { code, talk } = await runCommand(load, [path, '--format', 'mdb_dump', '--tree', 'u'], { input: one + one })
    expect([code, await contentsOf()]).toEqual([3, { '': '', t: 'a=1' }])
    expect(talk).toMatch(/line 11: here a second database begins/)
  })

  it('takes large files in pieces, in order or not, into a sound store', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `{"key":"${padded((i * 7919) % 20_000)}","value":"${'v'.repeat(i % 90)}"}`)
    const input = Buffer.from(lines.join('\n'))
    const pieces = Array.from({ length: Math.ceil(input.length / 50_000) }, (_, i) => input.subarray(i * 50_000, (i + 1) * 50_000))
    expect((await runCommand(load, [path], { input: pieces })).code).toBe(0)
    await withStore(path, 'read', (db) => {
      assertSound(db)
      expect([db.count(), String(db.get(Buffer.from(padded(7919))))]).toEqual([20_000, 'v'])
    })
  })

  it('shows progress where somebody looks, and none where nobody does', async () => {
    const name = write('a.ndjson', '{"key":"a","value":"1"}\n')
    expect((await runCommand(load, [path, name], { input: '' })).talk).toMatch(/^loaded 1 entry in .*\n$/)
    const { talk } = await runCommand(load, [path, name], { input: '', interactive: true })
    expect(talk).toMatch(/% \| 1 entries, \S+\/s \| \S+ left/)
    expect(talk).not.toMatch(/NFs|LLs/)
    expect(talk).toMatch(/ 0% .* \| \? left/)
    expect((await runCommand(dump, [path, file('b.csv')], { input: '', interactive: true })).talk).toMatch(/100% \| 1 entries/)
  })

  it('shows none over the lines that somebody types', async () => {
    const { code, talk } = await runCommand(load, [path], { input: '{"key":"a","value":"1"}\n', interactive: true })
    expect(code).toBe(0)
    expect(talk).toMatch(/^reading from the keyboard; Ctrl-D ends it\nloaded 1 entry in .*\n$/)
  })

  const mistakes: [what: string, words: string[], code: number, says: RegExp][] = [
    ['a file that is not there', ['nowhere.csv'], 3, /no such file/],
    ['a folder', ['.', '--format', 'csv'], 3, /is a folder/],
    ['a name that tells no format', ['data'], 2, /--format/],
    ['no entries in a batch', ['-', '--batch', '0'], 2, /1 or more/],
    ['literal in another format', ['-', '--literal'], 2, /csv and tsv/],
    ['an empty name of a tree', ['-', '--tree', ''], 2, /--tree wants a name/],
  ]
  it.each(mistakes)('refuses %s, and makes no store for it', async (_, words, code, says) => {
    const ended = await runCommand(load, [path, ...words])
    expect(ended.code).toBe(code)
    expect(ended.talk).toMatch(says)
    expect(fs.existsSync(path)).toBe(false)
  })

  it('refuses a name that no tree can have, and leaves the store closed', async () => {
    makeStore({ a: '1' })
    expect(await runCommand(load, [path, '--tree', 'n'.repeat(5000)])).toMatchObject({ code: 3, talk: expect.stringContaining('1 to 2048 bytes in UTF-8, and this one has 5000.') as string })
    closing(openStore(path, 'write'))
  })

  it.each([['a bad line', 'oops'], ['a second one', '{"key":"a","value":""}\noops']])('that fails with %s takes away the store that it made, and no other', async (_, input) => {
    expect(await runCommand(load, [path, '--batch', '9'], { input })).toMatchObject({ code: 3 })
    expect(fs.readdirSync(folder)).toEqual([])
    makeStore({})
    expect(await runCommand(load, [path], { input })).toMatchObject({ code: 3 })
    expect(await contentsOf()).toEqual({ '': '' })
  })

  it('answers in JSON, also where it stops half-way', async () => {
    const done = await runCommand(load, [path, '--json'], { input: '{"key":"a","value":""}' })
    expect(JSON.parse(done.output)).toEqual({ entries: 1, seconds: expect.any(Number) as number })
    const stopped = await runCommand(load, [path, '--json', '--batch', '1'], { input: '\n{"key":"b","value":""}\noops' })
    expect([stopped.code, stopped.output]).toEqual([3, '{"committed":1,"line":2}\n'])
    expect(stopped.talk).toContain('The first entry, to line 2, is in the store, and nothing behind.')
    expect(await runCommand(load, [path, '--json'], { input: 'oops' })).toMatchObject({ code: 3, output: '' })
  })
})

describe('as programs of their own', () => {
  /** A store whose dump takes a while. */
  function makeLargeStore(): void {
    const db = openStore(path, 'create')
    db.load(Array.from({ length: 20_000 }, (_, i) => [Buffer.from(padded(i)), Buffer.alloc(2000, 10)] as const))
    db.close()
  }

  it('they hand on entries by way of standard output and input', async () => {
    makeStore({ a: '1', 't:b': 'x\n' })
    const dumped = await program.run(['dump', path, '--all-trees', '--format', 'mdb_dump'])
    expect(dumped).toMatchObject({ code: 0, talk: '' })
    const loaded = await program.run(['load', file('copy'), '--format', 'mdb_dump'], { input: dumped.data })
    expect([loaded.code, loaded.output]).toEqual([0, ''])
    expect(await contentsOf(file('copy'))).toEqual(await contentsOf())
  })

  it('a bad line is one line on standard error, and the exit code of a file that cannot be read', async () => {
    const { code, output, talk } = await program.run(['load', path], { input: 'oops\n' })
    expect([code, output, talk.split('\n').length]).toEqual([3, '', 2])
    expect(talk).toContain('standard input, line 1: this is not JSON')
  })

  it('a dump ends without a word when its reader goes away', async () => {
    makeLargeStore()
    const child = program.start(['dump', path])
    let talk = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (talk += text))
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    await once(child, 'close')
    expect([child.exitCode, talk]).toEqual([0, ''])
  })

  it('a dump that is ended from outside leaves no file', async () => {
    makeLargeStore()
    const child = program.start(['dump', path, file('out.csv')])
    await vi.waitFor(() => expect(fs.readdirSync(folder).some((name) => name.endsWith('.new'))).toBe(true), { timeout: 20_000, interval: 2 })
    child.kill('SIGTERM')
    await once(child, 'close')
    expect([child.signalCode, fs.readdirSync(folder)]).toEqual(['SIGTERM', ['store.coppice']])
  })
})
