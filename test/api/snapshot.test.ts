import { describe, expect, it } from 'vitest'
import { assertSound, codeOf, diskStore, padded, seeded, textStore } from '../helpers.js'

describe('a snapshot', () => {
  it('stays what it was over thousands of later commits, in every respect', async () => {
    for (const options of [{}, { mapper: false as const, poolSize: 2 * 2 ** 20 }]) {
      const db = diskStore<string, string>({ durability: 'lazy', valueEncoding: 'utf8', ...options })
      const random = seeded(31)
      const model = new Map<string, string>()
      const kept: { snapshot: ReturnType<typeof db.snapshot>; entries: [string, string][] }[] = []
      const sorted = () => [...model].sort(([a], [b]) => (a < b ? -1 : 1))
      for (let commit = 0; commit < 2400; commit++) {
        const key = padded(Math.floor(random() * 400))
        const value = `${commit}`.padEnd(random() < 0.02 ? 9000 : random() * 300)
        if (random() < 0.75) {
          db.put(key, value)
          model.set(key, value)
        } else expect(db.delete(key)).toBe(model.delete(key))
        if (commit % 300 === 150) kept.push({ snapshot: db.snapshot(), entries: sorted() })
        // Some go early, so that those left do not all hold back the same pages.
        if (commit % 700 === 699) kept.splice(1, 1)[0].snapshot.rollback()
      }
      for (const { snapshot, entries } of kept) {
        expect([...snapshot.entries()]).toEqual(entries)
        expect([...snapshot.keys({ reverse: true })]).toEqual(entries.map(([key]) => key).reverse())
        expect(snapshot.count()).toBe(entries.length)
        expect(snapshot.at(-1)).toEqual(entries[entries.length - 1])
        expect(snapshot.get(entries[7][0])).toBe(entries[7][1])
      }
      assertSound(db)
      for (const { snapshot } of kept) snapshot.rollback()
      expect([...db.entries()]).toEqual(sorted())
      await db.syncAsync()
      expect(db.stats().pending.filter((held) => !held.awaitsSync)).toEqual([])
      assertSound(db)
    }
  })

  it('sees none of the transaction that is open when it is made', () => {
    const db = textStore()
    db.put('a', '1')
    const tx = db.begin()
    tx.put('a', '2')
    const snapshot = db.snapshot()
    tx.commit()
    expect([snapshot.get('a'), db.get('a')]).toEqual(['1', '2'])
    expect([snapshot.readOnly, codeOf(() => snapshot.put('a', ''))]).toEqual([true, 'COPPICE_READ_ONLY'])
    snapshot.rollback()
  })

  it('holds the named trees too, those dropped since included', () => {
    const db = textStore()
    db.tree('t', { valueEncoding: 'utf8' }).load(Array.from({ length: 1000 }, (_, i) => [padded(i), 'v'.repeat(50)] as [string, string]))
    const snapshot = db.snapshot()
    db.dropTree('t')
    for (let i = 0; i < 500; i++) db.put(padded(i), 'x'.repeat(200))
    expect(snapshot.trees()).toEqual(['t'])
    expect([...snapshot.tree('t', { valueEncoding: 'utf8' }).values()].every((value) => value === 'v'.repeat(50))).toBe(true)
    expect(snapshot.count()).toBe(0)
    snapshot.rollback()
    assertSound(db)
  })

  it('of a store without entries stays without entries', () => {
    const db = textStore()
    const snapshot = db.snapshot()
    db.load(Array.from({ length: 1000 }, (_, i) => [padded(i), 'v'] as [string, string]))
    expect([snapshot.count(), [...snapshot.keys()].length, snapshot.at(0), snapshot.get(padded(1)), snapshot.trees()]).toEqual([0, 0, undefined, undefined, []])
  })
})
