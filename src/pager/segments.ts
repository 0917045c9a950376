/**
 * The pages that an allocation may take, counted by segments of the file, so that the pages of a commit come to lie
 * near each other: what is written in one piece reaches the disk in one piece.
 *
 * Leaves and branches have segments of their own. A branch page is soon written anew, so that a segment of branches
 * frees itself, while one that leaves share would keep their long-lived pages in between.
 */
import { Bitmap } from './bitmap.js'

/** 256 pages, 1 MiB. */
const SEGMENT_SHIFT = 8
export const SEGMENT_PAGES = 1 << SEGMENT_SHIFT
/** A segment with so many available pages is good to go on with; one with fewer scatters a commit over it. */
export const ROOMY_PAGES = SEGMENT_PAGES - (SEGMENT_PAGES >>> 2)

/** What a page is to hold: the two that have segments of their own. */
export const PLACE = { LEAF: 0, BRANCH: 1 } as const

export function segmentOf(page: number): number {
  return page >>> SEGMENT_SHIFT
}

export class Segments {
  private readonly pages = new Bitmap()
  /** Available pages of each segment. */
  private counts = new Uint16Array(16)
  /** Which of PLACE each segment was last used for. */
  private places = new Uint8Array(16)

  get size(): number {
    return this.pages.size
  }

  has(page: number): boolean {
    return this.pages.has(page)
  }

  /** The first available page that is `from` or greater, or -1. */
  next(from: number): number {
    return this.pages.next(from)
  }

  nextAbsent(from: number): number {
    return this.pages.nextAbsent(from)
  }

  /** Makes the page available; answers whether it was not. */
  add(page: number): boolean {
    if (!this.pages.add(page)) return false
    const segment = segmentOf(page)
    if (segment >= this.counts.length) this.grow(segment + 1)
    this.counts[segment]++
    return true
  }

  /** Takes the page; answers whether it was available. */
  remove(page: number): boolean {
    if (!this.pages.remove(page)) return false
    this.counts[segmentOf(page)]--
    return true
  }

  /** The first available page after `page` in its segment, or -1. */
  nextInSegment(page: number): number {
    if (this.counts[segmentOf(page)] === 0) return -1
    const next = this.pages.next(page + 1)
    return next !== -1 && segmentOf(next) === segmentOf(page) ? next : -1
  }

  /** From now on the segment is one of this place. */
  claim(segment: number, place: number): void {
    if (segment >= this.places.length) this.grow(segment + 1)
    this.places[segment] = place
  }

  /**
   * The best segment for pages of a place but `taken`, or -1 where no other has any: that with the most available
   * pages. Leaves leave the segments of branches alone, as long as one page is in use there; branches go back to
   * their own as soon as those are roomy.
   */
  best(place: number, taken: number): number {
    const { counts, places } = this
    let best = -1
    let bestWorth = 0
    for (let segment = 0; segment < counts.length; segment++) {
      const count = counts[segment]
      if (count <= (bestWorth >>> 1) || segment === taken) continue
      const worth = worthOf(count, places[segment], place)
      if (worth > bestWorth) {
        best = segment
        bestWorth = worth
      }
    }
    return best
  }

  /** How good a segment that has available pages is for a place: from 1 to twice its pages. */
  worth(segment: number, place: number): number {
    return worthOf(this.counts[segment], this.places[segment], place)
  }

  private grow(segments: number): void {
    const length = Math.max(segments, this.counts.length * 2)
    const counts = new Uint16Array(length)
    const places = new Uint8Array(length)
    counts.set(this.counts)
    places.set(this.places)
    this.counts = counts
    this.places = places
  }
}

function worthOf(count: number, has: number, wanted: number): number {
  if (wanted === PLACE.BRANCH) return has === PLACE.BRANCH && count >= ROOMY_PAGES ? 2 * count : count
  return has === PLACE.LEAF || count === SEGMENT_PAGES ? count : 1
}
