/** A store to be damaged: several levels, overflow values, named trees and a free log; and ways to look at it. */
import { expect } from 'vitest'
import { CoppiceError } from '../../src/index.js'
import type { Database } from '../../src/database.js'
import { endOfFile, systemError } from '../../src/file/transfer.js'
import type { StoreFile } from '../../src/file/file.js'
import { Arena } from '../../src/page/arena.js'
import { birthOf } from '../../src/page/header.js'
import { JOURNAL_REGIONS, META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta } from '../../src/page/meta.js'
import type { Meta } from '../../src/page/meta.js'
import type { Pager } from '../../src/pager/pager.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../faulty-file.js'

/** A read-only file over a buffer, with a window that ends exactly where the file does: nothing can be read behind it. */
export class ImageFile implements StoreFile {
  readonly path = 'an image'
  readonly readOnly = true
  private readonly image: Uint8Array
  private readonly mapped: boolean

  constructor(image: Uint8Array, mapped: boolean) {
    this.image = image
    this.mapped = mapped
  }

  size(): number {
    return this.image.length
  }

  reserve(): void {
    // There is nothing to make longer.
  }

  window(index: number): ArrayBuffer | undefined {
    return this.mapped && index === 0 ? (this.image.buffer as ArrayBuffer) : undefined
  }

  read(target: Uint8Array, position: number): void {
    if (position + target.length > this.image.length) throw endOfFile(this.path, target.length, position)
    target.set(this.image.subarray(position, position + target.length))
  }

  write(): void {
    throw systemError('EBADF', 'the image is read-only')
  }

  sync(): void {
    throw systemError('EBADF', 'the image is read-only')
  }

  async syncAsync(): Promise<void> {
    this.sync()
  }

  resize(): void {
    this.write()
  }

  close(): void {
    // The image stays for the next test.
  }
}

/** What is in the store: entries by tree, undefined being the default one. */
export type Expected = Map<string | undefined, Map<string, string>>

export interface Fixture {
  image: Uint8Array
  expected: Expected
  /** Pages of the file that a tree reaches or the free log takes, by what they are. */
  pages: { nodes: number[]; extents: number[]; log: number[]; free: number[] }
}

/** Ten keys in a row have 600 bytes in common, so that separators are long and few of them fit a branch. */
function longKey(i: number): string {
  return `${Math.floor(i / 10) * 37 % 100} key ${'~'.repeat(600)}${i % 10}`
}

function fill(db: Database<string, string>): void {
  db.transaction((tx) => {
    for (let i = 0; i < 110; i++) tx.put(longKey(i), `value ${i} ${'v'.repeat(600)}`)
    for (let i = 0; i < 12; i++) tx.put(`large ${i}`, String.fromCharCode(97 + i).repeat(3000 + i * 700))
    const side = tx.tree('side', { valueEncoding: 'utf8' })
    for (let i = 0; i < 40; i++) side.put(longKey(i), `${i} ${'w'.repeat(500)}`)
    tx.tree('flat', { valueEncoding: 'utf8' }).put('only', 'entry')
    tx.createTree('empty')
  })
}

/** Every second of many pages is freed, which the free log alone can hold. */
function fragment(db: Database<string, string>): void {
  const count = 1040
  db.transaction((tx) => { for (let i = 0; i < count; i++) tx.put(`page ${i}`, String(i % 10).repeat(2100)) })
  db.transaction((tx) => { for (let i = 1; i < count; i += 2) tx.delete(`page ${i}`) })
}

export function buildFixture(): Fixture {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file)
  fragment(db)
  fill(db)
  db.put('last', 'of all')
  db.close()
  const image = file.left.slice()
  const expected: Expected = new Map()
  const { db: again } = openOn(new ImageFile(image, true))
  for (const tree of [undefined, ...again.trees()]) expected.set(tree, new Map(openTree(again, tree).entries()))
  return { image, expected, pages: kindsOf(image) }
}

