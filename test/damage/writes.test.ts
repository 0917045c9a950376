/** Damage met while writing: a typed error, a transaction that can only be rolled back, and a store that goes on. */
import { describe, expect, it } from 'vitest'
import { CoppiceError } from '../../src/index.js'
import type { Database } from '../../src/database.js'
import { PAGE_SIZE } from '../../src/page/layout.js'
import { FaultyFile, fileOf, imageOf, openOn, randomFrom } from '../faulty-file.js'
import { buildFixture, openTree } from './fixture.js'

type Db = Database<string, string>

const fixture = buildFixture()
const { expected, pages } = fixture

/** All entries that can still be read, by key. */
function readable(db: Db): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, entries] of expected) {
    for (const key of entries.keys()) {
      try {
        const value = openTree(db, name).get(key)
        if (value !== undefined) found.set(`${name} ${key}`, value)
      } catch (error) {
        expect(error).toMatchObject({ code: 'COPPICE_CORRUPT' })
      }
    }
  }
  return found
}

/** Whether the catalog can still be read. */
function names(db: Db): boolean {
  try {
    return db.trees().length > 0
  } catch {
    return false
  }
}

function damagedAt(page: number, mapped = true): { db: Db; file: FaultyFile } {
  const image = fixture.image.slice()
  image[page * PAGE_SIZE + 1500] ^= 8
  const file = new FaultyFile(fileOf(image), mapped)
  return { db: openOn(file).db, file }
}

const CHANGES: [name: string, change: (db: Db) => void][] = [
  ['put', (db) => db.transaction((tx) => { for (const key of expected.get(undefined)?.keys() ?? []) tx.put(key, 'changed') })],
  ['delete', (db) => db.transaction((tx) => { for (const key of expected.get(undefined)?.keys() ?? []) tx.delete(key) })],
  ['deleteRange', (db) => void db.deleteRange({ gt: '0', lt: 'page 5' })],
  ['dropTree', (db) => void db.dropTree('side')],
  ['batch in a named tree', (db) => openTree(db, 'side').batch([...(expected.get('side')?.keys() ?? [])].map((key) => ({ type: 'put', key, value: 'changed' })))],
]

describe('a write that meets damage', () => {
  it.each(CHANGES)('%s: COPPICE_CORRUPT names the page, nothing has changed, and the store goes on', (name, change) => {
    let met = 0
    for (const [i, page] of pages.nodes.entries()) {
      if (i % 2 === name.length % 2 && i > 4) continue
      const { db, file } = damagedAt(page, i % 3 !== 0)
      const before = readable(db)
      try {
        change(db)
        continue
      } catch (error) {
        expect(error, name).toBeInstanceOf(CoppiceError)
        expect(error, name).toMatchObject({ code: 'COPPICE_CORRUPT', page })
        met++
      }
      expect(readable(db)).toEqual(before)
      expect(db.check().errors.every((error) => error.page === page)).toBe(true)
      // Trees that are whole can still be written to, and that survives.
      const whole = names(db) ? 'flat' : undefined
      openTree(db, whole).put('after', 'the damage')
      db.close()
      const again = openOn(fileOf(file.left)).db
      expect(openTree(again, whole).get('after')).toBe('the damage')
      expect(readable(again)).toEqual(before)
      expect(again.check().errors.every((error) => error.page === page)).toBe(true)
    }
    expect(met).toBeGreaterThan(0)
  })

  it('fails its transaction: every further use says so with the cause, until it is rolled back', () => {
    const { db, page, key } = damagedLeaf()
    const tx = db.begin()
    tx.put('healthy', 'value')
    expect(() => tx.put(key, 'value')).toThrow(expect.objectContaining({ code: 'COPPICE_CORRUPT', page }))
    for (const use of [() => tx.get('healthy'), () => tx.put('healthy', 'other'), () => tx.commit(), () => tx.savepoint()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'COPPICE_TRANSACTION_FAILED', cause: expect.objectContaining({ page }) }))
    }
    tx.rollback()
    expect(db.has('healthy')).toBe(false)
    db.put('healthy', 'value')
    expect(db.get('healthy')).toBe('value')
  })

  it('keeps everything that is not damaged readable, through scattered damage in many pages', () => {
    const random = randomFrom(41)
    const image = fixture.image.slice()
    const damaged = pages.nodes.filter(() => random() < 0.15)
    for (const page of damaged) image[page * PAGE_SIZE + 40 + Math.floor(random() * 4000)] ^= 1
    const file = fileOf(image)
    const { db } = openOn(file)
    const found = readable(db)
    for (const [place, value] of found) {
      const at = place.indexOf(' ')
      const tree = place.slice(0, at)
      expect(expected.get(tree === 'undefined' ? undefined : tree)?.get(place.slice(at + 1))).toBe(value)
    }
    const named = db.check().errors.map(({ page }) => page)
    expect(named.length).toBeGreaterThan(0)
    for (const page of named) expect(damaged).toContain(page)
    expect(Buffer.compare(imageOf(file), image)).toBe(0)
  })
})

/** A store with one damaged leaf of the default tree, and a key that is in it. */
function damagedLeaf(): { db: Db; page: number; key: string } {
  for (const page of pages.nodes) {
    const { db } = damagedAt(page)
    for (const key of expected.get(undefined)?.keys() ?? []) {
      try {
        db.get(key)
      } catch {
        if (db.has('last')) return { db, page, key }
      }
    }
  }
  throw new Error('no damage is met')
}
