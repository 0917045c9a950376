/** The types of tuples, and the bytes that their encoding is made of; `tuple.ts` explains it. */

/** What a tuple may hold: numbers but NaN, bigints of up to 255 bytes, valid Dates, and arrays nested up to 32 deep. */
export type TupleElement = null | boolean | number | bigint | string | Uint8Array | Date | readonly TupleElement[]

/** A key of several parts, for example `['user', 17, 'name']`. */
export type Tuple = readonly TupleElement[]

/** Ends a string, bytes and a nested array. Less than every tag, so that the shorter sorts first. */
export const END = 0x00
/** Goes before a byte of content that is 0 or 1, which then stands as 1 or 2. */
export const ESCAPE = 0x01

// One tag opens each element; their order is the order of the types. There is room between them for types
// to come, and 0xff is never a tag, so that a lone 0xff sorts after every tuple.
export const TAG_NULL = 0x10
export const TAG_FALSE = 0x18
export const TAG_TRUE = 0x19
export const TAG_NUMBER = 0x20
export const TAG_BIGINT_NEGATIVE = 0x30
export const TAG_BIGINT = 0x31
export const TAG_DATE = 0x40
export const TAG_STRING = 0x50
export const TAG_BYTES = 0x60
export const TAG_ARRAY = 0x70

/** How deep arrays may nest inside the tuple. Bounds the recursion, also for hostile bytes and for cycles. */
export const MAX_DEPTH = 32
/** Bytes in the magnitude of a bigint, at most: the length has one byte. */
export const MAX_BIGINT_BYTES = 255
/** The farthest a Date reaches from 1970 on either side, in milliseconds: the language's own limit. */
export const MAX_DATE_MS = 8.64e15