function kindsOf(image: Uint8Array): Fixture['pages'] {
  const { db, store } = openOn(new ImageFile(image, true))
  expect(db.check()).toMatchObject({ ok: true })
  const pages: Fixture['pages'] = { nodes: [], extents: [], log: [], free: [] }
  const { unused } = store.space()
  const { journal } = store.newest.meta
  for (let page = META_SLOTS; page < store.newest.meta.pageCount; page++) {
    const type = image[page * PAGE_SIZE + 16]
    // After a close nothing stands in the journal's regions.
    if (page >= journal.page && page < journal.page + journal.pages * JOURNAL_REGIONS) continue
    if (unused.has(page)) pages.free.push(page)
    else if (!looksSealed(store.pager, page)) pages.extents.push(page)
    else (type === 4 ? pages.log : pages.nodes).push(page)
  }
  return pages
}

function looksSealed(pager: Pager, page: number): boolean {
  try {
    pager.locate(page, undefined)
    return birthOf(pager.arenas[0], page * PAGE_SIZE) > 0
  } catch {
    return false
  }
}

export function openTree(db: Database<string, string>, tree: string | undefined) {
  return tree === undefined ? db : db.tree(tree, { valueEncoding: 'utf8' })
}

/** The newest meta page of an image, and its slot. */
export function newestMeta(image: Uint8Array): { meta: Meta; slot: number } {
  const found = [0, 1, 2].flatMap((slot) => {
    const reading = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
    return reading.kind === 'valid' ? [{ meta: reading.meta, slot }] : []
  })
  found.sort((a, b) => b.meta.transaction - a.meta.transaction)
  return found[0]
}

/** An arena over a copy of the image. */
export function arenaOver(image: Uint8Array): Arena {
  return new Arena(image.buffer as ArrayBuffer)
}

/** What damage may show as: this error, with the page named. Anything else is thrown on. */
export function damageIn(error: unknown, allowed: (page: number | undefined) => boolean, what: string): CoppiceError {
  if (!(error instanceof CoppiceError)) throw error
  expect(error.code, `${what}: ${error.message}`).toBe('COPPICE_CORRUPT')
  expect(allowed(error.page), `${what}: the page is named: ${error.message}`).toBe(true)
  return error
}

/**
 * Reads everything in every way. Each answer is right, or an error of damage in an allowed page. Answers
 * the errors met.
 */
export function readAll(db: Database<string, string>, expected: Expected, allowed: (page: number | undefined) => boolean, what: string): CoppiceError[] {
  const met: CoppiceError[] = []
  const attempt = (read: () => void) => {
    try {
      read()
    } catch (error) {
      met.push(damageIn(error, allowed, what))
    }
  }
  attempt(() => expect(db.trees(), what).toEqual([...expected.keys()].filter((name) => name !== undefined)))
  for (const [name, entries] of expected) {
    attempt(() => readTree(openTree(db, name), entries, what, attempt))
  }
  return met
}

function readTree(tree: ReturnType<typeof openTree>, entries: Map<string, string>, what: string, attempt: (read: () => void) => void): void {
  const keys = [...entries.keys()]
  attempt(() => {
    let i = 0
    for (const [key, value] of tree.entries()) {
      if (key !== keys[i] || value !== entries.get(key)) throw new Error(`${what}: wrong data at entry ${i}: ${key.slice(0, 20)}`)
      i++
    }
    expect(i, what).toBe(keys.length)
  })
  attempt(() => {
    let i = keys.length
    for (const key of tree.keys({ reverse: true })) if (key !== keys[--i]) throw new Error(`${what}: wrong key backwards at ${i}`)
    expect(i, what).toBe(0)
  })
  attempt(() => expect(tree.count(keys.length < 2 ? { prefix: 'none' } : { gte: keys[1], lt: keys[keys.length - 1] }), what).toBe(Math.max(0, keys.length - 2)))
  for (let i = 0; i < keys.length; i += 1 + (keys.length >>> 5)) {
    attempt(() => {
      if (tree.get(keys[i]) !== entries.get(keys[i])) throw new Error(`${what}: wrong value of ${keys[i].slice(0, 20)}`)
    })
    attempt(() => expect(tree.has(`${keys[i]}!`), what).toBe(false))
    attempt(() => expect(tree.rank(keys[i]), what).toBe(i))
    attempt(() => expect(tree.at(i)?.[0], what).toBe(keys[i]))
  }
}
