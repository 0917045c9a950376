/**
 * Makes the test vectors anew. Only wanted when the format itself grows: the files are the law for every
 * other reader of the format, so a change of the engine must read the old ones rather than bring new ones.
 *
 *     COPPICE_MAKE_VECTORS=1 npx vitest run test/vectors
 *
 * The engine writes each file; the two things in it that are not the same each time, the database id and the
 * timestamp, are then pinned and the checksums of the meta pages made anew.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Database, Transaction } from '../../src/index.js'
import { open } from '../../src/index.js'
import { crc32 } from '../../src/page/checksum.js'
import { HEADER, JOURNAL, META_SLOTS, PAGE_SIZE, TYPE } from '../../src/page/layout.js'
import { decodeMeta, encodeMeta } from '../../src/page/meta.js'
import type { Expectation, ExpectedEntry, VectorName } from './vector.js'
import { fromHex, VECTORS, writeVector } from './vector.js'

/** 2001-09-09 01:46:40 UTC, a round number of seconds. */
const TIMESTAMP = 1_000_000_000_000
/** Of every journal. */
const SALT = 0x73616c74

type Bytes = Uint8Array
const binary = { keyEncoding: 'binary', valueEncoding: 'binary' } as const
type Raw = Database<Bytes, Bytes>

interface Recipe {
  description: string
  default?: ExpectedEntry[]
  named?: Record<string, ExpectedEntry[]>
  passedOver?: number
  /** Fills the store; the default is one transaction with all of the expected entries. */
  build?(db: Raw): void
  /** Works on the bytes of the file as they are before it is closed; the default takes the file as it is after. */
  beforeClose?(bytes: Bytes): Bytes
}

const text = (string: string): string => Buffer.from(string, 'utf8').toString('hex')

function fill(db: Pick<Transaction<Bytes, Bytes>, 'put'>, entries: readonly ExpectedEntry[]): void {
  for (const [key, value] of entries) db.put(fromHex(key), fromHex(value))
}

function buildAll(db: Raw, recipe: Recipe): void {
  db.transaction((tx) => {
    fill(tx, recipe.default ?? [])
    for (const [name, entries] of Object.entries(recipe.named ?? {})) {
      tx.createTree(name)
      fill(tx.tree(name, binary), entries)
    }
  })
}

const headEntries: ExpectedEntry[] = [
  'user:', 'user:\0', 'user:\0\0\0', 'user:\0\0\0\0', 'user:\0\0\0\0\0', 'user:\0\0\0\0\x01', 'user:a', 'user:a\0', 'user:ab', 'user:abc',
  'user:abcd', 'user:abcd\0', 'user:abcda', 'user:abcdb', 'user:abce', 'user:b', 'user:bcdefghijklmnopqrstuvwxyz',
].map((key, i) => [text(key), text(`value ${i}`)])

const branchEntries: ExpectedEntry[] = Array.from({ length: 400 }, (_, i) => [text(`key:${String(i).padStart(4, '0')}`), text(`the value of key ${i}`)])

const longEntries: ExpectedEntry[] = Array.from({ length: 600 }, (_, i) => [[text('abcd'[Math.floor(i / 150)]), 2044, text(String(1000 + i)), 1], ['2e', 12]])

const wideEntries: ExpectedEntry[] = Array.from({ length: 130 }, (_, i) => [text(`wide:${String(i).padStart(3, '0')}`), ['2e', 1900]])
const newEntries: ExpectedEntry[] = ['a', 'b', 'c'].map((letter) => [text(`new:${letter}`), [text(letter), 1900]])

const hundreds = (i: number): string => text(`blob:${String(i).padStart(4, '0')}`)
const PATTERN = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)).toString('hex')

