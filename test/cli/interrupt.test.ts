/** A program that somebody stops: the terminal is as it was, what is not whole goes away, and what is kept is told. */
import fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseArguments } from '../../src/cli/arguments.js'
import type { Command } from '../../src/cli/command.js'
import { backup } from '../../src/cli/commands/backup.js'
import { check } from '../../src/cli/commands/check.js'
import { dump } from '../../src/cli/commands/dump.js'
import { load } from '../../src/cli/commands/load.js'
import { put } from '../../src/cli/commands/put.js'
import { verifyCrash } from '../../src/cli/commands/verify-crash.js'
import { openStore, withStore } from '../../src/cli/store.js'
import { padded } from '../helpers.js'
import { fakeTerminal, runCommand } from './fake-terminal.js'
import type { FakeTerminal } from './fake-terminal.js'
import { eachInAFolder, folder, path } from './run.js'

const threads = vi.hoisted(() => ({ started: [] as unknown[], stopped: 0 }))

// Threads run what has been built, and these would have no end.
vi.mock('../../src/cli/tasks.js', () => ({
  start: (task: unknown) => {
    threads.started.push(task)
    return { outcome: new Promise(() => undefined), stop: () => Promise.resolve(void threads.stopped++) }
  },
}))

eachInAFolder()

/** Runs a command until `ready`, and then sends the signal; answers how it stood when the process would have died. */
async function interrupted(command: Command, words: readonly string[], terminal: FakeTerminal, ready: () => boolean): Promise<string> {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => true)
  onTestFinished(() => kill.mockRestore())
  let state = 'pending'
  const end = () => (state = 'ended')
  void command.run(parseArguments(command, words), terminal).then(end, end)
  while (!ready()) await setImmediate()
  process.emit('SIGINT', 'SIGINT')
  while (kill.mock.calls.length === 0) await setImmediate()
  expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGINT')
  // What the work would say of its end comes a little later.
  for (let i = 0; i < 50; i++) await setImmediate()
  return state
}

/** Lines of ndjson for a load that waits for more, out of a pipe. */
function loading(...keys: string[]): FakeTerminal {
  const terminal = fakeTerminal({ interactive: true })
  Object.assign(terminal.stdin, { isTTY: false })
  ;(terminal.stdin as unknown as NodeJS.WritableStream).write(keys.map((key) => `{"key":"${key}","value":"value of ${key}"}\n`).join(''))
  onTestFinished(() => void (terminal.stdin as unknown as NodeJS.WritableStream).end())
  return terminal
}

/** What a load that goes on, as its process lives on here, has left behind in the end. */
async function keysAfter(terminal: FakeTerminal): Promise<string[]> {
  ;(terminal.stdin as unknown as NodeJS.WritableStream).end()
  return await vi.waitFor(() => withStore(path, 'read', (db) => [...db.keys()].map((key) => String(Buffer.from(key)))), { timeout: 20_000 })
}

describe('a load that is stopped', () => {
  it('gives the terminal its line wrap back, says what is kept, and takes away the store that it made', async () => {
    const terminal = loading('a', 'b')
    expect(await interrupted(load, [path], terminal, () => terminal.stdin.readableLength === 0 && fs.existsSync(path))).toBe('pending')
    expect(terminal.talk().lastIndexOf('\x1b[?7h')).toBeGreaterThan(terminal.talk().indexOf('\x1b[?7l'))
    expect(terminal.talk()).toMatch(/coppice load: standard input: ended by SIGINT\. Nothing of it is in the store\.\n$/)
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('leaves a store that was there as it was', async () => {
    openStore(path, 'create').close()
    const terminal = loading('a')
    await interrupted(load, [path], terminal, () => terminal.stdin.readableLength === 0)
    expect(await keysAfter(terminal)).toEqual([])
  })

  it('in batches says where it stopped, and for other programs too', async () => {
    const terminal = loading('alpha', 'beta', 'gamma')
    await interrupted(load, [path, '--batch', '2', '--json'], terminal, () => fs.existsSync(path) && fs.readFileSync(path).includes('value of beta'))
    expect(terminal.talk()).toMatch(/ended by SIGINT\. The first 2 entries, to line 2, are in the store, and nothing behind\.\n$/)
    expect(terminal.data().toString()).toBe('{"committed":2,"line":2}\n')
    expect(await keysAfter(terminal)).toEqual(['alpha', 'beta'])
  })
})

describe('a store that is being made', () => {
  it.each([['put', put, ['a', 'b']], ['load', load, []]] as const)('is finished before a signal is dealt with, which is not lost: %s', async (_, command, words) => {
    const { linkSync } = fs
    const signal = process.kill.bind(process)
    const before = process.listenerCount('SIGINT')
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => true)
    const link = vi.spyOn(fs, 'linkSync').mockImplementation((...names) => {
      // Without somebody who hears it, it would end this process.
      if (process.listenerCount('SIGINT') > before) signal(process.pid, 'SIGINT')
      linkSync(...names)
    })
    onTestFinished(() => [kill, link].forEach((spy) => spy.mockRestore()))
    let ended = false
    void runCommand(command, [path, ...words]).then(() => (ended = true))
    await vi.waitFor(() => expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGINT'), { timeout: 20_000 })
    expect([ended, fs.readdirSync(folder)]).toEqual([false, ['store.coppice']])
  })
})

describe('other work that is stopped', () => {
  const CLEARED = /[^\r\n]\r\x1b\[K$/

  function makeStore(entries: number): void {
    const db = openStore(path, 'create')
    db.load(Array.from({ length: entries }, (_, i) => [Buffer.from(padded(i)), Buffer.alloc(1000, 'v')] as const))
    db.close()
  }

  it('a dump says no word of the file that has gone, and gives the terminal its line wrap back', async () => {
    makeStore(1000)
    const terminal = fakeTerminal({ interactive: true })
    expect(await interrupted(dump, [path, join(folder, 'out.csv')], terminal, () => terminal.talk().includes('\x1b[?7l'))).toBe('pending')
    expect(terminal.talk()).toContain('\x1b[?7h')
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })

  it('a backup, in a thread of its own, stops it and leaves no file', async () => {
    makeStore(1)
    const terminal = fakeTerminal({ interactive: true })
    const target = join(folder, 'copy')
    const half = `${target}.${process.pid}.0123456789ab.new`
    fs.writeFileSync(half, '')
    const stopped = threads.stopped
    expect(await interrupted(backup, [path, target], terminal, () => terminal.talk() !== '')).toBe('pending')
    expect([threads.started.at(-1), threads.stopped]).toEqual([{ kind: 'backup', path, target }, stopped + 1])
    expect(terminal.talk()).toMatch(CLEARED)
    expect(fs.existsSync(half)).toBe(false)
  })

  it('a check takes its line of progress away', async () => {
    makeStore(1)
    const terminal = fakeTerminal({ interactive: true })
    await interrupted(check, [path], terminal, () => terminal.talk() !== '')
    expect(terminal.talk()).toMatch(CLEARED)
  })

  it('verify-crash stops the thread that copies, and takes its line of progress and the copy away', async () => {
    makeStore(1)
    const terminal = fakeTerminal({ interactive: true })
    const stopped = threads.stopped
    await interrupted(verifyCrash, [path, '--in', folder], terminal, () => terminal.talk() !== '')
    expect([threads.started.at(-1), threads.stopped]).toEqual([{ kind: 'backup', path, target: expect.stringContaining(folder) as string }, stopped + 1])
    expect(terminal.talk()).toMatch(CLEARED)
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })
})
