/** Keys and values as small plain data, so that a failing history prints short and shrinks well. */

export const MAX_KEY = 2048

/**
 * A key: a fill byte a number of times and then a tail, which makes keys that share long prefixes, are
 * prefixes of each other, or end at the limit; or the n-th key of a family.
 */
export type KeySpec = { fill: number; run: number; tail: number[] } | { family: Family; n: number }

/**
 * Families of keys by number. `counter`: 4 bytes in ascending order. `hash`: 8 bytes in no order. `path`: a
 * shared prefix. `pairs`: neighbours that share some 2,000 bytes, which the separators then have to repeat.
 */
export type Family = 'counter' | 'hash' | 'path' | 'pairs'

/** A value: `length` bytes that the seed decides. */
export interface ValueSpec {
  length: number
  seed: number
}

const PATH = Buffer.from('/some/folder/with/a/name/of/its/own/', 'latin1')
const PAIR_LENGTH = 2040

export function keyBytes(spec: KeySpec): Uint8Array {
  if ('family' in spec) return familyKey(spec.family, spec.n)
  const key = new Uint8Array(spec.run + spec.tail.length)
  key.fill(spec.fill, 0, spec.run)
  key.set(spec.tail, spec.run)
  return key
}

function familyKey(family: Family, n: number): Uint8Array {
  if (family === 'hash') return bigEndian(8, [Math.imul(n + 1, 0x9e3779b1) >>> 0, n])
  if (family === 'counter') return bigEndian(4, [n])
  if (family === 'path') {
    const key = new Uint8Array(PATH.length + 4)
    key.set(PATH)
    key.set(bigEndian(4, [n]), PATH.length)
    return key
  }
  const key = new Uint8Array(PAIR_LENGTH).fill(0x78)
  key.set(bigEndian(4, [n >>> 1]))
  key[PAIR_LENGTH - 1] = n & 1
  return key
}

function bigEndian(length: number, words: number[]): Uint8Array {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => view.setUint32(4 * i, word))
  return bytes
}

/** A byte string as text of one character a byte: JavaScript's `<` on these is the order of the bytes. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export const MAX_VALUE = 2 ** 19
const SEED_STEP = 977
export const MAX_SEED = 255
const noise = makeNoise(MAX_VALUE + SEED_STEP * (MAX_SEED + 1))

/** Values are cut out of one run of noise: they cost nothing, and with another seed all bytes differ. */
export function valueBytes({ length, seed }: ValueSpec): Uint8Array {
  return noise.subarray(seed * SEED_STEP, seed * SEED_STEP + length)
}

function makeNoise(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 0x2545f491
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