const recipes: Record<VectorName, Recipe> = {
  empty: { description: 'A new store: the same first commit in all three meta slots, and no page besides.', build: () => {} },
  'one-leaf': {
    description: 'A few entries in one leaf, among them the empty key and an empty value.',
    default: [['', text('the empty key')], [text('apple'), text('red')], [text('banana'), ''], [text('cherry'), text('dark red')], ['ff', '00ff00ff']],
  },
  'prefix-and-heads': {
    description: 'Keys with a common prefix whose suffixes tie in their heads: zero padding, four bytes exactly, more than four.',
    default: headEntries,
  },
  branch: { description: 'A branch above several leaves.', default: branchEntries },
  'long-keys': {
    description: 'Keys of 2048 bytes, the longest there are, in four groups that differ in their last bytes alone: separators of 2048 bytes, and branches that hold few.',
    default: longEntries,
    build: (db) => db.transaction((tx) => fill(tx, [...longEntries].reverse())),
  },
  overflow: {
    description: 'Values in overflow extents: the shortest that goes there, one that ends within a page, one that fills its pages; and the longest inside a leaf.',
    default: [
      [text('exact'), [PATTERN, 32]],
      [text('inline'), ['2e', 2014]],
      [text('long'), [text('coppice '), 1251]],
      [text('short'), ['2e', 2016]],
    ],
  },
  'named-trees': {
    description: 'Named trees beside the default one: the catalog has a record of each, of one without entries too.',
    default: [[text('where'), text('default')]],
    named: {
      empty: [],
      'größe': Array.from({ length: 200 }, (_, i): ExpectedEntry => [text(`entry ${String(i).padStart(3, '0')}`), text('x'.repeat(20))]),
      users: [[text('1'), text('Ada')], [text('2'), text('Grace')]],
    },
  },
  'free-log': {
    description: 'Every other one of many overflow extents is free: more runs than fit a meta page, so that they stand in a chain of free log pages, with a delta in the meta page on top.',
    default: Array.from({ length: 1100 }, (_, i): ExpectedEntry => [hundreds(i), ['ab', 2100]]).filter((_, i) => i % 2 === 0 || i === 1099),
    build: (db) => {
      db.transaction((tx) => { for (let i = 0; i < 1099; i++) tx.put(fromHex(hundreds(i)), new Uint8Array(2100).fill(0xab)) })
      db.transaction((tx) => { for (let i = 1; i < 1099; i += 2) tx.delete(fromHex(hundreds(i))) })
      db.put(fromHex(hundreds(1099)), new Uint8Array(2100).fill(0xab))
    },
  },
  unfinished: {
    description: 'The newest commit never finished: its meta page reached the disk, its leaf did not. The store is what the commit before left.',
    passedOver: 1,
    default: [[text('kept'), text('yes')]],
    build: (db) => {
      db.put(fromHex(text('kept')), fromHex(text('yes')))
      db.put(fromHex(text('lost')), fromHex(text('yes')))
    },
    beforeClose: (bytes) => loseRoot(bytes),
  },
  journal: {
    description: 'Three commits stand in the journal alone: one with each kind of change, one in a named tree, and one whose record takes two pages.',
    default: [[text('bare'), ''], ...newEntries, ...wideEntries.filter((_, i) => i !== 7 && (i < 100 || i >= 110))],
    named: { users: [[text('1'), text('Ada')], [text('2'), text('Grace')]] },
    build: (db) => {
      const users = db.tree<Bytes, Bytes>('users', binary)
      db.transaction((tx) => fill(tx, wideEntries))
      db.transaction((tx) => fill(tx.tree<Bytes, Bytes>('users', binary), [[text('1'), text('Ada')]]))
      // The store has grown large enough for a journal, and the next checkpoint keeps pages for one.
      fill(db, [[text('bare'), text('not yet')]])
      db.transaction((tx) => {
        fill(tx, [[text('bare'), '']])
        tx.delete(fromHex(wideEntries[7][0]))
        tx.deleteRange({ gte: fromHex(wideEntries[100][0]), lt: fromHex(wideEntries[110][0]) })
      })
      fill(users, [[text('2'), text('Grace')]])
      db.transaction((tx) => fill(tx, newEntries))
    },
    beforeClose: (bytes) => bytes,
  },
}

/** As if the newest commit's root had not been written: in its place stands what stood there before, nothing. */
function loseRoot(bytes: Bytes): Bytes {
  const metas = [0, 1, 2].flatMap((slot) => {
    const reading = decodeMeta(bytes.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    return reading.kind === 'valid' ? [reading.meta] : []
  })
  metas.sort((a, b) => b.transaction - a.transaction)
  const { page } = metas[0].defaultTree
  return bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

/** Pins what is different in each file. */
function pin(bytes: Bytes): Bytes {
  const database = Uint8Array.from({ length: 16 }, (_, i) => 0xd0 + i)
  for (let slot = 0; slot < META_SLOTS; slot++) {
    const reading = decodeMeta(bytes.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    if (reading.kind !== 'valid') throw new Error(`meta slot ${slot} of a vector is not valid`)
    const timestamp = TIMESTAMP + reading.meta.transaction
    const { journal } = reading.meta
    bytes.set(encodeMeta({ ...reading.meta, database, timestamp, journal: { ...journal, salt: journal.page === 0 ? 0 : SALT } }, slot), slot * PAGE_SIZE)
  }
  for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
    const page = bytes.subarray(at, at + PAGE_SIZE)
    const view = new DataView(page.buffer, page.byteOffset)
    if (page[HEADER.TYPE] !== TYPE.JOURNAL || view.getInt32(HEADER.CRC, true) !== crc32(page.subarray(4))) continue
    view.setUint32(JOURNAL.SALT, SALT, true)
    view.setInt32(HEADER.CRC, crc32(page.subarray(4)), true)
  }
  return bytes
}

function make(name: VectorName, folder: string): void {
  const recipe = recipes[name]
  const file = path.join(folder, name)
  const options = binary
  const db = open<Bytes, Bytes>(file, options)
  if (recipe.build === undefined) buildAll(db, recipe)
  else recipe.build(db)
  const early = recipe.beforeClose?.(new Uint8Array(fs.readFileSync(file)))
  db.close()
  fs.writeFileSync(file, pin(early ?? new Uint8Array(fs.readFileSync(file))))
  const again = open<Bytes, Bytes>(file, { ...options, readOnly: true })
  const { pages } = again.check()
  const { transaction, trees } = again.stats()
  again.close()
  const expected: Expectation = {
    description: recipe.description,
    transaction,
    pageCount: pages.total,
    pages: { reached: pages.reached, freeLog: pages.freeLog, journal: pages.journal, free: pages.free },
    passedOver: recipe.passedOver ?? 0,
    depth: trees[0].depth,
    default: recipe.default ?? [],
    named: recipe.named ?? {},
  }
  writeVector(name, new Uint8Array(fs.readFileSync(file)), expected)
}

export function makeVectors(): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coppice-vectors-'))
  try {
    for (const name of VECTORS) make(name, folder)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}
