/** `coppice load`: entries from a file or from standard input. */
import { createReadStream, existsSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { removeQuietly } from '../../file/create.js'
import type { Keyspace, Transaction } from '../../index.js'
import { CoppiceError } from '../../index.js'
import type { Arguments, Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { jsonLine, number } from '../format.js'
import type { Entry, FormatName, Found, ReadOptions } from '../formats/format.js'
import { BadLine, FileError, formatOf, FORMATS } from '../formats/format.js'
import { READERS } from '../formats/index.js'
import type { Progress } from '../formats/progress.js'
import { startProgress, throughput, throughputJson } from '../formats/progress.js'
import { cleaningUp } from '../interrupt.js'
import { optionsFor, wholeNumber } from '../options.js'
import type { ByteStore } from '../store.js'
import { treeName, withStore } from '../store.js'

/** Bytes read in one go. */
const CHUNK = 2 ** 18

/** Errors that say something of the entry, not of the store. */
const ENTRY_ERRORS = ['COPPICE_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE', 'COPPICE_INVALID_VALUE', 'COPPICE_VALUE_TOO_LARGE']

const shared = optionsFor('json')

export const load: Command = {
  name: 'load',
  summary: 'store entries from a file, all of them or none',
  usage: '<store> [file]',
  examples: [
    ['coppice load data.coppice users.ndjson', 'lines such as {"key":"user:1","value":"Ada"}'],
    ['coppice load data.coppice users.csv --tree users', 'two columns, key and value, into a named tree'],
    ['mdb_dump -a old.mdb | coppice load data.coppice --format mdb_dump', 'every database of an LMDB environment, each a tree'],
    ['coppice load data.coppice huge.ndjson --batch 100000', 'keep what has been stored when something goes wrong'],
  ],
  options: {
    format: { type: 'string' },
    tree: { type: 'string' },
    hex: { type: 'boolean' },
    batch: { type: 'string' },
    'no-header': { type: 'boolean' },
    literal: { type: 'boolean' },
    ...shared.options,
  },
  help: {
    format: `${FORMATS.join(', ')}; by the file's name where left out, and ndjson for standard input`,
    tree: 'load into this named tree, not into the default one',
    hex: 'keys and values in the file are hex digits',
    batch: 'commit every so many entries, not once at the end',
    'no-header': 'the first line of csv or tsv is an entry, even if it reads key,value',
    literal: 'fields of csv and tsv are as they stand: a backslash begins nothing',
    json: 'answer in JSON; with --batch, also where it stops half-way: entries that are kept, and the line of the last',
  },
  notes: [
    'Makes the store where there is none. Keys that are there get the new values.',
    'A bad line is named, and nothing of the file is kept but what --batch has committed; the same holds for Ctrl-C.',
    'In ndjson, values are strings: JSON goes in as a string of its own.',
    'csv and tsv have two columns, key and value; a first line key,value is passed over, any other one is an entry.',
    'ndjson holds bytes that are not text as base64, under key64 and value64; csv and tsv as \\x and two hex digits.',
    'Databases of an mdb_dump become the trees of their names.',
  ],
  positionals: [1, 2],
  run,
}

async function run(args: Arguments, terminal: Terminal): Promise<number> {
  const [store, named] = args.positionals
  const file = named === '-' ? undefined : named
  const format = formatOf(textOf(args, 'format'), file)
  assertTogether(args, format)
  const options: ReadOptions = { hex: args.values.hex === true, header: args.values['no-header'] !== true, literal: args.values.literal === true }
  const tree = treeName(args)
  const batch = batchOf(args)
  const json = args.values.json === true
  const input = await openInput(file, terminal)
  const began = performance.now()
  // It would write over the lines that somebody types.
  const progress = startProgress(terminal, !input.typed, input.size)
  const isNew = !existsSync(store)
  const where = file ?? 'standard input'
  let loading: Loading | undefined
  const tellKept = async () => {
    // Where nobody reads that, what went wrong is to be told even so.
    if (json && loading?.batched === true) await terminal.write(jsonLine(loading.kept)).catch(() => undefined)
  }
  const stop = async (signal: NodeJS.Signals) => {
    progress.end()
    loading?.giveUp()
    terminal.say(`coppice load: ${where}: ended by ${signal}. ${keptOf(loading)}`)
    await tellKept()
  }
  try {
    const total = await cleaningUp(stop, () => withStore(store, 'create', (db) => {
      loading = new Loading(db, { tree, batch, isNew, progress })
      return loading.run(READERS[format](input.read((bytes) => loading?.count(bytes)), options))
    }))
    progress.end()
    terminal.say(`loaded ${throughput(total, began)}`)
    if (json) await terminal.write(throughputJson(total, began))
    return EXIT.OK
  } catch (error) {
    progress.end()
    await tellKept()
    throw explained(error, where, format, loading)
  } finally {
    input.close()
  }
}

function textOf(args: Arguments, name: string): string | undefined {
  const value = args.values[name]
  return typeof value === 'string' ? value : undefined
}

function assertTogether({ values }: Arguments, format: FormatName): void {
  const columns = format === 'csv' || format === 'tsv'
  for (const name of ['literal', 'no-header']) {
    if (values[name] === true && !columns) throw new UsageError(`--${name} is for the formats csv and tsv.`)
  }
  if (values.literal === true && values.hex === true) throw new UsageError('--literal and --hex say different things. Leave out one of them.')
}

function batchOf(args: Arguments): number {
  const text = textOf(args, 'batch')
  if (text === undefined) return Infinity
  const batch = wholeNumber('--batch', text)
  if (batch > 0) return batch
  throw new UsageError('--batch is to be 1 or more entries.')
}

interface Input {
  /** Bytes, where that is known. */
  readonly size: number | undefined
  /** It comes from somebody at a terminal. */
  readonly typed: boolean
  read(count: (bytes: number) => void): AsyncIterable<Uint8Array>
  close(): void
}

/** The file is opened before the store is, so that a mistyped name makes no store. */
async function openInput(file: string | undefined, terminal: Terminal): Promise<Input> {
  if (file === undefined) {
    const typed = terminal.stdin.isTTY === true
    if (typed) terminal.say('reading from the keyboard; Ctrl-D ends it')
    return { size: undefined, typed, read: (count) => counting(terminal.stdin, count), close: () => undefined }
  }
  const stats = await stat(file).catch((error: unknown) => { throw unreadable(file, error) })
  if (stats.isDirectory()) throw new Error(`${file} is a folder. Give a file's path.`)
  const handle = await open(file, 'r').catch((error: unknown) => { throw unreadable(file, error) })
  const stream = createReadStream(file, { fd: handle, highWaterMark: CHUNK })
  return { size: stats.isFile() ? stats.size : undefined, typed: false, read: (count) => counting(stream, count), close: () => stream.destroy() }
}

function unreadable(file: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'there is no permission' : `the system answered ${code}`
  return new Error(`${file} cannot be read: ${why}.`, { cause: error })
}

async function* counting(source: AsyncIterable<string | Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    yield bytes
    count(bytes.length)
  }
}

interface LoadingOptions {
  readonly tree: string | undefined
  readonly batch: number
  /** The store was not there before. */
  readonly isNew: boolean
  readonly progress: Progress
}

/** The entries on their way into the store. */
class Loading {
  /** Entries that are in the store for good, and the line of the last of them. */
  readonly kept = { committed: 0, line: 0 }
  readonly batched: boolean
  private readonly db: ByteStore
  private readonly options: LoadingOptions
  /** The store was made for this load, and nothing of it has been committed. */
  private isOurs: boolean
  private tx: Transaction<Uint8Array, Uint8Array>
  private target: Keyspace<Uint8Array, Uint8Array>
  private targetName: string | undefined
  private trees = 0
  private waiting = 0
  private line = 0
  private bytes = 0

  constructor(db: ByteStore, options: LoadingOptions) {
    this.db = db
    this.options = options
    this.targetName = options.tree
    this.batched = options.batch !== Infinity
    // Somebody else may have made it in between.
    this.isOurs = options.isNew && db.count() === 0 && db.trees().length === 0
    this.tx = db.begin()
    this.target = this.tx
  }

  /** Answers how many entries there were. */
  async run(found: AsyncIterable<Found>): Promise<number> {
    try {
      if (this.options.tree !== undefined) this.tx.createTree(this.options.tree)
      this.target = this.openTarget()
      for await (const piece of found) {
        if ('entries' in piece) this.store(piece.entries)
        else this.start(piece.tree, piece.line)
        this.options.progress.update(this.bytes, this.kept.committed + this.waiting)
      }
      this.commit()
    } catch (error) {
      this.giveUp()
      throw error
    }
    return this.kept.committed
  }

  /** Takes back what is not committed; a store that would stay empty goes while its lock keeps others out. */
  giveUp(): void {
    this.tx.rollback()
    if (this.isOurs) removeQuietly(this.db.path)
    this.isOurs = false
  }

  count(bytes: number): void {
    this.bytes += bytes
  }

  /** A tree of the file begins; a tree without entries is made as well. */
  private start(name: string | undefined, line: number): void {
    if (this.options.tree !== undefined && this.trees > 0) throw new BadLine(line, 'here a second database begins. Leave out --tree, and each becomes the tree of its own name.')
    this.trees++
    this.targetName = this.options.tree ?? name
    this.target = this.openTarget()
    if (this.targetName !== undefined) explainEntry(line, () => this.tx.createTree(this.targetName!))
  }

  private openTarget(): Keyspace<Uint8Array, Uint8Array> {
    return this.targetName === undefined ? this.tx : this.tx.tree<Uint8Array, Uint8Array>(this.targetName, { keyEncoding: 'binary' })
  }

  private store(entries: readonly Entry[]): void {
    for (const entry of entries) {
      explainEntry(entry.line, () => this.target.put(entry.key, entry.value))
      this.line = entry.line
      if (++this.waiting >= this.options.batch) this.next()
    }
  }

  private next(): void {
    this.commit()
    this.tx = this.db.begin()
    this.target = this.openTarget()
  }

  private commit(): void {
    this.tx.commit()
    this.isOurs = false
    this.kept.committed += this.waiting
    this.kept.line = this.line
    this.waiting = 0
  }
}

function explainEntry(line: number, action: () => unknown): void {
  try {
    action()
  } catch (error) {
    if (error instanceof CoppiceError && ENTRY_ERRORS.includes(error.code)) throw new BadLine(line, error.message, { cause: error })
    throw error
  }
}

/** The error with the place in the file, and with what of the file is in the store. */
function explained(error: unknown, where: string, format: FormatName, loading: Loading | undefined): unknown {
  if (!(error instanceof Error) || loading === undefined) return error
  const kept = keptOf(loading)
  if (error instanceof BadLine) return new Error(`${where}, line ${number(error.line)}: ${error.message} ${kept}`, { cause: error })
  if (error instanceof FileError || loading.batched) return new Error(`${where}, ${format}: ${error.message} ${kept}`, { cause: error })
  return error
}

function keptOf(loading: Loading | undefined): string {
  if (loading === undefined || loading.kept.committed === 0) return 'Nothing of it is in the store.'
  const { committed, line } = loading.kept
  const [entries, are] = committed === 1 ? ['entry', 'is'] : [`${number(committed)} entries`, 'are']
  return `The first ${entries}, to line ${number(line)}, ${are} in the store, and nothing behind.`
}
