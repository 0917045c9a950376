/** Whoever can see an old commit: a snapshot, an iterator or a cursor that stays open. */
import { bytesOf } from '../model/bytes.js'
import { TREES } from '../model/operations.js'
import type { ModelStore, SortedMap } from '../model/sorted-map.js'
import type { BytesKeyspace } from '../model/world.js'
import { same, sameKey, sameStore, sameValue, treeOf } from '../model/world.js'
import type { HeldStore, Point } from './world.js'

export type HoldKind = 'snapshot' | 'iterator' | 'backwards' | 'cursor'

export interface Hold {
  readonly point: Point
  /** The pages of its commit with their checksums, as of when it began. */
  readonly pages: Map<number, number>
  /** Reads and compares; answers false where it has thereby come to its end, and holds nothing any more. */
  compare(): boolean
  end(): void
}

export function openHold(world: HeldStore, kind: HoldKind, tree: number): Hold {
  const point = world.newest
  const { pages } = world.reach(point)
  const model = world.committed.clone()
  const open = kind === 'snapshot' ? openSnapshot : kind === 'cursor' ? openCursor : kind === 'iterator' ? openIterator : openBackwards
  const hold = { point, pages, ...open(world, model, tree) }
  world.holds.push(hold)
  return hold
}

type Reading = Pick<Hold, 'compare' | 'end'>

function openSnapshot(world: HeldStore, model: ModelStore): Reading {
  const tx = world.db.snapshot()
  const compare = (): boolean => {
    sameStore('snapshot', tx, model)
    TREES.forEach((name, tree) => samePlaces(treeOf(tx, tree), model.read(name)))
    return true
  }
  return { compare, end: () => tx.rollback() }
}

/** Values by key, ranks, positions and counts, here and there. */
function samePlaces(tree: BytesKeyspace, model: SortedMap): void {
  const { size, keys } = model
  for (let i = 0; i < 12 && size > 0; i++) {
    const at = Math.floor((i * (size - 1)) / 11)
    const key = bytesOf(keys[at])
    sameValue('get in a snapshot', tree.get(key), model.values[at])
    same('rank in a snapshot', tree.rank(key), at)
    sameKey('at in a snapshot', tree.at(at - size)?.[0], keys[at])
    same('count in a snapshot', tree.count({ gte: key }), size - at)
  }
}

function openIterator(world: HeldStore, model: ModelStore, tree: number, reverse = false): Reading {
  const entries = model.read(TREES[tree])
  const iterator = treeOf(world.db, tree).entries({ reverse })
  let passed = 0
  const compare = (): boolean => {
    for (let steps = 0; steps < 7; steps++) {
      const { done, value } = iterator.next()
      same('done of an iterator', done === true, passed === entries.size)
      if (value === undefined) return false
      const at = reverse ? entries.size - 1 - passed : passed
      sameKey('key of an iterator', value[0], entries.keys[at])
      sameValue('value of an iterator', value[1], entries.values[at])
      passed++
    }
    return true
  }
  return { compare, end: () => void iterator.return() }
}

function openBackwards(world: HeldStore, model: ModelStore, tree: number): Reading {
  return openIterator(world, model, tree, true)
}

function openCursor(world: HeldStore, model: ModelStore, tree: number): Reading {
  const entries = model.read(TREES[tree])
  const cursor = treeOf(world.db, tree).cursor()
  let turn = 0
  const look = (at: number): void => {
    sameKey('key of a cursor', cursor.key, entries.keys[at])
    sameValue('value of a cursor', cursor.value, entries.values[at])
  }
  const compare = (): boolean => {
    const at = entries.size === 0 ? 0 : (turn++ * 37) % entries.size
    same('seekPosition of a cursor', cursor.seekPosition(at), at < entries.size)
    if (entries.size === 0) return true
    look(at)
    if (cursor.next()) look(at + 1)
    same('seek of a cursor', cursor.seek(bytesOf(entries.keys[at])), true)
    if (cursor.previous()) look(at - 1)
    return true
  }
  return { compare, end: () => cursor.close() }
}
