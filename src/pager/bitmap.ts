/** A set of page numbers, a bit each, that grows as it needs. */
export class Bitmap {
  private words = new Int32Array(64)
  /** Members. */
  size = 0

  has(page: number): boolean {
    const word = page >>> 5
    return word < this.words.length && ((this.words[word] >>> (page & 31)) & 1) !== 0
  }

  /** Puts the page in; answers whether it was out. */
  add(page: number): boolean {
    const word = page >>> 5
    if (word >= this.words.length) this.grow(word + 1)
    const bit = 1 << (page & 31)
    if ((this.words[word] & bit) !== 0) return false
    this.words[word] |= bit
    this.size++
    return true
  }

  /** Takes the page out; answers whether it was in. */
  remove(page: number): boolean {
    if (!this.has(page)) return false
    this.words[page >>> 5] &= ~(1 << (page & 31))
    this.size--
    return true
  }

  clear(): void {
    this.words = new Int32Array(64)
    this.size = 0
  }

  /** The first member that is `from` or greater, or -1. */
  next(from: number): number {
    const { words } = this
    let word = from >>> 5
    if (word >= words.length) return -1
    let bits = words[word] & (-1 << (from & 31))
    while (bits === 0) {
      if (++word >= words.length) return -1
      bits = words[word]
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits))
  }

  /** The first number from `from` on that is not a member. */
  nextAbsent(from: number): number {
    const { words } = this
    let word = from >>> 5
    if (word >= words.length) return from
    let bits = ~words[word] & (-1 << (from & 31))
    while (bits === 0) {
      if (++word >= words.length) return word << 5
      bits = ~words[word]
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits))
  }

  private grow(words: number): void {
    const larger = new Int32Array(Math.max(words, this.words.length * 2))
    larger.set(this.words)
    this.words = larger
  }
}
