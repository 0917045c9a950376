/** The free log says on the disk what is free in memory: through deltas, log pages and checkpoints, and whoever reads it. */
import { beforeAll, describe, expect, it } from 'vitest'
import { check } from '../../src/care/check.js'
import { MemoryFile } from '../../src/file/memory.js'
import { Arena } from '../../src/page/arena.js'
import { pageCrc } from '../../src/page/checksum.js'
import { readLogPage, writeLogPage } from '../../src/page/free-log.js'
import { birthOf, crcOf, setCrc } from '../../src/page/header.js'
import { FREE_LOG, LOG_PAGE_RUNS, META_RUNS, PAGE_SIZE } from '../../src/page/layout.js'
import type { LogPointer, Meta } from '../../src/page/meta.js'
import { encodeMeta } from '../../src/page/meta.js'
import type { Run } from '../../src/page/runs.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { Store } from '../../src/pager/store.js'
import { remove } from '../../src/tree/remove.js'
import { putValue } from '../../src/tree/values.js'
import { CommitView, WriteView } from '../../src/views.js'
import { bytesOf, random } from '../page/crafted.js'

/** A value that takes a page of its own. */
const VALUE = new Uint8Array(2100).fill(7)

function newStore(): Store {
  const file = new MemoryFile()
  file.write(newDatabase(), 0)
  return new Store(file, 4096, 50)
}

/** The same bytes in another file: what an open after a crash would see. */
function copyOf(store: Store): MemoryFile {
  const bytes = new Uint8Array(store.file.size())
  store.file.read(bytes, 0)
  const file = new MemoryFile()
  file.write([bytes], 0)
  return file
}

/** Puts the keys marked true and removes the others, in one commit. */
function change(store: Store, changes: Iterable<[key: number, there: boolean]>): void {
  const view = new WriteView(store)
  view.write(undefined, (tree) => {
    for (const [number, there] of changes) {
      const key = bytesOf(String(number).padStart(5, '0'))
      if (there) putValue(tree, key, key.length, VALUE)
      else remove(tree, key, key.length)
    }
  })
  view.commit('sync')
}

const range = (from: number, to: number, step = 1): number[] => Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step)
const put = (keys: number[]): [number, boolean][] => keys.map((key) => [key, true])
const drop = (keys: number[]): [number, boolean][] => keys.map((key) => [key, false])

/** An open after a crash finds the same pages free, and nothing wrong. */
function expectSame(store: Store): void {
  const again = new Store(copyOf(store), 4096, 50)
  expect(again.space().allRuns()).toEqual(store.space().allRuns())
  expect(again.space().pageCount).toBe(store.space().pageCount)
  expect(check(again, new CommitView(again, again.newest)).errors).toEqual([])
}

const log = (store: Store): LogPointer => store.newest.meta.log

describe('what a commit frees is written', () => {
  it('into the meta page while it fits, and nowhere else', () => {
    const store = newStore()
    change(store, put(range(0, 2 * META_RUNS - 160)))
    change(store, drop(range(0, 2 * META_RUNS - 160, 2)))
    expect(log(store)).toEqual({ page: 0, crc: 0, length: 0, runs: 0 })
    expect(store.newest.meta.delta.length).toBeGreaterThan(META_RUNS - 120)
    expectSame(store)
  })

  it('into log pages where it does not, with an empty delta, and the next change into the delta again', () => {
    const store = newStore()
    change(store, put(range(0, 1200)))
    change(store, drop(range(0, 1200, 2)))
    expect(log(store).length).toBe(2)
    expect(log(store).runs).toBeGreaterThan(LOG_PAGE_RUNS)
    expect(store.newest.meta.delta).toEqual([])
    expectSame(store)
    const before = log(store)
    change(store, drop([1]))
    expect(log(store)).toBe(before)
    expect(store.newest.meta.delta.length).toBeGreaterThan(0)
    expectSame(store)
  })

  it('as it is after every commit of a long history, with the log growing and being written anew', () => {
    const store = newStore()
    const below = random(5)
    change(store, put(range(0, 1200)))
    const lengths: number[] = []
    for (let round = 0; round < 9; round++) {
      change(store, range(0, 1200, 2).filter(() => below(20) > 0).map((key) => [key, round % 2 === 1]))
      lengths.push(log(store).length)
      expectSame(store)
    }
    expect(Math.max(...lengths), 'the log grows').toBeGreaterThan(3)
    expect(lengths.some((length, i) => i > 0 && length < lengths[i - 1]), `the log is written anew: ${lengths.join(' ')}`).toBe(true)
  })

  it('not at all by a transaction that is rolled back', () => {
    const store = newStore()
    change(store, put(range(0, 1200)))
    const before = store.space().allRuns()
    const view = new WriteView(store)
    view.write(undefined, (tree) => {
      for (const number of range(0, 1200, 2)) remove(tree, bytesOf(String(number).padStart(5, '0')), 5)
    })
    view.rollback()
    expect(store.space().allRuns()).toEqual(before)
    change(store, drop([3]))
    expectSame(store)
  })
})

