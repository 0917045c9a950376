/** The examples to copy from, run as users run them: built, each in a process of its own. `npm test` builds first. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { open, tuple } from '../src/index.js'
import { assertSound, closing, temporaryFolder } from './helpers.js'

const BUILT = fileURLToPath(new URL('../dist/examples', import.meta.url))

const OUTPUT = {
  'sessions': `
Sessions that end half an hour after their last use (the clock is made up)

  10:00  Ada, Grace and Radia sign in                    3 live, 3 stored
  10:20  a request with Ada's id: hello, Ada             3 live, 3 stored
  10:20  Radia signs out                                 2 live, 2 stored
  10:40  a request with Grace's id: please sign in       1 live, 2 stored
  10:40  swept away: 1                                   1 live, 1 stored
  10:51  Ada's session has ended, too                    0 live, 1 stored
  10:51  swept away: 1                                   0 live, 0 stored

`,
  'secondary-index': `
Users, with an index of their emails and one of their cities

  added      Ada, Grace, Tommy and Mary, in one transaction
             London has 3: Ada, Mary, Tommy
             the second page of London, two on each: Tommy
             Ada@Example.org is Ada's
  updated    Ada moves to New York, and has another email
             London has 2: Mary, Tommy
             New York has 2: Ada, Grace
             ada@example.org is nobody's
  refused    Alan and another Grace in one transaction: grace@example.org is the email of another user.
             alan@example.org is nobody's
  deleted    the first Grace
             New York has 1: Ada
  added      Alan and the other Grace, as her email is free now
             London has 4: Alan, Grace, Mary, Tommy
  in step    users: 5, users by city: 5, users by email: 5

`,
  'event-log': `
An event log: a request a minute from "web" and one event a day from "backup"

  appended   three days, each in a batch: web 4,320, backup 3
             three events at the same time, in one commit: web 4,323, backup 3
  counted    web on the second day: 1,440
  read       page 500 of web, three events a page:
               2030-01-02 01:00  request 61
               2030-01-02 01:01  request 62
               2030-01-02 01:02  request 63
             the newest three of web:
               2030-01-04 00:00  third
               2030-01-04 00:00  second
               2030-01-04 00:00  first
  deleted    web before the third day: 2,880
             left: web 1,443, backup 3
             in a snapshot from before: web 4,323, backup 3
             the event at position 1,000 of web is now: request 1001

`,
  'queue': `
A queue of letters that outlives its process

  five letters are to be sent                           5 waiting, 0 claimed, 0 dead
  Ada and Grace are claimed, and the process is killed  3 waiting, 2 claimed, 0 dead
  another process takes back the claims: 2              5 waiting, 0 claimed, 0 dead
  a worker claims Radia, and hangs                      4 waiting, 1 claimed, 0 dead
  two minutes later, by a clock put forward, three workers send
    sent         Ada      attempts: 2, last failure: its process died
    sent         Barbara  attempts: 2, last failure: Error: no answer
    sent         Grace    attempts: 2, last failure: its process died
    sent         Radia    attempts: 2, last failure: its claim ended
    dead letter  Nobody   attempts: 3, last failure: Error: no answer
  the worker that hung acknowledges: refused            0 waiting, 0 claimed, 1 dead

`,
}

let folder: string
let temporary: string
let path: string

beforeAll(() => {
  for (const name of Object.keys(OUTPUT)) expect(existsSync(join(BUILT, `${name}.js`)), `${name} is not built: npm run build`).toBe(true)
})

beforeEach(() => {
  folder = temporaryFolder()
  temporary = join(folder, 'temporary')
  path = join(folder, 'kept.coppice')
  mkdirSync(temporary)
})

function run(name: string, ...words: string[]) {
  const env = { ...process.env, TMPDIR: temporary, NODE_OPTIONS: '' }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(BUILT, `${name}.js`), ...words], { cwd: folder, encoding: 'utf8', env, timeout: 60_000 })
  return { status, signal, output: stdout, errors: stderr }
}

describe('the examples', () => {
  it.each(Object.entries(OUTPUT))('say what they do, and leave nothing behind: %s', (name, output) => {
    expect(run(name)).toEqual({ status: 0, signal: null, output, errors: '' })
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder)).toEqual(['temporary'])
  })

  it.each(['sessions', 'secondary-index', 'event-log'] as const)('keep the store at a path that they are given, and leave alone what is there: %s', (name) => {
    expect(run(name, path)).toEqual({ status: 0, signal: null, output: OUTPUT[name], errors: '' })
    const kept = readFileSync(path)
    expect(run(name, path)).toEqual({ status: 1, signal: null, output: '', errors: `${name}: ${path} is there already. Name a file that is not.\n` })
    expect(readFileSync(path).equals(kept)).toBe(true)
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder)).toEqual(['kept.coppice', 'temporary'])
    const db = closing(open(path, { create: false }))
    assertSound(db)
    expect(db.trees()).not.toEqual([])
  })
})

describe('the queue', () => {
  it('gives the jobs of killed processes to the next one', () => {
    expect(run('queue', path, 'crash')).toMatchObject({ signal: 'SIGKILL', errors: '' })
    const db = closing(open(path, { create: false }))
    assertSound(db)
    expect([...db.tree('jobs claimed', { keyEncoding: tuple, valueEncoding: 'json' }).values()]).toMatchObject([
      { id: 1, payload: { to: 'Ada' }, attempts: 1 },
      { id: 2, payload: { to: 'Grace' }, attempts: 1 },
    ])
    db.close()

    const { status, output, errors } = run('queue', path)
    expect({ status, errors }).toEqual({ status: 0, errors: '' })
    expect(output).toContain('another process takes back the claims: 4 ')
    for (const name of ['Ada', 'Grace']) expect(output).toMatch(new RegExp(`sent +${name} +attempts: 2, last failure: its process died`))
    expect(output).toContain(' 0 waiting, 0 claimed, 2 dead\n')
    expect(readdirSync(temporary)).toEqual([])
    expect(readdirSync(folder)).toEqual(['kept.coppice', 'temporary'])
  })

  it('says what its second argument may be', () => {
    expect(run('queue', path, 'crush')).toEqual({ status: 1, signal: null, output: '', errors: 'queue: "crush" is not known. Leave it out, or write "crash".\n' })
    expect(existsSync(path)).toBe(false)
  })
})
