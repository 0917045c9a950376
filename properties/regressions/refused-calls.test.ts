/** Faults of calls that were once passed on as they came, or not told at all. */
import { describe, expect, it } from 'vitest'
import { FaultyFile, emptyImage, fileOf, openOn } from '../../test/faulty-file.js'
import { codeOf } from '../../test/helpers.js'

describe('a call that the system refuses', () => {
  it('for room in memory costs a map and no more: what has no window is read', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    db.put('before', 'value')
    file.fault = (call) => (call === 'reserve' ? { code: 'ENOSPC' } : undefined)
    db.put('key', 'value')
    db.put('large', 'v'.repeat(9000))
    expect(db.get('key')).toBe('value')
    expect(db.get('large')).toBe('v'.repeat(9000))
    file.fault = () => undefined
    db.put('after', 'value')
    expect([...db.entries()]).toEqual([['after', 'value'], ['before', 'value'], ['key', 'value'], ['large', 'v'.repeat(9000)]])
  })

  it('for the length of the file is COPPICE_IO', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    file.fault = (call) => (call === 'size' ? { code: 'EIO' } : undefined)
    expect(codeOf(() => db.stats())).toBe('COPPICE_IO')
  })
})

describe('closing after a background sync has failed', () => {
  it.each(['async', 'lazy'] as const)('tells that commits are not on the disk, and closes the file all the same (%s)', async (durability) => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file, { durability })
    file.fault = (call) => (call === 'syncAsync' ? { code: 'EIO' } : undefined)
    db.put('key', 'value')
    await expect(db.syncAsync()).rejects.toMatchObject({ code: 'COPPICE_SYNC_FAILED' })
    expect(codeOf(() => db.close())).toBe('COPPICE_SYNC_FAILED')
    expect(() => file.size()).toThrow('closed')
    db.close()
  })

  it('is silent where every commit that was visible is on the disk', () => {
    const file = new FaultyFile(fileOf(emptyImage()))
    const { db } = openOn(file)
    db.put('key', 'value')
    file.fault = (call) => (call === 'sync' ? { code: 'EIO' } : undefined)
    expect(codeOf(() => db.put('key', 'other'))).toBe('COPPICE_SYNC_FAILED')
    db.close()
  })
})
