import { expect, it } from 'vitest'
import { Root } from '../../src/pager/root.js'
import { EntryReader, PART } from '../../src/tree/reader.js'
import { EVERYTHING } from '../../src/tree/scan.js'
import { Tree } from '../../src/tree/tree.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'
import { padded } from '../helpers.js'

it('a tree over which many iterators went at once keeps few of their readers, as each keeps memory', () => {
  const { db, store } = openOn(new FaultyFile(fileOf(emptyImage()), false), {})
  db.transaction((tx) => { for (let i = 0; i < 100; i++) tx.put(padded(i), 'v') })
  const tree = new Tree(store.pager, new Root(1, store.newest.meta.defaultTree), null, store.newest.base)
  const readers = Array.from({ length: 1000 }, () => EntryReader.over(tree, EVERYTHING, PART.BOTH))
  for (const reader of readers) {
    expect(reader.next()).toBe(true)
    reader.release()
  }
  expect(tree.idleReaders.length).toBe(16)
  expect(readers.includes(EntryReader.over(tree, EVERYTHING, PART.BOTH))).toBe(true)
})

it('an entry by its position takes a reader that the tree keeps, and gives it back', () => {
  const { db } = openOn(new FaultyFile(fileOf(emptyImage()), false), {})
  db.transaction((tx) => { for (let i = 0; i < 100; i++) tx.put(padded(i), 'v') })
  const tx = db.begin({ readOnly: true })
  const tree = (tx as unknown as { source: { tree(): Tree } }).source.tree()
  for (let i = 0; i < 3; i++) expect(tx.at(i)?.[0]).toBe(padded(i))
  expect(tree.idleReaders.length).toBe(1)
  tx.rollback()
})
