/**
 * Sharing by the least work: cells of an overfull leaf move over to a neighbour as it stands, whose own cells stay where
 * they are. Where keys come in random order nine of ten shares can be had so.
 */
import { arenaOf, baseOf } from '../page/arena.js'
import { countOf } from '../page/header.js'
import { HEADER, PAGE_SIZE } from '../page/layout.js'
import { gapOf, prefixLengthOf, usedBytes } from '../page/node.js'
import type { Cells } from './cells.js'
import type { Tree } from './tree.js'

/** Bytes of a page that slots, cells and the prefix share. */
const ROOM = PAGE_SIZE - HEADER.SIZE

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
  let part = before ? 0 : cells.count
  let moved = 0
  while (moved < wanted && part >= 0 && part < cells.count + (before ? 0 : 1)) moved += cells.sizeOf(before ? part++ : --part, prefixLength)
  if (part <= 0 || part >= cells.count) return UNFIT
  const [from, to] = before ? [0, part] : [part, cells.count]
  const left = before ? cells.roomLeft(part, cells.count) : cells.roomLeft(0, part)
  if (left + ROOM - theirs - moved < room) return CROWDED
  if (moved > gapOf(arena, base)) return UNFIT
  const fits = before ? cells.fits(part, cells.count) : cells.fits(0, part)
  return fits && cells.agree(arena, base, from, to) ? part : UNFIT
}

/** Puts the cells before or from `part` on into the neighbour at `slot`, which may be changed. */
export function shift(tree: Tree, cells: Cells, slot: number, before: boolean, part: number): void {
  const arena = tree.pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  if (before) cells.insertInto(arena, base, countOf(arena, base), 0, part)
  else cells.insertInto(arena, base, 0, part, cells.count)
}
