/** What the children have said of a store, and so which of its commits may be found. */
import type { Kind } from './history.js'

/** A copy is under way, was so when its process was killed, is there, or was not made. */
export type CopyState = 'begun' | 'cut off' | 'whole' | 'none'

export class Ledger {
  /** The last commit that must be found, and the last that may be. */
  known = 0
  announced = 0
  /** The kind of each commit. */
  readonly kinds: Kind[] = []
  /** Copies of commits that have not been looked at. */
  readonly copies = new Map<number, CopyState>()
  /** A kill fell into the making of a file, which may be left under its temporary name. */
  remains = false
  acknowledged = 0
  full = 0
  /** Kills that met a commit, and a copy, under way. */
  insideCommit = 0
  insideCopy = 0

  /** All that a child has said before it was killed. */
  hear(lines: readonly string[]): void {
    for (const line of lines) this.hearLine(line)
    if (this.announced > this.known) this.insideCommit++
    for (const [n, state] of this.copies) if (state === 'begun') this.cutOff(n)
    if (!lines.some((line) => line.startsWith('open'))) this.remains = true
  }

  private cutOff(n: number): void {
    this.copies.set(n, 'cut off')
    this.insideCopy++
    this.remains = true
  }

  private hearLine(line: string): void {
    const [word, number, kind] = line.split(' ')
    const n = Number(number)
    switch (word) {
      case 'locked': return
      case 'open': return this.found(n)
      case 'begin':
        this.announced = n
        this.kinds[n] = kind as Kind
        return
      case 'return':
      case 'durable':
        if (n > this.known) this.acknowledged++
        this.known = Math.max(this.known, n)
        return
      case 'full':
        // It has not been done, and is not going to be.
        this.announced = n - 1
        this.full++
        return
      case 'copy': return void this.copies.set(n, 'begun')
      case 'copied': return void this.copies.set(n, 'whole')
      case 'uncopied': return void this.copies.set(n, 'none')
      default: throw new Error(`the child said "${line}"`)
    }
  }

  /** Somebody has opened the store and found this commit. */
  found(n: number): void {
    if (n < this.known) throw new Error(`LOST: commit ${this.known} was acknowledged, and the newest that is found is ${n}`)
    if (n > this.announced) throw new Error(`commit ${n} is found, and the last one begun was ${this.announced}`)
    this.known = n
    this.announced = n
  }
}
