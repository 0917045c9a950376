/** Pages as they stand in a file, read past the engine: also where the engine would not take them. */
import fs from 'node:fs'
import { Arena } from '../../page/arena.js'
import { readLogPage } from '../../page/free-log.js'
import { typeOf } from '../../page/header.js'
import { META_SLOTS, PAGE_SIZE, TYPE } from '../../page/layout.js'
import type { Meta, MetaReading } from '../../page/meta.js'
import { decodeMeta } from '../../page/meta.js'
import type { Run } from '../../page/runs.js'

/** What the newest commit says of a page. `beyond`: it lies behind the last page in use. */
export type Use = 'meta' | 'in use' | 'free' | 'beyond' | 'unknown'

/** A file of pages. */
export class PageFile {
  private readonly descriptor: number
  /** Pages that the file has room for, the last one perhaps in part. */
  readonly pages: number

  constructor(path: string) {
    this.descriptor = fs.openSync(path, 'r')
    this.pages = Math.ceil(fs.fstatSync(this.descriptor).size / PAGE_SIZE)
  }

  /** The page's bytes, with zeros behind the end of the file. */
  read(page: number): Arena {
    const arena = new Arena(new ArrayBuffer(PAGE_SIZE))
    fs.readSync(this.descriptor, arena.bytes, 0, PAGE_SIZE, page * PAGE_SIZE)
    return arena
  }

  meta(slot: number): MetaReading {
    return decodeMeta(this.read(slot).bytes, slot)
  }

  /** The newest meta page that is whole. */
  newest(): Meta | undefined {
    let newest: Meta | undefined
    for (let slot = 0; slot < META_SLOTS; slot++) {
      const reading = this.meta(slot)
      if (reading.kind === 'valid' && (newest === undefined || reading.meta.transaction > newest.transaction)) newest = reading.meta
    }
    return newest
  }

  /** What a commit says of the page, by its free log: the last run that names the page decides. */
  useOf(page: number, meta: Meta | undefined): Use {
    if (page < META_SLOTS) return 'meta'
    if (meta === undefined) return 'unknown'
    if (page >= meta.pageCount) return 'beyond'
    const own = lastNaming(meta.delta, page)
    if (own !== undefined) return own.freed ? 'free' : 'in use'
    let next = meta.log.page
    for (let i = 0; i < meta.log.length; i++) {
      const arena = this.read(next)
      if (next < META_SLOTS || typeOf(arena, 0) !== TYPE.FREE_LOG) return 'unknown'
      const { runs, previousPage } = readLogPage(arena, 0)
      const run = lastNaming(runs, page)
      if (run !== undefined) return run.freed ? 'free' : 'in use'
      next = previousPage
    }
    return 'in use'
  }

  close(): void {
    fs.closeSync(this.descriptor)
  }
}

function lastNaming(runs: readonly Run[], page: number): Run | undefined {
  return runs.findLast(({ start, length }) => page >= start && page < start + length)
}
