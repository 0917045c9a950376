/** Which calls of a workload are made to fail, and how. */
import fc from 'fast-check'
import type { Call, Fault, Kept } from './machine.js'

const SECTOR = 512
const PAGE = 4096
const KEPT: Kept[] = ['none', 'all', 'meta', 'all but meta', 'some', 'first']

export interface Plan {
  /** Index of the call that fails first. */
  at: number
  fault: Fault
  /** Calls after it that fail too, counted from it. */
  also: readonly number[]
  /** From then on the disk is full: no write makes the file longer, until somebody has freed space. */
  full?: boolean
  /** What the further syncs that fail leave on the disk. */
  keptLater?: Kept
  /** Where the store had to be opened again, it is synced before anything else. */
  synced?: boolean
}

/** The faults that a call may meet. */
export function faultsOf({ kind, position, length }: Call): Fault[] {
  if (kind === 'sync' || kind === 'syncAsync') return KEPT.map((kept) => ({ code: 'EIO', kept }))
  if (kind === 'reserve') return [{ code: 'ENOSPC' }]
  if (kind !== 'write') return [{ code: 'EIO' }]
  // Parts that end at sectors, at pages and anywhere; and all of it, with an error nevertheless.
  const parts = position < 3 * PAGE ? [1, 33, 143, SECTOR, PAGE / 2, PAGE - 1, PAGE] : [1, SECTOR, length >>> 1, PAGE, 2 * PAGE + 100, length - SECTOR, length]
  const bytes = [...new Set(parts.filter((part) => part > 0 && part <= length))]
  return [{ code: 'ENOSPC' }, { code: 'EIO' }, ...bytes.map((part, i): Fault => ({ code: i % 2 === 0 ? 'ENOSPC' : 'EIO', bytes: part }))]
}

/** Every single fault at every call. */
export function singleFaults(calls: readonly Call[]): Plan[] {
  return calls.flatMap((call, at) => faultsOf(call).map((fault) => ({ at, fault, also: [] })))
}

/** Further calls that fail after the first one: the next, the one after it, both, and many in a row. */
const ALSO: number[][] = [[1], [2], [1, 2], [3], [1, 2, 3, 4, 5, 6]]

/** Faults that come together, and a disk that stays full. */
export function severalFaults(calls: readonly Call[]): Plan[] {
  return calls.flatMap((call, at) => {
    const faults = faultsOf(call)
    const together = ALSO.map((also, i): Plan => ({ at, fault: faults[(at + i) % faults.length], also, keptLater: KEPT[(at + 5 * i) % KEPT.length], synced: (at + i) % 2 === 0 }))
    return call.kind === 'write' ? [...together, { at, fault: { code: 'ENOSPC' }, also: [], full: true }] : together
  })
}

/** A plan for a workload whose calls are not known yet: where it strikes as a share of them. */
export interface PlanChoice {
  share: number
  which: number
  also: number[]
  full: boolean
}

export const planChoice: fc.Arbitrary<PlanChoice> = fc.record({
  share: fc.nat(9999),
  which: fc.nat(60),
  also: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, { weight: 1, arbitrary: fc.constantFrom(...ALSO) }),
  full: fc.boolean(),
})

export function planFrom(choice: PlanChoice, calls: readonly Call[]): Plan {
  const at = Math.floor((choice.share * calls.length) / 10_000)
  const faults = faultsOf(calls[at])
  const full = choice.full && calls[at].kind === 'write' && choice.also.length === 0
  return full ? { at, fault: { code: 'ENOSPC' }, also: [], full } : { at, fault: faults[choice.which % faults.length], also: choice.also }
}
