/** Small workloads, all of them: up to three transactions, each an action and a way to commit. */
import type { Write } from '../model/operations.js'
import type { LifePlan, Past, Step } from './life.js'
import { live } from './life.js'
import { newPast, pastAfter } from './past.js'

type Action = (n: number) => Write[]

/** Keys of one family: the first store has those from 0 to 59 in the default tree. */
const key = (n: number) => ({ family: 'path', n }) as const
const bulk = (from: number, count: number, length: number, how: 'put' | 'load' | 'delete' = 'put'): Write =>
  ({ type: 'bulk', tree: 0, family: 'path', how, order: 'ascending', start: from, step: 1, count, value: { length, seed: from & 0xff } })

/** What a transaction does; `n` is its number, so that three times the same action does three things. */
export const ACTIONS: Record<string, Action> = {
  put: (n) => [{ type: 'put', tree: 0, key: key(100 + n), value: { length: 50, seed: n } }],
  overwrite: (n) => [{ type: 'put', tree: 0, key: key(7), value: { length: 60, seed: 10 + n } }],
  delete: (n) => [{ type: 'delete', tree: 0, key: key(20 + n) }],
  'overflow value': (n) => [{ type: 'put', tree: 0, key: key(30), value: { length: 9000 + n, seed: n } }],
  'delete overflow value': (n) => [{ type: 'delete', tree: 0, key: key(1000) }, { type: 'delete', tree: 1, key: key(n) }],
  'create tree': (n) => [{ type: 'createTree', tree: 3 }, { type: 'put', tree: 2, key: key(n), value: { length: 10, seed: n } }],
  'drop tree': (n) => [n % 2 === 0 ? { type: 'dropTree', tree: 1 } : { type: 'put', tree: 1, key: key(n), value: { length: 10, seed: n } }],
  'delete range': (n) => [{ type: 'deleteRange', tree: 0, range: { gte: key(5 + n), lt: key(50 - 8 * n) } }],
  grow: (n) => [bulk(200 + 30 * n, 24, 700)],
}

/** How a transaction commits, and what the process does about syncs afterwards. */
export const WAYS: Record<string, { durability: 'sync' | 'lazy'; how: 'commit' | 'commitAsync'; then: Step[] }> = {
  sync: { durability: 'sync', how: 'commit', then: [] },
  async: { durability: 'sync', how: 'commitAsync', then: [] },
  'async and waited for': { durability: 'sync', how: 'commitAsync', then: [{ do: 'endSync' }] },
  lazy: { durability: 'lazy', how: 'commit', then: [] },
  'lazy and synced': { durability: 'lazy', how: 'commit', then: [{ do: 'sync' }] },
  'lazy with a sync running': { durability: 'lazy', how: 'commit', then: [{ do: 'syncAsync' }] },
}

export interface Workload {
  name: string
  plan: LifePlan
}

/** Every workload of so many transactions; those of one workload share the handle's durability. */
export function* workloadsOf(transactions: number): Generator<Workload> {
  for (const durability of ['sync', 'lazy'] as const) {
    const ways = Object.keys(WAYS).filter((way) => WAYS[way].durability === durability)
    const choices = Object.keys(ACTIONS).flatMap((action) => ways.map((way) => ({ action, way })))
    for (let index = 0; index < choices.length ** transactions; index++) {
      const chosen = Array.from({ length: transactions }, (_, i) => choices[Math.floor(index / choices.length ** i) % choices.length])
      const steps = chosen.flatMap(({ action, way }, n): Step[] => [{ do: 'commit', how: WAYS[way].how, writes: ACTIONS[action](n) }, ...WAYS[way].then])
      yield { name: chosen.map(({ action, way }) => `${action} (${way})`).join(', '), plan: { durability, mapped: index % 5 !== 2, steps, closes: index % 2 === 0 } }
    }
  }
}

/** The store that the workloads begin with: two levels, a named tree, an overflow value, free pages. */
export async function firstPast(): Promise<Past> {
  const writes: Write[][] = [
    [bulk(0, 60, 60), { type: 'put', tree: 0, key: key(1000), value: { length: 10_000, seed: 3 } }],
    [{ type: 'bulk', tree: 1, family: 'path', how: 'put', order: 'ascending', start: 0, step: 1, count: 6, value: { length: 20, seed: 1 } }],
    [{ type: 'put', tree: 0, key: key(31), value: { length: 8500, seed: 3 } }, bulk(2000, 6, 2100)],
    [{ type: 'delete', tree: 0, key: key(31) }, bulk(2000, 4, 0, 'delete')],
  ]
  const steps = writes.map((writes): Step => ({ do: 'commit', how: 'commit', writes }))
  return pastAfter(await live(newPast(), { durability: 'sync', mapped: true, steps, closes: true }))
}

/** Pages with a value each, every other one of them gone: nearly as many holes as a meta page can name. */
export async function fragmentedPast(): Promise<Past> {
  const pages = { type: 'bulk', tree: 0, family: 'counter', order: 'ascending', start: 0 } as const
  const writes: Write[] = [
    { ...pages, how: 'load', step: 1, count: 1040, value: { length: 2100, seed: 1 } },
    { ...pages, how: 'delete', step: 2, count: 420, value: { length: 0, seed: 0 } },
  ]
  const steps = writes.map((write): Step => ({ do: 'commit', how: 'commit', writes: [write] }))
  return pastAfter(await live(newPast(), { durability: 'sync', mapped: true, steps, closes: true }))
}

/** Makes some more holes in that store, which its meta page still can name, or so many that the free log gets a page. */
export function* fragmentingWorkloads(): Generator<Workload> {
  for (const count of [4, 40]) {
    const more: Write = { type: 'bulk', tree: 0, family: 'counter', how: 'delete', order: 'ascending', start: 840, step: 2, count, value: { length: 0, seed: 0 } }
    for (const [way, { durability, how, then }] of Object.entries(WAYS)) {
      const steps: Step[] = [{ do: 'commit', how, writes: [more] }, ...then]
      yield { name: `${count} more holes (${way})`, plan: { durability, mapped: true, steps, closes: false } }
    }
  }
}
