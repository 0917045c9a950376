/**
 * Level's storage formats over the engine's bytes: strings, Buffers and plain Uint8Arrays of one and the same entry.
 */
import type { Encoding } from '../../index.js'
import { copyBytes, knownBytes, viewOf } from '../../encoding/bytes.js'
import { utf8 } from '../../encoding/utf8.js'

/** A key or a value as abstract-level hands it over. */
export type Stored = string | Uint8Array

/** What is wanted back, in abstract-level's names. */
export type Format = 'utf8' | 'buffer' | 'view'

/** Up to this length a loop over ASCII beats `TextEncoder.encodeInto`, and one over bytes `set`. */
const LOOP_ENCODE_MAX = 24

const encoder = new TextEncoder()

/**
 * Takes keys or values in every format, and gives them back in the one that `format` names. All of the engine's reads
 * are synchronous, so one of these serves all databases: who reads sets the format right before.
 */
class StoredBytes implements Encoding<Stored> {
  readonly name = 'level'
  format: Format = 'buffer'

  encodeInto(value: Stored, target: Uint8Array): number {
    if (typeof value === 'string') return encodeText(value, target)
    const bytes = bytesOf(value)
    if (bytes.length > target.length) return bytes.length
    // For keys of usual length `set` takes longer.
    if (bytes.length > LOOP_ENCODE_MAX) target.set(bytes)
    else for (let i = 0; i < bytes.length; i++) target[i] = bytes[i]
    return bytes.length
  }

  encode(value: Stored): Uint8Array {
    return bytesOf(value)
  }

  decode(source: Uint8Array, start = 0, end = source.length): Stored {
    if (this.format === 'utf8') return utf8.decode(source, start, end)
    if (this.format === 'buffer') return copyBytes(source, start, end)
    const copy = new Uint8Array(end - start)
    copy.set(source.subarray(start, end))
    return copy
  }

  decodeOwned(source: Buffer, start: number, end: number): Stored {
    if (this.format === 'buffer') return viewOf(source, start, end)
    if (this.format === 'utf8') return utf8.decode(source, start, end)
    return new Uint8Array(source.buffer, source.byteOffset + start, end - start)
  }
}

export const keyBytes = new StoredBytes()
export const valueBytes = new StoredBytes()

/** The bytes of a key or value, in its own memory where it has some. */
export function bytesOf(value: Stored): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  // An encoding of the user's own may answer any view, and anything else besides.
  if (ArrayBuffer.isView(value)) return knownBytes(value)
  throw new TypeError(`the encoding made ${value === null ? 'null' : typeof value} of it. Let its encode function return a string, a Buffer or a Uint8Array, as its format says.`)
}

/** The same in memory that nobody else writes to. */
export function ownBytes(value: Stored): Stored {
  return typeof value === 'string' ? value : Buffer.from(bytesOf(value))
}

function encodeText(value: string, target: Uint8Array): number {
  const { length } = value
  if (length <= LOOP_ENCODE_MAX && length <= target.length) {
    let i = 0
    for (; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) break
      target[i] = unit
    }
    if (i === length) return length
  }
  const { read, written } = encoder.encodeInto(value, target)
  return read === length ? written : Buffer.byteLength(value, 'utf8')
}
