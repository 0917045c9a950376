/** Damage that knows nothing of what it hits: what disks, cables and other programs do. */
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import type { Base } from './bases.js'
import type { Dice } from './dice.js'

/** An image under damage. */
export interface Target {
  bytes: Uint8Array
  base: Base
  bases: readonly Base[]
  /** Pages whose content was changed. */
  touched: Set<number>
}

/** Damages the target and answers what it did, for people. */
export type Mutation = (target: Target, dice: Dice) => string

const SECTOR = 512

export function pagesOf({ bytes }: Target): number {
  return Math.floor(bytes.length / PAGE_SIZE)
}

export function pageIn({ bytes }: { bytes: Uint8Array }, page: number): Uint8Array {
  return bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

/** A page, mostly one that the newest commit reaches. */
export function anyPage(target: Target, dice: Dice): number {
  const { parts, nodes } = target.base.anatomy
  const draw = dice.below(20)
  if (draw < 3) return dice.below(META_SLOTS)
  if (draw < 12 && nodes.length > 0) return dice.pick(nodes).first
  if (draw < 18 && parts.length > 0) {
    const part = dice.pick(parts)
    return part.first + dice.below(Math.ceil(part.length / PAGE_SIZE))
  }
  return dice.below(pagesOf(target))
}

function write(target: Target, at: number, content: Uint8Array): void {
  target.bytes.set(content, at)
  for (let page = Math.floor(at / PAGE_SIZE); page * PAGE_SIZE < at + content.length; page++) target.touched.add(page)
}

/** Where in a page: often in its header or its first slots. */
function offsetIn(dice: Dice): number {
  return dice.chance(0.4) ? dice.below(160) : dice.below(PAGE_SIZE)
}

function sectorOf(target: Target, dice: Dice): number {
  return anyPage(target, dice) * PAGE_SIZE + dice.below(PAGE_SIZE / SECTOR) * SECTOR
}

function otherBase({ base, bases }: Target, dice: Dice): Base {
  return dice.pick(bases.filter((other) => other !== base))
}

export const RAW: Record<string, Mutation> = {
  'flipped bit': (target, dice) => {
    const at = anyPage(target, dice) * PAGE_SIZE + offsetIn(dice)
    const bit = dice.below(8)
    write(target, at, Uint8Array.of(target.bytes[at] ^ (1 << bit)))
    return `bit ${bit} of byte ${at} (page ${Math.floor(at / PAGE_SIZE)}, offset ${at % PAGE_SIZE}) is flipped`
  },

  'changed bytes': (target, dice) => {
    const content = dice.bytes(1 + dice.below(8))
    const at = Math.min(anyPage(target, dice) * PAGE_SIZE + offsetIn(dice), target.bytes.length - content.length)
    write(target, at, content)
    return `bytes from ${at} (page ${Math.floor(at / PAGE_SIZE)}, offset ${at % PAGE_SIZE}) become ${Buffer.from(content).toString('hex')}`
  },

  'zeroed page': (target, dice) => {
    const page = anyPage(target, dice)
    write(target, page * PAGE_SIZE, new Uint8Array(PAGE_SIZE))
    return `page ${page} is zeroed`
  },

  'zeroed sector': (target, dice) => {
    const at = sectorOf(target, dice)
    write(target, at, new Uint8Array(SECTOR))
    return `the sector from byte ${at} is zeroed`
  },

  'swapped pages': (target, dice) => {
    const [one, other] = [anyPage(target, dice), anyPage(target, dice)]
    const content = pageIn(target, one).slice()
    write(target, one * PAGE_SIZE, pageIn(target, other).slice())
    write(target, other * PAGE_SIZE, content)
    return `pages ${one} and ${other} are swapped`
  },

  'stale page': (target, dice) => {
    const index = dice.below(target.base.generations.length)
    const older = target.base.generations[index]
    const page = Math.min(anyPage(target, dice), Math.floor(older.length / PAGE_SIZE) - 1)
    write(target, page * PAGE_SIZE, pageIn({ bytes: older }, page))
    return `page ${page} is what it was in generation ${index}`
  },

  'stale sector': (target, dice) => {
    const index = dice.below(target.base.generations.length)
    const older = target.base.generations[index]
    const at = Math.min(sectorOf(target, dice), older.length - SECTOR)
    write(target, at, older.subarray(at, at + SECTOR))
    return `the sector from byte ${at} is what it was in generation ${index}`
  },

  'misdirected page': (target, dice) => {
    const [from, to] = [anyPage(target, dice), anyPage(target, dice)]
    write(target, to * PAGE_SIZE, pageIn(target, from).slice())
    return `page ${to} has what belongs in page ${from}`
  },

  'page of another file': (target, dice) => {
    const other = otherBase(target, dice)
    const page = anyPage(target, dice)
    const count = Math.floor(other.image.length / PAGE_SIZE)
    const from = dice.chance(0.6) && page < count ? page : dice.below(count)
    write(target, page * PAGE_SIZE, pageIn({ bytes: other.image }, from))
    return `page ${page} is page ${from} of "${other.name}"`
  },

  'garbage': (target, dice) => {
    const length = dice.pick([16, SECTOR, PAGE_SIZE, 3 * PAGE_SIZE])
    const at = Math.min(anyPage(target, dice) * PAGE_SIZE + (length < PAGE_SIZE ? dice.below(PAGE_SIZE - length) : 0), target.bytes.length - length)
    write(target, at, dice.bytes(length))
    return `${length} bytes from ${at} (page ${Math.floor(at / PAGE_SIZE)}) are garbage`
  },

  'zeroed range': (target, dice) => {
    const at = dice.below(target.bytes.length)
    const length = Math.min(dice.below(8 * PAGE_SIZE), target.bytes.length - at)
    write(target, at, new Uint8Array(length))
    return `${length} bytes from ${at} are zeroed`
  },
}

/** Damage to the length of the file: done last, as nothing can be sealed afterwards. */
export const LENGTH: Record<string, Mutation> = {
  'truncated': (target, dice) => {
    const { length } = target.bytes
    const draw = dice.below(4)
    const at = draw === 0 ? dice.below(4 * PAGE_SIZE) : draw === 1 ? dice.below(Math.floor(length / PAGE_SIZE)) * PAGE_SIZE : dice.below(length)
    target.bytes = target.bytes.slice(0, at)
    return `the file ends after ${at} bytes of ${length}`
  },

  'extended': (target, dice) => {
    const length = dice.pick([1, SECTOR, PAGE_SIZE, 10 * PAGE_SIZE, 1 + dice.below(64 * PAGE_SIZE)])
    const longer = new Uint8Array(target.bytes.length + length)
    longer.set(target.bytes)
    const garbage = dice.chance(0.5)
    if (garbage) longer.set(dice.bytes(Math.min(length, PAGE_SIZE)), target.bytes.length)
    target.bytes = longer
    return `${length} bytes of ${garbage ? 'garbage and ' : ''}zeros follow the end of the file`
  },
}
