/**
 * Strings as UTF-8. The order of the bytes is the order of code points, which is not quite that of
 * JavaScript's `<`: that one compares UTF-16 units and puts U+10000 and above before U+E000 to U+FFFF.
 */

import { describe } from './bytes.js'
import type { Encoding } from './encoding.js'

/** Up to this length a loop over ASCII beats `TextEncoder.encodeInto`: 18 against 45 ns for 8, 49 against 51 for 24, 70 against 54 for 32. */
const LOOP_ENCODE_MAX = 24

/**
 * Up to this length `String.fromCharCode` beats a call into native code: 37 against 100 ns for 8 bytes, 73
 * against 102 for 12. From 13 on V8 no longer joins by copying but builds a rope, which the first use of
 * the string pays for.
 */
const SHORT_DECODE_MAX = 12

const encoder = new TextEncoder()
const fromCharCode = String.fromCharCode

// Node's own `buffer.toString('utf8')` rests on this method. It is called on a plain array, because it then
// needs no view: 99 ns for 32 bytes, against 118 for `TextDecoder.decode` of a subarray. Being
// undocumented, it may go away, and then the documented way serves.
const utf8Slice =
  (Buffer.prototype as { utf8Slice?: (this: Uint8Array, start: number, end: number) => string }).utf8Slice ??
  function (this: Uint8Array, start: number, end: number): string {
    return Buffer.from(this.buffer, this.byteOffset + start, end - start).toString('utf8')
  }

// Node 20 and later have it; the language version that this project compiles for does not declare it yet.
const isWellFormed = (String.prototype as unknown as { isWellFormed(this: string): boolean }).isWellFormed

/**
 * Strings. Those with a lone surrogate (half of a pair) are refused, as they would not come back the same.
 * Bytes that are not UTF-8 decode to U+FFFD, as in `TextDecoder`; a byte order mark is kept.
 */
export const utf8: Encoding<string> = {
  name: 'utf8',

  encodeInto(value, target) {
    if (typeof value !== 'string') throw notAString(value)
    const length = value.length
    // Each UTF-16 unit takes at least one byte, so this cannot fit.
    if (length > target.length) return neededLength(value)
    if (length > LOOP_ENCODE_MAX) return encodeNatively(value, target)
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return encodeNatively(value, target)
      target[i] = unit
    }
    return length
  },

  encode(value) {
    if (typeof value !== 'string') throw notAString(value)
    // `Buffer.from` took 112 ns for 8 bytes and 471 for 2048, `TextEncoder.encode` 345 and 1275.
    const bytes = Buffer.from(value, 'utf8')
    if (bytes.length !== value.length) checkWellFormed(value)
    return bytes
  },

  decode(source, start = 0, end = source.length) {
    if (end - start > SHORT_DECODE_MAX) return utf8Slice.call(source, start, end)
    let bits = 0
    for (let i = start; i < end; i++) bits |= source[i]
    return bits > 0x7f ? utf8Slice.call(source, start, end) : shortAscii(source, start, end)
  },
}

function encodeNatively(value: string, target: Uint8Array): number {
  const { read, written } = encoder.encodeInto(value, target)
  // As many bytes as units, all of them read: that is ASCII, and there is nothing to check.
  if (written === value.length && read === written) return written
  checkWellFormed(value)
  return read === value.length ? written : Buffer.byteLength(value, 'utf8')
}

function neededLength(value: string): number {
  checkWellFormed(value)
  return Buffer.byteLength(value, 'utf8')
}

/** ASCII of at most `SHORT_DECODE_MAX` bytes, in as few calls as possible, since each costs as much as four bytes. */
function shortAscii(s: Uint8Array, start: number, end: number): string {
  let text = ''
  let i = start
  if (end - i >= 8) {
    text = fromCharCode(s[i], s[i + 1], s[i + 2], s[i + 3], s[i + 4], s[i + 5], s[i + 6], s[i + 7])
    i += 8
  }
  if (end - i >= 4) {
    text += fromCharCode(s[i], s[i + 1], s[i + 2], s[i + 3])
    i += 4
  }
  if (end - i === 3) return text + fromCharCode(s[i], s[i + 1], s[i + 2])
  if (end - i === 2) return text + fromCharCode(s[i], s[i + 1])
  return end - i === 1 ? text + fromCharCode(s[i]) : text
}

function checkWellFormed(value: string): void {
  if (isWellFormed.call(value)) return
  throw new TypeError('the string holds a lone surrogate (half of a UTF-16 pair), which UTF-8 cannot hold. Clean it with toWellFormed(), or store bytes with the binary encoding.')
}

function notAString(value: unknown): TypeError {
  return new TypeError(`the utf8 encoding takes strings, not ${describe(value)}. Convert it, or choose another encoding.`)
}
