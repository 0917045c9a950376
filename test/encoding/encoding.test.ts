import { describe, expect, it } from 'vitest'
import { binary } from '../../src/encoding/binary.js'
import { resolveEncoding, type EncodingName } from '../../src/encoding/encoding.js'
import { json } from '../../src/encoding/json.js'
import { tuple } from '../../src/encoding/tuple.js'
import { utf8 } from '../../src/encoding/utf8.js'
import { CoppiceError } from '../../src/errors.js'

describe('resolveEncoding', () => {
  it('knows the encodings by name and passes full encodings through', () => {
    expect(resolveEncoding('utf8', 'keyEncoding')).toBe(utf8)
    expect(resolveEncoding('binary', 'keyEncoding')).toBe(binary)
    expect(resolveEncoding('json', 'keyEncoding')).toBe(json)
    expect(resolveEncoding(tuple, 'keyEncoding')).toBe(tuple)
  })

  it('refuses anything else, naming the option and listing what is known', () => {
    const wrong: unknown[] = ['utf-9', '__proto__', '', null, undefined, 5, [], {}, { encode: String }, () => 1]
    for (const option of wrong) {
      let thrown: unknown
      try {
        resolveEncoding(option as EncodingName, 'valueEncoding')
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(CoppiceError)
      expect((thrown as CoppiceError).code).toBe('COPPICE_INVALID_OPTION')
      expect((thrown as CoppiceError).message).toMatch(/^valueEncoding is .*'utf8', 'binary', 'json', tuple/)
    }
  })
})

describe('every encoding', () => {
  it('decodes all of the bytes where no bounds are given', () => {
    expect(utf8.decode(utf8.encode('abc'))).toBe('abc')
    expect(binary.decode(Uint8Array.of(1, 2))).toEqual(Buffer.from([1, 2]))
    expect(json.decode(json.encode([1]))).toEqual([1])
    expect(tuple.decode(tuple.encode(['a', 1]))).toEqual(['a', 1])
    const custom = resolveEncoding<number>({ encode: (n) => Uint8Array.of(n), decode: (b) => b[0] }, 'keyEncoding')
    expect(custom.decode(custom.encode(7))).toBe(7)
  })
})

describe('a custom encoding', () => {
  const upper = resolveEncoding<string>({ name: 'upper', encode: (s) => Buffer.from(s.toUpperCase()), decode: (b) => Buffer.from(b).toString().toLowerCase() }, 'keyEncoding')

  it('is adapted, with plain bytes out of it', () => {
    expect(upper.name).toBe('upper')
    expect(upper.encode('abc')).toEqual(new Uint8Array([65, 66, 67]))
    expect(upper.encode('abc').constructor).toBe(Uint8Array)
    const target = new Uint8Array(4)
    expect(upper.encodeInto('abc', target)).toBe(3)
    expect([...target]).toEqual([65, 66, 67, 0])
    expect(upper.encodeInto('abcde', target)).toBeGreaterThan(4)
    expect(upper.decode(new Uint8Array([1, 65, 66, 1]), 1, 3)).toBe('ab')
  })

  it('is handed a copy to decode', () => {
    for (const length of [0, 5, 500]) {
      const encoding = resolveEncoding<Uint8Array>({ encode: (b) => b, decode: (b) => b }, 'valueEncoding')
      const source = new Uint8Array(length + 2).fill(7)
      const kept = encoding.decode(source, 1, length + 1)
      source.fill(9)
      expect(kept.length).toBe(length)
      expect(kept.every((byte) => byte === 7)).toBe(true)
      expect(kept.buffer).not.toBe(source.buffer)
    }
  })

  it('keeps its own this', () => {
    class Shift {
      readonly by = 3
      encode(n: number): Uint8Array { return Uint8Array.of(n + this.by) }
      decode(bytes: Uint8Array): number { return bytes[0] - this.by }
    }
    const encoding = resolveEncoding<number>(new Shift(), 'keyEncoding')
    expect(encoding.name).toBe('custom')
    expect(encoding.decode(encoding.encode(4), 0, 1)).toBe(4)
  })

  it('is told when it returns no bytes', () => {
    const encoding = resolveEncoding<string>({ name: 'slow', encode: (async () => new Uint8Array(1)) as unknown as () => Uint8Array, decode: () => '' }, 'keyEncoding')
    expect(() => encoding.encode('a')).toThrow(/slow encoding returned a Promise\. Let it return a Uint8Array/)
    expect(() => encoding.encodeInto('a', new Uint8Array(9))).toThrow(TypeError)
  })
})
