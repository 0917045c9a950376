/**
 * Reads the elements of tuples from bytes that nobody vouches for. Each read is checked against the end,
 * each step takes at least one byte, and the recursion is bounded by `MAX_DEPTH`. Only what the writer
 * could have written is accepted, so that a tuple has one form and no other bytes decode to it.
 */

import { isUtf8 } from 'node:buffer'
import { copyBytes } from './bytes.js'
import {
  END, ESCAPE, MAX_DATE_MS, MAX_DEPTH, TAG_ARRAY, TAG_BIGINT, TAG_BIGINT_NEGATIVE, TAG_BYTES, TAG_DATE,
  TAG_FALSE, TAG_NULL, TAG_NUMBER, TAG_STRING, TAG_TRUE, type TupleElement,
} from './tuple-format.js'
import { utf8 } from './utf8.js'

const double = new DataView(new ArrayBuffer(8))

/** Reads the elements in [start, end) of some bytes; lives for one decode only. */
export class TupleReader {
  readonly #source: Uint8Array
  readonly #start: number
  readonly #end: number
  #at: number
  /** The bits that are set anywhere in the content gone past last: below 0x80, it is ASCII. */
  #contentBits = 0

  constructor(source: Uint8Array, start: number, end: number) {
    this.#source = source
    this.#start = start
    this.#end = end
    this.#at = start
  }

  /** @throws TypeError where the bytes are no tuple. */
  readAll(): TupleElement[] {
    const elements: TupleElement[] = []
    while (this.#at < this.#end) elements.push(this.#readElement(0))
    return elements
  }

  #readElement(depth: number): TupleElement {
    const tag = this.#source[this.#at++]
    switch (tag) {
      case TAG_NULL: return null
      case TAG_FALSE: return false
      case TAG_TRUE: return true
      case TAG_NUMBER: return this.#readDouble()
      case TAG_BIGINT: return this.#readBigint(0)
      case TAG_BIGINT_NEGATIVE: return -this.#readBigint(0xff)
      case TAG_DATE: return this.#readDate()
      case TAG_STRING: return this.#readString()
      case TAG_BYTES: return this.#readBytes()
      case TAG_ARRAY: return this.#readArray(depth + 1)
      default:
        this.#at--
        throw this.#fault(`no element begins with byte ${tag}`)
    }
  }

  #readArray(depth: number): TupleElement[] {
    if (depth > MAX_DEPTH) throw this.#fault(`arrays nest more than ${MAX_DEPTH} deep`)
    const elements: TupleElement[] = []
    while (this.#at < this.#end) {
      if (this.#source[this.#at] === END) {
        this.#at++
        return elements
      }
      elements.push(this.#readElement(depth))
    }
    throw this.#fault('an array does not end')
  }

  #readDouble(): number {
    const source = this.#source
    const at = this.#at
    if (this.#end - at < 8) throw this.#fault('a number is cut short')
    const high = (source[at] << 24) | (source[at + 1] << 16) | (source[at + 2] << 8) | source[at + 3]
    const low = (source[at + 4] << 24) | (source[at + 5] << 16) | (source[at + 6] << 8) | source[at + 7]
    // Positive ones were stored with the top bit set; the writer says more.
    const turn = ~(high >> 31)
    double.setInt32(0, high ^ (turn | 0x80000000))
    double.setInt32(4, low ^ turn)
    const value = double.getFloat64(0)
    if (Number.isNaN(value) || Object.is(value, -0)) throw this.#fault('a number is NaN or -0')
    this.#at = at + 8
    return value
  }

  #readDate(): Date {
    const time = this.#readDouble()
    if (!Number.isInteger(time) || Math.abs(time) > MAX_DATE_MS) throw this.#fault('a date is out of range')
    return new Date(time)
  }

  /** The magnitude of a bigint; `turn` is 0xff where all bits are turned over, as in negative ones. */
  #readBigint(turn: number): bigint {
    if (this.#at >= this.#end) throw this.#fault('a bigint is cut short')
    const length = this.#source[this.#at] ^ turn
    const first = this.#at + 1
    if (this.#end - first < length) throw this.#fault('a bigint is cut short')
    if (length === 0 ? turn !== 0 : (this.#source[first] ^ turn) === 0) throw this.#fault('a bigint has zeros in front')
    let value = 0n
    let i = 0
    while (i < length) {
      // Six bytes at a time, which a number still holds exactly.
      let chunk = 0
      const size = Math.min(6, length - i)
      for (const stop = i + size; i < stop; i++) chunk = chunk * 256 + (this.#source[first + i] ^ turn)
      value = (value << BigInt(8 * size)) | BigInt(chunk)
    }
    this.#at = first + length
    return value
  }

  #readString(): string {
    const start = this.#at
    const escapes = this.#skipContent()
    const stop = this.#at - 1
    if (escapes === 0 && this.#contentBits < 0x80) return utf8.decode(this.#source, start, stop)
    const bytes = escapes === 0 ? this.#source.subarray(start, stop) : this.#unescape(start, stop, escapes)
    if (!isUtf8(bytes)) throw this.#fault('a string is not UTF-8')
    return utf8.decode(bytes, 0, bytes.length)
  }

  #readBytes(): Buffer {
    const start = this.#at
    const escapes = this.#skipContent()
    const stop = this.#at - 1
    return escapes === 0 ? copyBytes(this.#source, start, stop) : this.#unescape(start, stop, escapes)
  }

  /** Goes past the content of a string or of bytes and its end, and counts the escapes in it. */
  #skipContent(): number {
    const source = this.#source
    let escapes = 0
    let bits = 0
    let at = this.#at
    for (; at < this.#end; at++) {
      const byte = source[at]
      bits |= byte
      if (byte > ESCAPE) continue
      if (byte === END) {
        this.#at = at + 1
        this.#contentBits = bits
        return escapes
      }
      at++
      if (at >= this.#end || source[at] < 1 || source[at] > 2) throw this.#fault('an escape is cut short or unknown')
      escapes++
    }
    throw this.#fault('a string or bytes do not end')
  }

  #unescape(start: number, stop: number, escapes: number): Buffer {
    const bytes = Buffer.allocUnsafe(stop - start - escapes)
    let to = 0
    for (let at = start; at < stop; at++) {
      const byte = this.#source[at]
      bytes[to++] = byte === ESCAPE ? this.#source[++at] - 1 : byte
    }
    return bytes
  }

  #fault(what: string): TypeError {
    return new TypeError(`these bytes are no tuple: ${what}, near byte ${this.#at - this.#start} of ${this.#end - this.#start}. Read them with the encoding that they were written with.`)
  }
}
