/** The commands of the shell. Each answers its lines of data one by one, so that a long answer can be stopped. */
import type { RangeOptions } from '../../index.js'
import { parseArguments } from '../arguments.js'
import type { Arguments, Command } from '../command.js'
import { NotFoundError, UsageError } from '../command.js'
import { columns, counted, cut, percent, size } from '../format.js'
import { nearest } from '../nearest.js'
import { BOUNDS, optionsFor, rangeOf } from '../options.js'
import { nameFrom, shownName } from '../store.js'
import { fromText, toText } from '../text.js'
import type { Session } from './session.js'
import { wordsOf } from './words.js'

/** A command of the shell. */
export interface ShellCommand {
  readonly name: string
  /** Another name that people try first. */
  readonly alias?: string
  readonly usage: string
  readonly summary: string
  readonly options: Command['options']
  readonly positionals: readonly [least: number, most: number]
  /** What its first word is, for completion. */
  readonly completes?: 'key' | 'tree' | 'command'
  answer(session: Session, args: Arguments): Iterable<string>
}

/** Entries shown at a terminal where no limit is given. */
const SHOWN = 100

const { options: RANGE } = optionsFor(...BOUNDS, 'reverse', 'limit', 'offset')
const { options: ORDER } = optionsFor('reverse', 'limit', 'offset')
const { options: KEYS } = optionsFor(...BOUNDS)
const NO_OPTIONS = {}
const NOTHING: readonly string[] = []

export const SHELL_COMMANDS: readonly ShellCommand[] = [
  {
    name: 'get', usage: '<key>', summary: 'the value of a key', options: NO_OPTIONS, positionals: [1, 1], completes: 'key',
    answer: (session, { positionals: [key] }) => [shown(session, session.tree.get(fromText(key)) ?? missing(key))],
  },
  {
    name: 'put', usage: '<key> <value>', summary: 'store a value under a key', options: NO_OPTIONS, positionals: [2, 2], completes: 'key',
    answer: (session, { positionals: [key, value] }) => done(session.tree.put(fromText(key), fromText(value))),
  },
  {
    name: 'delete', usage: '<key>', summary: 'delete a key', options: NO_OPTIONS, positionals: [1, 1], completes: 'key',
    answer: (session, { positionals: [key] }) => done(session.tree.delete(fromText(key)) || session.say('there was no such key')),
  },
  {
    name: 'has', usage: '<key>', summary: 'whether there is such a key', options: NO_OPTIONS, positionals: [1, 1], completes: 'key',
    answer: (session, { positionals: [key] }) => [String(session.tree.has(fromText(key)))],
  },
  {
    name: 'list', usage: '[options]', summary: 'entries, a key and its value a line',
    options: RANGE, positionals: [0, 0],
    answer: (session, args) => entries(session, rangeOf(args)),
  },
  {
    name: 'prefix', usage: '<prefix> [options]', summary: 'entries whose keys begin with the prefix',
    options: ORDER, positionals: [1, 1], completes: 'key',
    answer: (session, args) => entries(session, { ...rangeOf(args), prefix: fromText(args.positionals[0]) }),
  },
  {
    name: 'count', usage: '[prefix] [options]', summary: 'how many entries there are', options: KEYS, positionals: [0, 1], completes: 'key',
    answer: (session, args) => [String(session.tree.count(countRange(args)))],
  },
  { name: 'trees', usage: '', summary: 'the trees and how many entries each has', options: NO_OPTIONS, positionals: [0, 0], answer: trees },
  { name: 'use', usage: '[tree]', summary: 'go to a named tree, or back to the default one', options: NO_OPTIONS, positionals: [0, 1], completes: 'tree', answer: use },
  { name: 'begin', usage: '', summary: 'begin a transaction', options: NO_OPTIONS, positionals: [0, 0], answer: (session) => done(session.begin()) },
  { name: 'commit', usage: '', summary: 'keep what was written since', options: NO_OPTIONS, positionals: [0, 0], answer: (session) => done(session.commit()) },
  { name: 'rollback', usage: '', summary: 'undo what was written since', options: NO_OPTIONS, positionals: [0, 0], answer: (session) => done(session.rollback()) },
  { name: 'stats', usage: '', summary: 'figures of the store, as of its last commit', options: NO_OPTIONS, positionals: [0, 0], answer: stats },
  { name: 'help', alias: '?', usage: '[command]', summary: 'this list', options: NO_OPTIONS, positionals: [0, 1], completes: 'command', answer: (_, { positionals: [name] }) => help(name) },
  { name: 'exit', alias: 'quit', usage: '', summary: 'leave; an open transaction is undone', options: NO_OPTIONS, positionals: [0, 0], answer: (session) => done((session.ended = true)) },
]

