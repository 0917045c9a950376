/** A page of the journal: what is written is read, and nothing else is believed. */
import { describe, expect, it } from 'vitest'
import type { JournalPage } from '../../src/page/journal.js'
import { decodeJournalPage, journalPagesFor } from '../../src/page/journal.js'
import { JOURNAL, JOURNAL_PAGE_BYTES, PAGE_SIZE, TYPE } from '../../src/page/layout.js'
import { crc32 } from '../../src/page/checksum.js'
import { encodeJournalPage } from './crafted.js'

const PAGE = 77

/** The page with a checksum that is right again. */
function repaired(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setInt32(0, crc32(bytes.subarray(4)), true)
  return bytes
}

function content(part: number, length: number): JournalPage {
  const end = Math.min(length - part * JOURNAL_PAGE_BYTES, JOURNAL_PAGE_BYTES)
  return { transaction: 2 ** 40 + 9, base: 2 ** 40, salt: 0xfedcba98, durable: 2 ** 40 + 3, position: 5, part, length, data: Uint8Array.from({ length: end }, (_, i) => i % 251) }
}

describe('a page of the journal', () => {
  it.each([[0, 0], [0, 1], [0, JOURNAL_PAGE_BYTES], [0, JOURNAL_PAGE_BYTES + 1], [1, JOURNAL_PAGE_BYTES + 1], [2, 3 * JOURNAL_PAGE_BYTES], [15, 16 * JOURNAL_PAGE_BYTES]])(
    'is read as it was written: part %d of a record of %d bytes', (part, length) => {
      const page = content(part, length)
      expect(decodeJournalPage(encodeJournalPage(PAGE, page), PAGE, 5)).toEqual(page)
    })

  it('says how many pages a record takes, at least one', () => {
    expect([0, 1, JOURNAL_PAGE_BYTES, JOURNAL_PAGE_BYTES + 1, 16 * JOURNAL_PAGE_BYTES].map(journalPagesFor)).toEqual([1, 1, 1, 2, 16])
  })

  it('is not believed with any bit of it changed', () => {
    const bytes = encodeJournalPage(PAGE, content(1, JOURNAL_PAGE_BYTES + 100))
    for (let bit = 0; bit < PAGE_SIZE * 8; bit += bit < 100 * 8 ? 1 : 61) {
      bytes[bit >>> 3] ^= 1 << (bit & 7)
      expect(decodeJournalPage(bytes, PAGE, 5), `bit ${bit}`).toBeUndefined()
      bytes[bit >>> 3] ^= 1 << (bit & 7)
    }
    expect(decodeJournalPage(bytes, PAGE, 5)).toBeDefined()
  })

  it('is believed under its own number and in its own position alone', () => {
    const bytes = encodeJournalPage(PAGE, content(0, 10))
    expect(decodeJournalPage(bytes, PAGE + 1, 5)).toBeUndefined()
    expect(decodeJournalPage(bytes, PAGE, 4)).toBeUndefined()
  })

  it('of another type, or with a part that its record does not have, is not believed though its checksum is right', () => {
    const spoilt = (change: (view: DataView) => void) => {
      const bytes = encodeJournalPage(PAGE, content(0, 10))
      change(new DataView(bytes.buffer))
      return decodeJournalPage(repaired(bytes), PAGE, 5)
    }
    expect(spoilt(() => undefined)).toBeDefined()
    expect(spoilt((view) => view.setUint8(16, TYPE.FREE_LOG))).toBeUndefined()
    expect(spoilt((view) => view.setUint32(JOURNAL.PART, 1, true))).toBeUndefined()
    expect(spoilt((view) => view.setUint32(JOURNAL.PART, 0xffffffff, true))).toBeUndefined()
    expect(spoilt((view) => view.setUint32(JOURNAL.LENGTH, 0xffffffff, true)), 'the first of very many').toMatchObject({ length: 0xffffffff })
    expect(spoilt((view) => view.setUint32(JOURNAL.LENGTH, 0, true))?.data).toHaveLength(0)
  })

  it('is nothing where there are zeros, or a part of a page', () => {
    expect(decodeJournalPage(new Uint8Array(PAGE_SIZE), PAGE, 0)).toBeUndefined()
    expect(decodeJournalPage(encodeJournalPage(PAGE, content(0, 1000)).subarray(0, 512), PAGE, 5)).toBeUndefined()
  })
})
