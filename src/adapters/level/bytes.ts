/**
 * Level's storage formats over the engine's bytes: strings, Buffers and plain Uint8Arrays of one and the same entry.
 */
import type { Encoding } from '../../index.js'

/** A key or a value as abstract-level hands it over. */
export type Stored = string | Uint8Array

/** What is wanted back, in abstract-level's names. */
export type Format = 'utf8' | 'buffer' | 'view'

/** Up to this length a loop over ASCII beats `TextEncoder.encodeInto`. */
const LOOP_ENCODE_MAX = 24

const encoder = new TextEncoder()
// As `Buffer.toString` does, it keeps a byte order mark, and makes U+FFFD of what is no UTF-8.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

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
    if (bytes.length <= target.length) target.set(bytes)
    return bytes.length
  }

  encode(value: Stored): Uint8Array {
    return bytesOf(value)
  }

  decode(source: Uint8Array, start = 0, end = source.length): Stored {
    const bytes = source.subarray(start, end)
    if (this.format === 'utf8') return decoder.decode(bytes)
    const copy = this.format === 'buffer' ? Buffer.allocUnsafe(end - start) : new Uint8Array(end - start)
    copy.set(bytes)
    return copy
  }

  decodeOwned(source: Buffer, start: number, end: number): Stored {
    if (this.format === 'buffer') return source.subarray(start, end)
    const bytes = new Uint8Array(source.buffer, source.byteOffset + start, end - start)
    return this.format === 'view' ? bytes : decoder.decode(bytes)
  }
}

export const keyBytes = new StoredBytes()
export const valueBytes = new StoredBytes()

/** The bytes of a key or value, in its own memory where it has some. */
export function bytesOf(value: Stored): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  // An encoding of the user's own may answer any view, and anything else besides.
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
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
