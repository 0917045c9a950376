/** The commands for entries: get, put, delete, has, list, count, trees. */
import fs from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { open } from '../../src/index.js'
import { randomBytes, seeded } from '../helpers.js'
import { buildProgram, eachInAFolder, folder, path } from './run.js'

const program = buildProgram()

eachInAFolder()

function withStore<T>(work: (db: Database<Uint8Array, Uint8Array>) => T): T {
  const db = open<Uint8Array, Uint8Array>(path, { keyEncoding: 'binary' })
  try {
    return work(db)
  } finally {
    db.close()
  }
}

function fill(entries: Record<string, string>): void {
  withStore((db) => Object.entries(entries).forEach(([key, value]) => db.put(Buffer.from(key), Buffer.from(value))))
}

/** Standard output of a run that is to succeed without talk. */
async function output(...words: string[]): Promise<string> {
  const ran = await program.run(words)
  expect([ran.code, ran.talk]).toEqual([0, ''])
  return ran.output
}

describe('put and get', () => {
  it('store a value and give it back byte for byte, and say when the store is new', async () => {
    expect(await program.run(['put', path, 'user:1', 'Ada'])).toMatchObject({ code: 0, output: '', talk: `${path} is new.\n` })
    expect(await program.run(['put', path, 'user:1', 'Ada L.'])).toMatchObject({ code: 0, output: '', talk: '' })
    expect(await output('get', path, 'user:1')).toBe('Ada L.')
  })

  it('take a value from standard input and give it to standard output as it is', async () => {
    const value = randomBytes(seeded(1), 100_000)
    expect((await program.run(['put', path, 'blob'], { input: value })).code).toBe(0)
    const { code, data } = await program.run(['get', path, 'blob'])
    expect(code).toBe(0)
    expect(data.equals(value)).toBe(true)
    await program.run(['put', path, 'blob'], { input: 'line\n' })
    expect(await output('get', path, 'blob')).toBe('line\n')
  })

  it('know an empty value, on the command line and from standard input', async () => {
    await program.run(['put', path, 'a', ''])
    await program.run(['put', path, 'b'], { input: '' })
    expect(await output('list', path)).toBe('a\t\nb\t\n')
  })

  it('take keys and values with escapes, and in hex', async () => {
    await program.run(['put', path, 'a\\x00b', 'c\\\\d\\xff'])
    expect(withStore((db) => [...db.entries()].flat().map((bytes) => Buffer.from(bytes).toString('latin1')))).toEqual(['a\0b', 'c\\d\xff'])
    expect(await output('get', path, '--hex', '610062')).toBe('635c64ff\n')
    await program.run(['put', path, '--hex', '00FF', 'ca fe'])
    await program.run(['put', path, '--hex', '00fe'], { input: 'ca fe\n' })
    expect(await output('list', path, '--hex', '--lt', '61')).toBe('00fe\tcafe\n00ff\tcafe\n')
  })

  it('take a key like an option behind --', async () => {
    await program.run(['put', path, '--', '-k', '-v'])
    expect(await output('get', path, '--', '-k')).toBe('-v')
  })

  it('answer in JSON', async () => {
    fill({})
    expect(JSON.parse(await output('put', path, 'a', 'one\\x0atwo', '--json'))).toEqual({ key: 'a', bytes: 7 })
    expect(JSON.parse(await output('get', path, 'a', '--json'))).toEqual({ key: 'a', value: 'one\ntwo' })
    await program.run(['put', path, '\\xff', '\\xfe'])
    expect(JSON.parse(await output('get', path, '\\xff', '--json'))).toEqual({ key: { hex: 'ff' }, value: { hex: 'fe' } })
    expect(JSON.parse(await output('get', path, 'ff', '--hex', '--json'))).toEqual({ key: 'ff', value: 'fe' })
  })

  it('of a key that is not there answers nothing, says so and is exit code 1', async () => {
    fill({ a: 'ash' })
    expect(await program.run(['get', path, 'b\\x00'])).toMatchObject({ code: 1, output: '', talk: 'coppice get: there is no key "b\\x00".\n' })
  })

  it('say so where a word was not UTF-8 and has been changed on its way', async () => {
    const lost = (what: string) => `the ${what} holds bytes that are no UTF-8, which arrive here as U+FFFD; write them as \\xNN`
    expect((await program.run(['put', path, '\ufffd', 'v\ufffd'])).talk).toBe(`coppice put: ${lost('key')}\ncoppice put: ${lost('value')}\n${path} is new.\n`)
    expect(await program.run(['count', path, '--prefix', '\ufffd'])).toMatchObject({ code: 0, output: '1\n', talk: `coppice count: ${lost('--prefix')}\n` })
  })

  it('name a path without the controls of a terminal', async () => {
    expect((await program.run(['put', `${path}\x1b[31m`, 'a', 'b'])).talk).toBe(`${path}?[31m is new.\n`)
    expect((await program.run(['check', `${path}\x1b[31m`])).output).toContain(`${path}?[31m is sound.`)
  })

  it('of a key that cannot be one makes no store for it', async () => {
    for (const words of [['x'.repeat(2049), 'v'], ['k', 'v', '--tree', ''], ['k', 'v', '--tree', 'x'.repeat(2049)]]) {
      const { code, talk } = await program.run(['put', path, ...words])
      expect(code).toBe(2)
      expect(talk).toMatch(/^coppice put: (a key of 2049 bytes is too long.*|--tree wants a name\. .*|the name of a tree is .*)\n/)
    }
    expect(fs.readdirSync(folder)).toEqual([])
  })
})

