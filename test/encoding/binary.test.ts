import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { binary } from '../../src/encoding/binary.js'

describe('binary', () => {
  it('writes any Uint8Array and gives back a Buffer with memory of its own', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 23, 24, 25, 26, 100, 9000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
      const target = new Uint8Array(length + 3)
      expect(binary.encodeInto(bytes, target)).toBe(length)
      expect(target).toEqual(Uint8Array.of(...bytes, 0, 0, 0))
      const source = new Uint8Array(length + 8)
      source.set(bytes, 5)
      const value = binary.decode(source, 5, 5 + length)
      source.fill(1)
      expect(Buffer.isBuffer(value)).toBe(true)
      expect(value.equals(bytes)).toBe(true)
    }
  })

  it('encodes to the same bytes, as a Uint8Array or a Buffer and nothing that a subclass makes of them', () => {
    const bytes = Buffer.from('xxhello').subarray(2)
    expect(binary.encode(bytes)).toBe(bytes)
    const plain = new Uint8Array(3)
    expect(binary.encode(plain)).toBe(plain)
    class Longer extends Uint8Array {
      override get length(): number {
        return 100
      }
    }
    expect(binary.encode(new Longer(3))).toEqual(new Uint8Array(3))
  })

  it('gives back a view of memory that is its own already', () => {
    const bytes = Buffer.from('xxhello!')
    const value = binary.decodeOwned(bytes, 2, 7)
    expect(value.toString()).toBe('hello')
    expect(value.buffer).toBe(bytes.buffer)
  })

  it('takes bytes of another realm', () => {
    const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array
    expect(foreign instanceof Uint8Array).toBe(false)
    expect(binary.encode(foreign)).toEqual(Uint8Array.of(1, 2, 3))
    const target = new Uint8Array(3)
    expect(binary.encodeInto(foreign, target)).toBe(3)
    expect(target).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('answers with the needed length when the target is too small', () => {
    const target = new Uint8Array(3)
    expect(binary.encodeInto(new Uint8Array(4).fill(1), target)).toBe(4)
    expect(target).toEqual(new Uint8Array(3))
  })

  it('sends strings to the utf8 encoding and refuses the rest', () => {
    expect(() => binary.encode('a' as unknown as Uint8Array)).toThrow(/not a string\. For strings use the utf8 encoding/)
    const wrong: unknown[] = [undefined, null, 1, [1], new ArrayBuffer(2), new DataView(new ArrayBuffer(2)), new Uint16Array(2), new Uint8ClampedArray(1)]
    for (const value of wrong) {
      expect(() => binary.encode(value as Uint8Array)).toThrow(/^the binary encoding takes a Uint8Array or a Buffer, not /)
      expect(() => binary.encodeInto(value as Uint8Array, new Uint8Array(9))).toThrow(TypeError)
    }
  })
})
