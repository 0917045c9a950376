/** A case: a damaged file and how it is opened, all of it following from a seed and a number. */
import type { Seal } from './anatomy.js'
import { isKeptForJournal, seal } from './anatomy.js'
import type { Base } from './bases.js'
import { META_SLOTS } from '../../src/page/layout.js'
import { Dice } from './dice.js'
import { FIELDS } from './fields.js'
import type { Mutation, Target } from './raw.js'
import { LENGTH, RAW } from './raw.js'
import { SHAPES } from './shapes.js'

/** Where the damaged file stands: in memory or on a disk, read through windows or without. */
export interface Layer {
  onDisk: boolean
  mapped: boolean
}

export interface Case {
  number: number
  base: Base
  layer: Layer
  readOnly: boolean
  image: Uint8Array
  /** True where checksums tell all of the damage: then every answer is right or an error. */
  exact: boolean
  kinds: string[]
  /** What was done, for people. */
  story: string[]
}

interface Plan {
  kind: string
  mutation: Mutation
  /** Names the choices of this mutation, so that they stay when others are left out. */
  dice: Dice
}

const LATE = Object.keys(LENGTH)
const EARLY = { ...RAW, ...FIELDS, ...SHAPES }
const GROUPS = [Object.keys(RAW), Object.keys(FIELDS), Object.keys(SHAPES), LATE]

export const KINDS: readonly string[] = [...Object.keys(EARLY), ...LATE]

/** Most files have one thing wrong with them; some have up to four. */
const HOW_MANY = [1, 1, 1, 1, 1, 1, 2, 2, 3, 4]

function plansOf(seed: number, number: number, how: Seal, dice: Dice): Plan[] {
  // Without a checksum of its own a field is no more than some bytes.
  const weights = how === 'none' ? [0, 0, 0, 0, 1, 2, 3, 3] : [0, 1, 1, 1, 2, 2, 2, 3]
  return Array.from({ length: dice.pick(HOW_MANY) }, (_, i) => {
    const own = new Dice(seed, number, 1 + i)
    const kind = own.pick(GROUPS[own.pick(weights)])
    return { kind, mutation: { ...EARLY, ...LENGTH }[kind], dice: own }
  })
}

function weighted(bases: readonly Base[], dice: Dice): Base {
  let left = dice.below(bases.reduce((sum, { weight }) => sum + weight, 0))
  return bases.find(({ weight }) => (left -= weight) < 0) ?? bases[0]
}

/** How many mutations a case has. */
export function mutationsOf(seed: number, number: number): number {
  return draw(seed, number).plans.length
}

function draw(seed: number, number: number) {
  const dice = new Dice(seed, number)
  const how = dice.pick<Seal>(['none', 'none', 'none', 'none', 'page', 'path', 'path', 'path', 'path', 'path'])
  return { dice, how, plans: plansOf(seed, number, how, dice) }
}

/** Makes a case; `left` are the indices of the mutations that are left out. */
export function buildCase(bases: readonly Base[], seed: number, number: number, left: readonly number[] = []): Case {
  const { dice, how, plans } = draw(seed, number)
  const base = weighted(bases, dice)
  const layer = { onDisk: dice.chance(0.2), mapped: dice.chance(0.65) }
  const readOnly = dice.chance(0.1)
  const kept = plans.filter((_, i) => !left.includes(i)).sort((a, b) => Number(LATE.includes(a.kind)) - Number(LATE.includes(b.kind)))
  const target: Target = { base, bases, bytes: base.image.slice(), touched: new Set() }
  const story = [`base "${base.name}", ${layer.onDisk ? 'on a disk' : 'in memory'}, ${layer.mapped ? 'mapped' : 'not mapped'}${readOnly ? ', read-only' : ''}`]
  const early = kept.filter(({ kind }) => !LATE.includes(kind))
  const tell = ({ kind, mutation, dice: own }: Plan): void => void story.push(`${kind}: ${mutation(target, own)}`)
  early.forEach(tell)
  const touched = [...target.touched]
  seal(target.bytes, base.anatomy, target.touched, how)
  if (how !== 'none' && touched.length > 0) story.push(how === 'page' ? 'the checksums of these pages are right' : 'the checksums of these pages and of all that leads to them are right')
  kept.slice(early.length).forEach(tell)
  // The checksum of a page in the journal stands nowhere else.
  const told = how === 'none' || (how === 'page' && touched.every((page) => page >= META_SLOTS && !isKeptForJournal(page, base.anatomy.meta)))
  return { number, base, layer, readOnly, image: target.bytes, exact: told || touched.length === 0, kinds: kept.map(({ kind }) => kind), story }
}
