import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'

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
