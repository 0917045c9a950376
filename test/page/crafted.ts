/** Pages and whole files made by hand, out of the codecs: for what the engine itself would never write. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { insertBranchCell } from '../../src/page/branch.js'
import { pageCrc } from '../../src/page/checksum.js'
import { crcOf, formatPage, setBirth, setCrc } from '../../src/page/header.js'
import { DEFAULT_TREE, META_SLOTS, PAGE_SIZE, TYPE } from '../../src/page/layout.js'
import type { JournalPage } from '../../src/page/journal.js'
import { writeJournalPage } from '../../src/page/journal.js'
import { insertLeafCell } from '../../src/page/leaf.js'
import type { Meta } from '../../src/page/meta.js'
import { encodeMeta } from '../../src/page/meta.js'
import { setPrefix } from '../../src/page/node.js'

export const bytesOf = (string: string): Uint8Array => new Uint8Array(Buffer.from(string, 'latin1'))
export const NO_BYTES = new Uint8Array(0)

/** Numbers from 0 on below a bound, the same ones for the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) % below
  }
}

export const NO_LOG = { page: 0, crc: 0, length: 0, runs: 0 }
export const NO_JOURNAL = { page: 0, pages: 0, region: 0, salt: 0 }
export const NO_TREE = { page: 0, crc: 0, entries: 0, depth: 0 }

/** The 4 KiB of a page of the journal. */
export function encodeJournalPage(page: number, content: JournalPage): Uint8Array {
  const arena = new Arena(new ArrayBuffer(PAGE_SIZE))
  writeJournalPage(arena, 0, page, content)
  return arena.bytes
}

export function metaOf(fields: Partial<Meta> = {}): Meta {
  return {
    database: new Uint8Array(16).fill(7),
    transaction: 9,
    durable: 8,
    pageCount: 100,
    nextTree: 2,
    defaultTree: NO_TREE,
    catalog: NO_TREE,
    log: NO_LOG,
    journal: NO_JOURNAL,
    timestamp: 1_700_000_000_000,
    delta: [],
    ...fields,
  }
}

/** Bytes of a file under construction; `pages` counts the meta slots too. */
export class Draft {
  readonly arena: Arena

  constructor(pages: number) {
    this.arena = new Arena(new ArrayBuffer(pages * PAGE_SIZE))
  }

  /** Puts a meta page into a slot. */
  meta(slot: number, fields: Partial<Meta>): void {
    this.arena.bytes.set(encodeMeta(metaOf({ pageCount: this.arena.bytes.length / PAGE_SIZE, ...fields }), slot), slot * PAGE_SIZE)
  }

  /** The same meta page in all slots. */
  metas(fields: Partial<Meta>): void {
    for (let slot = 0; slot < META_SLOTS; slot++) this.meta(slot, fields)
  }

  /** A leaf with these entries, in the order they come; answers its checksum. */
  leaf(page: number, birth: number, entries: [key: string, stored: Uint8Array, flags?: number][], prefix = ''): number {
    const base = this.open(page, birth, TYPE.LEAF, 0)
    setPrefix(this.arena, base, bytesOf(prefix), 0, prefix.length)
    entries.forEach(([key, stored, flags = 0], i) => insertLeafCell(this.arena, base, i, bytesOf(key), key.length, key.length - prefix.length, stored, flags))
    return this.seal(page)
  }

  branch(page: number, birth: number, level: number, children: [key: string, page: number, crc: number, entries: number, flags?: number][]): number {
    const base = this.open(page, birth, TYPE.BRANCH, level)
    children.forEach(([key, child, crc, entries, flags = 0], i) => {
      insertBranchCell(this.arena, base, i, bytesOf(key), key.length, key.length, child, crc, entries, flags)
    })
    return this.seal(page)
  }

  private open(page: number, birth: number, type: number, level: number): number {
    const base = page * PAGE_SIZE
    formatPage(this.arena, base, page, type, level, DEFAULT_TREE)
    setBirth(this.arena, base, birth)
    setPrefix(this.arena, base, NO_BYTES, 0, 0)
    return base
  }

  /** Makes the page's checksum right; answers it. */
  seal(page: number): number {
    setCrc(this.arena, page * PAGE_SIZE, pageCrc(this.arena, page * PAGE_SIZE))
    return crcOf(this.arena, page * PAGE_SIZE)
  }

  /** Writes the draft to a file, removed when the test has ended; answers its path. */
  save(): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coppice-draft-'))
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
    fs.writeFileSync(path.join(folder, 'store'), this.arena.bytes)
    return path.join(folder, 'store')
  }
}
