import { describe, expect, it, vi } from 'vitest'
import { utf8 } from '../../src/encoding/utf8.js'

const samples = ['', 'a', 'user:000123', 'é', 'aé', '漢字', '😀', '\0\x7f\x80', '\ufeffbom', '\ufffd', '\uffff', '\u{10ffff}']
for (let length = 1; length <= 40; length++) {
  samples.push('abcdefghij'.repeat(4).slice(0, length), 'abcdefghij'.repeat(4).slice(0, length - 1) + 'é')
}
samples.push('x'.repeat(5000), '漢'.repeat(5000))

describe('utf8', () => {
  it('writes what TextEncoder writes, and brings it back from any offset', () => {
    const target = new Uint8Array(20_000)
    for (const text of samples) {
      const bytes = new TextEncoder().encode(text)
      expect(utf8.encodeInto(text, target)).toBe(bytes.length)
      expect(target.slice(0, bytes.length)).toEqual(bytes)
      expect(new Uint8Array(utf8.encode(text))).toEqual(bytes)
      const source = new Uint8Array(bytes.length + 7).fill(0xff)
      source.set(bytes, 3)
      expect(utf8.decode(source, 3, 3 + bytes.length)).toBe(text)
    }
  })

  it('answers with the needed length when the target is too small, and never writes past it', () => {
    for (const text of samples) {
      const needed = Buffer.byteLength(text)
      for (const size of new Set([0, 1, text.length - 1, text.length, needed - 1])) {
        if (size < 0 || size >= needed) continue
        const memory = new Uint8Array(size + 4).fill(0xee)
        expect(utf8.encodeInto(text, memory.subarray(0, size))).toBe(needed)
        expect([...memory.subarray(size)]).toEqual([0xee, 0xee, 0xee, 0xee])
      }
      expect(utf8.encodeInto(text, new Uint8Array(needed))).toBe(needed)
    }
  })

  it('refuses lone surrogates, wherever they stand and however long the string', () => {
    const lone = ['\ud800', '\udc00', 'a\ud800b', '\udc00\ud800', '😀\ud83d']
    for (const part of lone) {
      for (const text of [part, 'x'.repeat(100) + part, part + 'é'.repeat(100)]) {
        expect(() => utf8.encode(text)).toThrow(/lone surrogate/)
        expect(() => utf8.encodeInto(text, new Uint8Array(1000))).toThrow(/lone surrogate/)
        expect(() => utf8.encodeInto(text, new Uint8Array(0))).toThrow(/lone surrogate/)
      }
    }
  })

  it('refuses what is no string', () => {
    for (const value of [undefined, null, 1, Buffer.from('a'), ['a'], new String('a')]) {
      expect(() => utf8.encode(value as string)).toThrow(/^the utf8 encoding takes strings, not /)
      expect(() => utf8.encodeInto(value as string, new Uint8Array(9))).toThrow(TypeError)
    }
  })

  it('decodes bytes that are not UTF-8 with replacement characters, as TextDecoder', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const broken = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98], [0x61, 0xe2, 0x28, 0xa1], [0xf5, 0x80, 0x80, 0x80], [0xef, 0xbb, 0xbf, 0x61]]
    for (const bytes of broken) {
      for (const around of [0, 30]) {
        const source = new Uint8Array([...Array<number>(around).fill(97), ...bytes, ...Array<number>(around).fill(98)])
        expect(utf8.decode(source, 0, source.length)).toBe(decoder.decode(source))
      }
    }
  })

  it('does without the undocumented method of Buffer', async () => {
    const prototype = Buffer.prototype as { utf8Slice?: unknown }
    const own = prototype.utf8Slice
    vi.resetModules()
    prototype.utf8Slice = undefined
    const { utf8: plain } = await import('../../src/encoding/utf8.js')
    prototype.utf8Slice = own
    expect(plain).not.toBe(utf8)
    const source = new TextEncoder().encode('-' + 'é'.repeat(20) + '-').subarray(1)
    expect(plain.decode(source, 2, 40)).toBe('é'.repeat(19))
  })
})
