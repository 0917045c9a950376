/** What a process takes: its peak, and allocations out of proportion. One that is asked for and never touched shows in no figure of the system's. */
import fs from 'node:fs'

/** The engine's own tables and slabs, whatever the file. */
const OWN = 16 * 2 ** 20
/** What may be asked for at once, as a multiple of the file. */
const MULTIPLE = 8

let limit = Infinity
let largest: number | undefined

function watched<T extends new (...values: never[]) => object>(constructor: T, width: number): T {
  return new Proxy(constructor, {
    construct(target, values: unknown[], newTarget) {
      const [length] = values
      if (typeof length === 'number' && length * width > limit) largest = Math.max(largest ?? 0, length * width)
      return Reflect.construct(target, values, newTarget) as object
    },
  })
}

/** From now on what is asked for at once is looked at; the answer tells the most that was too much for a file of this size, or undefined. */
export function watchAllocations(fileSize: number): () => number | undefined {
  limit = OWN + MULTIPLE * fileSize
  largest = undefined
  return () => largest
}

globalThis.ArrayBuffer = watched(ArrayBuffer, 1)
globalThis.Uint8Array = watched(Uint8Array, 1)
globalThis.Int32Array = watched(Int32Array, 4)
globalThis.Float64Array = watched(Float64Array, 8)

/**
 * MiB that this process has had at its peak. Linux counts into `maxRSS` what the parent had when it began the
 * process, so a child of a large one would be over any limit before its first line; `VmHWM` is its own.
 */
export function peakMemory(): number {
  const own = process.platform === 'linux' ? /^VmHWM:\s*(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))?.[1] : undefined
  return Number(own ?? process.resourceUsage().maxRSS) / 1024
}
