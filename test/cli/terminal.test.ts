/** Colours and progress are for terminals, and for nothing else. */
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Command, Terminal } from '../../src/cli/command.js'
import { get } from '../../src/cli/commands/get.js'
import { list } from '../../src/cli/commands/list.js'
import { colorsFor, Status } from '../../src/cli/terminal.js'
import { open } from '../../src/index.js'
import { temporaryFolder } from '../helpers.js'

function stream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough(), { isTTY, columns: 30 }) as unknown as NodeJS.WriteStream
}

function written(to: NodeJS.WriteStream): string {
  return String((to as unknown as PassThrough).read() ?? '')
}

function terminal(interactive: boolean): Terminal {
  const stderr = stream(interactive)
  return { stdin: process.stdin, stdout: stream(false), stderr, interactive, write: () => Promise.resolve(), say: () => undefined }
}

function withEnvironment(name: string, value: string | undefined): void {
  const before = process.env[name]
  const set = (to: string | undefined) => {
    if (to === undefined) delete process.env[name]
    else process.env[name] = to
  }
  set(value)
  onTestFinished(() => set(before))
}

describe('colours', () => {
  it('are for terminals only, also where the environment speaks of a build machine', () => {
    withEnvironment('NO_COLOR', undefined)
    withEnvironment('TERM', 'xterm')
    withEnvironment('CI', 'true')
    expect(colorsFor(stream(true)).red('x')).not.toBe('x')
    expect(colorsFor(stream(false)).red('x')).toBe('x')
  })

  it('are off with NO_COLOR, and for a terminal that has none', () => {
    withEnvironment('TERM', 'xterm')
    withEnvironment('NO_COLOR', '1')
    expect(colorsFor(stream(true)).red('x')).toBe('x')
    withEnvironment('NO_COLOR', undefined)
    withEnvironment('TERM', 'dumb')
    expect(colorsFor(stream(true)).red('x')).toBe('x')
  })
})

describe('on a terminal', () => {
  /** What a command shows on a terminal of 30 columns without colours, in a store with these entries. */
  async function shown(command: Command, words: string[], entries: Record<string, string>): Promise<string> {
    withEnvironment('NO_COLOR', '1')
    const path = join(temporaryFolder(), 'store.coppice')
    const db = open(path)
    for (const [key, value] of Object.entries(entries)) db.put(key, Buffer.from(value))
    db.close()
    let text = ''
    const write = async (data: string | Uint8Array) => void (text += String(data))
    await command.run({ positionals: [path, ...words], values: {} }, { ...terminal(true), stdout: stream(true), write })
    return text
  }

  it('a long value is cut to the line, with its size', async () => {
    const entries = { short: 'one\ntwo', long: 'x'.repeat(5000), middling: '12345678901234567890', more: 'y'.repeat(40) }
    expect(await shown(list, [], entries)).toBe(`long  ${'x'.repeat(15)}… 4.9 KiB\nmiddling  12345678901234567890\nmore  ${'y'.repeat(18)}… 40 B\nshort  one\\x0atwo\n`)
  })

  it('a value is shown as text that does the terminal no harm', async () => {
    expect(await shown(get, ['key'], { key: 'a\u001b[31mb' })).toBe('a\\x1b[31mb\n')
  })
})

describe('a line of progress', () => {
  it('is shown on a terminal, fits its width, and goes away', () => {
    const to = terminal(true)
    const status = new Status(to, (seconds) => `${seconds} seconds of ${'long '.repeat(20)}`)
    const shown = written(to.stderr)
    expect(shown).toMatch(/^\r\x1b\[K0 seconds of long/)
    expect(shown.length).toBeLessThan(4 + 30)
    status.end()
    status.end()
    expect(written(to.stderr)).toBe('\r\x1b[K')
  })

  it('is one line of text, whatever is in a path', () => {
    const to = terminal(true)
    new Status(to, () => 'a\nb\u001b[31m').end()
    expect(written(to.stderr)).toBe('\r\x1b[Ka b?[31m\r\x1b[K')
  })

  it('is not shown elsewhere', () => {
    const to = terminal(false)
    const status = new Status(to, () => 'something')
    status.end()
    expect(written(to.stderr)).toBe('')
  })
})
