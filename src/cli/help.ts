/** The texts of `--help`. */
import type { Command } from './command.js'
import { EXIT } from './command.js'
import { columns } from './format.js'
import type { Colors } from './terminal.js'

const EXIT_CODES: readonly (readonly [code: number | string, meaning: string])[] = [
  [EXIT.OK, 'done'],
  [EXIT.NOT_FOUND, 'what was asked for is not there: a key, a tree, a page; or check found damage; or verify-crash found a broken promise'],
  [EXIT.USAGE, 'the command line is wrong'],
  [EXIT.FAILED, 'the store, or a file, could not be read or written'],
  ['130, 143', 'what a shell says of a program that Ctrl-C, or SIGTERM, has ended; unfinished files are gone then'],
]

/** Help of the whole program. */
export function programHelp(commands: readonly Command[], colors: Colors): string {
  return sections([
    ['coppice: reads, writes and looks after coppice stores.'],
    [colors.bold('Usage'), '  coppice <command> <store> ...'],
    [colors.bold('Commands'), ...table(commands.map(({ name, summary }) => [name, summary]), colors)],
    [colors.bold('Options'), ...table([['-h, --help', 'this help; coppice <command> --help for one command'], ['--version', 'the version']], colors)],
    [
      colors.bold('Good to know'),
      '  Data goes to standard output, all talk to standard error.',
      '  Reading a store works beside other readers; one who writes has it alone.',
      '  Colours are for terminals only, and NO_COLOR=1 turns them off.',
    ],
    [colors.bold('Exit codes'), ...exitCodes(colors)],
  ])
}

/** Help of one command. */
export function commandHelp(command: Command, colors: Colors): string {
  const names = Object.keys(command.options)
  const options = [...names.map((name) => [optionUsage(name, command), command.help[name] ?? '']), ['-h, --help', 'this help']]
  return sections([
    [`coppice ${command.name}: ${command.summary}`],
    [colors.bold('Usage'), `  ${usageLine(command)}`],
    [colors.bold('Options'), ...table(options, colors)],
    ...(command.notes === undefined ? [] : [[colors.bold('Good to know'), ...command.notes.map((note) => `  ${note}`)]]),
    [colors.bold('Examples'), ...command.examples.flatMap(([line, does]) => [`  ${colors.dim(`# ${does}`)}`, `  ${line}`])],
    [colors.bold('Exit codes'), ...exitCodes(colors)],
  ])
}

/** How a command is written. */
export function usageLine({ name, usage }: Command): string {
  return `coppice ${name} ${usage} [options]`
}

function optionUsage(name: string, { options }: Command): string {
  const { short, type } = options[name]
  return `${short === undefined ? '' : `-${short}, `}--${name}${type === 'string' ? ` <${placeholder(name)}>` : ''}`
}

function placeholder(name: string): string {
  if (name === 'tree') return 'name'
  if (name === 'in') return 'folder'
  if (['limit', 'offset', 'batch', 'images', 'seed'].includes(name)) return 'n'
  return ['prefix', 'gte', 'gt', 'lt', 'lte'].includes(name) ? 'key' : name
}

function exitCodes(colors: Colors): string[] {
  return table(EXIT_CODES.map(([code, meaning]) => [String(code), meaning]), colors)
}

function table(rows: readonly (readonly string[])[], colors: Colors): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = columns(rows, ['left', 'left'])
  return lines.map((line) => `  ${colors.cyan(line.slice(0, width))}${line.slice(width)}`)
}

function sections(parts: readonly (readonly string[])[]): string {
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}
