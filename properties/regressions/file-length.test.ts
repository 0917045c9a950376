import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'

function newPath(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-length-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'store')
}

it('a store whose last commit took a page at the end and gave it back opens again', () => {
  const path = newPath()
  const db = open(path)
  db.put('a', Uint8Array.of(1))
  db.deleteRange({})
  db.close()
  const again = open(path)
  onTestFinished(() => again.close())
  expect(again.count()).toBe(0)
  expect(again.check().errors).toEqual([])
})

it('pages that a transaction took at the end and gave back do not make the file longer', () => {
  const db = open(newPath())
  onTestFinished(() => db.close())
  const { total } = db.stats().pages
  db.transaction((tx) => {
    for (let i = 0; i < 2000; i++) tx.put(`key ${i}`, new Uint8Array(100))
    tx.deleteRange({})
    tx.put('one', Uint8Array.of(1))
  })
  expect(db.stats().pages.total).toBeLessThanOrEqual(total + 2)
  expect(db.check().errors).toEqual([])
})

it('every page of the file has its block, also one that was taken and given back: on a full disk it could not be written', () => {
  const path = newPath()
  const db = open(path)
  onTestFinished(() => db.close())
  for (let round = 0; round < 8; round++) {
    db.transaction((tx) => {
      for (let i = 0; i < 400; i++) tx.put(`key ${round} ${i}`, new Uint8Array(500))
      tx.deleteRange({ gte: `key ${round} 1`, lt: `key ${round} 9` })
      tx.put(`large ${round}`, new Uint8Array(30_000))
      tx.put(`key ${round} 9999`, new Uint8Array(500))
    })
    const { blocks, size } = fs.statSync(path)
    expect(blocks * 512).toBeGreaterThanOrEqual(size)
  }
  expect(db.stats().pages.free).toBeGreaterThan(3)
})
