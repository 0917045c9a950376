/** `coppice shell`: a script from standard input, and somebody who types. */
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { shell } from '../../src/cli/commands/shell.js'
import { complete } from '../../src/cli/shell/complete.js'
import { History, historyFile } from '../../src/cli/shell/history.js'
import { Session } from '../../src/cli/shell/session.js'
import { typable, wordsOf } from '../../src/cli/shell/words.js'
import { openStore } from '../../src/cli/store.js'
import { fromText } from '../../src/cli/text.js'
import { closing, padded, temporaryFolder } from '../helpers.js'
import type { FakeTerminal } from './fake-terminal.js'
import { fakeTerminal, runCommand } from './fake-terminal.js'
import { buildProgram } from './run.js'

const program = buildProgram()

let folder: string
let path: string

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, 'store.coppice')
  vi.stubEnv('XDG_STATE_HOME', join(folder, 'state'))
  onTestFinished(() => void vi.unstubAllEnvs())
  openStore(path, 'create').close()
})

const script = (lines: string[] | string, ...words: string[]) => runCommand(shell, [path, ...words], { input: typeof lines === 'string' ? lines : lines.join('\n') })

describe('a script', () => {
  it('reads and writes, and answers with data alone, without a prompt', async () => {
    const lines = ['put b 2', '  # it\'s a remark', '', '  put "a b" \'it is "1"\'', 'put \\x00\\xff \\\\', 'get "a b"', 'has b', 'has c', 'count', 'count a', 'delete b', 'list']
    expect(await script(lines)).toEqual(expect.objectContaining({ code: 0, talk: '', output: 'it is "1"\ntrue\nfalse\n3\n1\n\\x00\\xff\t\\\\\na b\tit is "1"\n' }))
  })

  it('lists ranges, and prefixes, in either direction', async () => {
    const lines = ['put a1 1', 'put a2 2', 'put b 3', 'list --gt a1 --limit 1', 'list --reverse --offset 1', 'prefix a --reverse', 'count --lt b']
    expect((await script(lines)).output).toBe('a2\t2\na2\t2\na1\t1\na2\t2\na1\t1\n2\n')
  })

  it('goes from tree to tree', async () => {
    const lines = ['put a 1', 'use "my tree"', 'put b 2', 'put c 3', 'trees', 'list', 'use', 'list']
    expect(await script(lines)).toMatchObject({ code: 0, output: '(default)\t1\nmy tree\t2\nb\t2\nc\t3\na\t1\n', talk: 'there is no tree "my tree" yet; the first put makes it\n' })
    expect((await script('list', '--tree', 'my tree')).output).toBe('b\t2\nc\t3\n')
  })

  it('has transactions over all trees, which see their own writes', async () => {
    const lines = ['begin', 'put a 1', 'use t', 'put b 2', 'commit', 'begin', 'delete b', 'count', 'rollback', 'list', 'use', 'list']
    expect(await script(lines)).toMatchObject({ code: 0, output: '0\nb\t2\na\t1\n' })
  })

  it('that ends within a transaction has it undone, and says so with its exit code', async () => {
    for (const lines of ['begin\nput a 1', 'begin\nput a 1\nexit\nput b 2']) {
      expect(await script(lines)).toMatchObject({ code: 3, talk: expect.stringContaining('undone') as string })
      expect((await script('count')).output).toBe('0\n')
    }
  })

  const mistakes: [what: string, line: string, code: number, says: RegExp][] = [
    ['an unknown command', 'frob', 2, /no command "frob"/],
    ['a command misspelt', 'lsit', 2, /Did you mean "list"\?/],
    ['a word too many', 'put a b c', 2, /put <key> <value>.*quotes/],
    ['an option that is none', 'list --limt 3', 2, /--limit/],
    ['a quote that is open', 'get "a', 2, /is not closed/],
    ['a backslash that means nothing', 'get \\q', 2, /backslash/],
    ['a commit of nothing', 'commit', 2, /no transaction to commit/],
    ['a second transaction', 'begin\nbegin', 2, /is open already/],
    ['a key that is not there', 'get \\xff', 1, /no key "\\xff"/],
    ['a key that is too long', `put ${'k'.repeat(2049)} 1`, 2, /2049.*COPPICE_KEY_TOO_LARGE/],
    ['a name that is none', 'use \\xff', 2, /UTF-8/],
  ]
  it.each(mistakes)('stops at %s, with its line and an exit code', async (_, line, code, says) => {
    const ended = await script(`put a 1\n${line}\nput z 1`)
    expect(ended.code).toBe(code)
    expect(ended.talk).toMatch(says)
    expect(ended.talk).toContain(`line ${line.includes('\n') ? 3 : 2}: `)
    expect((await script('list')).output).toBe('a\t1\n')
  })

  it('is UTF-8', async () => {
    expect((await script('\ufeffput a 1\nlist')).output).toBe('a\t1\n')
    expect(await runCommand(shell, [path], { input: Buffer.from('get \xff', 'latin1') })).toMatchObject({ code: 2, talk: expect.stringContaining('line 1: this is not UTF-8') as string })
  })

  it('takes words that begin with a dash, where a command has no options', async () => {
    expect((await script(['put -a -1', 'get -a', 'prefix -- -a'])).output).toBe('-1\n-a\t-1\n')
  })

  it('asks for figures and for help', async () => {
    const { output } = await script(['put a 1', 'stats', 'help', 'help put'])
    expect(output).toMatch(/^tree \(default\) +1 entry, depth 1/m)
    expect(output).toMatch(/^rollback +undo/m)
    expect(output).toMatch(/^put <key> <value> +store/m)
  })

  it('ends with quit as with exit, and helps with a question mark', async () => {
    const { code, output } = await script(['? has', 'quit', 'put a 1'])
    expect([code, output]).toEqual([0, (await script('help has')).output])
    expect((await script('count')).output).toBe('0\n')
  })

  it('reads names of trees with escapes, and shows them so', async () => {
    expect((await script(['use a\\x0ab', 'put a 1', 'use a\\\\x0ab', 'put b 2', 'put c 3', 'trees'])).output).toBe('(default)\t0\na\\x0ab\t1\na\\\\x0ab\t2\n')
    expect((await script('count', '--tree', 'a\\x0ab')).output).toBe('1\n')
  })

  it('is told in words of the program what it may not', async () => {
    expect((await script('put a 1', '--read-only')).talk).toMatch(/opened with --read-only\. Leave that out to write\. \(COPPICE_READ_ONLY\)/)
  })

  it('runs in a program of its own, with the same exit codes', async () => {
    expect(await program.run(['shell', path], { input: 'put a 1\nlist\n' })).toMatchObject({ code: 0, output: 'a\t1\n', talk: '' })
    expect(await program.run(['shell', path], { input: 'list\nget b\nput z 1\n' })).toMatchObject({ code: 1, output: 'a\t1\n', talk: expect.stringMatching(/^coppice shell: line 2: .*\n$/) as string })
  })

  it('makes a store only where that is asked for, and writes to none that is opened for reading', async () => {
    const missing = join(folder, 'missing')
    expect((await runCommand(shell, [missing], { input: 'put a 1' })).code).toBe(3)
    expect(fs.existsSync(missing)).toBe(false)
    expect((await runCommand(shell, [missing, '--create'], { input: 'put a 1' })).code).toBe(0)
    expect(await script('put a 1', '--read-only')).toMatchObject({ code: 3, talk: expect.stringContaining('COPPICE_READ_ONLY') as string })
    expect((await script('', '--read-only', '--create')).code).toBe(2)
    expect(await script('list', '--tree', '')).toMatchObject({ code: 2, talk: expect.stringContaining('--tree wants a name') as string })
  })
})

