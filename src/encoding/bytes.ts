/** What the encodings share in handling bytes and in naming what they were given. */

import { types } from 'node:util'

/** True for a `Uint8Array`, a `Buffer` included, also one made in another realm (a `vm` context, a test runner). */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || types.isUint8Array(value)
}

/**
 * The same memory as a `Uint8Array` or a `Buffer`: a subclass of the user's own may say what it likes of its length. A
 * `Buffer` stays one, as making a plain `Uint8Array` of it took 37 ns and storing its 128 bytes 16.
 */
export function knownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Buffer || bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Up to this many bytes a loop copies faster: 44 against 78 ns for 4 bytes, 74 against 87 for 16, 89 against 87 for 24. */
const LOOP_COPY_MAX = 16

/** The bytes [start, end) of `source` as a `Buffer` with memory of its own (small ones share one of Node's slabs). */
export function copyBytes(source: Uint8Array, start: number, end: number): Buffer {
  const length = end - start
  // With `allocUnsafe` nothing is zeroed and little is allocated: 100 ns for 128 bytes, `slice` takes 610.
  const copy = Buffer.allocUnsafe(length)
  if (length <= LOOP_COPY_MAX) {
    for (let i = 0; i < length; i++) copy[i] = source[start + i]
  } else {
    copy.set(source.subarray(start, end))
  }
  return copy
}

/** The class that `subarray` of a `Buffer` makes its own with. */
const View = (Buffer as unknown as { [Symbol.species]: new (memory: ArrayBufferLike, offset: number, length: number) => Buffer })[Symbol.species]

let viewed: Buffer = Buffer.alloc(0)
let viewedMemory: ArrayBufferLike = viewed.buffer
let viewedOffset = 0

/**
 * The bytes [start, end) of `source` in place. `subarray` asks for the memory of `source` each time, which takes longer than making the
 * view does; here values that come from the same memory one after the other ask once: 15 ns in place of 38.
 */
export function viewOf(source: Buffer, start: number, end: number): Buffer {
  if (source !== viewed) {
    viewed = source
    viewedMemory = source.buffer
    viewedOffset = source.byteOffset
  }
  return new View(viewedMemory, viewedOffset + start, end - start)
}

/** A value's kind with its article, for messages: 'a string', 'an array', 'null', 'a Map'. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object'
  return /^[AEIOaeio]/.test(name) ? `an ${name}` : `a ${name}`
}
