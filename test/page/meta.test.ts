import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { pageCrc } from '../../src/page/checksum.js'
import { setCrc } from '../../src/page/header.js'
import { HEADER, MAX_PAGES, META, META_RUNS, PAGE_SIZE, RUN, TREE_POINTER } from '../../src/page/layout.js'
import type { Meta } from '../../src/page/meta.js'
import { decodeMeta, encodeMeta } from '../../src/page/meta.js'
import { metaOf, NO_TREE } from './crafted.js'

const full = metaOf({
  transaction: 2 ** 40 + 3,
  durable: 2 ** 40 + 1,
  defaultTree: { page: 12, crc: -5, entries: 2 ** 47 + 9, depth: 6 },
  catalog: { page: 13, crc: 0x7fffffff, entries: 1, depth: 1 },
  log: { page: 14, crc: -1, length: 3, runs: 1400 },
  nextTree: 77,
  delta: [{ start: 3, length: 2, freed: true }, { start: 99, length: 1, freed: false }],
})

/** The page of `full` with something changed, its checksum made right again. */
function changed(change: (view: DataView, bytes: Uint8Array) => void, slot = 1, meta: Meta = full): Uint8Array {
  const bytes = encodeMeta(meta, slot)
  change(new DataView(bytes.buffer), bytes)
  const arena = new Arena(bytes.buffer as ArrayBuffer)
  setCrc(arena, 0, pageCrc(arena, 0))
  return bytes
}

function reading(bytes: Uint8Array, slot = 1): string {
  const result = decodeMeta(bytes, slot)
  return 'why' in result ? `${result.kind}: ${result.why}` : result.kind
}

describe('a meta page', () => {
  it.each([0, 1, 2])('comes back as it was written to slot %i', (slot) => {
    for (const meta of [full, metaOf()]) expect(decodeMeta(encodeMeta(meta, slot), slot)).toEqual({ kind: 'valid', meta })
  })

  it('holds as many runs as fit, and reads from a view into other memory', () => {
    const delta = Array.from({ length: META_RUNS }, (_, i) => ({ start: 3 + i, length: 1, freed: i % 2 === 0 }))
    const meta = metaOf({ pageCount: 1000, delta })
    const around = new Uint8Array(3 * PAGE_SIZE).fill(0xaa)
    around.set(encodeMeta(meta, 2), 100)
    expect(decodeMeta(around.subarray(100, 100 + PAGE_SIZE), 2)).toEqual({ kind: 'valid', meta })
  })

  it('with any one bit flipped is not taken for valid', () => {
    const good = encodeMeta(full, 1)
    fc.assert(fc.property(fc.nat(PAGE_SIZE * 8 - 1), (bit) => {
      const bytes = good.slice()
      bytes[bit >>> 3] ^= 1 << (bit & 7)
      expect(decodeMeta(bytes, 1).kind).not.toBe('valid')
    }), { numRuns: 300 })
  })

  it('without the magic is somebody else\'s, whatever else it holds', () => {
    expect(reading(new Uint8Array(PAGE_SIZE))).toBe('foreign')
    expect(reading(changed((_, bytes) => (bytes[META.MAGIC] ^= 1)))).toBe('foreign')
  })

  it('of a later version, or with a required feature that is not known, is of a newer coppice', () => {
    expect(reading(changed((view) => view.setUint32(META.VERSION, 2, true)))).toBe('newer: format version 2')
    expect(reading(changed((view) => view.setUint32(META.REQUIRED, 0x80, true)))).toBe('newer: required features 0x80')
  })

  it('of a later version with a wrong checksum is damaged: nothing in it is believed', () => {
    const bytes = encodeMeta(full, 1)
    bytes[META.VERSION] = 2
    expect(reading(bytes)).toBe('damaged: its checksum does not match')
  })

  it('with compatible features that are not known is valid', () => {
    expect(reading(changed((view) => view.setUint32(META.COMPATIBLE, 0xffffffff, true)))).toBe('valid')
  })
})

const refusals: [string, (view: DataView, bytes: Uint8Array) => void, RegExp][] = [
  ['the number of another slot', (view) => view.setUint32(HEADER.PAGE, 2, true), /not the meta page of this slot/],
  ['the type of another page', (view) => view.setUint8(HEADER.TYPE, 1), /not the meta page of this slot/],
  ['version 0', (view) => view.setUint32(META.VERSION, 0, true), /version never was/],
  ['another page size', (view) => view.setUint32(META.PAGE_SIZE, 8192, true), /page size/],
  ['more runs than fit', (view) => view.setUint16(HEADER.COUNT, META_RUNS + 1, true), /delta does not fit/],
  ['a transaction id past 2^53', (view) => view.setUint32(HEADER.BIRTH + 4, 2 ** 21, true), /transaction id/],
  ['a durable commit later than itself', (view) => view.setUint32(META.DURABLE, 4, true), /later transaction/],
  ['fewer pages than meta slots', (view) => view.setUint32(META.PAGE_COUNT, 2, true), /page count/],
  ['more pages than a file may have', (view) => view.setUint32(META.PAGE_COUNT, MAX_PAGES + 1, true), /page count/],
  ['a next tree that is the default one', (view) => view.setUint32(META.NEXT_TREE, 1, true), /next tree/],
  ['a free log behind the end', (view) => view.setUint32(META.LOG_PAGE, 100, true), /free log lies outside/],
  ['a free log in a meta slot', (view) => view.setUint32(META.LOG_PAGE, 2, true), /free log lies outside/],
  ['a free log longer than the file', (view) => view.setUint32(META.LOG_LENGTH, 101, true), /free log lies outside/],
  ['a free log without a page', (view) => view.setUint32(META.LOG_PAGE, 0, true), /length but no page/],
  ['a free log without a length', (view) => view.setUint32(META.LOG_LENGTH, 0, true), /length but no page/],
  ['a run in the meta slots', (view) => view.setUint32(META.DELTA + RUN.START, 2, true), /delta names pages outside/],
  ['a run that goes past the end', (view) => view.setUint32(META.DELTA + RUN.LENGTH, RUN.FREED + 98, true), /delta names pages outside/],
  ['a run of no pages', (view) => view.setUint32(META.DELTA + RUN.LENGTH, RUN.FREED, true), /delta names pages outside/],
  ['a default tree without a root but with entries', (view) => view.setUint32(META.DEFAULT_TREE, 0, true), /without a root has entries/],
  ['a catalog whose root lies outside', (view) => view.setUint32(META.CATALOG, 100, true), /root, page 100, lies outside/],
  ['a catalog of depth 0', (view) => view.setUint16(META.CATALOG + TREE_POINTER.DEPTH, 0, true), /depth 0/],
]

describe('a meta page is damaged that has', () => {
  it.each(refusals)('%s', (_, change, why) => {
    const result = reading(changed(change))
    expect(result).toMatch(/^damaged: /)
    expect(result).toMatch(why)
  })

  it('nothing of all that, to begin with', () => {
    expect(reading(changed(() => {}))).toBe('valid')
    expect(metaOf().defaultTree).toEqual(NO_TREE)
  })
})
