/**
 * An entry a line: `{"key":"..","value":".."}`. What is not text stands as base64 under `key64` and `value64`, or all
 * keys and values are hex digits. Such digits as `{"hex":".."}` are read wherever they stand.
 */
import { constants, isUtf8 } from 'node:buffer'
import type { Entry, Found, ReadOptions, Writer, WriteOptions } from './format.js'
import { BadLine, refuseTooLong } from './format.js'
import { bufferOf, fromHex } from './hex.js'
import { linesOf } from './lines.js'
import { withoutMark } from './utf8.js'

const FIELDS = ['key', 'key64', 'value', 'value64']
const EXAMPLE = '{"key":"a","value":"b"}'

export async function* readNdjson(source: AsyncIterable<Uint8Array>, { hex }: ReadOptions): AsyncGenerator<Found, void, undefined> {
  for await (const { first, lines } of linesOf(withoutMark(source))) {
    const entries: Entry[] = []
    let failure: unknown
    try {
      lines.forEach((line, i) => void addEntry(entries, line, first + i, hex))
    } catch (error) {
      failure = error
    }
    // What stands before a bad line is good, and a load in batches keeps it.
    yield { entries }
    if (failure !== undefined) throw failure
  }
}

function addEntry(entries: Entry[], line: Buffer, number: number, hex: boolean): void {
  const text = textOf(line, number).trim()
  if (text !== '') entries.push(entryOf(text, number, hex))
}

function textOf(line: Buffer, number: number): string {
  if (line.length > constants.MAX_STRING_LENGTH) throw new BadLine(number, 'this line is too long. Use the format mdb_dump for values of this length.')
  if (!isUtf8(line)) throw new BadLine(number, 'this line is not UTF-8. Write bytes that are not text as base64, under "key64" and "value64".')
  return line.toString('utf8')
}

function entryOf(text: string, line: number, hex: boolean): Entry {
  const record = parse(text, line)
  const unknown = Object.keys(record).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) throw new BadLine(line, `there is no field ${JSON.stringify(unknown)}. Known are ${FIELDS.join(', ')}.`)
  return { key: bytesOf(record, 'key', line, hex), value: bytesOf(record, 'value', line, hex), line }
}

function parse(text: string, line: number): Readonly<Record<string, unknown>> {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch (error) {
    throw new BadLine(line, `this is not JSON. Each line is an object such as ${EXAMPLE}.`, { cause: error })
  }
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record as Readonly<Record<string, unknown>>
  throw new BadLine(line, `this is JSON, but no object such as ${EXAMPLE}.`)
}

function bytesOf(record: Readonly<Record<string, unknown>>, name: 'key' | 'value', line: number, hex: boolean): Buffer {
  const plain = digitsIn(record[name]) ?? record[name]
  const coded = record[`${name}64`]
  if ((plain === undefined) === (coded === undefined)) throw new BadLine(line, `either "${name}" or "${name}64" is wanted.`)
  const text = plain ?? coded
  if (typeof text !== 'string') throw new BadLine(line, `"${plain === undefined ? `${name}64` : name}" is to be a string.`)
  if (plain === undefined) return fromBase64(text) ?? fail(line, `"${name}64" is not base64.`)
  if (hex || plain !== record[name]) return fromHex(Buffer.from(text)) ?? fail(line, `"${name}" is not hex: an even number of the digits 0-9 and a-f is wanted.`)
  if (/\p{Cs}/u.test(text)) fail(line, `"${name}" holds half of a surrogate pair, which is no text. Write the bytes as base64, under "${name}64".`)
  return Buffer.from(text, 'utf8')
}

/** The digits of `{"hex":".."}`, as other commands write bytes that are not text. */
function digitsIn(value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null && Object.keys(value).join() === 'hex'
  return isObject ? (value as { hex: unknown }).hex : undefined
}

function fail(line: number, message: string): never {
  throw new BadLine(line, message)
}

/** `Buffer.from` passes over what is not base64, so the bytes have to give the same text again. */
function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  const again = bytes.toString('base64')
  return again === text || again.replace(/=+$/, '') === text ? bytes : undefined
}

export function ndjsonWriter({ hex }: Pick<WriteOptions, 'hex'>): Writer {
  const field = (name: string, bytes: Buffer): string => {
    if (hex) return `"${name}":"${bytes.toString('hex')}"`
    return isUtf8(bytes) ? `"${name}":${JSON.stringify(bytes.toString('utf8'))}` : `"${name}64":"${bytes.toString('base64')}"`
  }
  return {
    begin: () => '',
    entry(key, value) {
      refuseTooLong(key, value, 'ndjson')
      return [`{${field('key', bufferOf(key))},${field('value', bufferOf(value))}}\n`]
    },
    end: () => '',
  }
}
