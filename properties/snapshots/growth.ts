/** How far a file grows in which the same keys are written over and over while snapshots stay open. */
import { META_SLOTS } from '../../src/page/layout.js'
import { padded, seeded } from '../../test/helpers.js'
import { emptyImage, fileOf, openOn } from '../../test/faulty-file.js'
import { SEED } from '../runs.js'

const KEYS = 600

/**
 * Runs so many commits; answers how many they were. A commit copies no page twice and finds free every page that nobody sees. So a
 * file needs its three meta pages, what the open snapshots and the newest checkpoint see, what the newest commit
 * reaches, and as much again for the commits until the next checkpoint; and no page more, after however many commits. A file of more than
 * 256 pages may have a third of its pages free besides, so that commits find theirs side by side, and the next region.
 */
export function growth(commits: number): number {
  const random = seeded(SEED)
  const { db, store } = openOn(fileOf(emptyImage()))
  const put = (i: number): void => db.put(`key ${padded(i, 4)}`, String(i % 10).repeat(300))
  for (let i = 0; i < KEYS; i++) put(i)
  const snapshots = [db.snapshot()]
  const inUse = (): number => store.newest.meta.pageCount - META_SLOTS - store.space().unused.size
  let most = inUse()
  let held = 0
  for (let i = 0; i < commits; i++) {
    if (i % 100 === 10) snapshots.push(db.snapshot())
    // The first one stays to the end, and another is as old as three hundred commits.
    if (i % 100 === 11 && snapshots.length > 4) snapshots.splice(1, 1)[0].rollback()
    put(Math.floor(random() * KEYS))
    most = Math.max(most, inUse())
    held = Math.max(held, store.space().unused.size - store.space().available.size)
    const needed = META_SLOTS + held + 2 * most
    const bound = needed < 256 ? needed : Math.ceil(needed * 1.5 * 1.125)
    if (store.newest.meta.pageCount > bound) throw new Error(`after ${i} commits the file has ${store.newest.meta.pageCount} pages, where ${bound} are enough`)
  }
  return commits + KEYS
}
