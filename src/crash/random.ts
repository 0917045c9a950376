/** Chance that is the same for the same seed. */

/** Numbers from 0 to below 1, by splitmix32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** A whole number from 0 to below `end`. */
export function below(end: number, random: () => number): number {
  return Math.floor(random() * end)
}

/** One of a list that is not empty. */
export function oneOf<T>(list: readonly T[], random: () => number): T {
  return list[below(list.length, random)]
}
