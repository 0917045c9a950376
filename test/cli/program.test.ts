/** The program as a whole: help, mistakes on the command line, stores that cannot be had, and readers that go away. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command } from '../../src/cli/command.js'
import { NotFoundError } from '../../src/cli/command.js'
import { COMMANDS } from '../../src/cli/commands.js'
import { progress } from '../../src/cli/commands/check.js'
import { decodePage } from '../../src/cli/page/decode.js'
import { PageFile } from '../../src/cli/page/source.js'
import { runProgram } from '../../src/cli/program.js'
import { temporaryFolderIn } from '../../src/cli/store.js'
import type { start } from '../../src/cli/tasks.js'
import { TEXT } from '../../src/cli/text.js'
import { open } from '../../src/index.js'
import { buildProgram, eachInAFolder, folder, path } from './run.js'

const program = buildProgram()
/** Permission bits do not bind the superuser, so then the program runs as somebody else. */
const somebody: { user?: number } = process.getuid?.() === 0 ? { user: 65534 } : {}

/** Where Node lies in a folder of the superuser's own, nobody else can run it. */
function canRunAsSomebody(): boolean {
  return somebody.user === undefined || spawnSync(process.execPath, ['--version'], { uid: somebody.user, gid: somebody.user }).status === 0
}

eachInAFolder()

function makeStore(entries: Record<string, string> = { a: 'ash', b: 'birch' }): void {
  const db = open(path)
  for (const [key, value] of Object.entries(entries)) db.put(key, Buffer.from(value))
  db.close()
}

describe('help', () => {
  it('of the program lists every command and every exit code, on standard output', async () => {
    const { code, output, talk } = await program.run(['--help'])
    expect([code, talk]).toEqual([0, ''])
    for (const { name, summary } of COMMANDS) expect(output).toMatch(new RegExp(`^ {2}${name} +${summary}$`, 'm'))
    for (const each of [0, 1, 2, 3]) expect(output).toMatch(new RegExp(`^ {2}${each} {2,}\\S`, 'm'))
    expect(output).toMatch(/^ {2}130, 143 {2}\S/m)
    expect(output).not.toContain('\x1b')
  })

  it('of a command is there for each, in three ways, and needs no store', async () => {
    const { output } = await program.run(['list', '--help'])
    expect((await program.run(['list', '-h'])).output).toBe(output)
    expect((await program.run(['help', 'list'])).output).toBe(output)
    expect(output).toContain('coppice list <store>')
    expect(output).toMatch(/--tree <name> .*; a name has escapes as keys have$/m)
    expect((await program.run(['load', '--help'])).output).toMatch(/--batch <n> /)
    expect(output).toContain('# ')
  })

  it('of every command has an example that begins with it, a line for every option, and notes that are not too long for a line', () => {
    for (const { name, examples, options, help, notes = [] } of COMMANDS) {
      expect(examples.length, name).toBeGreaterThan(0)
      for (const [line] of examples) expect(line).toContain(`coppice ${name}`)
      expect(Object.keys(help).sort(), name).toEqual(Object.keys(options).sort())
      for (const line of notes) expect(line.length, line).toBeLessThanOrEqual(118)
    }
  })

  it('comes on standard error, with the exit code of a mistake, where nothing was asked for', async () => {
    const { code, output, talk } = await program.run([])
    expect([code, output]).toEqual([2, ''])
    expect(talk).toContain('coppice <command> <store>')
  })

  it('says the version of the package', async () => {
    const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await program.run(['--version'])).toMatchObject({ code: 0, output: `${version}\n`, talk: '' })
  })
})

