/**
 * Who can still see an old commit: snapshots, read transactions, and the commits that recovery may lead to (the
 * last durable one, the one whose sync is running, and bulk commits that are not durable yet). All are holders
 * alike: a page that one of them can see is not reused.
 */
export class Readers {
  /** Commits that are held, the oldest first, and how many hold each. */
  private readonly held: number[] = []
  private readonly counts: number[] = []

  /** Adds one holder of a commit. */
  add(transaction: number): void {
    const { held, counts } = this
    const index = this.firstFrom(transaction)
    if (held[index] === transaction) counts[index]++
    else {
      held.splice(index, 0, transaction)
      counts.splice(index, 0, 1)
    }
  }

  /** Takes one holder away; answers whether it was the last of that commit. */
  remove(transaction: number): boolean {
    const { held, counts } = this
    const index = this.firstFrom(transaction)
    if (held[index] !== transaction) return false
    if (--counts[index] > 0) return false
    held.splice(index, 1)
    counts.splice(index, 1)
    return true
  }

  /** Index of the oldest held commit that is `transaction` or later. Each freed page asks, so it is not looked for one by one. */
  private firstFrom(transaction: number): number {
    const { held } = this
    let low = 0
    let high = held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (held[middle] < transaction) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The oldest held commit that is `birth` or later and before `freed`: the one that sees a page of that life. */
  seeing(birth: number, freed: number): number | undefined {
    const first = this.held.at(this.firstFrom(birth))
    return first !== undefined && first < freed ? first : undefined
  }

  /** Whether any commit but this one is held. */
  holdsOthers(transaction: number): boolean {
    return this.held.length > 1 || (this.held.length === 1 && this.held[0] !== transaction)
  }

  count(transaction: number): number {
    const index = this.firstFrom(transaction)
    return this.held[index] === transaction ? this.counts[index] : 0
  }
}
