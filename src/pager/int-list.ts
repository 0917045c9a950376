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

  set(index: number, value: number): void {
    this.items[index] = value
  }

  /** Brings all into ascending order; those before `from` are so already, which spares sorting a long list for a few new items. */
  sortFrom(from: number): void {
    const { items } = this
    const added = items.slice(from, this.length).sort()
    let i = from - 1
    let to = this.length - 1
    for (let j = added.length - 1; j >= 0; to--) items[to] = i >= 0 && items[i] > added[j] ? items[i--] : added[j--]
  }

  private grow(): void {
    const larger = new Int32Array(this.items.length * 2)
    larger.set(this.items)
    this.items = larger
  }
}

/** A copy with room for at least so many, and for more to come. */
export function longer(table: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, table.length * 2))
  larger.set(table)
  return larger
}
