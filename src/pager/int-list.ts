/** A list of 32-bit integers that grows: a tenth of the memory of an array that mixes in other values. */
export class IntList {
  private items = new Int32Array(16)
  length = 0

  push(value: number): void {
    if (this.length === this.items.length) this.grow()
    this.items[this.length++] = value
  }

  /** Takes the last one off; the caller has seen that there is one. */
  pop(): number {
    return this.items[--this.length]
  }

  at(index: number): number {
    return this.items[index]
  }

  truncate(length: number): void {
    this.length = length
  }

  sorted(): Int32Array {
    return this.items.slice(0, this.length).sort()
  }

  private grow(): void {
    const larger = new Int32Array(this.items.length * 2)
    larger.set(this.items)
    this.items = larger
  }
}
