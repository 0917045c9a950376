/**
 * Invariants:
 *
 * 1. A value comes back from its bytes as it went in, whatever stands around them.
 * 2. `encodeInto` and `encode` write the same; a target too small gives a length that is larger, and nothing is written past it.
 * 3. The order of utf8 bytes is the order of code points.
 * 4. The order of tuple bytes is the order of tuples.
 * 5. The bytes of one tuple begin those of another exactly where the tuple begins the other.
 * 6. Bytes that are no encoding at all decode like `TextDecoder` (utf8), or give a TypeError (tuple, json), soon.
 * 7. Whatever bytes decode to a tuple are the bytes of that tuple.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binary } from '../src/encoding/binary.js'
import type { Encoding } from '../src/encoding/encoding.js'
import { json } from '../src/encoding/json.js'
import { tuple, type Tuple, type TupleElement } from '../src/encoding/tuple.js'
import { utf8 } from '../src/encoding/utf8.js'
import { runs, SEED } from './runs.js'
import { tally } from './tally.js'

const numRuns = runs(300, 10_000)

function check<Ts>(property: fc.IProperty<Ts>): void {
  fc.assert(property, { seed: SEED, numRuns })
  tally('encodings', { values: numRuns })
}

/** Strings in which the awkward code points are frequent and lengths cross the thresholds of the fast paths. */
const codePoint = fc.oneof(
  fc.constantFrom('\0', '\x01', '\x02', 'a', 'b', '\x7f', '\x80', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
)
const text = fc.oneof(fc.string({ unit: codePoint, maxLength: 6 }), fc.string({ unit: 'binary-ascii', maxLength: 60 }), fc.string({ unit: codePoint, maxLength: 60 }))

const bytes = fc.oneof(fc.array(fc.constantFrom(0, 1, 2, 254, 255), { maxLength: 6 }).map((list) => Uint8Array.from(list)), fc.uint8Array({ maxLength: 40 }))

const scalar: fc.Arbitrary<TupleElement> = fc.oneof(
  fc.constantFrom<TupleElement>(null, false, true),
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc.bigInt({ min: -(2n ** 2040n) + 1n, max: 2n ** 2040n - 1n }),
  fc.tuple(fc.nat(2039), fc.bigInt({ min: -2n, max: 2n })).map(([bits, near]) => 2n ** BigInt(bits) + near),
  text,
  bytes,
  fc.date({ noInvalidDate: true }),
)

const element: fc.Arbitrary<TupleElement> = fc.letrec<{ node: TupleElement }>((tie) => ({
  node: fc.oneof({ maxDepth: 4, withCrossShrink: true }, { weight: 6, arbitrary: scalar }, { weight: 1, arbitrary: fc.array(tie('node'), { maxLength: 4 }) }),
})).node

const anyTuple: fc.Arbitrary<Tuple> = fc.array(element, { maxLength: 5 })

/** Pairs that share a beginning, for random ones nearly always differ at once. */
const tuplePair: fc.Arbitrary<[Tuple, Tuple]> = fc.tuple(anyTuple, anyTuple, anyTuple).map(([head, one, other]) => [[...head, ...one], [...head, ...other]])

function rank(value: TupleElement): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (typeof value === 'number') return 2
  if (typeof value === 'bigint') return 3
  if (value instanceof Date) return 4
  if (typeof value === 'string') return 5
  return value instanceof Uint8Array ? 6 : 7
}

/** The documented order, written down a second time without any bytes. */
function compareElements(one: TupleElement, other: TupleElement): number {
  if (rank(one) !== rank(other)) return Math.sign(rank(one) - rank(other))
  if (typeof one === 'string') return compareLists([...one].map((c) => c.codePointAt(0) as number), [...(other as string)].map((c) => c.codePointAt(0) as number))
  if (one instanceof Uint8Array) return compareLists([...one], [...(other as Uint8Array)])
  if (Array.isArray(one)) return compareLists(one as Tuple, other as Tuple)
  if (one === null || other === null) return 0
  if (one instanceof Date) return Math.sign(one.getTime() - (other as Date).getTime())
  return one < other ? -1 : one > other ? 1 : 0
}

function compareLists(one: Tuple, other: Tuple): number {
  for (let i = 0; i < one.length && i < other.length; i++) {
    const order = compareElements(one[i], other[i])
    if (order !== 0) return order
  }
  return Math.sign(one.length - other.length)
}

