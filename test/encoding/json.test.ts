import { describe, expect, it } from 'vitest'
import { json } from '../../src/encoding/json.js'

describe('json', () => {
  it('brings values back', () => {
    const target = new Uint8Array(1000)
    for (const value of [null, true, 0, -1.5, '', 'é\ud800', [], {}, { a: [1, { b: null }] }]) {
      const length = json.encodeInto(value, target)
      expect(json.decode(target, 0, length)).toEqual(value)
      expect(new Uint8Array(json.encode(value))).toEqual(target.slice(0, length))
    }
  })

  it('answers with the needed length when the target is too small', () => {
    expect(json.encodeInto('12345678', new Uint8Array(9))).toBe(10)
  })

  it('refuses what has no JSON, saying so', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => json.encode(undefined)).toThrow(/no form for undefined/)
    expect(() => json.encode(() => 1)).toThrow(/no form for a function/)
    expect(() => json.encode(Symbol('s'))).toThrow(/no form for a symbol/)
    for (const value of [1n, cycle, { toJSON() { throw new RangeError('no') } }, { toJSON() { throw 'no' } }]) {
      expect(() => json.encodeInto(value, new Uint8Array(9))).toThrow(TypeError)
    }
  })

  it('refuses bytes that are not JSON and keeps the cause', () => {
    for (const text of ['', '{', 'undefined', '\0']) {
      const bytes = Buffer.from(text)
      let thrown: unknown
      try {
        json.decode(bytes, 0, bytes.length)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(TypeError)
      expect((thrown as TypeError).cause).toBeInstanceOf(SyntaxError)
    }
  })

  it('makes no prototype of a key named __proto__', () => {
    const bytes = Buffer.from('{"__proto__":{"polluted":true}}')
    const value = json.decode(bytes, 0, bytes.length) as { polluted?: boolean }
    expect(value.polluted).toBeUndefined()
  })
})