describe('a free log', () => {
  let bytes = new Uint8Array(0)
  let meta: Meta

  beforeAll(() => {
    const store = newStore()
    change(store, put(range(0, 1200)))
    change(store, drop(range(0, 1200, 2)))
    bytes = new Uint8Array(store.file.size())
    store.file.read(bytes, 0)
    meta = { ...store.newest.meta, durable: store.newest.meta.transaction }
  })

  /** Opens the store with another log pointer in its meta pages, and its log pages changed; answers why its free space cannot be read. */
  function fault(pointer: Partial<LogPointer>, edit: (arena: Arena) => Partial<LogPointer> | void = () => {}): string {
    const arena = new Arena(bytes.slice().buffer)
    const edited = edit(arena) ?? {}
    for (let slot = 0; slot < 3; slot++) arena.bytes.set(encodeMeta({ ...meta, log: { ...meta.log, ...pointer, ...edited } }, slot), slot * PAGE_SIZE)
    const file = new MemoryFile()
    file.write([arena.bytes], 0)
    const store = new Store(file, 512, 50)
    const report = check(store, new CommitView(store, store.newest))
    expect(report.ok).toBe(report.errors.length === 0)
    try {
      store.space()
    } catch (error) {
      expect(report.errors.map(({ message }) => message)).toContain((error as Error).message)
      return (error as Error).message
    }
    return report.ok ? 'nothing' : report.errors[0].message
  }

  /** Makes the newest log page say something else; answers the pointer to it. */
  function rewrite(arena: Arena, content: { previousPage?: number; previousCrc?: number; runs?: Run[] }): Partial<LogPointer> {
    const base = meta.log.page * PAGE_SIZE
    writeLogPage(arena, base, meta.log.page, birthOf(arena, base), { ...readLogPage(arena, base), ...content })
    setCrc(arena, base, pageCrc(arena, base))
    return { crc: crcOf(arena, base) }
  }

  it('that is right is read', () => {
    expect(fault({})).toBe('nothing')
  })

  it('with a wrong checksum in the pointer to it is refused', () => {
    expect(fault({ crc: meta.log.crc ^ 1 })).toContain('not the free log page that was written')
  })

  it('with a flipped bit is refused', () => {
    expect(fault({}, (arena) => { arena.bytes[meta.log.page * PAGE_SIZE + FREE_LOG.RUNS] ^= 1 })).toContain('checksum does not match')
  })

  it('that names a page of a tree is refused', () => {
    expect(fault({ page: meta.defaultTree.page, crc: meta.defaultTree.crc })).toContain('not the free log page that was written')
  })

  it('that is shorter than the meta page says is refused', () => {
    expect(fault({ length: 3 })).toContain('breaks off')
  })

  it('that is longer than the meta page says is refused', () => {
    expect(fault({ length: 1 })).toContain('goes on beyond its length')
  })

  it('that points behind the end of the file is refused', () => {
    expect(fault({}, (arena) => rewrite(arena, { previousPage: 2 ** 30 }))).toContain('breaks off')
  })

  it.each([
    ['in the meta slots', { start: 2, length: 1, freed: true }],
    ['behind the end', { start: 10, length: 2 ** 30, freed: true }],
    ['from far behind the end', { start: 2 ** 32 - 1, length: 1, freed: false }],
  ])('with a run %s is refused', (_, run) => {
    expect(fault({}, (arena) => rewrite(arena, { runs: [run] }))).toContain('runs name pages outside')
  })

  it('that calls a page free which a tree reaches is found out by check', () => {
    const run = { start: meta.defaultTree.page, length: 1, freed: true }
    expect(fault({}, (arena) => rewrite(arena, { runs: [run] }))).toMatch(/in use and free at once|nothing reaches it/)
  })
})
