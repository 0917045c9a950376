/** Bytes as they are. */

import { copyBytes, describe, isBytes, knownBytes, viewOf } from './bytes.js'
import type { Encoding } from './encoding.js'

/** Up to this many bytes a loop copies faster than `set`: 8 against 25 ns for 8, 13 against 25 for 16, 12 against 13 for 24. */
const LOOP_ENCODE_MAX = 24

/** An encoding of bytes that promises a `Buffer`. */
export interface BinaryEncoding extends Encoding<Uint8Array> {
  decode(source: Uint8Array, start?: number, end?: number): Buffer
  decodeOwned(source: Buffer, start: number, end: number): Buffer
}

/** Takes any `Uint8Array`, a `Buffer` included, and gives back a `Buffer` with memory of its own. */
export const binary: BinaryEncoding = {
  name: 'binary',

  encodeInto(value, target) {
    if (!isBytes(value)) throw notBytes(value)
    const { length } = value
    if (length > target.length) return length
    if (length <= LOOP_ENCODE_MAX) copyShort(value, target, length)
    else target.set(value)
    return length
  },

  encode(value) {
    if (!isBytes(value)) throw notBytes(value)
    return knownBytes(value)
  },

  decode(source, start = 0, end = source.length) {
    return copyBytes(source, start, end)
  },

  decodeOwned(source, start, end) {
    return viewOf(source, start, end)
  },
}

/** Four bytes a turn, which takes two thirds of the time that one does. */
function copyShort(source: Uint8Array, target: Uint8Array, length: number): void {
  let i = 0
  for (const whole = length - 3; i < whole; i += 4) {
    target[i] = source[i]
    target[i + 1] = source[i + 1]
    target[i + 2] = source[i + 2]
    target[i + 3] = source[i + 3]
  }
  for (; i < length; i++) target[i] = source[i]
}

function notBytes(value: unknown): TypeError {
  const hint = typeof value === 'string' ? 'For strings use the utf8 encoding.' : 'Wrap its memory in a Uint8Array, or choose another encoding.'
  return new TypeError(`the binary encoding takes a Uint8Array or a Buffer, not ${describe(value)}. ${hint}`)
}
