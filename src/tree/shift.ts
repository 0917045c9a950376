/**
 * Sharing by the least work: cells of an overfull leaf move over to a neighbour as it stands, whose own cells stay where
 * they are. Where keys come in random order nine of ten shares can be had so.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf } from '../page/header.js'
import { HEADER } from '../page/layout.js'
import { gapOf, prefixLengthOf, usedBytes } from '../page/node.js'
import type { Cells } from './cells.js'
import { ROOM } from './cells.js'
import type { Tree } from './tree.js'

/** Answers of `partFor` in place of a cut. */
export const CROWDED = -1
export const UNFIT = -2

/**
 * Where to part the cells of a leaf so that it and the page at `slot`, the neighbour `before` or behind it, are about equally
 * full, with `room` bytes left in both together. Otherwise CROWDED where they have not so much, else UNFIT: the neighbour
 * cannot take its part as it stands.
 */
export function partFor(tree: Tree, cells: Cells, slot: number, before: boolean, room: number): number {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  const prefixLength = prefixLengthOf(arena, base)
  const theirs = usedBytes(arena, base) - HEADER.SIZE
  const wanted = (ROOM - cells.roomLeft(0, cells.count) - theirs) / 2
  let count = 0
  let moved = 0
  while (moved < wanted && count < cells.count) moved += cells.sizeOf(before ? count++ : cells.count - ++count, prefixLength)
  if (count === 0 || count === cells.count) return UNFIT
  const part = before ? count : cells.count - count
  // The cells that stay are those from `stays` on, before `end`; the others move.
  const stays = before ? part : 0
  const end = before ? cells.count : part
  if (cells.roomLeft(stays, end) + ROOM - theirs - moved < room) return CROWDED
  if (moved > gapOf(arena, base) || !cells.fits(stays, end)) return UNFIT
  return cells.agree(arena, base, before ? 0 : part, before ? part : cells.count) ? part : UNFIT
}

/** Puts the cells before or from `part` on into the neighbour at `slot`, which may be changed. */
export function shift(tree: Tree, cells: Cells, slot: number, before: boolean, part: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (before) cells.insertInto(arena, base, countOf(arena, base), 0, part)
  else cells.insertInto(arena, base, 0, part, cells.count)
}
