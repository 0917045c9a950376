/** A file is mapped as far as it is likely to need soon, and mapped anew when it has grown past that. */
import fs from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { assertSound, padded, temporaryFolder } from '../helpers.js'

const MIB = 2 ** 20

it('what was begun before a file outgrew its map goes on as it was, and new readers see all', () => {
  const path = join(temporaryFolder(), 'store')
  const db = open(path, { durability: 'lazy' })
  const large = Buffer.alloc(MIB, 'large')
  db.transaction((tx) => {
    for (let i = 0; i < 2000; i++) tx.put(padded(i), Buffer.from(`value ${i}`))
    tx.put('large', large)
  })
  const snapshot = db.snapshot()
  const entries = db.entries({ lt: 'large' })
  const cursor = db.cursor()
  for (let i = 0; i < 10; i++) entries.next()
  cursor.seek(padded(700))
  db.view('large', (bytes) => {
    const first = bytes[0]
    for (let i = 0; i < 20; i++) db.put(`more ${i}`, Buffer.alloc(MIB, i))
    expect(fs.statSync(path).size).toBeGreaterThan(16 * MIB)
    expect([first, bytes.length, Buffer.compare(bytes, large)]).toEqual([large[0], MIB, 0])
  })
  expect([...entries].length).toBe(1990)
  expect([cursor.next(), cursor.key, String(cursor.value)]).toEqual([true, padded(701), 'value 701'])
  cursor.close()
  expect([snapshot.count(), Buffer.compare(snapshot.get('large')!, large)]).toEqual([2001, 0])
  snapshot.rollback()
  for (let i = 0; i < 20; i++) expect(db.get(`more ${i}`)?.every((byte) => byte === i), `value ${i}`).toBe(true)
  assertSound(db)
  db.close()
  const again = open(path, { readOnly: true })
  expect(again.count()).toBe(2021)
  assertSound(again)
  again.close()
})
