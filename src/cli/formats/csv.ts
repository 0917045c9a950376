/**
 * Two columns, key and value. CSV quotes fields as RFC 4180 says; TSV has no quotes, as nobody agrees on them there. Bytes
 * that are not printable text are `\x` and two hex digits in either, and a backslash is two, unless fields are literal.
 */
import { constants, isUtf8 } from 'node:buffer'
import { CsvError, parse } from 'csv-parse'
import { toText } from '../text.js'
import type { Entry, Found, ReadOptions, Writer, WriteOptions } from './format.js'
import { BadLine, FileError, refuseTooLong, shownBytes } from './format.js'
import { bufferOf, fromHex } from './hex.js'
import { withoutMark } from './utf8.js'

type Kind = 'csv' | 'tsv'

interface Parsed {
  readonly record: readonly Buffer[]
  /** The line that it ends in. */
  readonly line: number
}

const BACKSLASH = 0x5c
const HEADER = ['key', 'value']
const SWAPPED = [...HEADER].reverse()

const PARSER = {
  // It would change the encoding of the fields where a mark stands; `withoutMark` cuts it off.
  bom: false,
  encoding: null,
  // Counted here, where the message can say what is wanted.
  relax_column_count: true,
  record_delimiter: ['\r\n', '\n'],
  skip_empty_lines: true,
  max_record_size: constants.MAX_STRING_LENGTH,
}

const DELIMITERS = {
  csv: { delimiter: ',' },
  tsv: { delimiter: '\t', quote: null, escape: null },
} as const

export async function* readCsv(kind: Kind, source: AsyncIterable<Uint8Array>, options: ReadOptions): AsyncGenerator<Found, void, undefined> {
  let parsed: Parsed[] = []
  // Taken here, as what is in the parser's own queue is lost when it fails. Its types know fields of text only.
  const take = (record: readonly Buffer[], { lines }: { lines: number }): null => {
    parsed.push({ record, line: lines })
    return null
  }
  const parser = parse({ ...PARSER, ...DELIMITERS[kind], on_record: take as never })
  // Whoever writes gets the error.
  parser.on('error', () => undefined)
  const state = { first: options.header, line: 0 }
  for await (const chunk of withoutMark(source)) {
    const failure = await outcome((done) => parser.write(chunk, done))
    yield* entriesOf(kind, parsed, options, state)
    if (failure !== undefined) throw syntaxError(kind, failure, state.line)
    parsed = []
  }
  const failure = await outcome((done) => parser.end(done))
  yield* entriesOf(kind, parsed, options, state)
  if (failure !== undefined) throw syntaxError(kind, failure, state.line)
}

function outcome(action: (done: (error?: Error | null) => void) => unknown): Promise<Error | undefined> {
  return new Promise((resolve) => void action((error) => resolve(error ?? undefined)))
}

/** Entries of some records; what stands before a bad one is good, and a load in batches keeps it. */
function* entriesOf(kind: Kind, parsed: readonly Parsed[], options: ReadOptions, state: { first: boolean; line: number }): Generator<Found, void, undefined> {
  const entries: Entry[] = []
  for (const { record, line } of parsed) {
    try {
      if (state.first) refuseSwapped(record, line)
      if (!state.first || !isHeader(record, HEADER)) entries.push(entryOf(kind, record, line, options))
    } catch (error) {
      yield { entries }
      throw error
    }
    state.first = false
    state.line = line
  }
  yield { entries }
}

function isHeader(record: readonly Buffer[], names: readonly string[]): boolean {
  return record.length === names.length && names.every((name, i) => record[i].toString('latin1').trim().toLowerCase() === name)
}

function refuseSwapped(record: readonly Buffer[], line: number): void {
  if (isHeader(record, SWAPPED)) throw new BadLine(line, 'the columns are value, key; key, value is wanted. --no-header takes this line as an entry.')
}

function entryOf(kind: Kind, record: readonly Buffer[], line: number, options: ReadOptions): Entry {
  if (record.length !== HEADER.length) {
    const hint = record.length === 1 ? 'Is another separator used?' : kind === 'csv' ? 'A comma within a field needs quotes around the field.' : 'A tab within a field is \\x09.'
    throw new BadLine(line, `two columns are wanted, key and value, and here ${record.length === 1 ? 'is 1' : `are ${record.length}`}. ${hint}`)
  }
  return { key: bytesOf(record[0], line, options), value: bytesOf(record[1], line, options), line }
}