/** Runs a line; answers its lines of data. Throws `UsageError` for what is no command. */
export function answerTo(session: Session, line: string): Iterable<string> {
  if (line.trimStart().startsWith('#')) return NOTHING
  const [name, ...words] = wordsOf(line)
  if (name === undefined) return NOTHING
  const command = commandNamed(name)
  return command.answer(session, argumentsOf(command, words))
}

function commandNamed(name: string): ShellCommand {
  const command = SHELL_COMMANDS.find((each) => each.name === name || each.alias === name)
  if (command !== undefined) return command
  const meant = nearest(name, SHELL_COMMANDS.map((each) => each.name))
  throw new UsageError(`there is no command ${JSON.stringify(name)}. ${meant === undefined ? '"help" lists those that there are.' : `Did you mean "${meant}"?`}`)
}

/** Words that begin with a dash are options only for commands that have some. */
function argumentsOf(command: ShellCommand, words: readonly string[]): Arguments {
  const { options, positionals: [least, most], usage, name } = command
  if (Object.keys(options).length > 0) {
    const { positionals, values } = parseArguments({ ...command, help: {}, examples: [], run: () => Promise.resolve(0) }, words)
    if (values.help !== true) return { positionals, values }
    throw new UsageError(`${name} is written: ${name} ${usage}`)
  }
  if (words.length < least || words.length > most) throw new UsageError(`${name} is written: ${`${name} ${usage}`.trim()}. A word with spaces needs quotes.`)
  return { positionals: words, values: {} }
}

function done(_: unknown): Iterable<string> {
  return NOTHING
}

function missing(key: string): never {
  throw new NotFoundError(`there is no key "${toText(fromText(key))}".`)
}

/** A value, of which a terminal gets as much as one can read. */
function shown({ width }: Session, value: Uint8Array): string {
  if (width === undefined) return toText(value)
  const most = width * 24
  const text = toText(value.subarray(0, most))
  return value.length <= most ? text : `${cut(`${text}…`, most)} (${size(value.length)})`
}

function* entries(session: Session, range: RangeOptions<Uint8Array>): Generator<string, void, undefined> {
  const { tree, width } = session
  // One more than is shown tells whether there are more.
  const limit = range.limit ?? (width === undefined ? Infinity : SHOWN + 1)
  let left = range.limit === undefined && width !== undefined ? SHOWN : Infinity
  for (const [key, value] of tree.entries({ ...range, limit })) {
    if (left-- === 0) {
      session.say('there are more: --limit says how many to list, and --gt from where on')
      return
    }
    // With a tab, which neither holds unescaped, the lines are TSV.
    yield width === undefined ? `${toText(key)}\t${toText(value)}` : cut(`${toText(key)}  ${toText(value.subarray(0, width))}`, width)
  }
}

function countRange(args: Arguments): RangeOptions<Uint8Array> {
  const [prefix] = args.positionals
  const range = rangeOf(args)
  if (prefix === undefined) return range
  if (range.prefix !== undefined) throw new UsageError('the prefix is given twice.')
  return { ...range, prefix: fromText(prefix) }
}

function trees(session: Session): Iterable<string> {
  return [undefined, ...session.trees()].map((name) => `${shownName(name)}\t${session.treeOf(name).count()}`)
}

function use(session: Session, { positionals: [word] }: Arguments): Iterable<string> {
  session.use(word === undefined ? undefined : nameFrom(word))
  return NOTHING
}

function stats(session: Session): Iterable<string> {
  if (session.inTransaction) session.say('without what the open transaction has written')
  const figures = session.db.stats()
  const rows = [
    ['file', `${size(figures.fileBytes)}, ${counted(figures.pages.total, 'page')}`],
    ['free', `${counted(figures.pages.free, 'page')}, ${counted(figures.pages.pending, 'page')} of them held by readers or syncs`],
    ['transaction', `${figures.transaction}, on the disk ${figures.durableTransaction}`],
    ...figures.trees.map((tree) => [
      `tree ${shownName(tree.name)}`,
      `${counted(tree.entries, 'entry', 'entries')}, depth ${tree.depth}, leaves ${percent(tree.leafFill)} full, keys ${size(tree.keyBytes)}, values ${size(tree.valueBytes)}`,
    ]),
  ]
  return columns(rows, ['left', 'left'])
}

function help(name: string | undefined): Iterable<string> {
  const commands = name === undefined ? SHELL_COMMANDS : [commandNamed(name)]
  return [
    ...columns(commands.map(({ name, usage, summary }) => [`${name} ${usage}`.trim(), summary]), ['left', 'left']),
    '',
    'Options are the bounds --prefix, --gte, --gt, --lt and --lte with a key, and for entries --reverse, --limit <n> and --offset <n>.',
    'Keys and values are text; \\xNN is a byte in hex digits, \\\\ a backslash, and quotes hold blanks.',
  ]
}
