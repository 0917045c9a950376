/** `check` looks as closely at pages that this process wrote, which no read ever validates, as at those of a file. */
import { expect, it } from 'vitest'
import { arenaOf, baseOf } from '../../src/page/arena.js'
import { typeOf } from '../../src/page/header.js'
import { HEADER, META_SLOTS, TYPE } from '../../src/page/layout.js'
import type { Pager } from '../../src/pager/pager.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'

/** Counts a hole that is not there in a leaf that is in its frame, as a fault of the engine's own would. */
function miscountHole(pager: Pager): void {
  const page = pager.where.findIndex((slot, number) => number >= META_SLOTS && pager.isDirty(number) && typeOf(pager.arenas[arenaOf(slot)], baseOf(slot)) === TYPE.LEAF)
  const slot = pager.where[page]
  pager.arenas[arenaOf(slot)].halves[(baseOf(slot) + HEADER.FRAGMENTED) >>> 1] += 4
}

it('check finds a leaf of this process whose checksum is right and whose bytes do not add up', () => {
  const { db, store } = openOn(new FaultyFile(fileOf(emptyImage())))
  db.transaction((tx) => {
    for (let i = 0; i < 20; i++) tx.put(`key ${i}`, 'value')
    miscountHole(store.pager)
  })
  expect(db.get('key 7')).toBe('value')
  expect(db.check().errors.map(({ code, message }) => [code, message])).toEqual([['COPPICE_CORRUPT', expect.stringContaining('do not add up')]])
})
