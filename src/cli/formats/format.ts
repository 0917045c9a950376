/** The formats in which entries are loaded and dumped: what a reader and a writer of each are. */
import { extname } from 'node:path'
import { UsageError } from '../command.js'
import { cut } from '../format.js'
import { toText } from '../text.js'

export const FORMATS = ['ndjson', 'csv', 'tsv', 'mdb_dump'] as const
export type FormatName = (typeof FORMATS)[number]

/** Something wrong with a file that its user has to hear of: it is shown as a message, without a stack. */
export class FileError extends Error {}

/** A line that is not of its format. */
export class BadLine extends FileError {
  readonly line: number

  constructor(line: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.line = line
  }
}

export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Where it stands in the file, from 1. */
  readonly line: number
}

/** The beginning of a tree, undefined naming the default one; what follows belongs to it. */
export interface TreeStart {
  readonly tree: string | undefined
  readonly line: number
}

/** What a reader finds next; the memory of entries is theirs only until the next piece is asked for. */
export type Found = { readonly entries: readonly Entry[] } | TreeStart

export interface ReadOptions {
  /** Keys and values are hex digits. */
  readonly hex: boolean
  /** A first record `key,value` names the columns. */
  readonly header: boolean
  /** Fields are taken as they are: a backslash is a backslash. */
  readonly literal: boolean
}

/** Reads a file piece by piece. @throws BadLine */
export type Reader = (source: AsyncIterable<Uint8Array>, options: ReadOptions) => AsyncIterable<Found>

export interface WriteOptions {
  readonly hex: boolean
  readonly literal: boolean
  /** In mdb_dump: printable characters as themselves. */
  readonly print: boolean
  /** In mdb_dump: bytes that LMDB is told to reserve for its map. */
  readonly mapSize: number
}

/** Makes the text of a dump; a large entry comes in several pieces. */
export interface Writer {
  begin(tree: string | undefined): string
  entry(key: Uint8Array, value: Uint8Array): Iterable<string>
  end(): string
}

/** Larger keys and values might not fit in one string, which the formats of one line for an entry need. */
export const MAX_TEXT_BYTES = 2 ** 26

export function refuseTooLong(key: Uint8Array, value: Uint8Array, format: FormatName): void {
  if (value.length <= MAX_TEXT_BYTES) return
  throw new FileError(`the value of the key ${shownBytes(key)} has ${value.length} bytes, too many for a line of ${format}. Dump with --format mdb_dump, which takes values of any length.`)
}

/** Bytes as a message names them. */
export function shownBytes(bytes: Uint8Array): string {
  return cut(toText(bytes.subarray(0, 64)), 61)
}

const EXTENSIONS: Readonly<Record<string, FormatName>> = {
  '.ndjson': 'ndjson', '.jsonl': 'ndjson', '.csv': 'csv', '.tsv': 'tsv', '.tab': 'tsv', '.mdb_dump': 'mdb_dump', '.dump': 'mdb_dump', '.mdb': 'mdb_dump',
}

/** The format that an option names, or the file's extension; ndjson for a stream that nothing is said of. */
export function formatOf(option: string | undefined, file: string | undefined): FormatName {
  if (option !== undefined) {
    const named = FORMATS.find((format) => format === option)
    if (named !== undefined) return named
    throw new UsageError(`there is no format "${option}". Known are ${FORMATS.join(', ')}.`)
  }
  if (file === undefined) return 'ndjson'
  const known = EXTENSIONS[extname(file).toLowerCase()]
  if (known !== undefined) return known
  throw new UsageError(`the name ${file} does not tell its format. Say --format with one of ${FORMATS.join(', ')}.`)
}
