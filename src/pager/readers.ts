/**
 * Who can still see an old commit: snapshots, read transactions, and the two commits that recovery may fall
 * back to (the last durable one, and the one whose sync is running). All are holders alike: a page that one
 * of them can see is not reused.
 */
export class Readers {
  private readonly counts = new Map<number, number>()
  private sorted: number[] = []

  /** Adds one holder of a commit. */
  add(transaction: number): void {
    const count = this.counts.get(transaction) ?? 0
    this.counts.set(transaction, count + 1)
    if (count > 0) return
    this.sorted.push(transaction)
    this.sorted.sort((a, b) => a - b)
  }

  /** Takes one holder away; answers whether it was the last of that commit. */
  remove(transaction: number): boolean {
    const count = this.counts.get(transaction) ?? 0
    if (count > 1) {
      this.counts.set(transaction, count - 1)
      return false
    }
    this.counts.delete(transaction)
    this.sorted = this.sorted.filter((held) => held !== transaction)
    return count === 1
  }

  /** The oldest held commit that is `birth` or later and before `freed`: the one that sees a page of that life. */
  seeing(birth: number, freed: number): number | undefined {
    const first = this.sorted.find((held) => held >= birth)
    return first !== undefined && first < freed ? first : undefined
  }

  /** The oldest held commit. */
  oldest(): number | undefined {
    return this.sorted[0]
  }

  count(transaction: number): number {
    return this.counts.get(transaction) ?? 0
  }
}
