/** The program: finds the command, runs it, and turns whatever goes wrong into a line and an exit code. */
import { existsSync, readFileSync } from 'node:fs'
import { CoppiceError } from '../index.js'
import { parseArguments } from './arguments.js'
import type { Arguments, Command, Terminal } from './command.js'
import { BrokenPipeError, EXIT, UsageError } from './command.js'
import { exitCodeOf, messageOf } from './explain.js'
import { commandHelp, programHelp, usageLine } from './help.js'
import { nearest } from './nearest.js'
import { BOUNDS } from './options.js'
import { assertStorePath } from './store.js'
import { colorsFor } from './terminal.js'
import { oneLine } from './text.js'

/** Runs a command line, without the program's own name; answers the exit code. */
export async function runProgram(words: readonly string[], commands: readonly Command[], terminal: Terminal): Promise<number> {
  let command: Command | undefined
  try {
    const [name, ...rest] = words
    if (name === undefined) {
      terminal.stderr.write(programHelp(commands, colorsFor(terminal.stderr)))
      return EXIT.USAGE
    }
    if (name === '--help' || name === '-h' || name === 'help') return await help(rest, commands, terminal)
    if (name === '--version') return await version(terminal)
    command = commandNamed(name, commands)
    const args = parseArguments(command, rest)
    if (args.values.help === true) return await help([name], commands, terminal)
    return await run(command, args, terminal)
  } catch (error) {
    return explain(error, command, terminal)
  }
}

async function run(command: Command, args: Arguments, terminal: Terminal): Promise<number> {
  assertPaths(command, args)
  for (const what of lostIn(command, args)) terminal.say(`coppice ${command.name}: the ${what} holds bytes that are no UTF-8, which arrive here as U+FFFD; write them as \\xNN`)
  // Paths are named in talk, and may hold anything.
  return await command.run(args, { ...terminal, say: (line) => terminal.say(oneLine(line)) })
}

/** The words behind the command's name, each with what the command calls it. */
function named({ usage }: Command, { positionals }: Arguments): (readonly [name: string, word: string])[] {
  const names = [...usage.matchAll(/[<[](\w+)[>\]]/g)].map(([, name]) => name)
  return positionals.map((word, i) => [names[i], word] as const)
}

/** Refuses what is no path on the command line. */
function assertPaths(command: Command, args: Arguments): void {
  for (const [name, word] of named(command, args)) {
    if (word === '' && PATHS.includes(name)) throw new UsageError(`the ${name}'s path is empty.`)
    if (name === 'store') assertStorePath(word)
  }
}

/** What commands call the paths of files. */
const PATHS = ['store', 'file', 'target']

/** Keys, values, bounds and names that hold the character that the system's bytes become where they are no UTF-8. */
function lostIn(command: Command, args: Arguments): string[] {
  const { values } = args
  const words = named(command, args).filter(([name]) => name === 'key' || name === 'value')
  const options = ['tree', ...BOUNDS].map((name) => [`--${name}`, values[name]] as const)
  return [...words, ...options].filter(([, word]) => typeof word === 'string' && word.includes('\ufffd')).map(([name]) => name)
}

async function help([name]: readonly string[], commands: readonly Command[], terminal: Terminal): Promise<number> {
  const colors = colorsFor(terminal.stdout)
  await terminal.write(name === undefined ? programHelp(commands, colors) : commandHelp(commandNamed(name, commands), colors))
  return EXIT.OK
}

async function version(terminal: Terminal): Promise<number> {
  await terminal.write(`${packageVersion()}\n`)
  return EXIT.OK
}

/** From the package's own description, which stands above the source as well as above what is built of it. */
function packageVersion(): string {
  for (const above of ['../..', '../../..']) {
    const file = new URL(`${above}/package.json`, import.meta.url)
    if (!existsSync(file)) continue
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown; version?: unknown }
    if (name === 'coppice' && typeof version === 'string') return version
  }
  return 'unknown'
}

/** What the tools of other stores call these commands. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['set', 'put'], ['del', 'delete'], ['rm', 'delete'], ['ls', 'list'], ['keys', 'list'], ['scan', 'list'], ['buckets', 'trees'],
  ['import', 'load'], ['mdb_load', 'load'], ['export', 'dump'], ['mdb_dump', 'dump'], ['info', 'stats'], ['mdb_stat', 'stats'],
  ['copy', 'backup'], ['mdb_copy', 'backup'], ['vacuum', 'compact'],
])

function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const meant = ELSEWHERE.get(name) ?? nearest(name.replace(/^-+/, ''), commands.map((each) => each.name))
  const hint = meant === undefined ? '"coppice --help" lists those that there are.' : `Did you mean "coppice ${meant}"?`
  throw new UsageError(`there is no ${name.startsWith('-') ? 'option' : 'command'} ${JSON.stringify(name)}. ${hint}`)
}

/** Says what went wrong; answers the exit code. */
function explain(error: unknown, command: Command | undefined, terminal: Terminal): number {
  if (error instanceof BrokenPipeError) return EXIT.OK
  const colors = colorsFor(terminal.stderr)
  const who = colors.red(command === undefined ? 'coppice:' : `coppice ${command.name}:`)
  terminal.say(`${who} ${isMistake(error) ? `this is a mistake in coppice; please report it.\n${error.stack}` : messageOf(error, colors.dim)}`)
  if (error instanceof UsageError && command !== undefined) terminal.say(colors.dim(`usage: ${usageLine(command)}\n       coppice ${command.name} --help shows more`))
  return exitCodeOf(error)
}

/** What the system answers, and what a command throws on purpose, needs no stack; anything else does. */
function isMistake(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof CoppiceError) return false
  const { code } = error as NodeJS.ErrnoException
  return MISTAKES.includes(error.name) || code?.startsWith?.('ERR_') === true
}

/** Names of errors that nobody throws on purpose. */
const MISTAKES = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError']