describe('words', () => {
  it('are what was typed for any bytes, within quotes or without', () => {
    const quotes = fc.constantFrom('', '"', "'")
    const bytes = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 10 }), fc.array(fc.constantFrom('\\', ' ', '"', "'", 'x', 'é', '\t'), { minLength: 1, maxLength: 6 }).map((parts) => new Uint8Array(Buffer.from(parts.join('')))))
    const property = fc.property(fc.array(fc.tuple(bytes, quotes), { maxLength: 4 }), (words) => {
      const line = words.map(([word, quote]) => `${quote}${typable(word, quote)}${quote}`).join('  ')
      expect(wordsOf(line).map((text) => new Uint8Array(fromText(text)))).toEqual(words.map(([word]) => word))
    })
    fc.assert(property, { seed: 20261121, numRuns: 300 })
  })

  it('may be empty in quotes, and of several parts', () => {
    expect(wordsOf(' put "" a" b"\\ c\'d\' ')).toEqual(['put', '', 'a b cd'])
  })
})

describe('completion', () => {
  function session(keys: (string | Uint8Array)[], trees: string[] = []): Session {
    const db = closing(openStore(':memory:', 'create'))
    for (const key of keys) db.put(Buffer.from(key as string), Buffer.alloc(0))
    for (const tree of trees) db.createTree(tree)
    return new Session(db, undefined)
  }
  const offers = (of: Session, line: string) => complete(of, line)[0]

  it('is of commands in the first place, and of help', () => {
    expect(complete(session([]), 'c')).toEqual([['count ', 'commit '], 'c'])
    expect(offers(session([]), 'help ro')).toEqual(['rollback '])
    expect(offers(session([]), 'frob x')).toEqual([])
    expect(offers(session(['a']), 'begin a')).toEqual([])
  })

  it('is of keys by their prefix, as far as all of them go on alike', () => {
    const store = session(['user:1', 'user:22', 'user:23', 'v'])
    expect(complete(store, 'get us')).toEqual([['user:'], 'us'])
    expect(offers(store, 'get user:')).toEqual(['user:1', 'user:22', 'user:23'])
    expect(offers(store, 'get user:1')).toEqual(['user:1 '])
    expect(offers(store, 'put v')).toEqual(['v '])
    expect(offers(store, 'put v v')).toEqual([])
    expect(offers(store, 'get nope')).toEqual([])
    expect(offers(store, 'get \\q')).toEqual([])
  })

  it('offers no more of a common beginning than all keys have, however many there are', () => {
    const [first, ...rest] = offers(session(Array.from({ length: 1000 }, (_, i) => padded(i, 3))), 'get ')
    expect([first, rest.length, rest[rest.length - 1]]).toEqual(['000', 100, '999'])
  })

  it('types what has to be quoted or escaped, in the manner that was begun', () => {
    const store = session(['my "key"', Buffer.from([0xff, 0]), 'é', 'è'])
    expect(offers(store, 'get my')).toEqual(['my\\ \\"key\\" '])
    expect(offers(store, 'get "my')).toEqual(['"my \\"key\\"" '])
    expect(offers(store, 'get \\x')).toEqual(['\\xff\\x00'])
    expect(offers(store, 'get \\xff')).toEqual(['\\xff\\x00 '])
    expect(offers(store, 'get "\\xff\\')).toEqual(['"\\xff\\x00" '])
    expect(offers(session(['é', 'è']), 'get ')).toEqual(['è', 'é'])
  })

  it('is of trees, and of the keys of the one that is used', () => {
    const store = session(['a'], ['orders', 'other'])
    expect(offers(store, 'use o')).toEqual(['orders', 'other'])
    expect(offers(store, 'use or')).toEqual(['orders '])
    store.use('orders')
    store.begin()
    store.tree.put(Buffer.from('k'), Buffer.alloc(0))
    expect(offers(store, 'get ')).toEqual(['k '])
    store.close()
  })
})

