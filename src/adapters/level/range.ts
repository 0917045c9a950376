/** Ranges of keys, from Level's terms to coppice's. */
import type { KeyRange, RangeOptions } from '../../index.js'
import type { Stored } from './bytes.js'
import { bytesOf } from './bytes.js'

/** The range options that abstract-level hands over, encoded. */
export interface LevelRange {
  gt?: Stored | undefined
  gte?: Stored | undefined
  lt?: Stored | undefined
  lte?: Stored | undefined
}

/** In Level `gte` and `lte` make `gt` and `lt` count for nothing; in coppice all bounds bind. */
export function keyRange({ gt, gte, lt, lte }: LevelRange): KeyRange<Stored> {
  const range: KeyRange<Stored> = {}
  if (gte !== undefined) range.gte = gte
  else if (gt !== undefined) range.gt = gt
  if (lte !== undefined) range.lte = lte
  else if (lt !== undefined) range.lt = lt
  return range
}

/** What is left of a range for an iterator that goes on from `target`; undefined where that lies outside of it. */
export function rangeFrom(range: KeyRange<Stored>, target: Stored, reverse: boolean): RangeOptions<Stored> | undefined {
  const { gt, gte, lt, lte } = range
  const order = (bound: Stored): number => Buffer.compare(bytesOf(target), bytesOf(bound))
  if (gte !== undefined && order(gte) < 0) return undefined
  if (gt !== undefined && order(gt) <= 0) return undefined
  if (lte !== undefined && order(lte) > 0) return undefined
  if (lt !== undefined && order(lt) >= 0) return undefined
  return reverse ? { ...range, lte: target, reverse } : { ...range, gte: target }
}
