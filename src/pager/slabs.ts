import { native } from '../file/native.js'

/**
 * Memory for large slabs of a pool. V8 takes the length of an `ArrayBuffer` for memory in use, and at every 64 MiB of it collects all
 * garbage there is, in the middle of a transaction: 100 ms beside 2,000,000 objects of the program's own. A `SharedArrayBuffer` it does
 * not count. Nor does it hurry to collect one, so a pool that has come to its end leaves its slabs here for the next.
 */
const idle = new Map<number, WeakRef<SharedArrayBuffer>[]>()

/** Smaller slabs are counted: they are not worth keeping. */
const LARGE = 16 * 2 ** 20

/** A slab of so many bytes, with whatever was left there. */
export function takeSlab(bytes: number): ArrayBufferLike {
  if (bytes < LARGE) return new ArrayBuffer(bytes)
  for (const left = idle.get(bytes) ?? []; left.length > 0; ) {
    const slab = left.pop()?.deref()
    if (slab !== undefined) return slab
  }
  const slab = new SharedArrayBuffer(bytes)
  native()?.preferLargePages(slab)
  return slab
}

/**
 * Nobody reads or writes this slab any more. All that are left are kept: of several pools that end, and are made anew before the program
 * comes to a pause, none would give its memory back, as what a `WeakRef` was made of lives until then.
 */
export function leaveSlab(slab: ArrayBufferLike): void {
  if (!(slab instanceof SharedArrayBuffer)) return
  const left = idle.get(slab.byteLength)
  if (left === undefined) idle.set(slab.byteLength, [new WeakRef(slab)])
  else left.push(new WeakRef(slab))
}
