/** What damaged and hostile files have shown. */
import { expect, it } from 'vitest'
import type { Database } from '../../src/database.js'
import { crc32 } from '../../src/page/checksum.js'
import { CATALOG_RECORD, CATALOG_TREE, DEFAULT_TREE, HEADER, LEAF_FLAG, MAX_DEPTH, META_SLOTS, PAGE_SIZE, SLOT, TYPE } from '../../src/page/layout.js'
import { encodeOverflowRef } from '../../src/page/leaf.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta, encodeMeta } from '../../src/page/meta.js'
import { slotAt } from '../../src/page/node.js'
import { EMPTY_TREE, writeTreePointer } from '../../src/page/tree-pointer.js'
import { Root } from '../../src/pager/root.js'
import { Tree } from '../../src/tree/tree.js'
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

/** Takes all that an iteration has to give, which is little in the stores here. */
function exhaust(entries: Iterable<unknown>): void {
  let taken = 0
  for (const entry of entries) if (++taken > 100_000) throw new Error(`it goes on and on, at ${String(entry)}`)
}

it('going over the entries of branches that share their children ends, with COPPICE_CORRUPT', () => {
  const { db } = openOn(fileOf(tower(24, 10).arena.bytes))
  expect(codeOf(() => exhaust(db.keys()))).toBe('COPPICE_CORRUPT')
  expect(codeOf(() => exhaust(db.entries({ reverse: true })))).toBe('COPPICE_CORRUPT')
  const cursor = db.cursor()
  let steps = 0
  expect(codeOf(() => { for (let more = cursor.last(); more && steps++ < 100_000; more = cursor.previous()); })).toBe('COPPICE_CORRUPT')
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

it('what any meta slot knows to be durable counts, also where newer slots know less', () => {
  // Transaction 7 is durable and has lost its slot; 8 and 9 have lost their pages. Only the slot of 8 knows of 7.
  const draft = new Draft(5)
  const old = draft.leaf(3, 5, [['a', bytesOf('old')]])
  const lost = draft.leaf(4, 8, [['a', bytesOf('new')]]) ^ 1
  draft.meta(0, { transaction: 5, durable: 5, defaultTree: { page: 3, crc: old, entries: 1, depth: 1 } })
  draft.meta(1, { transaction: 8, durable: 7, defaultTree: { page: 4, crc: lost, entries: 1, depth: 1 } })
  draft.meta(2, { transaction: 9, durable: 4, defaultTree: { page: 4, crc: lost, entries: 1, depth: 1 } })
  expect(codeOf(() => openOn(fileOf(draft.arena.bytes)))).toBe('COPPICE_CORRUPT')
})

it('a commit whose root is not at the level that its pointer says was never whole, and the one before it is opened', () => {
  const draft = new Draft(5)
  const old = draft.leaf(3, 8, [['a', bytesOf('old')]])
  const leaf = draft.leaf(4, 9, [['a', bytesOf('new')]])
  draft.meta(0, { transaction: 8, durable: 8, defaultTree: { page: 3, crc: old, entries: 1, depth: 1 } })
  draft.meta(1, { transaction: 9, durable: 8, defaultTree: { page: 4, crc: leaf, entries: 1, depth: 2 } })
  for (const mapped of [true, false]) expect(openOn(new FaultyFile(fileOf(draft.arena.bytes.slice()), mapped)).db.get('a')).toBe('old')
})

it('a large value behind the page count is damage: the next commit would be written over it', () => {
  const value = new Uint8Array(5000).fill(7)
  for (const mapped of [true, false]) {
    const draft = new Draft(6)
    draft.arena.bytes.set(value, 4 * PAGE_SIZE)
    const reference = encodeOverflowRef({ page: 4, crc: crc32(value), length: value.length, birth: 8 })
    const crc = draft.leaf(3, 8, [['large', reference, LEAF_FLAG.OVERFLOW]])
    const commit = { defaultTree: { page: 3, crc, entries: 1, depth: 1 }, durable: 9 }
    draft.metas(commit)
    expect(openOn(new FaultyFile(fileOf(draft.arena.bytes.slice()), mapped)).db.valueLength('large')).toBe(5000)
    draft.metas({ ...commit, pageCount: 5 })
    const { db } = openOn(new FaultyFile(fileOf(draft.arena.bytes), mapped))
    expect(codeOf(() => db.get('large'))).toBe('COPPICE_CORRUPT')
    expect(db.check().ok).toBe(false)
  }
})

/** A catalog leaf with the trees a and b, each with a leaf of its own; `change` makes the one thing wrong that a test is about. */
function catalogWith(change: { leafBirth?: number; ids?: [number, number]; nextTree?: number }): Draft {
  const { leafBirth = 5, ids = [2, 3], nextTree = 4 } = change
  const draft = new Draft(6)
  const { bytes } = draft.arena
  const view = new DataView(bytes.buffer)
  const sealedAs = (page: number, tree: number): number => {
    view.setUint32(page * PAGE_SIZE + HEADER.TREE, tree, true)
    return draft.seal(page)
  }
  const records = ids.map((id, i): [string, Uint8Array] => {
    draft.leaf(4 + i, i === 0 ? leafBirth : 5, [['key', bytesOf('value')]])
    const record = new Uint8Array(CATALOG_RECORD.SIZE)
    const recordView = new DataView(record.buffer)
    writeTreePointer(recordView, CATALOG_RECORD.POINTER, { page: 4 + i, crc: sealedAs(4 + i, id), entries: 1, depth: 1 })
    recordView.setUint32(CATALOG_RECORD.TREE, id, true)
    return ['ab'[i], record]
  })
  draft.leaf(3, 6, records)
  draft.metas({ catalog: { page: 3, crc: sealedAs(3, CATALOG_TREE), entries: 2, depth: 1 }, durable: 9, nextTree })
  return draft
}

it.each([
  ['that is younger than its record in the catalog', { leafBirth: 7 }, 'younger'],
  ['with the id of another one', { ids: [2, 2] as [number, number] }, 'which another tree has'],
  ['with an id that was never given', { nextTree: 3 }, 'which was never given'],
  ['with the id of the default tree', { ids: [1, 3] as [number, number] }, 'which was never given'],
])('check finds a named tree %s', (_, change, what) => {
  expect(openOn(fileOf(catalogWith({ leafBirth: 6 }).arena.bytes)).db.check()).toMatchObject({ ok: true, errors: [] })
  const { ok, errors } = openOn(fileOf(catalogWith(change).arena.bytes)).db.check()
  expect(ok).toBe(false)
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(what)])
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

it('keys out of order in a full page are damage when it is to be split, and no error of another kind', () => {
  const random = seeded(5)
  let refused = 0
  for (let round = 0; round < 60; round++) {
    // The page's prefix is that of its first and last keys, which the others need not share.
    const keys = Array.from({ length: 40 }, (_, i) => `${(round + i) % 3 === 0 ? 'p'.repeat(60) : ''}${padded(i, 4)}`)
    const draft = new Draft(4)
    const crc = draft.leaf(3, 8, shuffled(keys, random).map((key) => [key, bytesOf('1'.repeat(40))]))
    draft.metas({ defaultTree: { page: 3, crc, entries: keys.length, depth: 1 }, durable: 9 })
    const { db } = openOn(fileOf(draft.arena.bytes))
    const code = codeOf(() => { for (let i = 0; i < 40; i++) db.put(`${i % 2 === 0 ? 'p'.repeat(60) : 'q'}${i}`, 'v'.repeat(500)) })
    expect([undefined, 'COPPICE_CORRUPT']).toContain(code)
    if (code !== undefined) refused++
  }
  expect(refused).toBeGreaterThan(0)
})

it('a commit after which there would be no id for another tree is not written, as no reader would take it', () => {
  const record = new Uint8Array(CATALOG_RECORD.SIZE)
  new DataView(record.buffer).setUint32(CATALOG_RECORD.TREE, 0xfffffffe, true)
  const draft = new Draft(5)
  draft.leaf(3, 8, [['hostile', record]])
  new DataView(draft.arena.bytes.buffer).setUint32(3 * PAGE_SIZE + HEADER.TREE, CATALOG_TREE, true)
  const crc = draft.seal(3)
  draft.metas({ catalog: { page: 3, crc, entries: 1, depth: 1 }, durable: 9 })
  const file = fileOf(draft.arena.bytes)
  const { db } = openOn(file)
  const codes = ['hostile', 'second', 'third', 'fourth'].map((name) => codeOf(() => db.tree(name).put('key', new Uint8Array(1))))
  expect(codes).toContain('COPPICE_CORRUPT')
  expect(openOn(file).db.trees()).toContain('hostile')
})

it('a page of the free log is no page of a tree, whatever points to it: its cells were not looked at', () => {
  for (const mapped of [true, false]) {
    const draft = new Draft(4)
    draft.leaf(3, 8, [['a', bytesOf('1')]])
    draft.arena.bytes[3 * PAGE_SIZE + HEADER.TYPE] = TYPE.FREE_LOG
    const crc = draft.seal(3)
    draft.metas({ defaultTree: { page: 3, crc, entries: 1, depth: 1 }, durable: 9 })
    const { db } = openOn(new FaultyFile(fileOf(draft.arena.bytes), mapped))
    for (const call of [() => db.get('a'), () => exhaust(db.keys()), () => db.put('b', '2'), () => db.delete('a')]) expect(codeOf(call)).toBe('COPPICE_CORRUPT')
    expect(db.check().ok).toBe(false)
  }
})

/** A branch, page 5, over a leaf with room, page 3, and a full one, page 4, whose keys begin with m. */
function besideRoom(keys: string[], counts: [number, number]): Draft {
  const draft = new Draft(8)
  const roomy = draft.leaf(3, 8, Array.from({ length: 12 }, (_, i) => [`a${padded(i, 2)}`, bytesOf('x'.repeat(20))]))
  const full = draft.leaf(4, 8, keys.map((key) => [key, bytesOf('v'.repeat(88))]))
  const crc = draft.branch(5, 8, 1, [['', 3, roomy, counts[0]], ['m', 4, full, counts[1]]])
  draft.metas({ defaultTree: { page: 5, crc, entries: counts[0] + counts[1], depth: 2 }, durable: 9 })
  return draft
}

const FULL = Array.from({ length: 40 }, (_, i) => `m${10 + i}`)

it('a key that stands many times in a full page is damage when its cells move, and nothing is written beside the page', () => {
  for (let first = 11; first < 40; first++) {
    const keys = FULL.map((key, i) => (i + 10 >= first && i + 10 < first + 10 ? `m${first + 5}` : key))
    const file = fileOf(besideRoom(keys, [12, 40]).arena.bytes)
    const { db } = openOn(file)
    const tx = db.begin()
    tx.tree('side', { valueEncoding: 'utf8' }).put('s', 'side value')
    const code = codeOf(() => tx.put(`m${first + 5}`, 'w'.repeat(300)))
    expect([undefined, 'COPPICE_CORRUPT']).toContain(code)
    if (code === undefined) {
      expect(tx.tree('side', { valueEncoding: 'utf8' }).get('s')).toBe('side value')
      tx.commit()
    } else tx.rollback()
    const messages = openOn(file).db.check().errors.map(({ message }) => message)
    expect(messages.filter((message) => !/key in slot|counts|belongs/.test(message)), `from ${first}`).toEqual([])
  }
})

it('a pointer that counts fewer entries than there are is damage when cells move, not a count beyond all bounds', () => {
  const { db } = openOn(fileOf(besideRoom(FULL, [51, 1]).arena.bytes))
  expect(codeOf(() => db.put('m30a', 'w'.repeat(100)))).toBe('COPPICE_CORRUPT')
  expect(db.count({ gte: 'm' })).toBeLessThan(60)
})

it('a tree that would become deeper than any can be is damage: branches out of order are split again and again', () => {
  const { store } = openOn(fileOf(emptyImage()))
  const tree = new Tree(store.pager, new Root(DEFAULT_TREE, EMPTY_TREE), store.begin(), store.newest.base)
  const slot = tree.createPage(0)
  tree.setRoot(slot, MAX_DEPTH)
  expect(codeOf(() => tree.setRoot(slot, MAX_DEPTH + 1))).toBe('COPPICE_CORRUPT')
})
