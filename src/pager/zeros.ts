import { PAGE_SIZE } from '../page/layout.js'

/** 1 MiB, as much as the file grows by at once. One buffer for all: memory that comes and goes makes V8 collect garbage. */
export const ZERO_PAGES = 256
const zeros = new Uint8Array(ZERO_PAGES * PAGE_SIZE)

/** Zeros for so many pages, ZERO_PAGES at most. */
export function zeroPages(count: number): Uint8Array {
  return zeros.subarray(0, count * PAGE_SIZE)
}
