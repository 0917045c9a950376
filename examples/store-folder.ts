/**
 * Stores every file below a folder under its path, and shows what can be done with them then.
 *
 *   npm start                              the project's own folder, node_modules included
 *   npm start -- <folder>                  any other
 *   npm start -- <folder> <store file>     the same, and the store is kept there
 *
 * The lines between `// [` and `// ]` are all that a program of your own would need; the last thing that this
 * one does is to print them.
 */
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import cliProgress from 'cli-progress'
import { CoppiceError, open } from 'coppice'
import type { Database } from 'coppice'

/** What coppice takes at most. */
const MAX_KEY = 2048
const MAX_VALUE = 2 ** 30

interface FileToStore {
  /** Its path below the folder, with '/' between the names: the key. */
  key: string
  path: string
  size: number
  /** When it was changed last, to tell later a file that changed from a store that is wrong. */
  changed: number
}

/** A mistake of whoever started this: one line, no stack. */
class UsageError extends Error {}

async function main(args: string[]): Promise<void> {
  if (args.length > 2) throw new UsageError('too many arguments: npm start -- [folder [store file]]')
  const folder = folderOf(args[0] ?? projectFolder())
  const kept = args[1] === undefined ? undefined : newFile(args[1])
  const temporary = mkdtempSync(join(realpathSync(tmpdir()), 'coppice-'))
  const removeTemporary = () => rmSync(temporary, { recursive: true, force: true })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      removeTemporary()
      // The progress bar has a handler too, which gives the terminal back; it runs before the next tick.
      process.nextTick(() => process.exit(signal === 'SIGINT' ? 130 : 143))
    })
  }
  try {
    await run(folder, kept ?? join(temporary, 'folder.coppice'), kept !== undefined)
  } finally {
    removeTemporary()
  }
}

async function run(folder: string, storePath: string, kept: boolean): Promise<void> {
  console.log(`\nEvery file below ${folder}, in one coppice store\n`)
  // [
  const db = open(storePath)
  // ]
  try {
    const skipped = new Skipped()
    const found = await walk(folder, storePath, skipped)
    const stored = await store(db, found, skipped)
    const prefix = firstFolder(stored)
    list(db, prefix)
    await compare(db, stored)
    rollBack(db)
    reopen(db, storePath, stored.length, kept)
  } finally {
    db.close()
  }
  console.log(`\nThe lines that did it, from examples/store-folder.ts:\n\n${linesThatDidIt()}\n`)
}

// The steps.

/** All ordinary files below the folder. Links are not followed, and the store does not store itself. */
async function walk(folder: string, storePath: string, skipped: Skipped): Promise<FileToStore[]> {
  const time = stopwatch()
  const files: FileToStore[] = []
  const open = ['']
  let size = 0
  while (open.length > 0) {
    const above = open.pop()!
    const folders: string[] = []
    for (const entry of namesIn(join(folder, above), skipped)) {
      const key = above + entry.name
      const path = join(folder, key)
      if (entry.isDirectory()) folders.push(`${key}/`)
      else if (path !== storePath && skipped.lets(entry, key)) {
        const file = lstatSync(path, { throwIfNoEntry: false })
        if (file === undefined) skipped.add('files that went meanwhile')
        else if (file.size > MAX_VALUE) skipped.addLarge(key, file.size)
        else files.push({ key, path, size: file.size, changed: file.mtimeMs })
        size += file?.size ?? 0
      }
    }
    open.push(...folders.reverse())
    await breathe()
  }
  say('found', `${counted(files.length)}, ${bytes(size)}`, time())
  return files
}

/** Stores the files in one transaction: all of them are in the store, and on the disk, or none. */
async function store(db: Database<string, Uint8Array>, files: FileToStore[], skipped: Skipped): Promise<FileToStore[]> {
  const time = stopwatch()
  const stored: FileToStore[] = []
  let size = 0
  // [
  await db.transactionAsync(async (tx) => {
    for await (const [path, content] of contents()) tx.put(path, content)
  })
  // ]
  const took = time()
  say('stored', `${counted(stored.length)}, ${bytes(size)}, in one durable transaction`, took)
  if (size > 0) say('', `${bytes((size / took) * 1000)} a second, reading the files included`)
  skipped.report()
  return stored

  /** One file at a time, so that memory holds one, however many there are. */
  async function* contents(): AsyncGenerator<[path: string, content: Uint8Array]> {
    const progress = new Progress('storing', files.length)
    for (const file of files) {
      const content = read(file.path)
      if (content === undefined) skipped.add('unreadable files')
      else if (content.length > MAX_VALUE) skipped.addLarge(file.key, content.length)
      else {
        yield [file.key, content]
        stored.push(file)
        size += content.length
      }
      await progress.step()
    }
    progress.end()
  }
}

