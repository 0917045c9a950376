import { expect, it } from 'vitest'
import { CrashFile, emptyImage, fileOf, openOn } from '../faulty-file.js'

it('a bulk commit whose meta page is not synced yet keeps its pages until it is, as recovery takes it without a look', () => {
  const file = new CrashFile(emptyImage())
  file.automatic = false
  const { db } = openOn(file, { durability: 'lazy', syncInterval: 1e6 })
  db.put('first', 'write')
  db.sync()
  db.transaction((tx) => {
    for (let i = 0; i < 2100; i++) tx.put(`bulk ${i}`, 'b'.repeat(1900))
  })
  const bulk = JSON.stringify([...db.entries()])
  const bulkMeta = file.unsynced.length - 1
  for (let i = 0; i < 6; i++) db.put('small', `value ${i}`)
  // Of the small commits no meta page reached the disk, but their other pages did.
  const metas = new Set(file.unsynced.flatMap(({ position }, i) => (position < 3 * 4096 && i !== bulkMeta ? [i] : [])))
  const after = openOn(fileOf(file.afterCrash((i) => !metas.has(i)))).db
  expect(after.check().errors).toEqual([])
  expect(JSON.stringify([...after.entries()])).toBe(bulk)
})
