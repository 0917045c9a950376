/** What damaged and hostile files have shown. */
import { expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import { HEADER, META_SLOTS, PAGE_SIZE, SLOT } from '../../src/page/layout.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta, encodeMeta } from '../../src/page/meta.js'
import { slotAt } from '../../src/page/node.js'
import { fileOf, FaultyFile, emptyImage, openOn } from '../../test/faulty-file.js'
import { assertSound, codeOf, padded, seeded, shuffled } from '../../test/helpers.js'
import { bytesOf, Draft } from '../../test/page/crafted.js'

type Db = Database<string, string>

/** The bytes of a store that was filled and closed. */
function imageWith(fill: (db: Db) => void): Uint8Array {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file)
  fill(db)
  db.close()
  return file.left
}

/** Changes the newest commit, in every slot that holds it. */
function changeCommit(image: Uint8Array, change: (meta: Meta) => Partial<Meta>): void {
  const readings = [0, 1, 2].map((slot) => decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot))
  const newest = Math.max(...readings.map((reading) => (reading.kind === 'valid' ? reading.meta.transaction : 0)))
  readings.forEach((reading, slot) => {
    if (reading.kind === 'valid' && reading.meta.transaction === newest) image.set(encodeMeta({ ...reading.meta, ...change(reading.meta) }, slot), slot * PAGE_SIZE)
  })
}

/** Branches each of which points again and again to the one below, with a leaf of two entries at the bottom. */
function tower(height: number, width: number): Draft {
  const draft = new Draft(META_SLOTS + 1 + height)
  let page = META_SLOTS
  let crc = draft.leaf(page, 8, [['a', bytesOf('1')], ['b', bytesOf('2')]])
  let entries = 2
  for (let level = 1; level <= height; level++) {
    const below = page
    const sum = crc
    crc = draft.branch(++page, 8, level, Array.from({ length: width }, (_, i) => [i === 0 ? '' : String.fromCharCode(97 + i), below, sum, entries]))
    entries = Math.min(entries * width, 2 ** 48 - 1)
  }
  draft.metas({ defaultTree: { page, crc, entries, depth: height + 1 }, durable: 9 })
  return draft
}

/** Takes all that an iteration has to give. */
function exhaust(entries: Iterable<unknown>): void {
  for (const entry of entries) void entry
}

it('going over the entries of branches that share their children ends, with COPPICE_CORRUPT', () => {
  const { db } = openOn(fileOf(tower(24, 10).arena.bytes))
  expect(codeOf(() => exhaust(db.keys()))).toBe('COPPICE_CORRUPT')
  expect(codeOf(() => exhaust(db.entries({ reverse: true })))).toBe('COPPICE_CORRUPT')
  const cursor = db.cursor()
  expect(codeOf(() => { for (let more = cursor.last(); more; more = cursor.previous()); })).toBe('COPPICE_CORRUPT')
  cursor.close()
  expect(db.check().ok).toBe(false)
})

it('going over keys that are out of order ends, though each step is followed by a write', () => {
  const random = seeded(3)
  let refused = 0
  for (let round = 0; round < 200; round++) {
    const draft = new Draft(4)
    const crc = draft.leaf(3, 8, shuffled([...'abcdefghijkl'], random).map((key) => [key, bytesOf('1')]))
    draft.metas({ defaultTree: { page: 3, crc, entries: 12, depth: 1 }, durable: 9 })
    const tx = openOn(fileOf(draft.arena.bytes)).db.begin()
    let steps = 0
    const code = codeOf(() => {
      for (const key of tx.keys({ reverse: round % 2 === 0 })) {
        if (++steps > 100) throw new Error('it goes on and on')
        tx.put('other', key)
      }
    })
    expect([undefined, 'COPPICE_CORRUPT']).toContain(code)
    if (code !== undefined) refused++
    tx.rollback()
  }
  expect(refused).toBeGreaterThan(20)
})

it('a page behind the page count is damage, and not the next page to be written to', () => {
  const image = imageWith((db) => db.transaction((tx) => { for (let i = 0; i < 200; i++) tx.put(padded(i), 'v'.repeat(100)) }))
  changeCommit(image, ({ pageCount }) => ({ pageCount: pageCount - 3, delta: [] }))
  for (const mapped of [true, false]) {
    const { db } = openOn(new FaultyFile(fileOf(image), mapped))
    expect(codeOf(() => exhaust(db.entries()))).toBe('COPPICE_CORRUPT')
    expect(db.check().ok).toBe(false)
    expect(codeOf(() => db.deleteRange({}))).toBe('COPPICE_CORRUPT')
  }
})

it('a delta that says what is known already loses no pages', () => {
  const image = imageWith((db) => { for (let i = 0; i < 8; i++) db.put(`key ${i}`, 'v'.repeat(5000)) })
  const { db: before } = openOn(fileOf(image))
  const pageCount = before.stats().pages.total
  changeCommit(image, ({ delta }) => ({ delta: [{ start: pageCount - 2, length: 2, freed: false }, ...delta, ...delta] }))
  const { db } = openOn(fileOf(image))
  assertSound(db)
  for (let i = 0; i < 8; i++) {
    db.delete(`key ${i}`)
    assertSound(db)
  }
})

