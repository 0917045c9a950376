import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { tuple, type Tuple, type TupleElement } from '../../src/encoding/tuple.js'

function hex(value: Tuple): string {
  return Buffer.from(tuple.encode(value)).toString('hex')
}

function decode(bytes: Uint8Array): Tuple {
  return tuple.decode(bytes, 0, bytes.length)
}

function nest(depth: number): TupleElement {
  let value: TupleElement = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

/** Every element here is less than the next. */
const ascending: TupleElement[] = [
  null, false, true,
  -Infinity, -Number.MAX_VALUE, -256, -255, -1.5, -1, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 0.5, 1, 1.5, 2, 255, 256, 2 ** 53, Number.MAX_VALUE, Infinity,
  -(2n ** 2040n - 1n), -(2n ** 64n), -(2n ** 64n) + 1n, -256n, -255n, -1n, 0n, 1n, 255n, 256n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 2040n - 1n,
  new Date(-8.64e15), new Date(-1), new Date(0), new Date(1), new Date(8.64e15),
  '', '\0', '\0\0', '\0\x01', '\x01', '\x01\0', '\x02', 'a', 'a\0', 'a\0b', 'a\x01', 'aa', 'ab', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}',
  Buffer.from([]), Buffer.from([0]), Buffer.from([0, 0]), Buffer.from([0, 255]), Buffer.from([1]), Buffer.from([2]), Buffer.from([255]), Buffer.from([255, 0]),
  [], [null], [null, null], [[]], [[], null],
]

