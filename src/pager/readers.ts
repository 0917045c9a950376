/**
 * Who can still see an old commit: snapshots, read transactions, and the commits that recovery may lead to (the
 * last durable one, the one whose sync is running, and bulk commits that are not durable yet). All are holders
 * alike: a page that one of them can see is not reused.
 */
export class Readers {
  private readonly counts = new Map<number, number>()
  private readonly sorted: number[] = []

  /** Adds one holder of a commit. */
  add(transaction: number): void {
    const count = this.counts.get(transaction) ?? 0
    this.counts.set(transaction, count + 1)
    if (count > 0) return
    this.sorted.splice(this.firstFrom(transaction), 0, transaction)
  }

  /** Takes one holder away; answers whether it was the last of that commit. */
  remove(transaction: number): boolean {
    const count = this.counts.get(transaction) ?? 0
    if (count === 0) return false
    if (count > 1) {
      this.counts.set(transaction, count - 1)
      return false
    }
    this.counts.delete(transaction)
    this.sorted.splice(this.firstFrom(transaction), 1)
    return true
  }

  /** Index of the oldest held commit that is `transaction` or later. Each freed page asks, so it is not looked for one by one. */
  private firstFrom(transaction: number): number {
    let low = 0
    let high = this.sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sorted[middle] < transaction) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The oldest held commit that is `birth` or later and before `freed`: the one that sees a page of that life. */
  seeing(birth: number, freed: number): number | undefined {
    const first = this.sorted.at(this.firstFrom(birth))
    return first !== undefined && first < freed ? first : undefined
  }

  /** Whether any commit but this one is held. */
  holdsOthers(transaction: number): boolean {
    return this.sorted.length > 1 || (this.sorted.length === 1 && this.sorted[0] !== transaction)
  }

  count(transaction: number): number {
    return this.counts.get(transaction) ?? 0
  }
}
