/**
 * What a child writes: a history in which transaction n follows from the seed, n and its kind alone. So a child that
 * opens the store at commit n goes on with n + 1, and whoever knows the kinds can say what commit n holds.
 */
import type { Transaction } from '../../src/index.js'
import type { Family, KeySpec } from '../model/bytes.js'
import { keyBytes, textOf, valueBytes } from '../model/bytes.js'
import { TREES } from '../model/operations.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { treeOf } from '../model/world.js'

/** Where a store has the number of its newest commit, and the kind. Every transaction puts it. */
export const NEWEST: Bytes = Buffer.from('newest')

/** `mixed`: anything. `grow` only puts, `shrink` only deletes, much at once, and `nibble` a single entry. */
export type Kind = 'mixed' | 'grow' | 'shrink' | 'nibble'

export type Step =
  | { do: 'put'; tree: number; key: KeySpec; length: number; seed: number }
  | { do: 'delete'; tree: number; key: KeySpec }
  | { do: 'deleteRange'; tree: number; from: KeySpec; to: KeySpec }
  /** `count` keys, above all that this tree has had. */
  | { do: 'load'; tree: number; start: number; count: number; length: number }
  | { do: 'createTree' | 'dropTree'; tree: number }
  /** Steps after a savepoint, to which it goes back where it does not keep them. */
  | { do: 'savepoint'; keep: boolean; steps: Step[] }

export interface Plan {
  steps: Step[]
  /** A transaction before it that is rolled back. */
  undone: Step[]
  /** A number by which the child decides what it does besides. */
  besides: number
}

/** Numbers from 0 to below 1 that follow from these. */
export function randomOf(...seeds: number[]): () => number {
  let state = 0x1f83d9ab
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  for (const seed of seeds) {
    // Never 0, where it would stay.
    state = (state ^ Math.imul(seed + 1, 0x27d4eb2f)) | 1
    for (let i = 0; i < 8; i++) next()
  }
  return () => next() / 2 ** 32
}

export function pick<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]
}

/** The keys of each tree; those of the third are loaded, in ascending order. */
const KEYS: { family: Family; count: number }[] = [
  { family: 'hash', count: 250 },
  { family: 'pairs', count: 60 },
  { family: 'counter', count: 2 ** 32 },
  { family: 'path', count: 400 },
]
const LOADED = 2
/** Room for the keys of one load. */
const LOAD_STEP = 4096

export function planOf(seed: number, n: number, kind: Kind): Plan {
  const random = randomOf(seed, n, kind.length)
  const steps = kind === 'mixed' ? mixed(random, n) : kind === 'grow' ? grow(random, n) : shrink(random, n, kind)
  // A nibble is what always has to succeed on a full disk, and what is undone may need space.
  return { steps, undone: random() < 0.05 && kind !== 'nibble' ? mixed(random, n) : [], besides: random() }
}

function mixed(random: () => number, n: number): Step[] {
  const steps = Array.from({ length: 1 + Math.floor(random() ** 3 * 20) }, () => step(random, n))
  if (random() < 0.1) steps.push({ do: 'load', tree: LOADED, start: (n + 0.5) * LOAD_STEP, count: random() < 0.1 ? 1500 : 30, length: Math.floor(random() * 900) })
  // Enough pages that the commit syncs twice.
  if (random() < 0.005) for (let i = 0; i < 24; i++) steps.push({ do: 'put', tree: 0, key: { family: 'hash', n: i }, length: 200_000, seed: i })
  if (random() < 0.1) steps.splice(Math.floor(steps.length / 2), 0, { do: 'savepoint', keep: random() < 0.5, steps: [step(random, n), step(random, n)] })
  return steps
}

function step(random: () => number, n: number): Step {
  const what = random()
  const tree = pick(random, [0, 0, 0, 1, 3, 3])
  if (what < 0.55) return put(random, tree)
  if (what < 0.8) return { do: 'delete', tree, key: keyOf(random, tree) }
  if (what < 0.86) return { do: 'deleteRange', ...rangeOf(random, tree, 20) }
  if (what < 0.92) return { do: 'deleteRange', tree: LOADED, from: counter(0), to: counter((n - Math.floor(random() * 30)) * LOAD_STEP) }
  // Twice in a transaction would not be in ascending order.
  if (what < 0.96) return { do: 'put', tree: LOADED, key: counter((n + 0.25) * LOAD_STEP), length: 30, seed: n & 0xff }
  return { do: what < 0.98 ? 'createTree' : 'dropTree', tree: pick(random, [1, LOADED, 3]) }
}

function put(random: () => number, tree: number): Step {
  const size = random()
  const length = size < 0.6 ? random() * 200 : size < 0.85 ? random() * 1900 : size < 0.99 ? 2000 + random() * 20_000 : random() * 300_000
  return { do: 'put', tree, key: keyOf(random, tree), length: Math.floor(length), seed: Math.floor(random() * 256) }
}

