/**
 * Writes the elements of tuples. Nothing is allocated but for bigints. Every function takes the offset to
 * write at and returns the one after. Stores past the end of a typed array do nothing, so a tuple that does
 * not fit is written as if it did, and the offset returned tells how long it would have become.
 */

import { types } from 'node:util'
import { describe, isBytes } from './bytes.js'
import {
  END, ESCAPE, MAX_BIGINT_BYTES, MAX_DEPTH, TAG_ARRAY, TAG_BIGINT, TAG_BIGINT_NEGATIVE, TAG_BYTES, TAG_DATE,
  TAG_FALSE, TAG_NULL, TAG_NUMBER, TAG_STRING, TAG_TRUE,
} from './tuple-format.js'

const MAX_MAGNITUDE = (1n << BigInt(8 * MAX_BIGINT_BYTES)) - 1n

const double = new DataView(new ArrayBuffer(8))

/**
 * Writes the elements one behind the other.
 *
 * @param depth how many arrays enclose the elements, the tuple itself not counted.
 * @throws TypeError where an element is none that a tuple can hold.
 */
export function writeElements(target: Uint8Array, at: number, elements: readonly unknown[], depth: number): number {
  for (let i = 0; i < elements.length; i++) at = writeElement(target, at, elements[i], depth)
  return at
}

function writeElement(target: Uint8Array, at: number, element: unknown, depth: number): number {
  switch (typeof element) {
    case 'string': return writeString(target, at, element)
    case 'number': return writeNumber(target, at, element)
    case 'bigint': return writeBigint(target, at, element)
    case 'boolean':
      target[at] = element ? TAG_TRUE : TAG_FALSE
      return at + 1
  }
  if (element === null) {
    target[at] = TAG_NULL
    return at + 1
  }
  if (Array.isArray(element)) return writeArray(target, at, element, depth)
  if (isBytes(element)) return writeBytes(target, at, element)
  if (element instanceof Date || types.isDate(element)) return writeDate(target, at, element)
  throw new TypeError(`a tuple cannot hold ${describe(element)}. Use null, booleans, numbers, bigints, strings, Uint8Arrays, Dates, and arrays of these.`)
}

function writeArray(target: Uint8Array, at: number, elements: readonly unknown[], depth: number): number {
  if (depth >= MAX_DEPTH) throw new TypeError(`the tuple nests arrays more than ${MAX_DEPTH} deep. Flatten it, and see that no array contains itself.`)
  target[at] = TAG_ARRAY
  at = writeElements(target, at + 1, elements, depth + 1)
  target[at] = END
  return at + 1
}

function writeNumber(target: Uint8Array, at: number, value: number): number {
  if (Number.isNaN(value)) throw new TypeError('a tuple cannot hold NaN, which has no place in the order. Use null in its stead.')
  target[at] = TAG_NUMBER
  return writeDouble(target, at + 1, value)
}

function writeDate(target: Uint8Array, at: number, value: Date): number {
  const time = value.getTime()
  if (Number.isNaN(time)) throw new TypeError('a tuple cannot hold an invalid Date. Use null in its stead.')
  target[at] = TAG_DATE
  return writeDouble(target, at + 1, time)
}

/**
 * The bits of a double order like an unsigned number once the sign bit is turned over, for negative ones
 * all bits. Adding 0 makes 0 of -0.
 */
function writeDouble(target: Uint8Array, at: number, value: number): number {
  double.setFloat64(0, value + 0)
  const turn = double.getInt32(0) >> 31
  const high = double.getInt32(0) ^ (turn | 0x80000000)
  const low = double.getInt32(4) ^ turn
  target[at] = high >>> 24
  target[at + 1] = high >>> 16
  target[at + 2] = high >>> 8
  target[at + 3] = high
  target[at + 4] = low >>> 24
  target[at + 5] = low >>> 16
  target[at + 6] = low >>> 8
  target[at + 7] = low
  return at + 8
}

/** The length goes before the magnitude, as the longer of two is the larger. Negative ones have all bits of both turned over. */
function writeBigint(target: Uint8Array, at: number, value: bigint): number {
  const negative = value < 0n
  let rest = negative ? -value : value
  if (rest > MAX_MAGNITUDE) throw new TypeError(`a tuple holds bigints of up to ${MAX_BIGINT_BYTES} bytes, and this one is longer. Store it as a string or bytes.`)
  const length = rest === 0n ? 0 : (rest.toString(16).length + 1) >> 1
  const turn = negative ? 0xff : 0
  target[at] = negative ? TAG_BIGINT_NEGATIVE : TAG_BIGINT
  target[at + 1] = length ^ turn
  const first = at + 2
  let chunk = 0
  for (let i = length - 1, inChunk = 0; i >= 0; i--, inChunk = (inChunk + 1) & 3) {
    if (inChunk === 0) {
      chunk = Number(BigInt.asUintN(32, rest))
      rest >>= 32n
    }
    target[first + i] = chunk ^ turn
    chunk >>>= 8
  }
  return first + length
}

function writeBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  target[at++] = TAG_BYTES
  for (let i = 0; i < bytes.length; i++) at = writeContent(target, at, bytes[i])
  target[at] = END
  return at + 1
}

function writeString(target: Uint8Array, at: number, text: string): number {
  target[at++] = TAG_STRING
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      at = writeContent(target, at, unit)
    } else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6)
      target[at++] = 0x80 | (unit & 0x3f)
    } else if (unit < 0xd800 || unit > 0xdfff) {
      target[at++] = 0xe0 | (unit >> 12)
      target[at++] = 0x80 | ((unit >> 6) & 0x3f)
      target[at++] = 0x80 | (unit & 0x3f)
    } else {
      const point = text.codePointAt(i++) as number
      if (unit > 0xdbff || point < 0x10000) {
        throw new TypeError('a string in the tuple holds a lone surrogate (half of a UTF-16 pair), which UTF-8 cannot hold. Clean it with toWellFormed().')
      }
      target[at++] = 0xf0 | (point >> 18)
      target[at++] = 0x80 | ((point >> 12) & 0x3f)
      target[at++] = 0x80 | ((point >> 6) & 0x3f)
      target[at++] = 0x80 | (point & 0x3f)
    }
  }
  target[at] = END
  return at + 1
}

function writeContent(target: Uint8Array, at: number, byte: number): number {
  if (byte > ESCAPE) {
    target[at] = byte
    return at + 1
  }
  target[at] = ESCAPE
  target[at + 1] = byte + 1
  return at + 2
}
