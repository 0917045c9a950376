/** A seeded generator (xorshift32): the same numbers in every run. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0 || 1
  }

  /** A whole number from 0 up to 2^32. */
  next(): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return this.state >>> 0
  }

  below(limit: number): number {
    return this.next() % limit
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.next()
      bytes[i] = word
      bytes[i + 1] = word >>> 8
      bytes[i + 2] = word >>> 16
      bytes[i + 3] = word >>> 24
    }
    return bytes
  }
}