describe('a mistake on the command line', () => {
  const mistakes: [what: string, words: string[], says: RegExp][] = [
    ['an unknown command', ['frobnicate'], /no command "frobnicate".*--help/],
    ['a command misspelt', ['lits', 'x'], /Did you mean "coppice list"\?/],
    ['a command as another store has it', ['set', 'x', 'a', 'b'], /no command "set".*Did you mean "coppice put"\?/],
    ['a command of LMDB', ['mdb_stat', 'x'], /Did you mean "coppice stats"\?/],
    ['a command that objects have', ['constructor'], /no command "constructor".*--help/],
    ['a command misspelt after help', ['help', 'lits'], /Did you mean "coppice list"\?/],
    ['an unknown option of the program', ['--frob'], /no option "--frob"/],
    ['an option misspelt', ['list', 'x', '--limt', '3'], /no option --limt. Did you mean --limit\?/],
    ['a key like an option', ['get', 'x', '-k'], /no option -k.*behind --/],
    ['no store', ['list'], /<store> is missing/],
    ['no key', ['get', 'x'], /<key> is missing/],
    ['too much', ['get', 'x', 'a', 'b'], /"b" is one argument too many/],
    ['an option without its value', ['list', 'x', '--prefix'], /--prefix wants a value/],
    ['an option for a value', ['list', 'x', '--lt', '--json'], /--json looks like an option.*--lt=--json/],
    ['a value for a flag', ['list', 'x', '--keys=3'], /--keys takes no value/],
    ['an option twice', ['list', 'x', '--gt', 'a', '--gt', 'b'], /--gt is given twice/],
    ['a limit that is no number', ['list', 'x', '--limit', 'many'], /--limit is to be a whole number, 0 or more, not "many"/],
    ['a limit below 0', ['list', 'x', '--limit=-1'], /--limit is to be a whole number/],
    ['an offset with a fraction', ['list', 'x', '--offset', '1.5'], /--offset is to be a whole number/],
    ['a limit beyond all numbers', ['list', 'x', '--limit', '9'.repeat(20)], /--limit is to be a whole number/],
    ['a bound with a lone backslash', ['count', 'x', '--gte', 'a\\q'], /"a\\q" has a backslash/],
    ['a bound that is no hex', ['count', 'x', '--hex', '--prefix', 'xyz1'], /"x" is not a hex digit/],
    ['half a byte', ['list', 'x', '--hex', '--lt', 'abc'], /pairs/],
    ['a store in memory', ['put', ':memory:', 'a', 'b'], /in memory would be gone.*\.\/:memory: is one/],
    ['a store in memory, for work in another thread', ['check', ':memory:'], /in memory would be gone/],
    ['a store without a name', ['list', ''], /the store's path is empty/],
    ['a target without a name', ['backup', 'x', ''], /the target's path is empty/],
    ['a target without a name, to compact into', ['compact', 'x', ''], /the target's path is empty/],
    ['a file without a name', ['load', 'x', '', '--format', 'csv'], /the file's path is empty/],
    ['a compact store on standard output', ['compact', 'x', '-'], /compact writes a file.*\.\/-/],
    ['a page that is no number', ['page', 'x', 'three'], /the number of a page is to be a whole number/],
  ]

  it.each(mistakes)('%s: is told in a sentence, with the usage, and is exit code 2', async (_, words, says) => {
    const { code, output, talk } = await program.run(words)
    expect([code, output]).toEqual([2, ''])
    const [first, ...rest] = talk.trimEnd().split('\n')
    expect(first).toMatch(/^coppice/)
    expect(first).toMatch(says)
    if (COMMANDS.some(({ name }) => name === words[0])) expect(rest.join()).toContain(`usage: coppice ${words[0]}`)
  })
})

describe('a store that cannot be had', () => {
  /** One line that says why, with the engine's code, and exit code 3. */
  async function expectRefusal(words: string[], code: string, options = {}): Promise<string> {
    const ran = await program.run(words, options)
    expect([ran.code, ran.output], ran.talk).toEqual([3, ''])
    expect(ran.talk.trimEnd().split('\n').length, ran.talk).toBe(1)
    expect(ran.talk).toMatch(new RegExp(`^coppice ${words[0]}: .* \\(${code}\\)\n$`))
    return ran.talk
  }

  /** Each command, and the words behind the store. */
  const COMMAND_WORDS: Record<string, string[]> = {
    get: ['a'], put: ['a', 'b'], delete: ['a'], has: ['a'], list: [], count: [], trees: [], load: ['-', '--format', 'ndjson'], dump: [], shell: [],
    stats: [], check: [], page: ['0'], backup: ['copy'], compact: [], 'verify-crash': ['--images', '1'],
  }

  /** All of these commands are refused with this code, without words of the API. Answers what each says. */
  async function expectAllRefused(names: readonly string[], code: string, options = {}, atOnce = 2): Promise<string[]> {
    const waiting = [...names]
    const talks: string[] = []
    const refuseNext = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        const words = COMMAND_WORDS[name].map((word) => (word === 'copy' ? `${path}.copy` : word))
        talks.push(await expectRefusal([name, path, ...words], code, { input: '{"key":"a","value":"b"}\n', ...options }))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, refuseNext))
    for (const talk of talks) {
      expect(talk).toContain(path)
      expect(talk).not.toMatch(/readOnly|create: |lock: |\.new|\bundefined\b/)
    }
    return talks
  }

  const names = Object.keys(COMMAND_WORDS)

  it('is tried with every command that there is', () => {
    expect(names.sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
  })

  it('because it is missing is refused by all that read or change, and none is made', async () => {
    const talks = await expectAllRefused(names.filter((name) => name !== 'put' && name !== 'load'), 'COPPICE_NOT_FOUND')
    for (const talk of talks) expect(talk).toContain(`there is no store ${path}. Correct the path; "coppice put" and "coppice load" make one.`)
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('because it is another kind of file, or a folder, is left alone by all', async () => {
    fs.writeFileSync(path, 'just some text')
    // One after the other, as whoever opens the file to write locks it before looking into it.
    await expectAllRefused(names, 'COPPICE_NOT_A_DATABASE', {}, 1)
    expect(fs.readFileSync(path, 'utf8')).toBe('just some text')
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
    await expectRefusal(['list', folder], 'COPPICE_IS_DIRECTORY')
  })

  it('because somebody writes to it is told by all with who that is; readers share it with readers', async () => {
    makeStore()
    const writer = open(path)
    onTestFinished(() => writer.close())
    const talks = await expectAllRefused(names, 'COPPICE_LOCKED')
    if (process.platform === 'linux') for (const talk of talks) expect(talk).toContain(`process ${process.pid} `)
    writer.close()
    const reader = open(path, { readOnly: true })
    onTestFinished(() => reader.close())
    expect(await program.run(['get', path, 'a'])).toMatchObject({ code: 0, output: 'ash' })
    expect(await expectRefusal(['put', path, 'a', 'b'], 'COPPICE_LOCKED')).not.toContain('readOnly')
  })

  it('because nobody may read it is told by all', async ({ skip }) => {
    if (!canRunAsSomebody()) skip('nobody but the superuser can run this Node')
    makeStore()
    fs.chmodSync(folder, 0o755)
    fs.chmodSync(path, 0o000)
    await expectAllRefused(names, 'COPPICE_PERMISSION', somebody)
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })

  it('because its path leads through a file is not found, for a copy of it neither', async () => {
    makeStore()
    const inside = join(path, 'inside')
    await expectRefusal(['compact', inside], 'COPPICE_NOT_FOUND')
    await expectRefusal(['compact', inside, join(folder, 'copy')], 'COPPICE_NOT_FOUND')
    await expectRefusal(['backup', inside, join(folder, 'copy')], 'COPPICE_NOT_FOUND')
  })

  it('because it may not be read or written is told; what only reads needs no more than to read', async ({ skip }) => {
    if (!canRunAsSomebody()) skip('nobody but the superuser can run this Node')
    makeStore()
    onTestFinished(() => fs.chmodSync(folder, 0o700))
    fs.chmodSync(path, 0o444)
    fs.chmodSync(folder, 0o555)
    expect(await program.run(['get', path, 'a'], somebody)).toMatchObject({ code: 0, output: 'ash' })
    await expectRefusal(['put', path, 'a', 'b'], 'COPPICE_PERMISSION', somebody)
    fs.chmodSync(path, 0o666)
    const beside = await expectRefusal(['compact', path], 'COPPICE_PERMISSION', somebody)
    expect(beside).toContain(`${path} as a new file beside the old one. `)
    const target = await expectRefusal(['compact', path, join(folder, 'copy')], 'COPPICE_PERMISSION', somebody)
    expect(target).toContain(`creating ${join(folder, 'copy')}. `)
    for (const talk of [beside, target]) expect(talk).not.toMatch(/readOnly|\.new/)
    await expectRefusal(['backup', path, join(folder, 'copy')], 'COPPICE_PERMISSION', somebody)
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })
})

describe('a folder as standard input', () => {
  it.each([['put', ['a']], ['put', ['61', '--hex']], ['load', []], ['load', ['-', '--batch', '1']], ['shell', []]])('is refused by %s %j, and nothing is written', async (name, words) => {
    makeStore()
    const stdin = fs.openSync(folder, 'r')
    onTestFinished(() => fs.closeSync(stdin))
    const { code, output, talk } = await program.run([name, path, ...words], { stdin })
    expect([code, output]).toEqual([3, ''])
    expect(talk).toMatch(new RegExp(`^coppice ${name}: .*standard input is a folder.*\n$`))
    expect(await program.run(['get', path, 'a'])).toMatchObject({ code: 0, output: 'ash' })
  })

  it('makes no store', async () => {
    const stdin = fs.openSync(folder, 'r')
    onTestFinished(() => fs.closeSync(stdin))
    for (const name of ['put', 'load']) expect((await program.run([name, path, ...(name === 'put' ? ['a'] : [])], { stdin })).code).toBe(3)
    expect(fs.readdirSync(folder)).toEqual([])
  })
})

describe('a folder in which nothing can be made', () => {
  it('is named, with why', () => {
    expect(() => temporaryFolderIn(join(folder, 'none'), 'x-')).toThrow(`nothing can be made in the folder ${join(folder, 'none')}: it does not exist. Choose another one.`)
    expect(fs.statSync(temporaryFolderIn(folder, 'x-')).isDirectory()).toBe(true)
  })
})

describe('a damaged store', () => {
  it('gives what stands before and behind the damage, by the commands that check names', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i + 100}`)
    makeStore(Object.fromEntries(keys.map((key) => [key, 'x'.repeat(100)])))
    const file = new PageFile(path)
    const pages = Array.from({ length: file.pages }, (_, page) => decodePage(file, page, TEXT))
    file.close()
    const image = fs.readFileSync(path)
    const { page } = pages.find(({ kind, use, cells }) => kind === 'leaf' && use === 'in use' && cells.some(({ key }) => key === 'key 250'))!
    image[page * 4096 + 4000] ^= 1
    fs.writeFileSync(path, image)
    const { code, output } = await program.run(['check', path])
    expect(code).toBe(1)
    const advised = [...output.matchAll(/^ {2}coppice (dump .*) > \S+$/gm)].map(([, words]) => words.split(' '))
    expect(advised).toEqual([['dump', path], ['dump', path, '--reverse']])
    const [front, back] = await Promise.all(advised.map(async (words) => {
      const ran = await program.run(words)
      expect(ran.code).toBe(3)
      return ran.output.trimEnd().split('\n').map((line) => (JSON.parse(line) as { key: string }).key)
    }))
    expect(front).toEqual(keys.slice(0, front.length))
    expect(back).toEqual(keys.slice(-back.length).reverse())
    expect(front.length + back.length).toBeGreaterThan(200)
  })
})

describe('the progress of a check', () => {
  it('comes from the other thread, up to the last page', async () => {
    makeStore()
    const built = (await import(pathToFileURL(join(dirname(program.main), 'tasks.js')).href)) as { start: typeof start }
    const counts = new Uint32Array(new SharedArrayBuffer(8))
    const { pages } = await built.start({ kind: 'check', path, counts }).outcome
    expect([...counts]).toEqual([pages.reached, pages.reached])
    expect(progress(counts)).toBe('100 % of 1 page')
    expect(progress(Uint32Array.of(5975, 15_723))).toBe('38 % of 15,723 pages')
    expect(progress(Uint32Array.of(0, 0))).toBe('opening')
  })
})

describe('an error of a command', () => {
  /** Exit code and talk of a program whose only command throws this. */
  async function thrown(error: unknown): Promise<[code: number, talk: string]> {
    const command: Command = { name: 'fail', summary: '', usage: '', examples: [], options: {}, help: {}, positionals: [0, 0], run: () => Promise.reject(error) }
    let talk = ''
    const { stdin, stdout } = process
    const stderr = new PassThrough() as unknown as NodeJS.WriteStream
    const code = await runProgram(['fail'], [command], { stdin, stdout, stderr, interactive: false, write: () => Promise.resolve(), say: (line) => void (talk += `${line}\n`) })
    return [code, talk]
  }

  it('is one line, without control characters, where it was to be expected', async () => {
    class OwnError extends Error {}
    expect(await thrown(new OwnError('the file\nname.csv has \u001b[31m'))).toEqual([3, 'coppice fail: the file name.csv has ?[31m\n'])
    expect(await thrown(Object.assign(new Error('EMFILE: too many files'), { code: 'EMFILE' }))).toEqual([3, 'coppice fail: EMFILE: too many files\n'])
    expect(await thrown(new NotFoundError('no such thing'))).toEqual([1, 'coppice fail: no such thing\n'])
    expect(await thrown('a word')).toEqual([3, 'coppice fail: a word\n'])
  })

  it('is shown with its stack where it is a mistake of the program itself', async () => {
    for (const mistake of [new TypeError('x is undefined'), Object.assign(new Error('bad argument'), { code: 'ERR_INVALID_ARG_VALUE' })]) {
      const [code, talk] = await thrown(mistake)
      expect(code).toBe(3)
      expect(talk).toMatch(/^coppice fail: this is a mistake in coppice; please report it\.\n.*\n +at /)
    }
  })
})

describe('the output', () => {
  it('whose reader goes away ends the program without a word', async () => {
    makeStore(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key ${i}`, 'x'.repeat(20_000)])))
    for (const words of [['list', path], ['get', path, 'key 1'], ['backup', path, '-']]) {
      const child = program.start(words)
      let talk = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (talk += text))
      child.stdout?.destroy()
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
      expect([words[0], code, signal, talk]).toEqual([words[0], 0, null, ''])
    }
  })

  it.runIf(fs.existsSync('/dev/full'))('that cannot be written is a failure in one line', async () => {
    makeStore()
    const full = fs.openSync('/dev/full', 'w')
    onTestFinished(() => fs.closeSync(full))
    const { code, talk } = await program.run(['list', path], { output: full })
    expect(code).toBe(3)
    expect(talk).toMatch(/^coppice list: the output cannot be written: ENOSPC.*\n$/)
  })

  it('has no colours through a pipe, whatever the environment says', async () => {
    makeStore()
    for (const words of [['list', path], ['stats', path], ['check', path], ['page', path, '3'], ['trees', path]]) {
      const { code, output, talk } = await program.run(words, { env: { CI: 'true', TERM: 'xterm-256color' } })
      expect([words[0], code, talk]).toEqual([words[0], 0, ''])
      expect(output).not.toContain('\x1b')
    }
  })
})
