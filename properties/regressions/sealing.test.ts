/** Whoever looks at the whole store while a transaction goes on must leave the transaction's pages as they are. */
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import type { Database } from '../../src/index.js'
import { emptyImage, FaultyFile, fileOf, openOn } from '../../test/faulty-file.js'

const LOOKS: Record<string, (db: Database<string, string>) => unknown> = {
  check: (db) => db.check(),
  stats: (db) => db.stats(),
  backup: (db) => db.backup(new Writable({ write: (_piece, _encoding, done) => done() })),
}

it.each(Object.keys(LOOKS).flatMap((look) => [3, Infinity].map((journalFrom) => ({ look, journalFrom }))))('$look in the middle of a transaction loses nothing of it (a journal from $journalFrom pages on)', async ({ look, journalFrom }) => {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file, {}, journalFrom)
  db.transaction((tx) => { for (let i = 0; i < 400; i++) tx.put(`key ${i}`, 'v'.repeat(200)) })
  const tx = db.begin()
  tx.put('key 7', 'first')
  const looked = LOOKS[look](db)
  // The same leaf, by the way that the transaction remembers.
  tx.put('key 7', 'second')
  tx.commit()
  await looked
  db.close()
  const { db: again } = openOn(fileOf(file.left))
  expect(again.check().errors).toEqual([])
  expect(again.get('key 7')).toBe('second')
})

it('pages that waited and that only a snapshot reaches are read again from the file as they were', () => {
  const { db, store } = openOn<string, string>(new FaultyFile(fileOf(emptyImage()), false), { poolSize: 2 * 2 ** 20, durability: 'lazy', syncInterval: 1e6 }, 3)
  const key = (i: number): string => `k ${String(i).padStart(6, '0')}`
  db.load(Array.from({ length: 4000 }, (_, i) => [key(i), 'm'.repeat(900)] as const))
  for (let i = 0; i < 60; i++) db.put(key(i * 50), 'first')
  const snapshot = db.snapshot()
  expect(store.newest.base, 'the commit stands in the journal').toBeLessThan(store.newest.meta.transaction)
  const { base } = store.newest
  for (let i = 0; i < 60 || store.newest.base === base; i++) db.put(key((i % 60) * 50), 'second')
  // The scan pushes the pages out of the pool.
  expect([...db.keys()].length).toBe(4000)
  for (let i = 0; i < 60; i++) expect(snapshot.get(key(i * 50))).toBe('first')
})
