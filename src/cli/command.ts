/** What a command of the `coppice` program is, and what it is given to work with. */
import type { ParseArgsConfig } from 'node:util'

/** Exit codes of the program. */
export const EXIT = {
  OK: 0,
  /** What was asked for is not there: a key, a tree; or `check` found damage. */
  NOT_FOUND: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** The store, or a file, could not be read or written. */
  FAILED: 3,
} as const

/** Where a command reads and writes: data goes to `stdout`, talk to `stderr`. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** True where `stderr` is a terminal: progress may be shown. */
  readonly interactive: boolean
  /** Writes data, and waits while the reader is slower. */
  write(data: string | Uint8Array): Promise<void>
  /** Writes a line of talk. */
  say(line: string): void
}

/** The words of the command line behind the command's name. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** What stands behind the name, such as `<store> <key>`. */
  readonly usage: string
  /** Command lines that work, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** Options as `node:util`'s parseArgs takes them. */
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** A line for each option, by its name. */
  readonly help: Readonly<Record<string, string>>
  /** Sentences for the command's own help, a line each: what an option's line has no room for. */
  readonly notes?: readonly string[]
  /** How many positionals at least and at most. */
  readonly positionals: readonly [least: number, most: number]
  /** Does the work; answers the exit code. Throws `UsageError` for what is wrong on the command line. */
  run(args: Arguments, terminal: Terminal): Promise<number>
}

/** Something wrong on the command line; the program shows it with the command's usage and ends with EXIT.USAGE. */
export class UsageError extends Error {}

/** What was asked for is not there; the program shows it in one line and ends with EXIT.NOT_FOUND. */
export class NotFoundError extends Error {}

/** Nobody reads the program's output any more; the program ends without a word. */
export class BrokenPipeError extends Error {}
