/** What needs a second process: who may open a store at a time, permissions, and what is left when a process is killed. */
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Database } from '../../src/database.js'
import type { OpenOptions } from '../../src/index.js'
import { open } from '../../src/index.js'
import { native } from '../../src/file/native.js'
import { Store } from '../../src/pager/store.js'
import { openFile } from '../../src/file/disk.js'
import { buildChildren, Child } from '../child/build.js'
import { failureOf, temporaryFolder } from '../file/layers.js'

type Db = Database<string, string>

const children = buildChildren()
/** Permission bits do not bind the superuser, so as the superuser those cases run in a child under another user id. */
const otherUser = process.getuid?.() === 0 ? ['65534'] : []
const onLinux = process.platform === 'linux'

let folder: string
let path: string

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, 'store.coppice')
})

function openText(options: OpenOptions<string, string> = {}): Db {
  const db = open<string, string>(path, { valueEncoding: 'utf8', ...options })
  onTestFinished(() => db.close())
  return db
}

function start(name: string, ...values: string[]): Child {
  const child = new Child(children, name, ...values)
  onTestFinished(() => child.kill())
  return child
}

/** What a child says that opens the store. */
async function openInChild(options: OpenOptions<string, string>, user: string[] = []): Promise<{ child: Child; said: string }> {
  const child = start('holder', path, JSON.stringify(options), ...user)
  const [said] = await child.lines(1)
  return { child, said: said ?? child.errors }
}

describe.skipIf(native() === undefined)('one writer', () => {
  it('a second open in this process is COPPICE_LOCKED and says that this process is the holder', () => {
    openText()
    for (const options of [{}, { readOnly: true }, { mapper: false as const }]) {
      const failure = failureOf(() => openText(options))
      expect(failure?.code).toBe('COPPICE_LOCKED')
      if (onLinux) expect(failure?.message).toContain(`this process (pid ${process.pid})`)
    }
  })

  it('a second open in another process is COPPICE_LOCKED and names this one; after close it works', async () => {
    const db = openText()
    db.put('key', 'value')
    for (const options of [{}, { readOnly: true }]) {
      const { said } = await openInChild(options)
      expect(said).toMatch(/^COPPICE_LOCKED /)
      if (onLinux) expect(said).toContain(`process ${process.pid} `)
    }
    expect(db.get('key')).toBe('value')
    db.close()
    expect((await openInChild({})).said).toBe('open key')
  })

  it('the lock dies with its process, however that ends', async () => {
    const { child, said } = await openInChild({})
    expect(said).toBe('open ')
    const failure = failureOf(() => openText())
    expect(failure?.code).toBe('COPPICE_LOCKED')
    if (onLinux) expect(failure?.message).toContain(`process ${child.process.pid} `)
    await child.kill()
    openText().put('key', 'value')
  })

  it('readers share the store, and keep a writer out', async () => {
    openText().close()
    openText({ readOnly: true })
    openText({ readOnly: true })
    expect((await openInChild({ readOnly: true })).said).toBe('open ')
    expect((await openInChild({})).said).toMatch(/^COPPICE_LOCKED /)
    expect(failureOf(() => openText())?.code).toBe('COPPICE_LOCKED')
  })

  it('lock: false asks nobody', () => {
    openText()
    expect(openText({ lock: false, readOnly: true }).count()).toBe(0)
  })

  it('of many processes that make the same store at once, one has it, and nothing of anybody is lost', async () => {
    for (let round = 0; round < 2; round++) {
      const racers = Array.from({ length: 8 }, (_, i) => start('creator', path, `round ${round} racer ${i}`))
      await Promise.all(racers.map((racer) => racer.lines(1)))
      for (const racer of racers) racer.process.stdin?.write('go\n')
      const said = await Promise.all(racers.map(async (racer) => (await racer.lines(2))[1]))
      expect(said.filter((line) => line === 'open').length, said.join()).toBe(1)
      expect(said.filter((line) => line === 'COPPICE_LOCKED').length, said.join()).toBe(racers.length - 1)
      for (const racer of racers) racer.process.stdin?.write('end\n')
      await Promise.all(racers.map((racer) => racer.ended()))
      const db = openText()
      expect(db.count()).toBe(round + 1)
      expect(db.has(`round ${round} racer ${said.indexOf('open')}`)).toBe(true)
      expect(db.check()).toMatchObject({ ok: true })
      db.close()
      expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
    }
  })
})

describe('permissions (as the superuser: tried under another user id)', () => {
  beforeEach(() => {
    onTestFinished(() => fs.chmodSync(folder, 0o700))
  })

  it('a file that may not be read or written is COPPICE_PERMISSION, and is not changed', async () => {
    openText().close()
    const before = fs.readFileSync(path)
    fs.chmodSync(folder, 0o755)
    for (const [mode, options] of [[0o444, {}], [0o000, { readOnly: true }]] as const) {
      fs.chmodSync(path, mode)
      const { said } = await openInChild(options, otherUser)
      expect(said).toMatch(/^COPPICE_PERMISSION /)
      expect(said).toContain(path)
    }
    fs.chmodSync(path, 0o600)
    expect(fs.readFileSync(path)).toEqual(before)
  })

  it('a folder in which no file may be made is COPPICE_PERMISSION, and nothing is in it then', async () => {
    fs.chmodSync(folder, 0o555)
    expect((await openInChild({}, otherUser)).said).toMatch(/^COPPICE_PERMISSION /)
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('readOnly needs no write permission on file and folder', async () => {
    const db = openText()
    db.put('key', 'value')
    db.close()
    const before = fs.readFileSync(path)
    fs.chmodSync(path, 0o444)
    fs.chmodSync(folder, 0o555)
    expect((await openInChild({ readOnly: true }, otherUser)).said).toBe('open key')
    expect(fs.readFileSync(path)).toEqual(before)
    expect(fs.readdirSync(folder)).toEqual(['store.coppice'])
  })
})

/** Pages that opening has to look at. */
function pagesOnOpen(): number {
  const file = openFile(path, { readOnly: true, mapper: native()?.map, lock: false })
  try {
    return new Store(file, 512, 50).pager.where.reduce((count, slot) => count + Number(slot !== 0), 0)
  } finally {
    file.close()
  }
}

// What a killed process leaves in the store is a property: properties/processes.test.ts.
describe('a killed process', () => {
  it('whose commits were synced leaves few pages to look at on opening', async () => {
    const child = start('writer', path)
    await child.lines(300)
    await child.kill()
    expect(child.errors).toBe('')
    expect(pagesOnOpen()).toBeLessThan(40)
  })

  it('that ends by itself with a lazy commit still to be synced neither waits for that nor loses the commit', async () => {
    const child = start('lazy', path)
    expect(await child.ended(), child.errors).toBe(0)
    expect(child.output).toBe('done\n')
    expect(openText().get('lazy')).toBe('value')
  })
})
