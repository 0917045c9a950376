import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'
import { emptyImage, fileOf, openOn } from '../../test/faulty-file.js'

it('a transaction lists the tree that it has made, although its pages are not in the file yet', () => {
  const db = open(':memory:')
  onTestFinished(() => db.close())
  const tx = db.begin()
  tx.tree('first').put('a', Uint8Array.of(1))
  expect(tx.trees()).toEqual(['first'])
  const savepoint = tx.savepoint()
  tx.tree('first').put('b', Uint8Array.of(2))
  savepoint.rollback()
  expect(tx.tree('first').count()).toBe(1)
  expect(tx.trees()).toEqual(['first'])
  tx.commit()
  expect(db.trees()).toEqual(['first'])
  expect(db.check().errors).toEqual([])
})

it('named trees that are only looked for take no ids from those that are made', () => {
  const { db, store } = openOn(fileOf(emptyImage()))
  const before = store.newest.meta.nextTree
  db.transaction((tx) => {
    for (let i = 0; i < 50; i++) expect(tx.tree(`missing ${i}`).get('key')).toBeUndefined()
    tx.put('key', 'value')
  })
  expect(store.newest.meta.nextTree).toBe(before)
  db.tree('made').put('key', new Uint8Array(1))
  db.tree('made too').put('key', new Uint8Array(1))
  expect(store.newest.meta.nextTree).toBe(before + 2)
})
