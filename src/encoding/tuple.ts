/**
 * Tuples as keys: arrays whose encoded bytes sort as the arrays do.
 *
 * The order. Two tuples compare element by element, and one that is the beginning of another sorts before
 * it. Elements of different types sort by type, in this order:
 *
 *   null < false < true < numbers < bigints < Dates < strings < bytes < arrays
 *
 * and among themselves: numbers by value from -Infinity to Infinity (-0 is 0); bigints by value, apart from
 * numbers, so 2n sorts after 10; Dates by time; strings by code point; bytes by byte, the shorter first;
 * arrays like tuples.
 *
 * The form. Elements stand one behind the other, nothing before, between or after them:
 *
 *   null, false, true  tag
 *   number             tag, 8 bytes: the big-endian double, its sign bit turned over; all bits if negative
 *   bigint             tag, length, magnitude, big-endian; length and magnitude turned over if negative
 *   Date               tag, 8 bytes: its milliseconds since 1970 as a number
 *   string             tag, content in UTF-8, 00
 *   bytes              tag, content, 00
 *   array              tag, its elements, 00
 *
 * In content, byte 00 is written as 01 01 and byte 01 as 01 02, which keeps the order and leaves 00 for the
 * end alone. The better-known way, 00 as 00 ff, would make the bytes of ['a'] a beginning of those of
 * ['a\0b']. Here no element's bytes begin another's, and so the bytes of one tuple begin those of another
 * exactly where the tuple begins the other. That is what a prefix range needs: ['user', 1] finds
 * ['user', 1, 'name'], and neither ['user', 10] nor ['user1'].
 */

import { copyBytes, describe } from './bytes.js'
import type { Encoding } from './encoding.js'
import type { Tuple } from './tuple-format.js'
import { TupleReader } from './tuple-reader.js'
import { writeElements } from './tuple-writer.js'

export type { Tuple, TupleElement } from './tuple-format.js'

// Larger than any key, so that `encode` measures a key and writes it in one go.
const scratch = new Uint8Array(4096)

/**
 * Arrays as keys: they sort element by element, a shorter one before those that it begins, and a prefix is whole elements. Elements
 * of different types sort as null, false, true, numbers, bigints, Dates, strings, bytes, arrays. Bytes come back as a `Buffer`.
 *
 * @example
 * ```ts
 * const db = open('data.coppice', { keyEncoding: tuple })
 * db.put(['login', 'ada', 9], value)
 * db.count({ prefix: ['login', 'ada'] })
 * ```
 */
export const tuple: Encoding<Tuple> = {
  name: 'tuple',

  encodeInto(value, target) {
    if (!Array.isArray(value)) throw new TypeError(`the tuple encoding takes arrays, not ${describe(value)}. Put the parts of the key into an array.`)
    return writeElements(target, 0, value, 0)
  },

  encode(value) {
    const length = tuple.encodeInto(value, scratch)
    if (length <= scratch.length) return copyBytes(scratch, 0, length)
    const target = new Uint8Array(length)
    tuple.encodeInto(value, target)
    return target
  },

  decode(source, start = 0, end = source.length) {
    return new TupleReader(source, start, end).readAll()
  },
}