describe('has and delete', () => {
  it('say by their exit codes whether the key was there', async () => {
    fill({ a: 'ash' })
    expect(await program.run(['has', path, 'a'])).toMatchObject({ code: 0, output: '', talk: '' })
    expect(await program.run(['has', path, 'b'])).toMatchObject({ code: 1, output: '', talk: '' })
    expect(await program.run(['has', path, 'b', '--json'])).toMatchObject({ code: 1, output: '{"key":"b","has":false}\n' })
    expect(await program.run(['delete', path, 'a'])).toMatchObject({ code: 0, output: '', talk: '' })
    expect(await program.run(['delete', path, 'a'])).toMatchObject({ code: 1, output: '', talk: 'coppice delete: there is no key "a".\n' })
    expect(await program.run(['delete', path, 'a', '--json'])).toMatchObject({ code: 1, output: '{"key":"a","deleted":false}\n', talk: '' })
    expect(await output('count', path)).toBe('0\n')
  })
})

describe('list', () => {
  beforeEach(() => fill({ ash: '1', beech: '2', birch: '3', elm: '4', oak: '5' }))

  const ranges: [words: string[], keys: string][] = [
    [[], 'ash beech birch elm oak'],
    [['--prefix', 'b'], 'beech birch'],
    [['--gte', 'beech', '--lt', 'elm'], 'beech birch'],
    [['--gt', 'beech', '--lte', 'elm'], 'birch elm'],
    [['--prefix', 'b', '--gt', 'beech'], 'birch'],
    [['--reverse', '--limit', '2'], 'oak elm'],
    [['--offset', '1', '--limit', '2'], 'beech birch'],
    [['--limit', '0'], ''],
    [['--gte', 'oak', '--lt', 'ash'], ''],
    [['--hex', '--gte', '656c6d'], '656c6d 6f616b'],
  ]

  it.each(ranges)('%j are the keys of that range, and count counts them', async (words, keys) => {
    expect((await output('list', path, '--keys', ...words)).trimEnd().split('\n').join(' ')).toBe(keys)
    if (words.some((word) => ['--reverse', '--limit', '--offset'].includes(word))) return
    expect(await output('count', path, ...words)).toBe(`${keys === '' ? 0 : keys.split(' ').length}\n`)
  })

  it('shows an entry a line, whatever is in it, and all of it', async () => {
    const value = `tab\tline\n${'long '.repeat(1000)}`
    fill({ 'oak\n': value })
    const lines = (await output('list', path, '--gte', 'o')).split('\n')
    expect(lines).toEqual(['oak\t5', `oak\\x0a\ttab\\x09line\\x0a${'long '.repeat(1000)}`, ''])
  })

  it('answers in JSON, an object a line', async () => {
    const lines = (await output('list', path, '--json', '--prefix', 'b')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ key: 'beech', value: '2' }, { key: 'birch', value: '3' }])
    expect(await output('list', path, '--json', '--keys', '--limit', '1')).toBe('{"key":"ash"}\n')
    expect(await output('count', path, '--json')).toBe('{"count":5}\n')
  })

  it('goes through more than fits in one piece', async () => {
    withStore((db) => db.transaction((tx) => {
      for (let i = 0; i < 5000; i++) tx.put(Buffer.from(`z${String(i).padStart(5, '0')}`), Buffer.alloc(100, 'x'))
    }))
    const lines = (await output('list', path, '--prefix', 'z')).trimEnd().split('\n')
    expect([lines.length, lines[4999]]).toEqual([5000, `z04999\t${'x'.repeat(100)}`])
  })
})

