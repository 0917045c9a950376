/** Short histories, each with the faults that it is about; all of them are tried in the short run too. */
import type { DurabilityMode } from '../../src/index.js'
import { MAX_VALUE } from '../model/bytes.js'
import type { Call } from './machine.js'
import type { Plan } from './plans.js'
import { faultsOf } from './plans.js'
import type { Workload } from './workloads.js'
import { commit, many, put, remove, withHow } from './workloads.js'

export interface Directed {
  workload: Workload
  plans: (calls: readonly Call[]) => Plan[]
}

const PAGE = 4096
const isMeta = ({ kind, position, length }: Call): boolean => kind === 'write' && position < 3 * PAGE && length === PAGE
const isSync = ({ kind }: Call): boolean => kind === 'sync' || kind === 'syncAsync'

/** Every fault at the calls that are meant. */
function faultsAt(meant: (call: Call) => boolean): (calls: readonly Call[]) => Plan[] {
  return (calls) => calls.flatMap((call, at) => (meant(call) ? faultsOf(call).map((fault) => ({ at, fault, also: [] })) : []))
}

/**
 * A meta page is written whole, the call fails nevertheless, and so does the sync of the zeros that take its place.
 * Opened again, the store is synced at once: from then on the commit that failed must not come back.
 */
function failedCommits(calls: readonly Call[]): Plan[] {
  return calls.flatMap((call, at) => (isMeta(call) ? [{ at, fault: { code: 'EIO', bytes: PAGE }, also: [2], keptLater: 'first', synced: true } as const] : []))
}

function workload(name: string, durability: DurabilityMode, steps: Workload['steps']): Workload {
  return { name, durability, mapped: true, steps }
}

const openAcross: Workload['steps'] = [
  withHow('commitAsync', put(1, 10)),
  { type: 'commit', parts: [put(2, 10)], how: 'commit', meanwhile: 'endSync' },
  commit(put(3, 10)),
]

/** The last syncs fail, with nothing of what they cover on the disk. */
function lostSyncs(calls: readonly Call[]): Plan[] {
  return calls.flatMap((call, at) => (isSync(call) ? [{ at, fault: { code: 'EIO', kept: 'none' }, also: [] } as const] : [])).slice(-3)
}

/** So many pages become free at once that a page of the free log says so, which is taken from those that were free before. */
const logging: Workload['steps'] = [
  commit(many('put', 9, MAX_VALUE), put(2, 5 * PAGE), put(3, PAGE)),
  { type: 'endSync' },
  commit(remove(2)),
  { type: 'sync' },
  commit(put(4, 10)),
  { type: 'sync' },
  commit(many('delete', 9, 0)),
  { type: 'endSync' },
  commit(put(5, 10)),
  { type: 'sync' },
]

export const directed: Directed[] = [
  // While the sync of the first commit runs, the third has no slot but that of the second, the newest one.
  { workload: workload('a commit in the slot of the newest one', 'async', [commit(put(1, 10)), commit(put(2, 10)), commit(put(3, 10)), { type: 'endSync' }]), plans: faultsAt(isMeta) },
  ...(['sync', 'async'] as const).map((mode) => ({ workload: workload(`a sync that ends while a transaction is open, ${mode}`, mode, openAcross), plans: faultsAt(({ kind }) => kind === 'syncAsync') })),
  { workload: workload('a new page of the free log', 'async', logging), plans: lostSyncs },
  { workload: workload('a commit that failed', 'sync', [commit(put(1, 10)), commit(put(2, 10)), commit(put(3, 2500))]), plans: failedCommits },
]
