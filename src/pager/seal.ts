/**
 * Sealing: a changed page gets its checksum, and its parent's pointer the same one, bottom-up. A page is
 * sealed when it is written and not before, however many transactions change or read it until then.
 *
 * Invariant: a dirty page's parent is dirty too, and its pointer to that page carries UNSEALED.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { branchFlags, childOf, setBranchFlags, setChildCrc } from '../page/branch.js'
import { pageCrc } from '../page/checksum.js'
import { birthOf, countOf, crcOf, setCrc, typeOf } from '../page/header.js'
import { BRANCH_FLAG, TYPE } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import type { Pager } from './pager.js'
import type { Root } from './root.js'
import type { Writer } from './writer.js'

/** What a write transaction leaves: the roots, and the next id for a new tree. */
export interface Outcome {
  defaultTree: Root
  catalog: Root
  nextTree: number
}

/** The meta page of a commit, the one after `before`; what is free it still has to say. */
export function metaAfter(before: Meta, { space, id }: Writer, { defaultTree, catalog, nextTree }: Outcome): Meta {
  return {
    ...before,
    transaction: id,
    pageCount: space.pageCount,
    nextTree,
    defaultTree: defaultTree.pointer(),
    catalog: catalog.pointer(),
    timestamp: Date.now(),
  }
}

/**
 * Seals all dirty pages born in transaction `youngest` or before, those too that only older commits reach, and these roots. Younger pages
 * are still being changed, by who may remember the way to them.
 */
export function sealAll(pager: Pager, roots: readonly Root[], youngest: number): void {
  const { pool } = pager
  const sealed = new Set<number>()
  for (const frame of pool.dirtyFrames()) {
    const slot = pool.slotOf(frame)
    if (birthOf(pager.arenas[arenaOf(slot)], baseOf(slot)) <= youngest) sealPage(pager, pool.pageOf(frame), sealed)
  }
  for (const root of roots) sealRoot(pager, root, sealed)
}

/** Seals the tree and adds the frames of its dirty pages to `sealed`. */
export function sealRoot(pager: Pager, root: Root, sealed: Set<number>): void {
  if (!root.unsealed) return
  root.crc = sealPage(pager, root.page, sealed)
  root.unsealed = false
}

/** Seals these dirty frames and all dirty pages below them; answers every frame sealed. */
export function sealFrames(pager: Pager, frames: readonly number[]): number[] {
  const sealed = new Set<number>()
  for (const frame of frames) sealPage(pager, pager.pool.pageOf(frame), sealed)
  return [...sealed]
}

/** The page's final checksum. A page that is not dirty was sealed when it was spilled. */
function sealPage(pager: Pager, page: number, sealed: Set<number>): number {
  if (!pager.isDirty(page)) return pager.storedCrc(page)
  const slot = pager.where[page]
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const frame = pager.pool.frameOf(slot)
  if (sealed.has(frame)) return crcOf(arena, base)
  if (typeOf(arena, base) === TYPE.BRANCH) {
    for (let i = 0, count = countOf(arena, base); i < count; i++) {
      const flags = branchFlags(arena, base, i)
      if ((flags & BRANCH_FLAG.UNSEALED) === 0) continue
      setChildCrc(arena, base, i, sealPage(pager, childOf(arena, base, i), sealed))
      setBranchFlags(arena, base, i, flags & ~BRANCH_FLAG.UNSEALED)
    }
  }
  const crc = pageCrc(arena, base)
  setCrc(arena, base, crc)
  sealed.add(frame)
  return crc
}
