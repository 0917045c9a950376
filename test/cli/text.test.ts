/** Keys and values as text: whatever the bytes, they can be shown in a line and typed back. */
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/cli/command.js'
import { bar, columns, cut, percent, size } from '../../src/cli/format.js'
import { nearest } from '../../src/cli/nearest.js'
import { fromHex, fromText, HEX_DIGITS, oneLine, TEXT, toText } from '../../src/cli/text.js'
import { randomBytes, seeded } from '../helpers.js'

const text = (...bytes: number[]) => toText(Uint8Array.from(bytes))

describe('bytes as text', () => {
  it('are themselves where they are printable UTF-8', () => {
    for (const plain of ['', 'user:1', 'Grün', '日本', '🌲', '👩‍👧', 'a b', '"quoted"']) expect(toText(Buffer.from(plain))).toBe(plain)
  })

  it('are escaped where they are not', () => {
    expect(text(0)).toBe('\\x00')
    expect(text(0x61, 0x0a, 0x62, 0x09, 0x7f)).toBe('a\\x0ab\\x09\\x7f')
    expect(text(0xff, 0x61)).toBe('\\xffa')
    expect(toText(Buffer.from('\\'))).toBe('\\\\')
  })

  it('are escaped where a terminal would take them for something else', () => {
    expect(toText(Buffer.from('\u001b[31m'))).toBe('\\x1b[31m')
    expect(toText(Buffer.from('\u009b'))).toBe('\\xc2\\x9b')
    expect(toText(Buffer.from('\u202e'))).toBe('\\xe2\\x80\\xae')
    expect(toText(Buffer.from('\ufeff'))).toBe('\\xef\\xbb\\xbf')
    expect(toText(Buffer.from('\u2028'))).toBe('\\xe2\\x80\\xa8')
  })

  it('keep the valid characters around a broken one', () => {
    expect(text(0xc3, 0xbc, 0xc3, 0xc3, 0xbc)).toBe('ü\\xc3ü')
    expect(text(0xe2, 0x82)).toBe('\\xe2\\x82')
    expect(text(0xed, 0xa0, 0x80)).toBe('\\xed\\xa0\\x80')
    expect(text(0xc0, 0x80)).toBe('\\xc0\\x80')
    expect(text(0xf4, 0x90, 0x80, 0x80)).toBe('\\xf4\\x90\\x80\\x80')
  })

  it('come back as they were, whatever they are, in one line', () => {
    const random = seeded(7)
    for (let i = 0; i < 500; i++) {
      const bytes = randomBytes(random, Math.floor(random() * 40))
      if (i % 2 === 0) bytes.forEach((byte, at) => (bytes[at] = byte % 4 === 0 ? 0x5c : byte % 0x80))
      const shown = toText(bytes)
      expect(shown).not.toMatch(/\p{Cc}/u)
      expect(Buffer.from(fromText(shown))).toEqual(Buffer.from(bytes))
    }
  })

  it('of a part of a larger buffer are that part', () => {
    expect(toText(Buffer.from('xxübyy').subarray(2, 5))).toBe('üb')
    expect(TEXT.json(Buffer.from('xxübyy').subarray(2, 5))).toBe('üb')
  })
})

describe('a line of talk', () => {
  it('has nothing in it that a terminal would take for more than text', () => {
    expect(oneLine('a\n  b\u001b[31m\u202ec \\ Grün')).toBe('a b?[31m?c \\ Grün')
  })
})

describe('text as bytes', () => {
  it('takes hex digits in either case', () => {
    expect([...fromText('\\x0A\\xfF')]).toEqual([0x0a, 0xff])
  })

  it('takes two backslashes for one, also before an x', () => {
    expect(String(Buffer.from(fromText('\\\\x00')))).toBe('\\x00')
    expect(String(Buffer.from(fromText('a\\\\\\\\b\\\\')))).toBe('a\\\\b\\')
  })

  it('refuses a backslash that says nothing', () => {
    for (const wrong of ['\\', 'a\\', '\\q', '\\x', '\\x0', '\\xg0', '\\\\\\', 'C:\\new']) expect(() => fromText(wrong), wrong).toThrow(UsageError)
  })
})

describe('hex digits', () => {
  it('are two for each byte, with white space or without', () => {
    expect([...fromHex('00fF')]).toEqual([0, 255])
    expect([...fromHex('00 ff\n')]).toEqual([0, 255])
    expect(HEX_DIGITS.show(Uint8Array.of(0, 255))).toBe('00ff')
  })

  it('are refused where they are none, or one is missing', () => {
    expect(() => fromHex('0')).toThrow(/pairs/)
    expect(() => fromHex('0g')).toThrow(/not a hex digit/)
  })
})

describe('bytes in JSON', () => {
  it('are a string where they are UTF-8, and say that they are hex where not', () => {
    expect(TEXT.json(Buffer.from('a\n\\'))).toBe('a\n\\')
    expect(TEXT.json(Uint8Array.of(0xff))).toEqual({ hex: 'ff' })
    expect(HEX_DIGITS.json(Uint8Array.of(0x61))).toBe('61')
  })
})

describe('what people read', () => {
  it('does not call something nothing, nor almost all all', () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).toEqual(['0 %', '<1 %', '50 %', '>99 %', '100 %'])
    expect([0, 0.001, 0.5, 1].map((share) => bar(share, 4))).toEqual(['░░░░', '█░░░', '██░░', '████'])
  })

  it('has sizes in units that suit them', () => {
    expect([0, 1023, 1024, 1536, 2 ** 30].map(size)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 GiB'])
  })

  it('is cut between characters', () => {
    expect([cut('abc', 3), cut('abcd', 3), cut('a🌲b', 3)]).toEqual(['abc', 'ab…', 'a…'])
  })

  it('stands in columns', () => {
    expect(columns([['a', '1'], ['bbb', '22']], ['left', 'right'])).toEqual(['a     1', 'bbb  22'])
  })
})

describe('a misspelt word', () => {
  const words = ['get', 'put', 'delete', 'list', 'compact']

  it('leads to the nearest one', () => {
    expect(['gte', 'lst', 'delte', 'comp', 'compcat'].map((word) => nearest(word, words))).toEqual(['get', 'list', 'delete', 'compact', 'compact'])
  })

  it('leads nowhere where none is near', () => {
    expect(nearest('frobnicate', words)).toBeUndefined()
  })
})