describe('tuple', () => {
  it('sorts as documented, within a type and across types', () => {
    for (let i = 1; i < ascending.length; i++) {
      const less = tuple.encode([ascending[i - 1]])
      expect(Buffer.compare(less, tuple.encode([ascending[i]])), `element ${i}`).toBe(-1)
      expect(Buffer.compare(tuple.encode([ascending[i - 1], 'z']), tuple.encode([ascending[i], null])), `element ${i}`).toBe(-1)
      expect(Buffer.compare(tuple.encode([[ascending[i - 1], 'z']]), tuple.encode([[ascending[i]]])), `element ${i}`).toBe(-1)
    }
  })

  it('brings every kind of element back', () => {
    for (const element of ascending) {
      expect(decode(tuple.encode([element]))).toEqual([element])
      expect(decode(tuple.encode(['x', [element, 1n], 2]))).toEqual(['x', [element, 1n], 2])
    }
    expect(decode(tuple.encode(ascending))).toEqual(ascending)
    expect(decode(new Uint8Array(0))).toEqual([])
  })

  it('has a form that does not change', () => {
    expect(hex([])).toBe('')
    expect(hex([null, false, true])).toBe('101819')
    expect(hex([1, -1])).toBe('20bff0000000000000' + '20400fffffffffffff')
    expect(hex([0n, 258n, -258n])).toBe('3100' + '31020102' + '30fdfefd')
    expect(hex([new Date(0)])).toBe('408000000000000000')
    expect(hex(['a\0\x01é', Buffer.from([0, 1, 255])])).toBe('50610101' + '0102c3a900' + '6001010102ff00')
    expect(hex([[], ['a']])).toBe('7000' + '7050610000')
  })

  it('makes no tuple a byte prefix of one that it does not begin', () => {
    const pairs: [Tuple, Tuple][] = [[['a'], ['ab']], [['a'], ['a\0b']], [['user', 1], ['user', 10]], [[1n], [256n]], [[[1]], [[1, 2]]], [[Buffer.from([1])], [Buffer.from([1, 0])]]]
    for (const [one, other] of pairs) {
      expect(hex(other).startsWith(hex(one))).toBe(false)
      expect(hex([...one, ...other]).startsWith(hex(one))).toBe(true)
    }
  })

  it('takes 0 for -0', () => {
    expect(hex([-0])).toBe(hex([0]))
    expect(Object.is(decode(tuple.encode([-0]))[0], 0)).toBe(true)
  })

  it('gives bytes with memory of their own', () => {
    const source = tuple.encode([Buffer.from('abcdefghijklmnopqrstuvwxyz')])
    const [bytes] = decode(source)
    source.fill(0)
    expect(Buffer.isBuffer(bytes)).toBe(true)
    expect(String(bytes)).toBe('abcdefghijklmnopqrstuvwxyz')
  })

  it('takes dates and bytes of another realm', () => {
    const foreign = runInNewContext('[new Date(5), Uint8Array.of(1, 2)]') as Tuple
    expect(decode(tuple.encode(foreign))).toEqual([new Date(5), Buffer.from([1, 2])])
  })

  it('answers with the needed length when the target is too small, and never writes past it', () => {
    const value: Tuple = [null, true, 1.5, 99n, 'aé\0😀', Buffer.from([0, 1, 2]), new Date(7), ['x', []]]
    const needed = tuple.encode(value).length
    for (let size = 0; size < needed; size++) {
      const memory = new Uint8Array(size + 8).fill(0xee)
      expect(tuple.encodeInto(value, memory.subarray(0, size))).toBe(needed)
      expect(memory.subarray(size)).toEqual(new Uint8Array(8).fill(0xee))
    }
    expect(tuple.encodeInto(value, new Uint8Array(needed))).toBe(needed)
  })

  it('encodes tuples of any length', () => {
    for (const length of [4090, 4094, 4095, 100_000]) {
      const value = ['x'.repeat(length)]
      expect(tuple.encode(value).length).toBe(length + 2)
      expect(decode(tuple.encode(value))).toEqual(value)
    }
  })

  it('refuses what it cannot hold', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    const wrong: [unknown, RegExp][] = [
      ['a', /takes arrays, not a string/], [undefined, /takes arrays, not undefined/], [{ length: 0 }, /takes arrays, not an object/],
      [[undefined], /cannot hold undefined/], [new Array(1), /cannot hold undefined/], [[{}], /cannot hold an object/], [[new Map()], /cannot hold a Map/],
      [[Symbol('s')], /cannot hold a symbol/], [[() => 1], /cannot hold a function/], [[new Uint16Array(1)], /cannot hold a Uint16Array/],
      [[NaN], /NaN/], [[new Date(NaN)], /invalid Date/], [[2n ** 2040n], /255 bytes/], [[-(2n ** 2040n)], /255 bytes/],
      [['\ud800'], /lone surrogate/], [['\udc00'], /lone surrogate/], [['a\ud800b'], /lone surrogate/], [['\udc00\ud800'], /lone surrogate/],
      [cycle, /more than 32 deep/], [[nest(33)], /more than 32 deep/],
    ]
    for (const [value, message] of wrong) {
      expect(() => tuple.encode(value as Tuple)).toThrow(message)
      expect(() => tuple.encodeInto(value as Tuple, new Uint8Array(2048))).toThrow(TypeError)
    }
  })

  it('nests 32 deep and no deeper, on the way back too', () => {
    const deepest = [nest(32)]
    expect(decode(tuple.encode(deepest))).toEqual(deepest)
    const tooDeep = new Uint8Array(66).fill(0x70, 0, 33)
    expect(() => decode(tooDeep)).toThrow(/more than 32 deep/)
    expect(() => decode(new Uint8Array(10_000_000).fill(0x70))).toThrow(/more than 32 deep/)
  })

  it('refuses bytes that it would not have written', () => {
    const wrong: [string, RegExp][] = [
      ['00', /no element begins with byte 0/], ['10ff', /byte 255, near byte 1 of 2/],
      ['20', /cut short/], ['20bff00000000000', /cut short/], ['207fffffffffffffff', /NaN or -0/], ['20fff8000000000000', /NaN or -0/],
      ['31', /cut short/], ['310201', /cut short/], ['31020001', /zeros in front/], ['30ff', /zeros in front/], ['30feff', /zeros in front/],
      ['40bfe0000000000000', /out of range/], ['40fff0000000000000', /out of range/],
      ['50', /do not end/], ['5061', /do not end/], ['5001', /cut short or unknown/], ['50010000', /cut short or unknown/], ['50010300', /cut short or unknown/],
      ['50ff00', /not UTF-8/], ['50eda08000', /not UTF-8/], ['60', /do not end/], ['600161', /cut short or unknown/],
      ['70', /does not end/], ['7010', /does not end/], ['7070700000', /does not end/],
    ]
    for (const [bytes, message] of wrong) {
      expect(() => decode(Buffer.from(bytes, 'hex')), bytes).toThrow(message)
    }
  })

  it('does not read past the end that it was given', () => {
    const bytes = tuple.encode(['abc', 1, 2n ** 70n, [null]])
    for (let end = 0; end < bytes.length; end++) {
      const cut = bytes.slice(0, end)
      let expected: unknown
      try {
        expected = decode(cut)
      } catch (error) {
        expected = (error as TypeError).message
      }
      let found: unknown
      try {
        found = tuple.decode(bytes, 0, end)
      } catch (error) {
        found = (error as TypeError).message
      }
      expect(found).toEqual(expected)
    }
  })
})
