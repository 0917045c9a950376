/** Ranges of keys, as users say them and as trees take them. */
import { CoppiceError } from './errors.js'
import { flag } from './options.js'
import { Range } from './tree/scan.js'

/** Which keys: `{ gte: 'a', lt: 'c' }`, `{ prefix: 'user:' }`. Bounds that are left out do not bind; several bind together. */
export interface KeyRange<K> {
  /** Greater than. */
  gt?: K
  /** Greater than or equal. */
  gte?: K
  /** Less than. */
  lt?: K
  /** Less than or equal. */
  lte?: K
  /** Keys whose bytes begin with those of this one, with `tuple` those whose first elements are these. An empty prefix is every key. */
  prefix?: K
}

/** Which entries, and in which order: `{ prefix: 'user:', reverse: true, limit: 10 }`. */
export interface RangeOptions<K> extends KeyRange<K> {
  /** From the greatest key down; `offset` and `limit` count from there. Default false. */
  reverse?: boolean
  /** Entries at most, a whole number from 0, or Infinity. Default all. */
  limit?: number
  /** Entries to pass over first, a whole number from 0; costs O(log n) however many. Default 0. */
  offset?: number
}

/** Keys from `low` up to but not including `high`. */
export interface Bounds {
  low: Uint8Array | undefined
  high: Uint8Array | undefined
}

/** What a range of keys is made of, and what says in addition which of its entries, in which order. */
export const RANGE: readonly string[] = ['gt', 'gte', 'lt', 'lte', 'prefix']
const RANGE_OPTIONS: readonly string[] = [...RANGE, 'reverse', 'limit', 'offset']

/** The bounds in bytes; `encode` gives a key's own bytes. */
export function boundsOf<K>(range: RangeOptions<K>, known: readonly string[], encode: (key: K) => Uint8Array): Bounds {
  if (typeof range !== 'object' || range === null) {
    throw new CoppiceError('COPPICE_INVALID_OPTION', `a range is an object such as { gte, lt } or { prefix }, not ${String(range)}.`)
  }
  for (const name of Object.keys(range)) {
    if (!known.includes(name)) throw new CoppiceError('COPPICE_INVALID_OPTION', `this range takes no "${name}". Known are ${known.join(', ')}.`)
  }
  let low: Uint8Array | undefined
  let high: Uint8Array | undefined
  if (range.gte !== undefined) low = higher(low, encode(range.gte))
  if (range.gt !== undefined) low = higher(low, successor(encode(range.gt)))
  if (range.lt !== undefined) high = lower(high, encode(range.lt))
  if (range.lte !== undefined) high = lower(high, successor(encode(range.lte)))
  if (range.prefix !== undefined) {
    const prefix = encode(range.prefix)
    low = higher(low, prefix)
    const end = prefixEnd(prefix)
    if (end !== undefined) high = lower(high, end)
  }
  return { low, high }
}

/** The whole of what a user asks for, with the bounds in bytes. */
export function rangeOf<K>(options: RangeOptions<K>, encode: (key: K) => Uint8Array): Range {
  const { low, high } = boundsOf(options, RANGE_OPTIONS, encode)
  const reverse = flag('reverse', options.reverse, false)
  const limit = countOption('limit', options.limit, Infinity)
  const offset = countOption('offset', options.offset, 0)
  return new Range(low, high, reverse, limit, offset)
}

/** Every key that begins with these bytes, without the way through options: a short range is not to wait for it. */
export function prefixRange(prefix: Uint8Array): Range {
  return new Range(prefix, prefixEnd(prefix))
}

/** A whole number from 0, or the value for none given. */
function countOption(name: 'limit' | 'offset', value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (value === Infinity && name === 'limit') return value
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new CoppiceError('COPPICE_INVALID_OPTION', `"${name}" is to be a whole number, 0 or more, not ${String(value)}.`)
  }
  return value
}

/** A position among the entries: a whole number, negative from the end. */
export function assertPosition(position: number): void {
  if (!Number.isSafeInteger(position)) throw new CoppiceError('COPPICE_INVALID_OPTION', `a position is a whole number, not ${String(position)}.`)
}

function higher(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  return a !== undefined && Buffer.compare(a, b) > 0 ? a : b
}

function lower(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  return a !== undefined && Buffer.compare(a, b) < 0 ? a : b
}

/** The least key that is greater. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** The least key greater than every key with the prefix, or undefined where there is none. */
function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  // `slice` takes three times as long.
  const end = new Uint8Array(length)
  for (let i = 0; i < length; i++) end[i] = prefix[i]
  end[length - 1]++
  return end
}
