/** Options that several commands have, each with its line of help, and what they say. */
import type { RangeOptions } from '../index.js'
import type { Arguments, Command } from './command.js'
import { UsageError } from './command.js'
import type { Notation } from './text.js'
import { HEX_DIGITS, TEXT } from './text.js'

type Options = Command['options']

const DEFINITIONS = {
  tree: [{ type: 'string' }, 'work in this named tree, not in the default one; a name has escapes as keys have'],
  json: [{ type: 'boolean' }, 'answer in JSON'],
  hex: [{ type: 'boolean' }, 'keys and values are hex digits, such as 00ff, here and in the answer'],
  prefix: [{ type: 'string' }, 'keys that begin with this'],
  gte: [{ type: 'string' }, 'keys from this one on'],
  gt: [{ type: 'string' }, 'keys greater than this one'],
  lt: [{ type: 'string' }, 'keys less than this one'],
  lte: [{ type: 'string' }, 'keys up to and with this one'],
  reverse: [{ type: 'boolean' }, 'from the greatest key down'],
  limit: [{ type: 'string' }, 'this many entries at most'],
  offset: [{ type: 'string' }, 'pass over this many entries first'],
} as const satisfies Record<string, readonly [Options[string], string]>

type Name = keyof typeof DEFINITIONS

/** Shared options by name, as a command declares them. */
export function optionsFor(...names: Name[]): Pick<Command, 'options' | 'help'> {
  return {
    options: Object.fromEntries(names.map((name) => [name, DEFINITIONS[name][0]])),
    help: Object.fromEntries(names.map((name) => [name, DEFINITIONS[name][1]])),
  }
}

/** The bounds of a range of keys. */
export const BOUNDS = ['prefix', 'gte', 'gt', 'lt', 'lte'] as const

/** How keys and values are written, for this command line. */
export function notationOf(args: Arguments): Notation {
  return args.values.hex === true ? HEX_DIGITS : TEXT
}

/** What `--help` says of keys and values, for commands that take or show them. */
export const NOTATION_NOTE = 'Keys and values are text. A byte that is no printable UTF-8 is \\x and two hex digits, a backslash is \\\\.'

/** The range that the options describe. */
export function rangeOf(args: Arguments): RangeOptions<Uint8Array> {
  const notation = notationOf(args)
  const range: RangeOptions<Uint8Array> = {}
  for (const name of BOUNDS) {
    const text = args.values[name]
    if (typeof text === 'string') range[name] = notation.read(text)
  }
  for (const name of ['limit', 'offset'] as const) {
    const text = args.values[name]
    if (typeof text === 'string') range[name] = wholeNumber(`--${name}`, text)
  }
  if (args.values.reverse === true) range.reverse = true
  return range
}

/** A whole number from 0 on the command line. */
export function wholeNumber(what: string, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new UsageError(`${what} is to be a whole number, 0 or more, not ${JSON.stringify(text)}.`)
}
