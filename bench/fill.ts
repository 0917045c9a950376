import { open } from '../src/index.js'
import type { Figure } from './index.js'
import { Random } from './random.js'

const SIZES = [8, 32, 64, 128, 250, 750]

/**
 * How full leaves are: after inserts in random order, in ascending order, and after `load`. A page holds whole
 * cells only: where those that fit fill less than the goal (five of 780 bytes fill 95 %), the goal is a fill
 * of that.
 */
export function fill(_folder: string, scale: number): Figure[] {
  return [
    figure('random-order inserts leave leaves full', 0.8, 12, (size, count) => inserted(size, count, (random) => random.fill(new Uint8Array(16)))),
    figure('ascending inserts leave leaves full', 0.95, 0, (size, count) => inserted(size, count, (_random, i) => numbered(i))),
    figure('load leaves leaves full', 0.95, 0, loaded),
  ]

  function figure(what: string, goal: number, rest: number, measure: (size: number, count: number) => number): Figure {
    const fills = SIZES.map((size) => measure(size, Math.round((40_000_000 * scale) / (size + 100))))
    return {
      what: `${what}, values of ${SIZES.join(', ')} bytes`,
      goal: `>= ${goal * 100} %`,
      measured: fills.map((value) => `${(value * 100).toFixed(1)} %`).join(', '),
      holds: fills.every((value, i) => value >= Math.min(goal, wholeCells(SIZES[i], rest))),
    }
  }
}

function inserted(size: number, count: number, key: (random: Random, i: number) => Uint8Array): number {
  using db = open(':memory:', { keyEncoding: 'binary' })
  const random = new Random(size)
  const value = new Uint8Array(size)
  db.transaction((tx) => {
    for (let i = 0; i < count; i++) tx.put(key(random, i), value)
  })
  return db.stats().trees[0].leafFill
}

function loaded(size: number, count: number): number {
  using db = open(':memory:', { keyEncoding: 'binary' })
  const value = new Uint8Array(size)
  db.load(
    (function* () {
      for (let i = 0; i < count; i++) yield [numbered(i), value] as const
    })(),
  )
  return db.stats().trees[0].leafFill
}

function numbered(i: number): Uint8Array {
  const key = new Uint8Array(16)
  new DataView(key.buffer).setUint32(12, i)
  return key
}

/** The share of a page that whole cells can fill, with values of this size and so many bytes of each key in its cell. */
function wholeCells(size: number, rest: number): number {
  const cell = 8 + Math.ceil((4 + rest + size) / 4) * 4
  return (32 + Math.floor(4064 / cell) * cell) / 4096
}
