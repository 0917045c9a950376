/** Hex digits, also of more bytes than fit in one string. */

/** Bytes turned in one go. */
const PIECE = 2 ** 22

/** The digits of some bytes, piece by piece. */
export function* hexOf(bytes: Uint8Array): Generator<string, void, undefined> {
  const all = bufferOf(bytes)
  for (let from = 0; from < all.length; from += PIECE) yield all.toString('hex', from, Math.min(from + PIECE, all.length))
}

/** The bytes whose digits, of either case, are the text; undefined where it is none. */
export function fromHex(digits: Uint8Array): Buffer | undefined {
  if (digits.length % 2 !== 0) return undefined
  const source = bufferOf(digits)
  const bytes = Buffer.allocUnsafe(digits.length / 2)
  for (let from = 0; from < digits.length; from += 2 * PIECE) {
    const text = source.toString('latin1', from, Math.min(from + 2 * PIECE, digits.length))
    // What is no digit ends the work early.
    if (bytes.write(text, from / 2, 'hex') * 2 !== text.length) return undefined
  }
  return bytes
}

/** The same memory as a `Buffer`. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
