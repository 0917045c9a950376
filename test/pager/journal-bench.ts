/** A small store with a journal, on a file that is watched: what the tests of the journal stand on. */
import type { Database } from '../../src/database.js'
import type { OpenOptions } from '../../src/index.js'
import { decodeJournalPage } from '../../src/page/journal.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta, journalStart } from '../../src/page/meta.js'
import type { Store } from '../../src/pager/store.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../faulty-file.js'

export type Db = Database<string, string>

export interface Bench {
  file: FaultyFile
  db: Db
  store: Store
  /** Pages of every write, since it was last emptied. */
  writes: number[]
}

export const lazy: OpenOptions<string, string> = { durability: 'lazy', syncInterval: 1e6 }

/** A store that has a journal, with 40 entries, made from a checkpoint that is the newest commit. */
export function benchOf(options: OpenOptions<string, string> = {}, image = emptyImage()): Bench {
  const file = new FaultyFile(fileOf(image))
  const { db, store } = openOn(file, options, 3)
  const writes: number[] = []
  if (image.length === META_SLOTS * PAGE_SIZE) db.batch(Array.from({ length: 40 }, (_, i) => ({ type: 'put', key: `key ${i}`, value: 'v'.repeat(200) })))
  file.onWrite = (sources, position) => {
    for (let i = 0; i < sources.reduce((sum, { length }) => sum + length, 0) / PAGE_SIZE; i++) writes.push(position / PAGE_SIZE + i)
  }
  return { file, db, store, writes }
}

export function metas(image: Uint8Array): Meta[] {
  const readings = Array.from({ length: META_SLOTS }, (_, slot) => decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot))
  return readings.flatMap((reading) => (reading.kind === 'valid' ? [reading.meta] : [])).sort((a, b) => b.transaction - a.transaction || b.durable - a.durable)
}

/** The pages of the newest checkpoint's journal, and those of them that hold its records. */
export function region({ file }: Bench): { image: Uint8Array; first: number; pages: number; used: number[] } {
  const image = imageOf(file.inner)
  const [{ journal, transaction }] = metas(image)
  const first = journalStart(journal)
  const used = Array.from({ length: journal.pages }, (_, i) => first + i).filter((page, i) => decodeJournalPage(pageOf(image, page), page, i)?.base === transaction)
  return { image, first, pages: journal.pages, used }
}

export function pageOf(image: Uint8Array, page: number): Uint8Array {
  return image.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

/** The image with the page filled with zeros. */
export function without(image: Uint8Array, ...pages: number[]): Uint8Array {
  const copy = image.slice()
  for (const page of pages) pageOf(copy, page).fill(0)
  return copy
}

/** The values of the keys `n 0`, `n 1` and so on that are there. */
export function numbered(db: Db): string[] {
  return [...db.entries({ prefix: 'n ' })].map(([, value]) => value)
}
