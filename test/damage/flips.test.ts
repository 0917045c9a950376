/** A flipped bit, wherever it is, gives right data or an error that names the page: never wrong data, another error or a hang. */
import { describe, expect, it } from 'vitest'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { randomFrom, openOn } from '../faulty-file.js'
import { buildFixture, ImageFile, openTree, readAll, damageIn } from './fixture.js'

const fixture = buildFixture()
const { image, expected, pages } = fixture

/** Byte offsets to damage in a page: every field of the header, a slot, and places in the rest. */
function places(random: () => number, count: number): number[] {
  const header = [0, 4, 8, 16, 17, 18, 20, 22, 24, 26, 28, 32, 36, 38]
  const rest = Array.from({ length: count }, () => 40 + Math.floor(random() * (PAGE_SIZE - 40)))
  return [...header, ...rest, PAGE_SIZE - 1]
}

function withFlip(page: number, offset: number, bit: number, use: () => void): void {
  const at = page * PAGE_SIZE + offset
  image[at] ^= 1 << bit
  try {
    use()
  } finally {
    image[at] ^= 1 << bit
  }
}

/** Opens, reads and checks the damaged image; answers whether `check` named the page. */
function inspect(page: number, mapped: boolean, what: string): { named: boolean; met: number } {
  const allowed = (named: number | undefined) => named === page
  let opened
  try {
    opened = openOn(new ImageFile(image, mapped))
  } catch (error) {
    damageIn(error, allowed, what)
    return { named: true, met: 1 }
  }
  const met = readAll(opened.db, expected, allowed, what)
  const report = opened.db.check()
  expect(report.ok, what).toBe(report.errors.length === 0)
  for (const error of report.errors) damageIn(error, allowed, `${what}: check`)
  // What cannot be read cannot be counted or copied either.
  if (!report.ok) expect(report.errors.some((error) => error.page === page), what).toBe(true)
  return { named: !report.ok, met: met.length }
}

describe('a flipped bit', () => {
  it('the fixture has pages of every kind, and is whole', () => {
    expect(pages.nodes.length).toBeGreaterThanOrEqual(40)
    expect(pages.extents.length).toBeGreaterThan(500)
    expect(pages.log.length).toBeGreaterThan(0)
    expect(pages.free.length).toBeGreaterThan(400)
    const { db } = openOn(new ImageFile(image, true))
    expect(db.stats().trees[0].depth).toBeGreaterThanOrEqual(3)
    expect(readAll(db, expected, () => false, 'whole')).toEqual([])
  })

  it.each([true, false])('in any leaf or branch is an error that names the page (mapped: %s)', (mapped) => {
    const random = randomFrom(11)
    for (const [i, page] of pages.nodes.entries()) {
      const all = places(random, 3)
      // Every place in some pages, some places in every page.
      const chosen = i % 32 === 0 ? all : [all[(i * 7) % all.length]]
      for (const offset of chosen) {
        const bit = Math.floor(random() * 8)
        const what = `page ${page}, byte ${offset}, bit ${bit}`
        withFlip(page, offset, bit, () => {
          const { named, met } = inspect(page, mapped, what)
          expect(named, `${what}: check names it`).toBe(true)
          expect(met, `${what}: a read meets it`).toBeGreaterThan(0)
        })
      }
    }
  })

  it('in an overflow extent is an error that names its first page, or lies behind the end of the value', () => {
    const random = randomFrom(12)
    const { db } = openOn(new ImageFile(image, true))
    expect(db.check().ok).toBe(true)
    let named = 0
    for (let i = 0; i < 40; i++) {
      const page = pages.extents[Math.floor(random() * pages.extents.length)]
      const offset = Math.floor(random() * PAGE_SIZE)
      withFlip(page, offset, 3, () => {
        const what = `page ${page}, byte ${offset}`
        const opened = openOn(new ImageFile(image, i % 2 === 0))
        // A value of several pages is checked as one, so its first page is what can be named.
        const allowed = (at: number | undefined) => at !== undefined && at <= page && page - at < 4
        const met = readAll(opened.db, expected, allowed, what)
        const report = opened.db.check()
        for (const error of report.errors) damageIn(error, allowed, `${what}: check`)
        expect(report.ok, what).toBe(met.length === 0)
        if (!report.ok) named++
      })
    }
    expect(named).toBeGreaterThan(10)
  })

  it('in the free log is met by check and by a write, and names the page; reads do not need it', () => {
    const random = randomFrom(13)
    for (const page of pages.log) {
      for (const offset of places(random, 2)) {
        withFlip(page, offset, 0, () => {
          const what = `page ${page}, byte ${offset}`
          const { named, met } = inspect(page, true, what)
          expect(named, what).toBe(true)
          expect(met, what).toBe(0)
        })
      }
    }
  })

  it('in a free page changes nothing', () => {
    for (const page of pages.free.slice(0, 6)) {
      withFlip(page, 50, 1, () => expect(inspect(page, true, `page ${page}`)).toEqual({ named: false, met: 0 }))
    }
  })

  it('in a meta slot passes it over, and stats say so; the others hold the same or an earlier commit', () => {
    const random = randomFrom(14)
    for (let slot = 0; slot < META_SLOTS; slot++) {
      for (const offset of [...places(random, 1), 32, 40, 44, 48, 52, 56, 72, 88, 136, 144]) {
        withFlip(slot, offset, 2, () => {
          const what = `slot ${slot}, byte ${offset}`
          const { db } = openOn(new ImageFile(image, true))
          expect(db.stats().passedOver.length, what).toBe(1)
          expect(db.stats().passedOver[0], what).toContain(`meta slot ${slot}`)
          expect(db.check(), what).toMatchObject({ ok: true, errors: [] })
          // The oldest slot has a commit that the newest slots do not need; the other two have the last entry.
          expect(db.get(`large 3`)).toBe(expected.get(undefined)?.get('large 3'))
          expect(readAll(db, expected, () => false, what)).toEqual([])
        })
      }
    }
  })
})

describe('a page of zeros', () => {
  /** Page and tree of the error that going over all entries ends in, if it does. */
  function errorOf(bytes: Uint8Array, mapped: boolean, tree: string | undefined): { page?: number; tree?: number } | undefined {
    const { db } = openOn(new ImageFile(bytes, mapped))
    try {
      for (const entry of openTree(db, tree).entries()) void entry
      return undefined
    } catch (error) {
      return error as { page?: number; tree?: number }
    }
  }

  it.each([true, false])('is an error that names the tree it was met in, not the one that its bytes name (mapped: %s)', (mapped) => {
    let met = 0
    for (const page of pages.nodes) {
      const bytes = image.slice()
      bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
      const ofDefault = errorOf(bytes, mapped, undefined)
      if (ofDefault !== undefined) expect(ofDefault).toMatchObject({ page, tree: 1 })
      const ofNamed = errorOf(bytes, mapped, 'side')
      // The catalog is read on the way to a named tree.
      if (ofNamed !== undefined) expect([{ page, tree: 0 }, { page, tree: 2 }]).toContainEqual({ page: ofNamed.page, tree: ofNamed.tree })
      if (ofDefault !== undefined || ofNamed !== undefined) met++
    }
    expect(met).toBeGreaterThan(40)
  })
})
