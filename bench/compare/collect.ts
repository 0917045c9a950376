/** Both halves of V8's young space, and as much again. */
const YOUNG_BYTES = 64 * 2 ** 20
const PIECE = 128

/** Garbage that nobody reads; kept in a property, as V8 would else not make it. */
const young = { last: new Array<number>() }

/**
 * To be called before a contestant's turn: the garbage of one is not to be paid for by the next. A full collection also gives the memory of
 * young objects back to the system, which a program that goes on would have; it is taken into use again before the time begins, as the
 * first touch of each page of it takes up to 20 us.
 */
export function collect(): void {
  globalThis.gc?.()
  for (let bytes = 0; bytes < YOUNG_BYTES; bytes += PIECE * 8) young.last = new Array<number>(PIECE).fill(0)
}