function keyOf(random: () => number, tree: number): KeySpec {
  const { family, count } = KEYS[tree]
  return { family, n: Math.floor(random() * count) }
}

function counter(n: number): KeySpec {
  return { family: 'counter', n: Math.max(0, Math.floor(n)) }
}

function rangeOf(random: () => number, tree: number, width: number): { tree: number; from: KeySpec; to: KeySpec } {
  const { family, count } = KEYS[tree]
  const n = Math.floor(random() * count)
  return { tree, from: { family, n }, to: { family, n: n + Math.floor(random() * width) } }
}

/** Numbers that each growing transaction has for its keys. */
const GROW_STEP = 32

/** Keys of its own, so that the store grows until the disk is full. */
function grow(random: () => number, n: number): Step[] {
  const large = random() < 0.2
  const length = (): number => Math.floor(large ? 2000 + random() * 40_000 : random() * 1500)
  return Array.from({ length: large ? 3 : 20 }, (_, i): Step => ({ do: 'put', tree: i % 2, key: counter(n * GROW_STEP + i), length: length(), seed: n & 0xff }))
}

function shrink(random: () => number, n: number, kind: Kind): Step[] {
  const tree = pick(random, [0, 1])
  const from = random() * n * GROW_STEP
  if (kind === 'nibble') return [{ do: 'delete', tree, key: counter(from) }]
  return [{ do: 'deleteRange', tree, from: counter(from), to: counter(from + random() * n * GROW_STEP) }]
}

// Doing it.

/** What steps are done on: a transaction, or the model. */
interface Target {
  put(tree: number, key: Bytes, value: Bytes): void
  delete(tree: number, key: Bytes): void
  deleteRange(tree: number, gte: Bytes, lt: Bytes): void
  load(tree: number, entries: [Bytes, Bytes][]): void
  createTree(tree: number): void
  dropTree(tree: number): void
  /** Answers how to go back to where it is now. */
  savepoint(): () => void
}

/** Does transaction n, all but its commit. */
export function fill(tx: Transaction<Bytes, Bytes>, { steps }: Pick<Plan, 'steps'>, n: number, kind: Kind): void {
  const target: Target = {
    put: (tree, key, value) => treeOf(tx, tree).put(key, value),
    delete: (tree, key) => void treeOf(tx, tree).delete(key),
    deleteRange: (tree, gte, lt) => void treeOf(tx, tree).deleteRange({ gte, lt }),
    load: (tree, entries) => void treeOf(tx, tree).load(entries),
    createTree: (tree) => void tx.createTree(TREES[tree]),
    dropTree: (tree) => void tx.dropTree(TREES[tree]),
    savepoint: () => {
      const point = tx.savepoint()
      return () => point.rollback()
    },
  }
  apply(target, steps)
  target.put(0, NEWEST, Buffer.from(`${n} ${kind}`))
}

/** What transaction n makes of the model. */
export function advance(model: ModelStore, seed: number, n: number, kind: Kind): void {
  const target: Target = {
    put: (tree, key, value) => model.write(TREES[tree]).put(textOf(key), value),
    delete: (tree, key) => void model.read(TREES[tree]).delete(textOf(key)),
    deleteRange: (tree, gte, lt) => void model.read(TREES[tree]).deleteRange({ gte: textOf(gte), lt: textOf(lt) }),
    load: (tree, entries) => entries.forEach(([key, value]) => model.write(TREES[tree]).put(textOf(key), value)),
    createTree: (tree) => void model.createTree(TREES[tree]),
    dropTree: (tree) => void model.dropTree(TREES[tree]),
    savepoint: () => {
      const { trees } = model.clone()
      return () => {
        model.trees.clear()
        for (const [name, tree] of trees) model.trees.set(name, tree)
      }
    },
  }
  apply(target, planOf(seed, n, kind).steps)
  target.put(0, NEWEST, Buffer.from(`${n} ${kind}`))
}

function apply(target: Target, steps: Step[]): void {
  for (const each of steps) {
    switch (each.do) {
      case 'put':
        target.put(each.tree, keyBytes(each.key), valueBytes(each))
        break
      case 'delete':
        target.delete(each.tree, keyBytes(each.key))
        break
      case 'deleteRange':
        target.deleteRange(each.tree, keyBytes(each.from), keyBytes(each.to))
        break
      case 'load':
        target.load(each.tree, Array.from({ length: each.count }, (_, i) => [keyBytes(counter(each.start + i)), valueBytes({ length: each.length, seed: i & 0xff })]))
        break
      case 'savepoint': {
        const back = target.savepoint()
        apply(target, each.steps)
        if (!each.keep) back()
        break
      }
      default:
        target[each.do](each.tree)
    }
  }
}

/** The newest commit that a store says it has. */
export function newestOf(value: Bytes | undefined): { n: number; kind: Kind } {
  const [n, kind] = value === undefined ? ['0', 'mixed'] : Buffer.from(value).toString().split(' ')
  return { n: Number(n), kind: kind as Kind }
}