it('two slots with one cell are damage: a write to one key would change the other', () => {
  const image = imageWith((db) => db.transaction((tx) => { for (const key of ['a', 'b', 'c']) tx.put(key, `value ${key}`) }))
  const [reading] = [0, 1, 2].flatMap((slot) => {
    const found = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    return found.kind === 'valid' && found.meta.defaultTree.page !== 0 ? [found.meta] : []
  })
  const { page } = reading.defaultTree
  image.copyWithin(slotAt(page * PAGE_SIZE, 1) + SLOT.OFFSET, slotAt(page * PAGE_SIZE, 0) + SLOT.OFFSET, slotAt(page * PAGE_SIZE, 0) + SLOT.OFFSET + 2)
  const draft = new Draft(image.length / PAGE_SIZE)
  draft.arena.bytes.set(image)
  const crc = draft.seal(page)
  changeCommit(draft.arena.bytes, ({ defaultTree }) => ({ defaultTree: { ...defaultTree, crc } }))
  const { db } = openOn(fileOf(draft.arena.bytes))
  expect(codeOf(() => db.get('a'))).toBe('COPPICE_CORRUPT')
  expect(db.check().ok).toBe(false)
})

it('a commit that no reader would take is not written', () => {
  const draft = tower(1, 4)
  changeCommit(draft.arena.bytes, ({ defaultTree }) => ({ defaultTree: { ...defaultTree, entries: 2 ** 48 - 1 } }))
  const file = fileOf(draft.arena.bytes)
  const { db } = openOn(file)
  expect(codeOf(() => db.put('new', 'value'))).toBe('COPPICE_CORRUPT')
  expect(openOn(file).db.count()).toBe(2 ** 48 - 1)
})

it('a commit older than one known to be durable is not opened, also where that one has lost its own meta slot', () => {
  const draft = new Draft(6)
  const old = draft.leaf(3, 4, [['a', bytesOf('old')]])
  const next = draft.leaf(4, 9, [['a', bytesOf('new')]])
  draft.meta(0, { transaction: 4, durable: 4, defaultTree: { page: 3, crc: old, entries: 1, depth: 1 } })
  draft.meta(1, { transaction: 9, durable: 8, defaultTree: { page: 4, crc: next, entries: 1, depth: 1 } })
  expect(openOn(fileOf(draft.arena.bytes)).db.get('a')).toBe('new')
  draft.arena.bytes[4 * PAGE_SIZE + 100] ^= 1
  expect(codeOf(() => openOn(fileOf(draft.arena.bytes)))).toBe('COPPICE_CORRUPT')
})

it('a meta page of another store beside those of this one is damage, not a newer commit', () => {
  const image = imageWith((db) => db.put('key', 'value'))
  const other = imageWith((db) => { for (let i = 0; i < 9; i++) { db.put('key', `${i}`); db.deleteRange({}) } })
  for (let slot = 0; slot < META_SLOTS; slot++) {
    const mixed = image.slice()
    mixed.set(other.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot * PAGE_SIZE)
    expect(codeOf(() => openOn(fileOf(mixed)))).toBe('COPPICE_CORRUPT')
  }
})

it('a page that claims to be of the transaction under way is damage, unless that has written it', () => {
  const image = imageWith((db) => db.transaction((tx) => { for (let i = 0; i < 300; i++) tx.put(padded(i), 'v'.repeat(20)) }))
  const draft = new Draft(image.length / PAGE_SIZE)
  draft.arena.bytes.set(image)
  const { bytes, words } = draft.arena
  for (let page = META_SLOTS; page < image.length / PAGE_SIZE; page++) {
    if (bytes[page * PAGE_SIZE + HEADER.LEVEL] !== 0) continue
    words[(page * PAGE_SIZE + HEADER.BIRTH) >>> 2] = openOn(fileOf(image)).store.newest.meta.transaction + 1
    draft.seal(page)
  }
  for (const mapped of [true, false]) {
    const { db } = openOn(new FaultyFile(fileOf(bytes), mapped))
    expect(codeOf(() => db.put(padded(7), 'changed'))).toBe('COPPICE_CORRUPT')
    expect(codeOf(() => db.get(padded(7)))).toBe('COPPICE_CORRUPT')
  }
})

it('a name in the catalog that is no text is damage of the catalog', () => {
  for (const name of ['\xff\xfe', '']) {
    const draft = new Draft(5)
    const base = 3 * PAGE_SIZE
    draft.leaf(3, 8, [[name, new Uint8Array(24)]])
    // The catalog's pages carry its id.
    new DataView(draft.arena.bytes.buffer).setUint32(base + 28, 0, true)
    const crc = draft.seal(3)
    draft.metas({ catalog: { page: 3, crc, entries: 1, depth: 1 }, durable: 9 })
    const { db } = openOn(fileOf(draft.arena.bytes))
    expect(codeOf(() => db.trees())).toBe('COPPICE_CORRUPT')
    expect(db.check().ok).toBe(false)
  }
})

