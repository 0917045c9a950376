/**
 * Keys and values as text of one line, and back. Valid, printable UTF-8 stands as it is; every other byte is
 * `\x` and two hex digits, and a backslash is two. So any bytes can be shown, and what is shown can be typed.
 */
import { isUtf8 } from 'node:buffer'
import { UsageError } from './command.js'

/** Control and format characters, line separators and what has no character: nothing of these reaches a terminal. Joiners, which emoji are made with, do. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]/u
const UNPRINTABLES = new RegExp(UNPRINTABLE, 'gu')
const BACKSLASH = 0x5c

/** A line that may hold somebody's path or key, without what a terminal would take for more than text. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(UNPRINTABLES, '?')
}

/** The text of bytes. */
export function toText(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const plain = plainEnd(bytes, at)
    text += latin(bytes, at, plain)
    at = plain
    if (at === bytes.length) break
    const length = sequenceLength(bytes, at)
    const character = length > 1 ? Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8') : ''
    text += character !== '' && !UNPRINTABLE.test(character) ? character : escaped(bytes, at, length)
    at += length
  }
  return text
}

/** The bytes of a text. */
export function fromText(text: string): Uint8Array {
  const parts = text.split('\\')
  const pieces: Uint8Array[] = [Buffer.from(parts[0])]
  for (let i = 1; i < parts.length; i++) {
    const hex = /^x([0-9a-f]{2})/i.exec(parts[i])
    if (hex !== null) pieces.push(Buffer.from(hex[1], 'hex'), Buffer.from(parts[i].slice(3)))
    else if (parts[i] === '' && i < parts.length - 1) pieces.push(Buffer.from(`\\${parts[++i]}`))
    else throw new UsageError(`"${text}" has a backslash that is followed by neither x and two hex digits nor a second one. Write \\\\ for a backslash, \\x0a for a byte.`)
  }
  return Buffer.concat(pieces)
}

/** Bytes as two hex digits each. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

/** The bytes of hex digits; white space between them is passed over. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '')
  if (digits.length % 2 !== 0) throw new UsageError(`hex digits come in pairs, and there are ${digits.length}. Write two for each byte.`)
  const wrong = /[^0-9a-f]/i.exec(digits)
  if (wrong !== null) throw new UsageError(`${JSON.stringify(wrong[0])} is not a hex digit. With --hex, keys and values are bytes of two hex digits each, such as 00ff.`)
  return Buffer.from(digits, 'hex')
}

/** The most bytes that are sure to fit in a string, of which each may take six characters. */
const MAX_SHOWN = 2 ** 26

/** Refuses bytes whose text would be longer than a string can be. */
export function refuseTooLong(bytes: Uint8Array): void {
  if (bytes.length <= MAX_SHOWN) return
  throw new Error(`a value of ${bytes.length} bytes is too long to be shown as text. Use "coppice get" without --json and --hex to write it to a file.`)
}

/** How keys and values are shown and read. */
export interface Notation {
  readonly hex: boolean
  show(bytes: Uint8Array): string
  read(text: string): Uint8Array
  /** For JSON: a string where the bytes are UTF-8, `{ "hex": "..." }` where they are not, and with `--hex` always the digits. */
  json(bytes: Uint8Array): string | { hex: string }
}

/** As text, with escapes. */
export const TEXT: Notation = {
  hex: false,
  show: toText,
  read: fromText,
  json: (bytes) => (isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8') : { hex: toHex(bytes) }),
}

/** As hex digits. */
export const HEX_DIGITS: Notation = { hex: true, show: toHex, read: fromHex, json: toHex }

/** Where the run of printable ASCII from `at` on ends. */
function plainEnd(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at] >= 0x20 && bytes[at] < 0x7f && bytes[at] !== BACKSLASH) at++
  return at
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}

/** Bytes of the UTF-8 character at `at`; 1 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 1
}

function escaped(bytes: Uint8Array, at: number, length: number): string {
  if (bytes[at] === BACKSLASH) return '\\\\'
  let text = ''
  for (let i = at; i < at + length; i++) text += `\\x${bytes[i].toString(16).padStart(2, '0')}`
  return text
}
