/** `compactTo`: the same entries in a new, smaller file. */
import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Database } from '../../src/database.js'
import type { OpenOptions } from '../../src/index.js'
import { open } from '../../src/index.js'
import { failureOf, temporaryFolder } from '../file/layers.js'
import { randomFrom } from '../faulty-file.js'

type Db = Database<string, string>

let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

function openText(name: string, options: OpenOptions<string, string> = {}): Db {
  const db = open<string, string>(name === ':memory:' ? name : join(folder, name), { valueEncoding: 'utf8', ...options })
  onTestFinished(() => db.close())
  return db
}

/** Random inserts and many deletes: pages that are not full, and free ones. */
function loose(name = 'store', options: OpenOptions<string, string> = {}): Db {
  const random = randomFrom(4)
  const db = openText(name, options)
  db.transaction((tx) => {
    for (let i = 0; i < 3000; i++) tx.put(`key ${Math.floor(random() * 1e6)}`, 'v'.repeat(Math.floor(random() * 120)))
    for (const length of [2500, 5000, 4096, 70_000]) tx.put(`large ${length}`, 'L'.repeat(length))
    for (let i = 0; i < 900; i++) tx.tree('side', { valueEncoding: 'utf8' }).put(`side ${Math.floor(random() * 1e6)}`, `${i}`)
    tx.createTree('empty')
  })
  db.transaction((tx) => {
    for (const key of [...tx.keys({ prefix: 'key' })]) if (random() < 0.6) tx.delete(key)
  })
  return db
}

function contentsOf(db: Db): unknown {
  return db.trees().map((name) => [name, [...db.tree(name, { valueEncoding: 'utf8' }).entries()]]).concat([[...db.entries()]])
}

describe('compactTo', () => {
  it.each(['store', ':memory:'])('writes all trees of %s into full pages of a smaller file, with next to nothing free', (name) => {
    const db = loose(name)
    const before = contentsOf(db)
    db.compactTo(join(folder, 'compact'))
    const copy = openText('compact')
    expect(contentsOf(copy)).toEqual(before)
    expect(copy.trees()).toEqual(['empty', 'side'])
    expect(copy.check()).toMatchObject({ ok: true, errors: [] })
    // The catalog page is written anew for each named tree.
    expect(copy.stats().pages.free).toBeLessThanOrEqual(copy.trees().length)
    expect(copy.stats().usedBytes).toBeLessThan(0.7 * db.stats().usedBytes)
    for (const tree of copy.stats().trees.filter(({ leafPages }) => leafPages > 10)) expect(tree.leafFill, tree.name).toBeGreaterThan(0.95)
    expect(contentsOf(db)).toEqual(before)
    copy.put('written', 'to')
  })

  it('leaves nothing but the new file in the folder', () => {
    loose().compactTo(join(folder, 'compact'))
    expect(fs.readdirSync(folder).sort()).toEqual(['compact', 'store'])
  })

  it('writes what is committed, beside a transaction and a snapshot that are open', () => {
    const db = loose()
    const snapshot = db.snapshot()
    db.put('committed', 'value')
    const tx = db.begin()
    tx.put('not yet', 'value')
    db.compactTo(join(folder, 'compact'))
    tx.rollback()
    snapshot.rollback()
    const copy = openText('compact')
    expect([copy.has('committed'), copy.has('not yet')]).toEqual([true, false])
  })

  it('of an empty store is an empty store', () => {
    openText(':memory:').compactTo(join(folder, 'compact'))
    expect(openText('compact').check()).toMatchObject({ ok: true, entries: 0 })
  })

  it('to a path at which something stands is COPPICE_EXISTS, and leaves that as it is', () => {
    const db = loose()
    fs.writeFileSync(join(folder, 'there'), 'mine')
    for (const name of ['there', 'store']) expect(failureOf(() => db.compactTo(join(folder, name)))?.code).toBe('COPPICE_EXISTS')
    expect(fs.readFileSync(join(folder, 'there'), 'utf8')).toBe('mine')
    expect(fs.readdirSync(folder).sort()).toEqual(['store', 'there'])
  })

  it('is not misled by what a killed process of the same number has left', () => {
    const db = loose()
    const left = openText(`compact.${process.pid}.new`)
    left.put('from the process before', 'value')
    left.close()
    db.compactTo(join(folder, 'compact'))
    expect(openText('compact').has('from the process before')).toBe(false)
  })

  it('to a missing folder is COPPICE_NOT_FOUND', () => {
    expect(failureOf(() => loose().compactTo(join(folder, 'none', 'compact')))?.code).toBe('COPPICE_NOT_FOUND')
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })

  it('of a damaged store is COPPICE_CORRUPT, and leaves nothing behind', () => {
    const db = loose()
    const leaf = db.stats()
    expect(leaf.pages.leaf).toBeGreaterThan(20)
    db.close()
    const image = fs.readFileSync(join(folder, 'store'))
    for (let at = 3 * 4096 + 100; at < image.length; at += 4096) image[at] ^= 1
    fs.writeFileSync(join(folder, 'store'), image)
    expect(failureOf(() => openText('store').compactTo(join(folder, 'compact')))?.code).toBe('COPPICE_CORRUPT')
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })
})
