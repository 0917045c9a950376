import { expect, it } from 'vitest'
import { arenaOf, baseOf } from '../../src/page/arena.js'
import { childCrcOf, childOf } from '../../src/page/branch.js'
import { countOf } from '../../src/page/header.js'
import { Root } from '../../src/pager/root.js'
import { Tree } from '../../src/tree/tree.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'
import { padded } from '../helpers.js'

it('a page that a tree has entered stays in its frame while the next hundred pages are looked at, however old it is there', () => {
  const { db, store } = openOn(new FaultyFile(fileOf(emptyImage()), false), { poolSize: 2 * 2 ** 20 })
  db.transaction((tx) => { for (let i = 0; i < 3000; i++) tx.put(padded(i), 'w'.repeat(1500)) })
  const { pager } = store
  const tree = new Tree(pager, new Root(1, store.newest.meta.defaultTree), null, store.newest.base)
  const children = (slot: number) => {
    const arena = pager.arenas[arenaOf(slot)]
    const base = baseOf(slot)
    return Array.from({ length: countOf(arena, base) }, (_, i) => ({ page: childOf(arena, base, i), crc: childCrcOf(arena, base, i) }))
  }
  const level = tree.root.depth - 1
  const leaves = level === 1 ? children(tree.enterRoot()) : children(tree.enterRoot()).flatMap(({ page, crc }) => children(tree.enter(page, crc, 1)))
  expect(leaves.length).toBeGreaterThan(1200)
  // Each leaf in turn is entered again after the pool has gone round, while other pages come and go.
  for (let round = 0; round + 700 < leaves.length; round += 50) {
    const [old] = leaves.slice(round)
    for (const { page } of leaves.slice(round, round + 400)) pager.locate(page, 1)
    const slot = tree.enter(old.page, old.crc, 0)
    for (const { page } of leaves.slice(round + 400, round + 500)) pager.locate(page, 1)
    expect(pager.where[old.page], `leaf ${round}`).toBe(slot)
  }
})
