/** The program: finds the command, runs it, and turns whatever goes wrong into a line and an exit code. */
import { existsSync, readFileSync } from 'node:fs'
import { CoppiceError } from '../index.js'
import { parseArguments } from './arguments.js'
import type { Command, Terminal } from './command.js'
import { BrokenPipeError, EXIT, NotFoundError, UsageError } from './command.js'
import { commandHelp, programHelp, usageLine } from './help.js'
import { nearest } from './nearest.js'
import { colorsFor } from './terminal.js'

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
    return await command.run(args, terminal)
  } catch (error) {
    return explain(error, command, terminal)
  }
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

function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const meant = nearest(name.replace(/^-+/, ''), commands.map((each) => each.name))
  const hint = meant === undefined ? '"coppice --help" lists those that there are.' : `Did you mean "coppice ${meant}"?`
  throw new UsageError(`there is no ${name.startsWith('-') ? 'option' : 'command'} ${JSON.stringify(name)}. ${hint}`)
}

/** Says what went wrong; answers the exit code. */
function explain(error: unknown, command: Command | undefined, terminal: Terminal): number {
  if (error instanceof BrokenPipeError) return EXIT.OK
  const colors = colorsFor(terminal.stderr)
  const who = colors.red(command === undefined ? 'coppice:' : `coppice ${command.name}:`)
  if (error instanceof UsageError) {
    terminal.say(`${who} ${oneLine(error.message)}`)
    if (command !== undefined) terminal.say(colors.dim(`usage: ${usageLine(command)}\n       coppice ${command.name} --help shows more`))
    return EXIT.USAGE
  }
  if (error instanceof NotFoundError) {
    terminal.say(`${who} ${oneLine(error.message)}`)
    return EXIT.NOT_FOUND
  }
  terminal.say(`${who} ${messageOf(error, colors.dim)}`)
  return EXIT.FAILED
}

function messageOf(error: unknown, dim: (text: string) => string): string {
  if (!(error instanceof Error)) return oneLine(String(error))
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof CoppiceError) return `${oneLine(error.message)} ${dim(`(${error.code})`)}`
  // What the system answers, and what a command throws on purpose, needs no stack.
  const own = MISTAKES.includes(error.name) || code?.startsWith?.('ERR_') === true
  return own ? `this is a mistake in coppice; please report it.\n${error.stack}` : oneLine(error.message)
}

/** Names of errors that nobody throws on purpose. */
const MISTAKES = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError']

/** A path or a key in a message may bring its own line breaks and control characters. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\p{Cc}/gu, '?')
}
