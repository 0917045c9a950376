import { open } from '../src/index.js'
import { Pager } from '../src/pager/pager.js'
import type { Figure } from './index.js'
import { Random } from './random.js'

const CALLS = 1_000

/** Pages that `count`, `at` and `rank` read on a million entries. */
export function ordinals(_folder: string, scale: number): Figure[] {
  const entries = Math.round(1_000_000 * scale)
  using db = open(':memory:', { keyEncoding: 'binary' })
  const random = new Random(3)
  const value = new Uint8Array(20)
  db.transaction((tx) => {
    for (let i = 0; i < entries; i++) tx.put(random.fill(new Uint8Array(16)), value)
  })
  const { depth } = db.stats().trees[0]
  const key = () => random.fill(new Uint8Array(16))
  const calls: Record<string, () => unknown> = {
    count: () => db.count({ gte: key(), lt: key() }),
    at: () => db.at(random.below(entries)),
    rank: () => db.rank(key()),
  }
  return Object.entries(calls).map(([name, call]) => {
    const most = mostPages(call)
    return { what: `${name} on ${entries.toLocaleString('en')} entries, depth ${depth}: pages read at most`, goal: `<= ${2 * depth}`, measured: String(most), holds: most <= 2 * depth }
  })
}

/** The largest number of pages looked up in one call. */
function mostPages(call: () => unknown): number {
  const original = Object.getOwnPropertyDescriptor(Pager.prototype, 'locate')
  let pages = 0
  let most = 0
  const locate = Pager.prototype.locate
  Pager.prototype.locate = function (page: number, tree: number | undefined): number {
    pages++
    return locate.call(this, page, tree)
  }
  try {
    for (let i = 0; i < CALLS; i++) {
      pages = 0
      call()
      most = Math.max(most, pages)
    }
  } finally {
    if (original !== undefined) Object.defineProperty(Pager.prototype, 'locate', original)
  }
  return most
}