/** Lists the beginning of a folder, and counts all of it without reading it. */
function list(db: Database<string, Uint8Array>, prefix: string): void {
  const time = stopwatch()
  // [
  const first = [...db.prefix(prefix, { limit: 5 })]
  // ]
  const where = prefix === '' ? '' : ` below ${prefix}`
  say('listed', `the first ${counted(first.length)}${where}`, time())
  for (const [path, content] of first) say('', `${path}, ${bytes(content.length)}`)
  const counting = stopwatch()
  // [
  const count = db.count({ prefix })
  // ]
  say('counted', `${counted(count)}${where}, from two paths of the tree, not one by one`, counting())
}

/** Reads every file back out of the store and compares it, byte by byte, with the one on the disk. */
async function compare(db: Database<string, Uint8Array>, files: FileToStore[]): Promise<void> {
  const time = stopwatch()
  const progress = new Progress('comparing', files.length)
  const changed: string[] = []
  for (const file of files) {
    const original = read(file.path)
    // [
    const same = original !== undefined && db.view(file.key, (stored) => original.equals(stored))
    // ]
    if (same !== true) {
      if (!hasChanged(file)) throw new Error(`${file.key} is not in the store as it is on the disk: a bug of coppice`)
      changed.push(file.key)
    }
    await progress.step()
  }
  progress.end()
  const equal = files.length - changed.length
  say('compared', `${counted(equal)} read back, each byte as on the disk`, time())
  for (const key of changed.slice(0, 5)) say('', `${key} has changed on the disk meanwhile`)
  if (changed.length > 5) say('', `${number(changed.length - 5)} more have changed on the disk meanwhile`)
}

/** Deletes everything in a transaction, and takes that back. */
function rollBack(db: Database<string, Uint8Array>): void {
  const time = stopwatch()
  const before = db.count()
  // [
  const tx = db.begin()
  const deleted = tx.deleteRange({})
  tx.put('a new file', new Uint8Array(1000))
  const inside = tx.count()
  tx.rollback()
  // ]
  const after = db.count()
  say('rolled back', `${counted(deleted)} deleted and one added, ${number(inside)} left; then undone, ${number(after)} again`, time())
  if (after !== before || db.has('a new file')) throw new Error('a transaction that was rolled back has left something behind: a bug of coppice')
}

/** Closes the store, opens it again, and looks at every page of it. */
function reopen(db: Database<string, Uint8Array>, storePath: string, expected: number, kept: boolean): void {
  const closing = stopwatch()
  // [
  db.close()
  const again = open(storePath)
  // ]
  try {
    say('reopened', `${counted(again.count())} in the store`, closing())
    const checking = stopwatch()
    // [
    const report = again.check()
    // ]
    const verdict = report.ok ? 'all in order' : `damaged: ${report.errors[0].message}`
    say('checked', `${number(report.pages.total)} pages of 4 KiB, every checksum: ${verdict}`, checking())
    if (!report.ok || again.count() !== expected) throw new Error('the store is not what it was before it was closed: a bug of coppice')
    const { fileBytes, trees } = again.stats()
    const { depth, keyBytes, valueBytes } = trees[0]
    say('file', `${bytes(fileBytes)} for ${bytes(keyBytes)} of paths and ${bytes(valueBytes)} of content; depth of the tree: ${depth}`)
    say('', kept ? storePath : `${storePath}, removed now`)
  } finally {
    again.close()
  }
}

// Files.

function projectFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return resolve(here, basename(dirname(here)) === 'dist' ? '../..' : '..')
}

function folderOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new UsageError(`there is no folder ${path}`)
  if (!found.isDirectory()) throw new UsageError(`${path} is not a folder`)
  try {
    readdirSync(path)
  } catch {
    throw new UsageError(`the folder ${path} cannot be read`)
  }
  return realpathSync(path)
}