describe('history', () => {
  it('is in the folder for state that the environment names, if its path is absolute', () => {
    expect(historyFile({ XDG_STATE_HOME: '/x' })).toBe('/x/coppice/history')
    expect(historyFile({ XDG_STATE_HOME: 'x' })).toMatch(/^\/.*\/\.local\/state\/coppice\/history$/)
  })

  it('keeps lines for the next shell, for nobody else, and but for those one would rather forget', () => {
    const file = join(folder, 'a', 'history')
    const said: string[] = []
    const history = new History(file, (line) => said.push(line))
    for (const line of ['get a', 'get a', ' get secret', '', 'get b']) history.add(line)
    expect(new History(file, (line) => said.push(line)).lines).toEqual(['get b', 'get a'])
    expect([fs.statSync(file).mode & 0o777, said]).toEqual([0o600, []])
  })

  it('is cut back when it has grown long', () => {
    const file = join(folder, 'history')
    fs.writeFileSync(file, Array.from({ length: 2001 }, (_, i) => `get ${i}\n`).join(''))
    expect(new History(file, () => undefined).lines.length).toBe(1000)
    expect(fs.readFileSync(file, 'utf8').split('\n').slice(0, 2)).toEqual(['get 1001', 'get 1002'])
  })

  it('that cannot be kept is said once', () => {
    fs.writeFileSync(join(folder, 'file'), '')
    const said: string[] = []
    const history = new History(join(folder, 'file', 'history'), (line) => said.push(line))
    history.add('get a')
    history.add('get b')
    expect(said).toEqual([expect.stringMatching(/^history is not kept: /)])
  })
})

