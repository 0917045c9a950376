/** Choices that look random and follow from a seed and the numbers that name what is chosen. */
import { randomFrom } from '../../test/faulty-file.js'

export class Dice {
  private readonly next: () => number

  constructor(...from: number[]) {
    this.next = randomFrom(from.reduce((mixed, number) => Math.imul(mixed ^ number, 0x9e3779b1) ^ (mixed >>> 15), 7))
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }
}