/** The path of a store to be made; one that is there is left alone. */
function newFile(path: string): string {
  if (existsSync(path)) throw new UsageError(`${path} is there already; give a path for a new store`)
  const folder = resolve(dirname(path))
  if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder} for the store`)
  return join(realpathSync(folder), basename(path))
}

function namesIn(folder: string, skipped: Skipped): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    skipped.add('unreadable folders')
    return []
  }
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function hasChanged(file: FileToStore): boolean {
  const now = lstatSync(file.path, { throwIfNoEntry: false })
  return now === undefined || now.size !== file.size || now.mtimeMs !== file.changed || read(file.path) === undefined
}

/** The folder to list: 'src/' if there is one, or the first. */
function firstFolder(files: FileToStore[]): string {
  if (files.some(({ key }) => key.startsWith('src/'))) return 'src/'
  const first = files.find(({ key }) => key.includes('/'))?.key ?? ''
  return first.slice(0, first.indexOf('/') + 1)
}

/** What was left out, and why. */
class Skipped {
  private readonly reasons = new Map<string, number>()

  add(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
  }

  addLarge(key: string, size: number): void {
    say('skipped', `${key}, ${bytes(size)}: a value has 1 GiB at most`)
  }

  /** Whether an entry of a folder can be stored at all. */
  lets(entry: Dirent, key: string): boolean {
    if (entry.isSymbolicLink()) this.add('symbolic links')
    else if (!entry.isFile()) this.add('sockets, pipes or devices')
    else if (Buffer.byteLength(key) > MAX_KEY) this.add('paths of more than 2,048 bytes')
    else return true
    return false
  }

  report(): void {
    const all = [...this.reasons].map(([reason, count]) => `${reason}: ${number(count)}`)
    if (all.length > 0) say('skipped', all.join(', '))
  }
}

// What it prints.

function say(what: string, text: string, milliseconds?: number): void {
  const line = `  ${what.padEnd(13)}${text}`
  console.log(milliseconds === undefined ? line : `${line.padEnd(88)}${duration(milliseconds).padStart(10)}`)
}

/** A bar on a terminal, a line for every quarter elsewhere. */
class Progress {
  private readonly what: string
  private readonly total: number
  private readonly bar: cliProgress.SingleBar | undefined
  private done = 0

  constructor(what: string, total: number) {
    this.what = what
    this.total = total
    if (!process.stdout.isTTY || total === 0) return
    const format = `  ${what.padEnd(13)}{bar} {percentage} %  {value} of {total} files`
    this.bar = new cliProgress.SingleBar({ format, stream: process.stdout, clearOnComplete: true, gracefulExit: true }, cliProgress.Presets.shades_classic)
    this.bar.start(total, 0)
  }

  async step(): Promise<void> {
    this.done++
    this.bar?.update(this.done)
    const quarter = Math.floor((this.done * 4) / this.total)
    const isNew = quarter > Math.floor(((this.done - 1) * 4) / this.total)
    if (this.bar === undefined && isNew && quarter < 4) say(this.what, `${quarter * 25} %, ${number(this.done)} of ${counted(this.total)}`)
    await breathe()
  }

  end(): void {
    this.bar?.stop()
  }
}

let lastBreath = performance.now()

/** Lets the event loop run now and then, so that the bar moves and Ctrl-C works. */
async function breathe(): Promise<void> {
  if (performance.now() - lastBreath < 50) return
  await setImmediate()
  lastBreath = performance.now()
}

function stopwatch(): () => number {
  const start = performance.now()
  return () => performance.now() - start
}

function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`
  if (milliseconds < 1000) return `${milliseconds.toFixed(0)} ms`
  return `${(milliseconds / 1000).toFixed(2)} s `
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function counted(files: number): string {
  return `${number(files)} ${files === 1 ? 'file' : 'files'}`
}

function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024
    unit++
  }
  return `${unit === 0 ? count.toFixed(0) : count.toFixed(1)} ${units[unit]}`
}

/** The marked lines of this very source. */
function linesThatDidIt(): string {
  const source = readFileSync(join(projectFolder(), 'examples', 'store-folder.ts'), 'utf8')
  const parts = source.matchAll(/^( *)\/\/ \[\n(.*?)^ *\/\/ \]$/gms)
  return [...parts].map(([, indent, lines]) => lines.trimEnd().replaceAll(new RegExp(`^${indent}`, 'gm'), '  ')).join('\n')
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const expected = error instanceof UsageError || error instanceof CoppiceError
  console.error(expected ? `store-folder: ${error.message}` : error)
  process.exitCode = 1
})