describe('named trees', () => {
  beforeEach(() => {
    fill({ a: 'default' })
    withStore((db) => {
      db.tree('orders').put('a', Buffer.from('named'))
      db.tree('two words\\').put('b', Buffer.from('odd'))
      db.createTree('empty\n')
    })
  })

  it('are listed with their entries, as lines, names and JSON', async () => {
    expect(await output('trees', path)).toBe('1  (default)\n0  empty\\x0a\n1  orders\n1  two words\\\\\n')
    expect(await output('trees', path, '--names')).toBe('empty\\x0a\norders\ntwo words\\\\\n')
    expect(JSON.parse(await output('trees', path, '--json'))).toEqual([
      { name: null, entries: 1 }, { name: 'empty\n', entries: 0 }, { name: 'orders', entries: 1 }, { name: 'two words\\', entries: 1 },
    ])
  })

  it('are worked in by --tree, and made by put', async () => {
    expect(await output('get', path, 'a')).toBe('default')
    expect(await output('get', path, 'a', '--tree', 'orders')).toBe('named')
    expect(await output('list', path, '--tree', 'two words\\\\')).toBe('b\todd\n')
    await output('put', path, '--tree', 'new', 'n', '1')
    expect(await output('count', path, '--tree', 'new')).toBe('1\n')
    await output('delete', path, '--tree', 'orders', 'a')
    expect(await output('get', path, 'a')).toBe('default')
    expect(await output('count', path, '--tree', 'orders')).toBe('0\n')
  })

  it('are told from one another, and reached, whatever is in their names', async () => {
    withStore((db) => {
      db.tree('a\nb').put('line', Buffer.from('feed'))
      db.tree('a\\x0ab').put('back', Buffer.from('slash'))
    })
    const names = (await output('trees', path, '--names')).split('\n').filter((name) => name.startsWith('a'))
    expect(names).toEqual(['a\\x0ab', 'a\\\\x0ab'])
    expect(await output('list', path, '--tree', names[0])).toBe('line\tfeed\n')
    expect(await output('list', path, '--tree', names[1])).toBe('back\tslash\n')
    const stats = await output('stats', path)
    for (const name of names) expect(stats).toContain(`  ${name} `)
    expect((await program.run(['count', path, '--tree', 'c\\\\\\x0a'])).talk).toContain('no tree "c\\\\\\x0a" in')
    for (const [name, says] of [['a\\', /backslash/], ['\\xff', /UTF-8/]] as const) {
      const { code, talk } = await program.run(['count', path, '--tree', name])
      expect([code, talk]).toEqual([2, expect.stringMatching(says)])
    }
  })

  it('that are not there are exit code 1, and are not made', async () => {
    for (const words of [['get', path, 'a'], ['has', path, 'a'], ['delete', path, 'a'], ['list', path], ['count', path]]) {
      const { code, output, talk } = await program.run([...words, '--tree', 'nope'])
      expect([words[0], code, output]).toEqual([words[0], 1, ''])
      expect(talk).toMatch(/^coppice \w+: there is no tree "nope" in .*coppice trees.*\n$/)
    }
    expect(withStore((db) => db.trees())).toEqual(['empty\n', 'orders', 'two words\\'])
  })
})
