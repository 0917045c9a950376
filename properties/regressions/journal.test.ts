/** What the journal has shown. */
import { expect, it } from 'vitest'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../../test/faulty-file.js'
import { codeOf, padded } from '../../test/helpers.js'

/** A store of 600 entries with a journal from `journalFrom` pages on, and its file. */
function filled(journalFrom = 3) {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file, {}, journalFrom)
  db.transaction((tx) => { for (let i = 0; i < 600; i++) tx.put(padded(i), 'v'.repeat(900)) })
  db.put('small', 'commit')
  return { db, file }
}

/** A disk on which a file cannot become longer. */
function fillDisk(file: FaultyFile): void {
  const bytes = file.inner.size()
  file.onWrite = (sources, position) => {
    const end = sources.reduce((sum, source) => sum + source.length, position)
    file.fault = (call) => (call === 'write' && end > bytes ? { code: 'ENOSPC' } : undefined)
  }
}

it.each([3, Infinity])('on a full disk a store can be emptied again, one entry after the other, whatever waits in its journal (from %d pages on)', (journalFrom) => {
  const { db, file } = filled(journalFrom)
  fillDisk(file)
  let next = 600
  while (codeOf(() => db.put(padded(next), 'v'.repeat(900))) === undefined) next++
  // Each from another leaf, so that each commit takes a page whose predecessor the checkpoint still reaches.
  const codes = Array.from({ length: 600 }, (_, i) => codeOf(() => db.delete(padded((i * 7) % 600))))
  expect(codes.filter((code) => code !== undefined)).toEqual([])
  expect(db.check().errors).toEqual([])
  expect(db.count({ lt: padded(600) })).toBe(0)
})

it('a record names no tree that is not there, though the transaction looked for something to delete in it', () => {
  for (const way of ['delete', 'deleteRange', 'dropped'] as const) {
    const { db, file } = filled()
    db.transaction((tx) => {
      tx.put('kept', way)
      if (way === 'delete') tx.tree('missing').delete('key')
      else if (way === 'deleteRange') tx.tree('missing').deleteRange({})
      else {
        const savepoint = tx.savepoint()
        tx.tree('missing').put('key', Uint8Array.of(1))
        savepoint.rollback()
      }
    })
    const { db: again } = openOn(fileOf(imageOf(file.inner)))
    expect(again.get('kept')).toBe(way)
    expect(again.check().errors).toEqual([])
  }
})

it('a store that is opened for reading makes the commits of its journal again without writing', () => {
  const { db, file } = filled()
  // More pages than are free, so that making them again takes some behind the end of the file too.
  for (let i = 0; i < 4; i++) db.transaction((tx) => { for (let j = 0; j < 25; j++) tx.put(padded(i + 24 * j), 'changed') })
  const crashed = fileOf(imageOf(file.inner))
  Object.defineProperty(crashed, 'readOnly', { value: true })
  const again = new FaultyFile(crashed)
  const { db: reader } = openOn(again, { readOnly: true })
  expect(reader.count()).toBe(601)
  expect(reader.check().errors).toEqual([])
  reader.close()
  expect(again.calls.write).toBe(0)
})

it('a file whose opening failed has not been changed, though commits of its journal were being made again', () => {
  const { db, file } = filled()
  db.put(padded(300), 'changed')
  const image = imageOf(file.inner)
  let refused = 0
  for (let page = META_SLOTS; page < image.length / PAGE_SIZE; page++) {
    const damaged = image.slice()
    // The first commit's meta page, which nobody needs, and a page of the tree, perhaps one that the record changes.
    for (const each of [0, page]) damaged[each * PAGE_SIZE + 100] ^= 1
    const again = fileOf(damaged)
    if (codeOf(() => openOn(again)) === undefined) continue
    refused++
    expect(Buffer.compare(imageOf(again), damaged), `page ${page}`).toBe(0)
  }
  expect(refused).toBeGreaterThan(0)
})
