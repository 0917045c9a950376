/**
 * Damage of a single byte to a store whose records wait in the journal, in every page of the journal and in every page of a tree:
 *
 * 1. A page of the journal that is damaged ends it: what is opened is the commit before (I29), but nothing is opened where a page behind
 *    that end knows that a commit behind it was durable (I30).
 * 2. A page of a tree that is damaged makes opening fail, where a record touches it, or reading; no answer is wrong (I5, I7).
 * 3. One meta page of the checkpoint may be damaged: the journal does not hang on it (I32).
 */
import { describe, expect, it } from 'vitest'
import { CoppiceError } from '../../src/index.js'
import { HEADER, JOURNAL, PAGE_SIZE } from '../../src/page/layout.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../../test/faulty-file.js'
import type { Anatomy } from './anatomy.js'
import { anatomyOf, journalPagesOf } from './anatomy.js'
import { contentOf, TEXT } from './content.js'
import type { Content, Text } from './content.js'

interface Left {
  image: Uint8Array
  /** What each commit left, by its id. */
  contents: Map<number, Content>
  anatomy: Anatomy
}

const key = (i: number): string => `key ${i} ${'k'.repeat(200)}`

/** A crash of a store that has five records in its journal, of one page and of two, behind a durable checkpoint. */
function left(syncs: boolean): Left {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db, store } = openOn<string, string>(file, { ...TEXT, durability: 'lazy', syncInterval: 2 ** 30 }, 3)
  const contents = new Map<number, Content>()
  const commit = (change: (tx: Pick<Text, 'put' | 'delete'>, side: Pick<Text, 'put'>) => void): void => {
    db.transaction((tx) => change(tx, tx.tree<string, string>('side', TEXT)))
    contents.set(store.newest.meta.transaction, contentOf(db))
  }
  for (let round = 0; round < 3; round++) commit((tx) => { for (let i = 0; i < 60; i++) tx.put(key(i), `${round}`.repeat(300)) })
  commit((_, side) => { for (let i = 0; i < 20; i++) side.put(key(i), 'side') })
  db.sync()
  for (let i = 0; i < 5; i++) {
    commit((tx, side) => {
      for (let j = 0; j < (i % 2 === 0 ? 3 : 14); j++) tx.put(key(7 * i + j), `${i}`.repeat(250))
      tx.delete(key(50 + i))
      side.put(key(i), 'changed')
    })
    if (syncs) db.sync()
  }
  const image = imageOf(file.inner)
  return { image, contents, anatomy: anatomyOf(image) }
}

function flipped(image: Uint8Array, at: number): Uint8Array {
  const damaged = image.slice()
  damaged[at] ^= 1 << (at % 8)
  return damaged
}

/** Opens a file and answers the id of its commit and its content, or that it is damaged. */
function opened(image: Uint8Array, mapped: boolean): { transaction: number; content: Content } | 'damaged' {
  try {
    const { db, store } = openOn<string, string>(new FaultyFile(fileOf(image), mapped), TEXT, 3)
    return { transaction: store.newest.meta.transaction, content: contentOf(db) }
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_CORRUPT') return 'damaged'
    throw error
  }
}

/** Where to flip a bit: in each field of the page, in its data, and in the zeros behind. */
const PLACES = [HEADER.CRC, HEADER.PAGE, HEADER.BIRTH, HEADER.BIRTH + 6, HEADER.TYPE, HEADER.COUNT, HEADER.FLAGS, JOURNAL.BASE, JOURNAL.DURABLE, JOURNAL.POSITION, JOURNAL.PART, JOURNAL.LENGTH, JOURNAL.SALT, JOURNAL.DATA, JOURNAL.DATA + 1, JOURNAL.DATA + 200, PAGE_SIZE - 1]

describe.each([true, false])('a journal whose commits were synced one by one: %s', (syncs) => {
  const { image, contents, anatomy } = left(syncs)
  const pages = journalPagesOf(image, anatomy.meta)
  const newest = Math.max(...contents.keys())

  it('holds what was committed, as long as nothing is damaged', () => {
    expect(pages.length).toBe(7)
    for (const mapped of [true, false]) expect(opened(image, mapped)).toEqual({ transaction: newest, content: contents.get(newest) })
  })

  it('is damaged, or leads to the commit before the damage, where nobody knows more to have been durable', () => {
    const outcomes = new Set<unknown>()
    for (const [index, { page, content }] of pages.entries()) {
      const before = Math.max(anatomy.meta.transaction, ...pages.slice(0, index).map(({ content: { transaction } }) => transaction).filter((id) => id < content.transaction))
      const known = pages.slice(index + 1).some(({ content: { durable } }) => durable > before)
      const expected = known ? 'damaged' : { transaction: before, content: contents.get(before) }
      for (const place of PLACES) expect(opened(flipped(image, page * PAGE_SIZE + place), index % 2 === 0), `page ${page}, byte ${place}`).toEqual(expected)
      outcomes.add(expected === 'damaged' ? expected : before)
    }
    // Of the synced ones the last record, and with it the pages that no later one knows of, may be lost without a trace.
    expect(outcomes.size).toBe(syncs ? 2 : 5)
  })

  it('never leads to wrong data over a page of a tree that is damaged', () => {
    let refused = 0
    for (const [index, { first }] of anatomy.parts.filter(({ kind }) => kind !== 'journal').entries()) {
      for (const place of [HEADER.CRC, HEADER.BIRTH, HEADER.COUNT, HEADER.SIZE + 1, PAGE_SIZE - 9]) {
        const found = opened(flipped(image, first * PAGE_SIZE + place), index % 2 === 0)
        if (found === 'damaged') refused++
        else expect(found, `page ${first}, byte ${place}`).toEqual({ transaction: newest, content: contents.get(newest) })
      }
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('stays where one of its meta pages is damaged', () => {
    expect(anatomy.slots.length).toBe(2)
    for (const slot of anatomy.slots) expect(opened(flipped(image, slot * PAGE_SIZE + HEADER.BIRTH), true)).toEqual({ transaction: newest, content: contents.get(newest) })
  })
})
