/** Bytes as they are. */

import { copyBytes, describe, isBytes, knownBytes, viewOf } from './bytes.js'
import type { Encoding } from './encoding.js'

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
    if (value.length <= target.length) target.set(value)
    return value.length
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

function notBytes(value: unknown): TypeError {
  const hint = typeof value === 'string' ? 'For strings use the utf8 encoding.' : 'Wrap its memory in a Uint8Array, or choose another encoding.'
  return new TypeError(`the binary encoding takes a Uint8Array or a Buffer, not ${describe(value)}. ${hint}`)
}
