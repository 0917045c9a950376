/**
 * Encodings turn keys and values into bytes and back. The order of keys in a store is the order of their
 * bytes, so an encoding for keys decides how they sort.
 */

import { CoppiceError } from '../errors.js'
import { binary } from './binary.js'
import { copyBytes, describe, isBytes, knownBytes } from './bytes.js'
import { json } from './json.js'
import { utf8 } from './utf8.js'

/**
 * Turns values of a type into bytes and back, in the form that the engine calls. To write an encoding of
 * your own, {@link CustomEncoding} is simpler; this one spares the allocations.
 */
export interface Encoding<T> {
  /** For messages and for telling encodings apart. */
  readonly name: string

  /**
   * Writes `value` into `target` from offset 0 and returns the number of bytes it takes. A result larger
   * than `target.length` says that it did not fit: then what stands in `target` is worthless.
   *
   * @throws TypeError where the value is none that this encoding can hold.
   */
  encodeInto(value: T, target: Uint8Array): number

  /**
   * The bytes of a value of any length. They may be the very memory of `value`, so they are used up or
   * copied before the caller's code runs again, and never written to.
   *
   * @throws TypeError as `encodeInto`.
   */
  encode(value: T): Uint8Array

  /**
   * The value whose bytes are [start, end) of `source`, all of it where they are left out. `source` may be
   * a window of up to 1 GiB over the file: whatever the value keeps is copied, and nothing outside the
   * bounds is read.
   *
   * @throws TypeError where the bytes are not of this encoding.
   */
  decode(source: Uint8Array, start?: number, end?: number): T

  /**
   * The same where nobody writes to these bytes ever again, so that the value may share their memory; the rest of `source` are other
   * values and what lay between them. May be left out; `decode` serves then.
   *
   * @throws TypeError as `decode`.
   */
  decodeOwned?(source: Buffer, start: number, end: number): T
}

/**
 * An encoding as users write one.
 *
 * @example
 * ```ts
 * const date: CustomEncoding<Date> = {
 *   encode: (value) => Buffer.from(value.toISOString()),
 *   decode: (bytes) => new Date(String(bytes)),
 * }
 * ```
 */
export interface CustomEncoding<T> {
  /** For messages; 'custom' where it is left out. */
  readonly name?: string
  /**
   * The bytes of a value. What it throws becomes the `cause` of a `COPPICE_INVALID_KEY` or `COPPICE_INVALID_VALUE`.
   * It may not change the store, nor answer differently for the same key.
   */
  encode(value: T): Uint8Array
  /** The value back from its bytes, which are a copy and may be kept. What it throws becomes the `cause` of a `COPPICE_INVALID_VALUE`. */
  decode(bytes: Uint8Array): T
}

/**
 * The encodings that go by a name: `'utf8'` for strings, `'binary'` for `Uint8Array` (which comes back as `Buffer`), `'json'` for what
 * `JSON.stringify` takes. Strings sort by code point; JSON sorts by its text, 10 before 9, and so is no encoding for keys of numbers.
 */
export type EncodingName = 'utf8' | 'binary' | 'json'

/** What the options `keyEncoding` and `valueEncoding` take. An {@link Encoding}, such as `tuple`, counts as a custom one, too. */
export type EncodingOption<T> = EncodingName | CustomEncoding<T>

const known = "'utf8', 'binary', 'json', tuple, or an object with the functions encode and decode"

/**
 * The encoding that an option stands for.
 *
 * With a name, `T` is the caller's promise: use string for 'utf8', Uint8Array for 'binary' (it decodes to
 * Buffer), anything for 'json'.
 *
 * @param optionName the option's name, for the message.
 * @throws CoppiceError `COPPICE_INVALID_OPTION` where the option is neither a known name nor an encoding.
 */
export function resolveEncoding<T>(option: EncodingOption<T>, optionName: string): Encoding<T> {
  if (typeof option === 'string') return byName(option, optionName) as Encoding<T>
  if (option === null || typeof option !== 'object' || typeof option.encode !== 'function' || typeof option.decode !== 'function') {
    throw new CoppiceError('COPPICE_INVALID_OPTION', `${optionName} is ${describe(option)}, which is no encoding. Use ${known}.`)
  }
  return isEncoding(option) ? option : adapt(option)
}

function byName(name: string, optionName: string): Encoding<unknown> {
  if (name === 'utf8') return utf8
  if (name === 'binary') return binary
  if (name === 'json') return json
  throw new CoppiceError('COPPICE_INVALID_OPTION', `${optionName} is ${JSON.stringify(name)}, an unknown encoding. Use ${known}.`)
}

function isEncoding<T>(option: CustomEncoding<T>): option is Encoding<T> {
  return 'encodeInto' in option && typeof option.encodeInto === 'function'
}

function adapt<T>(custom: CustomEncoding<T>): Encoding<T> {
  const name = custom.name ?? 'custom'

  function encode(value: T): Uint8Array {
    const bytes: unknown = custom.encode(value)
    if (isBytes(bytes)) return knownBytes(bytes)
    throw new TypeError(`encode of the ${name} encoding returned ${describe(bytes)}. Let it return a Uint8Array or a Buffer.`)
  }

  return {
    name,
    // A copy, as the encoding may use one buffer for all it encodes, and runs again for the key.
    encode: (value) => new Uint8Array(encode(value)),
    encodeInto(value, target) {
      const bytes = encode(value)
      if (bytes.length <= target.length) target.set(bytes)
      return bytes.length
    },
    decode(source, start = 0, end = source.length) {
      return custom.decode(copyBytes(source, start, end))
    },
  }
}