function bytesOf(field: Buffer, line: number, { hex, literal }: ReadOptions): Buffer {
  if (hex) {
    const bytes = fromHex(field)
    if (bytes === undefined) throw new BadLine(line, 'a field is not hex: an even number of the digits 0-9 and a-f is wanted.')
    return bytes
  }
  return literal || !field.includes(BACKSLASH) ? field : unescape(field, line)
}

/** The same as `fromText`, but for fields of many megabytes. */
function unescape(field: Buffer, line: number): Buffer {
  const bytes = Buffer.allocUnsafe(field.length)
  let length = 0
  for (let at = 0; at < field.length; length++) {
    if (field[at] !== BACKSLASH) {
      bytes[length] = field[at++]
    } else if (field[at + 1] === BACKSLASH) {
      bytes[length] = BACKSLASH
      at += 2
    } else {
      const digits = /^\\x([0-9a-f]{2})$/i.exec(field.toString('latin1', at, at + 4))
      if (digits === null) throw badEscape(line)
      bytes[length] = parseInt(digits[1], 16)
      at += 4
    }
  }
  return bytes.subarray(0, length)
}

function badEscape(line: number): BadLine {
  return new BadLine(line, 'a backslash is followed by neither x and two hex digits nor a second one. Where the file means backslashes as they stand, say --literal.')
}

/** Errors that show only long behind what is wrong: they are told of the line behind the last good one. */
const LATE = ['CSV_QUOTE_NOT_CLOSED', 'CSV_MAX_RECORD_SIZE']

function syntaxError(kind: Kind, error: Error, last: number): Error {
  if (!(error instanceof CsvError)) return error
  const { lines } = error as { lines?: unknown }
  const line = typeof lines === 'number' && !LATE.includes(error.code) ? lines : last + 1
  return new BadLine(line, syntaxMessage(kind, error), { cause: error })
}

function syntaxMessage(kind: Kind, { code, message }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote opens a field of this record, and none closes it.'
  if (code === 'CSV_MAX_RECORD_SIZE') return `the record that begins here does not end. ${kind === 'csv' ? 'Is a closing quote missing?' : 'Use the format mdb_dump for values of this length.'}`
  if (code === 'CSV_INVALID_CLOSING_QUOTE') return 'behind a closing quote stands neither a comma nor the end of the line. Write a quote within a quoted field twice.'
  if (code === 'INVALID_OPENING_QUOTE') return 'a quote stands within a field. Put the whole field in quotes, and write those within it twice.'
  return `this is not ${kind.toUpperCase()}: ${message}.`
}

export function csvWriter(kind: Kind, { hex, literal }: Pick<WriteOptions, 'hex' | 'literal'>): Writer {
  const delimiter = DELIMITERS[kind].delimiter
  const field = (bytes: Buffer): string => {
    if (hex) return bytes.toString('hex')
    const text = literal ? literalText(kind, bytes) : longText(bytes)
    return kind === 'csv' && /[",\r\n\ufeff]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text
  }
  return {
    begin: () => `${HEADER.join(delimiter)}\n`,
    entry(key, value) {
      refuseTooLong(key, value, kind)
      return [`${field(bufferOf(key))}${delimiter}${field(bufferOf(value))}\n`]
    },
    end: () => '',
  }
}

function literalText(kind: Kind, bytes: Buffer): string {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : undefined
  if (text !== undefined && (kind === 'csv' || !/[\t\r\n]/.test(text))) return text
  const what = text === undefined ? 'are not UTF-8' : 'hold a tab or a line break'
  throw new FileError(`the bytes ${shownBytes(bytes)} ${what}, which literal ${kind.toUpperCase()} cannot say. Dump without --literal.`)
}

/** Bytes shown in one go; a string built of millions of small ones would take many times its length. */
const PIECE = 2 ** 16

function longText(bytes: Buffer): string {
  if (bytes.length <= PIECE) return toText(bytes)
  const pieces: string[] = []
  for (let from = 0, to = 0; from < bytes.length; from = to) {
    to = characterStart(bytes, Math.min(from + PIECE, bytes.length))
    pieces.push(toText(bytes.subarray(from, to)))
  }
  return pieces.join('')
}

/** Where the UTF-8 character begins that `at` lies in, if it does. */
function characterStart(bytes: Buffer, at: number): number {
  for (let start = at; start > at - 4 && start < bytes.length; start--) {
    if ((bytes[start] & 0xc0) !== 0x80) return start
  }
  return at
}