function begins(one: Tuple, other: Tuple): boolean {
  return one.length <= other.length && compareLists(one, other.slice(0, one.length)) === 0
}

/** What should come back: -0 as 0, bytes as Buffer. */
function expected(value: TupleElement): TupleElement {
  if (typeof value === 'number') return value + 0
  if (value instanceof Uint8Array) return Buffer.from(value)
  return Array.isArray(value) ? (value as Tuple).map(expected) : value
}

function roundTrip<T>(encoding: Encoding<T>, value: T): T {
  const encoded = encoding.encode(value)
  const length = encoded.length
  expect([Uint8Array, Buffer]).toContain(encoded.constructor)
  const exact = new Uint8Array(length)
  expect(encoding.encodeInto(value, exact)).toBe(length)
  expect(Buffer.compare(exact, encoded)).toBe(0)
  if (length > 0) {
    const memory = new Uint8Array(length + 3).fill(0xee)
    expect(encoding.encodeInto(value, memory.subarray(0, length - 1))).toBeGreaterThan(length - 1)
    expect([...memory.subarray(length - 1)]).toEqual([0xee, 0xee, 0xee, 0xee])
  }
  const around = new Uint8Array(length + 9).fill(0xff)
  around.set(encoded, 4)
  const back = encoding.decode(around, 4, 4 + length)
  around.fill(0)
  return back
}

/** Bytes near to a tuple's: cut, lengthened or with some replaced. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(fc.constantFrom(0x00, 0x01, 0x02, 0x10, 0x18, 0x20, 0x30, 0x31, 0x40, 0x50, 0x60, 0x70, 0x7f, 0x80, 0xc3, 0xed, 0xff), { maxLength: 100 }).map((list) => Uint8Array.from(list)),
  fc.tuple(anyTuple, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(4)).map(([value, changes, cut]) => {
    const encoded = new Uint8Array(tuple.encode(value))
    for (const [at, byte] of changes) if (encoded.length > 0) encoded[at % encoded.length] = byte
    return encoded.subarray(0, Math.max(0, encoded.length - cut))
  }),
)

describe('encodings', () => {
  it('bring strings back', () => check(fc.property(text, (value) => {
    expect(roundTrip(utf8, value)).toBe(value)
  })))

  it('bring bytes back', () => check(fc.property(bytes, (value) => {
    expect(Buffer.compare(roundTrip(binary, value), value)).toBe(0)
  })))

  it('bring JSON values back', () => check(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
    expect(roundTrip(json, value)).toEqual(JSON.parse(JSON.stringify(value)))
  })))

  it('bring tuples back', () => check(fc.property(anyTuple, (value) => {
    expect(roundTrip(tuple, value)).toEqual(expected(value))
  })))

  it('order strings by code point', () => check(fc.property(text, text, text, (head, one, other) => {
    const order = Buffer.compare(utf8.encode(head + one), utf8.encode(head + other))
    expect(order).toBe(compareElements(one, other))
  })))

  it('order tuples as documented', () => check(fc.property(tuplePair, ([one, other]) => {
    expect(Buffer.compare(tuple.encode(one), tuple.encode(other))).toBe(compareLists(one, other))
  })))

  it('begin a tuple with the bytes of its beginnings and of nothing else', () => check(fc.property(tuplePair, fc.nat(6), ([one, other], length) => {
    const start = one.slice(0, length)
    const prefix = tuple.encode(start)
    expect(Buffer.compare(tuple.encode(one).subarray(0, prefix.length), prefix)).toBe(0)
    expect(Buffer.compare(tuple.encode(other).subarray(0, prefix.length), prefix) === 0).toBe(begins(start, other))
  })))

  it('decode any bytes to text as TextDecoder does', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    check(fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), hostile), (source) => {
      expect(utf8.decode(source, 0, source.length)).toBe(decoder.decode(source))
    }))
  })

  it('decode any bytes to a tuple with just these bytes, or refuse them', () => check(fc.property(hostile, (source) => {
    let value: Tuple
    try {
      value = tuple.decode(source, 0, source.length)
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError)
      expect((error as TypeError).message).toMatch(/^these bytes are no tuple/)
      return
    }
    expect(Buffer.compare(tuple.encode(value), source)).toBe(0)
  })))

  it('decode any bytes as JSON, or refuse them', () => check(fc.property(hostile, (source) => {
    try {
      json.decode(source, 0, source.length)
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError)
    }
  })))
})
