/** Order of a[0..aLength) and b[0..bLength): below 0, 0 or above, as bytes compare and the shorter first. */
export function compareKeys(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): number {
  const shared = aLength < bLength ? aLength : bLength
  for (let i = 0; i < shared; i++) {
    const difference = a[i] - b[i]
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** Bytes that a and b have in common at their beginning, `most` at most, which both have. */
export function sharedLength(a: Uint8Array, b: Uint8Array, most: number): number {
  let shared = 0
  while (shared < most && a[shared] === b[shared]) shared++
  return shared
}
