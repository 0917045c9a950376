/** `coppice dump`: entries to a file or to standard output, in a form that `coppice load` and others read. */
import { statSync } from 'node:fs'
import type { Keyspace, RangeOptions, Transaction } from '../../index.js'
import type { Arguments, Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import type { FormatName, Writer } from '../formats/format.js'
import { FileError, formatOf, FORMATS, MAX_TEXT_BYTES } from '../formats/format.js'
import { WRITERS } from '../formats/index.js'
import type { Output } from '../formats/output.js'
import { fileOutput, terminalOutput } from '../formats/output.js'
import type { Progress } from '../formats/progress.js'
import { startProgress, throughput, throughputJson } from '../formats/progress.js'
import { cleaningUp } from '../interrupt.js'
import { BOUNDS, optionsFor, rangeOf } from '../options.js'
import type { ByteStore } from '../store.js'
import { treeName, treeOf, withStore } from '../store.js'

/** Characters written in one go. */
const CHUNK = 2 ** 16

/** What LMDB is told to reserve at least; it takes none of it before it is used. */
const LEAST_MAP = 2 ** 30

const shared = optionsFor('tree', ...BOUNDS, 'reverse', 'limit', 'json')

export const dump: Command = {
  name: 'dump',
  summary: 'write entries to a file, or to standard output',
  usage: '<store> [file]',
  examples: [
    ['coppice dump data.coppice all.ndjson', 'the default tree, a line of JSON for each entry'],
    ['coppice dump data.coppice users.csv --prefix user:', 'the keys that begin with user:, in two columns'],
    ['coppice dump data.coppice --all-trees --format mdb_dump | gzip > all.gz', 'every tree'],
    ['coppice dump old.coppice --all-trees --format mdb_dump | coppice load new.coppice --format mdb_dump', 'copy a store, entry by entry'],
  ],
  options: {
    format: { type: 'string' },
    ...shared.options,
    'all-trees': { type: 'boolean' },
    hex: { type: 'boolean' },
    print: { type: 'boolean' },
    literal: { type: 'boolean' },
  },
  help: {
    format: `${FORMATS.join(', ')}; by the file's name where left out, and ndjson for standard output`,
    ...shared.help,
    'all-trees': 'the default tree and all named ones, in mdb_dump; bounds hold for each',
    hex: 'keys and values as hex digits, in the file and in the bounds here',
    print: 'in mdb_dump, printable characters as they are',
    json: 'for a dump to a file: answer in JSON, with entries and seconds',
    literal: 'in csv and tsv, text as it stands, for programs that know no escapes',
  },
  notes: [
    'A dump that is loaded again is the same, byte for byte, in every format.',
    'A file gets its name when it is whole, and takes the place of one that had it. It is one moment of the store.',
    'Values over 64 MiB fit in mdb_dump only.',
    'ndjson holds bytes that are not text as base64, under key64 and value64; csv and tsv as \\x and two hex digits.',
  ],
  positionals: [1, 2],
  run,
}

async function run(args: Arguments, terminal: Terminal): Promise<number> {
  const [store, named] = args.positionals
  const file = named === '-' ? undefined : named
  const { format: wanted, hex, print, literal, json } = args.values
  const format = formatOf(typeof wanted === 'string' ? wanted : undefined, file)
  const range = rangeOf(args)
  assertTogether(args, format)
  if (json === true && file === undefined) throw new UsageError('with the dump on standard output there is no room for --json.')
  const began = performance.now()
  const total = await withStore(store, 'read', async (db) => {
    treeOf(db, args)
    let progress: Progress | undefined
    const writer = WRITERS[format]({ hex: hex === true, print: print === true, literal: literal === true, mapSize: mapSizeOf(store) })
    // A signal that comes while the file is being made waits until it is there to be removed.
    const opening = file === undefined ? Promise.resolve(terminalOutput(terminal)) : fileOutput(file, store)
    const discard = async (): Promise<void> => (await opening.catch(() => undefined))?.discard()
    const start = (count: number): Progress => (progress = startProgress(terminal, file !== undefined || terminal.stdout.isTTY !== true, count))
    const cleanUp = async () => {
      progress?.end()
      await discard()
    }
    try {
      return await cleaningUp(cleanUp, async () => {
        const output = await opening
        const entries = await dumpInto(output, writer, db, args, range, start)
        await output.finish()
        return entries
      })
    } catch (error) {
      await discard()
      throw error instanceof FileError ? new Error(error.message, { cause: error }) : error
    }
  })
  if (file !== undefined || terminal.interactive) terminal.say(`dumped ${throughput(total, began)}`)
  if (json === true) await terminal.write(throughputJson(total, began))
  return EXIT.OK
}

function assertTogether(args: Arguments, format: FormatName): void {
  const { values } = args
  if (values.print === true && format !== 'mdb_dump') throw new UsageError('--print is for the format mdb_dump.')
  if (values.print === true && values.hex === true) throw new UsageError('--print and --hex say different things. Leave out one of them.')
  if (values.literal === true && format !== 'csv' && format !== 'tsv') throw new UsageError('--literal is for the formats csv and tsv.')
  if (values.literal === true && values.hex === true) throw new UsageError('--literal and --hex say different things. Leave out one of them.')
  if (values['all-trees'] !== true) return
  if (format !== 'mdb_dump') throw new UsageError(`--all-trees needs --format mdb_dump: a file of ${format} holds one tree.`)
  if (treeName(args) !== undefined) throw new UsageError('--all-trees and --tree say different things. Leave out one of them.')
}

/** Answers how many entries there were. */
async function dumpInto(
  output: Output, writer: Writer, db: ByteStore, args: Arguments, range: RangeOptions<Uint8Array>, start: (total: number) => Progress,
): Promise<number> {
  const snapshot = db.snapshot()
  const trees = args.values['all-trees'] === true ? [undefined, ...snapshot.trees()] : [treeName(args)]
  const sources = trees.map((name) => ({ name, tree: treeIn(snapshot, name) }))
  const progress = start(sources.reduce((sum, { tree }) => sum + countOf(tree, range), 0))
  const dumping = new Dumping(output, progress)
  try {
    for (const { name, tree } of sources) {
      await dumping.add(writer.begin(name))
      for (const [key, value] of tree.entries(range)) await dumping.entry(writer, key, value)
      await dumping.add(writer.end())
    }
    await dumping.flush()
  } catch (error) {
    // What stands before a damaged page, or before a value that is too long, is good.
    await dumping.flush().catch(() => undefined)
    throw error
  } finally {
    progress.end()
    snapshot.rollback()
  }
  return dumping.entries
}

function treeIn(snapshot: Transaction<Uint8Array, Uint8Array>, name: string | undefined): Keyspace<Uint8Array, Uint8Array> {
  return name === undefined ? snapshot : snapshot.tree<Uint8Array, Uint8Array>(name, { keyEncoding: 'binary' })
}

function countOf(tree: Keyspace<Uint8Array, Uint8Array>, { limit = Infinity, reverse: _, ...keys }: RangeOptions<Uint8Array>): number {
  return Math.min(limit, tree.count(keys))
}

function mapSizeOf(store: string): number {
  return Math.max(LEAST_MAP, 4 * statSync(store).size)
}

/** Text on its way out, in pieces of a good size. */
class Dumping {
  entries = 0
  private readonly output: Output
  private readonly progress: Progress
  private pending = ''

  constructor(output: Output, progress: Progress) {
    this.output = output
    this.progress = progress
  }

  async entry(writer: Writer, key: Uint8Array, value: Uint8Array): Promise<void> {
    for (const piece of writer.entry(key, value)) await this.add(piece)
    this.entries++
  }

  async add(text: string): Promise<void> {
    // A piece may be nearly as long as a string can be.
    if (text.length > MAX_TEXT_BYTES / 2) await this.flush()
    this.pending += text
    if (this.pending.length >= CHUNK) await this.flush()
  }

  async flush(): Promise<void> {
    const text = this.pending
    this.pending = ''
    if (text !== '') await this.output.write(text)
    this.progress.update(this.entries, this.entries)
  }
}