describe('somebody who types', () => {
  async function typing(lines: string[], ...words: string[]): Promise<{ code: number; output: string; talk: string; terminal: FakeTerminal }> {
    const terminal = fakeTerminal({ interactive: true })
    const ended = runCommand(shell, [path, ...words], terminal)
    for (const line of lines) {
      await prompted(terminal)
      terminal.stdin.push(line)
      await setTimeout(20)
    }
    return { ...(await ended), terminal }
  }

  /** Waits until the last thing on the terminal is a prompt. */
  async function prompted(terminal: FakeTerminal): Promise<void> {
    await vi.waitFor(() => expect(terminal.talk()).toMatch(/> \x1b\[\d+G$/), { timeout: 10_000, interval: 5 })
  }

  it('sees a prompt with the tree and the open transaction, and goes on after a mistake', async () => {
    const { code, output, talk } = await typing(['put a 1\r', 'frob\r', 'use t\r', 'begin\r', 'put b 2\r', 'commit\r', 'get b\r', 'exit\r'])
    expect([code, output]).toEqual([0, '2\n'])
    for (const text of ['coppice> ', 'no command "frob"', 'coppice t> ', 'coppice t (transaction)> ']) expect(talk).toContain(text)
    expect((await script('list')).output).toBe('a\t1\n')
  })

  it('has the open transaction undone when they leave with Ctrl-D', async () => {
    const { code, talk } = await typing(['begin\r', 'put a 1\r', '\x04'])
    expect([code, talk.trimEnd().split('\n').pop()]).toEqual([0, 'the open transaction has been undone'])
    expect((await script('count')).output).toBe('0\n')
  })

  it('clears a line with Ctrl-C', async () => {
    const { output } = await typing(['put a 1\r', 'delete a\x03', 'count\r', 'exit\r'])
    expect(output).toBe('1\n')
  })

  it('sees lines that fit, and a hundred of them', async () => {
    await script(Array.from({ length: 101 }, (_, i) => `put ${padded(i, 3)} ${'v'.repeat(3000)}`))
    const { output, talk } = await typing(['list\r', 'list --limit 101\r', 'get 000\r', 'exit\r'])
    const lines = output.trimEnd().split('\n')
    expect([lines.length, Math.max(...lines.slice(0, 201).map((line) => line.length))]).toEqual([202, 80])
    expect(lines[201]).toMatch(/^v+… \(2\.9 KiB\)$/)
    expect(talk).toContain('there are more')
  })

  it('stops a long answer with Ctrl-C, and stays', async () => {
    const db = openStore(path, 'write')
    db.load(Array.from({ length: 20_000 }, (_, i) => [Buffer.from(padded(i)), Buffer.alloc(20, 97)] as const))
    db.close()
    const terminal = fakeTerminal({ interactive: true })
    const slow = { ...terminal, write: (data: string | Uint8Array) => setTimeout(20).then(() => terminal.write(data)) }
    const ended = runCommand(shell, [path], slow)
    await prompted(terminal)
    terminal.stdin.push('list --limit 20000\r')
    await vi.waitFor(() => expect(terminal.data().length).toBeGreaterThan(0), { timeout: 10_000, interval: 1 })
    terminal.stdin.push('\x03')
    await prompted(terminal)
    terminal.stdin.push('count\r')
    await setTimeout(20)
    await prompted(terminal)
    terminal.stdin.push('exit\r')
    const { code, output } = await ended
    expect([code, output.slice(-6)]).toEqual([0, '20000\n'])
    expect(output.split('\n').length).toBeLessThan(20_000)
  })

  it('finds the lines of the last time, unless history is off', async () => {
    await typing(['put a 1\r', 'exit\r'])
    await typing(['put b 2\r', 'exit\r'], '--no-history')
    expect(fs.readFileSync(join(folder, 'state/coppice/history'), 'utf8')).toBe('put a 1\nexit\n')
    const { output } = await typing(['count\r', '\x1b[A\x1b[A\x1b[A\r', 'list\r', 'exit\r'])
    expect(output).toBe('2\na\t1\nb\t2\n'.replaceAll('\t', '  '))
  })
})
