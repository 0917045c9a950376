/** What goes wrong, as the program says it: in a line, with an exit code. */
import { CoppiceError } from '../index.js'
import { EXIT, NotFoundError, UsageError } from './command.js'
import { oneLine } from './text.js'

/** Errors of the engine that are about a word of the command line: a key, or a tree's name. */
const ABOUT_WORDS = ['COPPICE_INVALID_KEY', 'COPPICE_KEY_TOO_LARGE']

/** Advice of the engine that is for those who call it, and what the program says in its place. */
const IN_WORDS_OF_THE_PROGRAM: readonly (readonly [advice: string | RegExp, words: string])[] = [
  [', or open with { readOnly: true }', ''],
  ['open here with { readOnly: true } too', 'try again once it has ended'],
  ['the database was opened with { readOnly: true }. Open it without to write.', 'the store was opened with --read-only. Leave that out to write.'],
  [/, or open with \{ lock: false \}[^.]*/, ''],
]

/** The exit code that an error ends the program with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.USAGE
  if (error instanceof NotFoundError) return EXIT.NOT_FOUND
  return error instanceof CoppiceError && ABOUT_WORDS.includes(error.code) ? EXIT.USAGE : EXIT.FAILED
}

/** The message in one line, without words that mean nothing on a command line; `dim` is for the engine's code. */
export function messageOf(error: unknown, dim: (text: string) => string): string {
  if (!(error instanceof CoppiceError)) return oneLine(error instanceof Error ? error.message : String(error))
  const message = IN_WORDS_OF_THE_PROGRAM.reduce((text, [advice, words]) => text.replace(advice, words), error.message)
  return `${oneLine(message)} ${dim(`(${error.code})`)}`
}
