import { describe, expect, it } from 'vitest'
import type { Savepoint, Transaction } from '../../src/index.js'
import { assertSound, codeOf, diskStore, padded, seeded, textStore } from '../helpers.js'

const contents = (from: { entries(): Iterable<[string, string]> }) => Object.fromEntries(from.entries())

describe('a savepoint', () => {
  it('can be come back to, as often as wanted', () => {
    const db = textStore()
    db.transaction((tx) => {
      tx.put('a', '1')
      const savepoint = tx.savepoint()
      for (let round = 0; round < 3; round++) {
        tx.put('a', '2')
        tx.put('b', 'x'.repeat(5000))
        tx.delete('a')
        savepoint.rollback()
        expect(contents(tx)).toEqual({ a: '1' })
      }
      tx.put('c', '3')
    })
    expect(contents(db)).toEqual({ a: '1', c: '3' })
    assertSound(db)
  })

  it('nests: going back undoes what came after, the inner savepoints included', () => {
    const db = textStore()
    db.transaction((tx) => {
      tx.put('n', '0')
      const outer = tx.savepoint()
      tx.put('n', '1')
      const inner = tx.savepoint()
      tx.put('n', '2')
      const innermost = tx.savepoint()
      tx.put('n', '3')
      inner.rollback()
      expect(tx.get('n')).toBe('1')
      for (const use of [() => innermost.rollback(), () => innermost.release()]) expect(codeOf(use)).toBe('COPPICE_TRANSACTION_ENDED')
      tx.put('n', '4')
      inner.rollback()
      expect(tx.get('n')).toBe('1')
      outer.rollback()
      expect(tx.get('n')).toBe('0')
      expect(codeOf(() => inner.rollback())).toBe('COPPICE_TRANSACTION_ENDED')
    })
    expect(contents(db)).toEqual({ n: '0' })
  })

  it('that is released is gone with those after it, and what was written stays', () => {
    const db = textStore()
    db.transaction((tx) => {
      const outer = tx.savepoint()
      tx.put('a', '1')
      const middle = tx.savepoint()
      tx.put('b', '2')
      const inner = tx.savepoint()
      tx.put('c', '3')
      middle.release()
      expect(contents(tx)).toEqual({ a: '1', b: '2', c: '3' })
      for (const gone of [middle, inner]) {
        expect(codeOf(() => gone.rollback())).toBe('COPPICE_TRANSACTION_ENDED')
        expect(codeOf(() => gone.release())).toBe('COPPICE_TRANSACTION_ENDED')
      }
      expect(contents(tx)).toEqual({ a: '1', b: '2', c: '3' })
      outer.rollback()
      expect(contents(tx)).toEqual({})
      tx.put('d', '4')
    })
    expect(contents(db)).toEqual({ d: '4' })
  })

  it('is of no use after the transaction\'s end, nor in another transaction', () => {
    const db = textStore()
    for (const end of [(tx: Transaction<string, string>) => tx.commit(), (tx: Transaction<string, string>) => tx.rollback()]) {
      const tx = db.begin()
      tx.put('a', '1')
      const savepoint = tx.savepoint()
      end(tx)
      const next = db.begin()
      next.put('b', '2')
      expect(codeOf(() => savepoint.rollback())).toBe('COPPICE_TRANSACTION_ENDED')
      expect(codeOf(() => savepoint.release())).toBe('COPPICE_TRANSACTION_ENDED')
      expect(next.get('b')).toBe('2')
      next.rollback()
    }
  })

  it('spans all trees of its transaction, those made and dropped since included', () => {
    const db = textStore()
    db.tree('kept', { valueEncoding: 'utf8' }).put('k', 'before')
    db.createTree('empty')
    db.transaction((tx) => {
      const kept = tx.tree('kept', { valueEncoding: 'utf8' })
      const made = tx.tree('made', { valueEncoding: 'utf8' })
      kept.put('k', 'changed')
      made.put('m', 'before the savepoint')
      const savepoint = tx.savepoint()
      for (let round = 0; round < 3; round++) {
        tx.put('default', 'x')
        kept.put('k', 'x')
        for (let i = 0; i < 200; i++) made.put(padded(i), 'x'.repeat(100))
        tx.tree('later').put('l', Buffer.of(1))
        tx.dropTree('empty')
        tx.dropTree('kept')
        if (round === 1) kept.put('anew', 'x')
        expect(tx.trees()).toEqual(round === 1 ? ['kept', 'later', 'made'] : ['later', 'made'])
        savepoint.rollback()
        expect(tx.trees()).toEqual(['empty', 'kept', 'made'])
        expect(contents(kept)).toEqual({ k: 'changed' })
        expect(contents(made)).toEqual({ m: 'before the savepoint' })
        expect(tx.tree('later').count()).toBe(0)
        expect(tx.count()).toBe(0)
      }
      made.put('after', 'the rollback')
    })
    expect(db.trees()).toEqual(['empty', 'kept', 'made'])
    expect(contents(db.tree('kept', { valueEncoding: 'utf8' }))).toEqual({ k: 'changed' })
    expect(db.tree('made').count()).toBe(2)
    assertSound(db)
  })

  it('gives the pages back that were taken since', () => {
    const db = textStore()
    db.load(Array.from({ length: 1000 }, (_, i) => [padded(i), 'v'.repeat(100)] as [string, string]))
    db.transaction((tx) => {
      const savepoint = tx.savepoint()
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 1000; i += 3) tx.put(padded(i), 'changed'.repeat(30))
        savepoint.rollback()
      }
    })
    expect(db.get(padded(3))).toBe('v'.repeat(100))
    expect(db.stats().usedBytes).toBeLessThan(5 * 1000 * 120)
    assertSound(db)
  })

  it('holds for transactions far larger than the pool, with random writes between nested savepoints', () => {
    for (const mapper of [false as const, undefined]) {
      const db = diskStore<string, string>({ poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8', ...(mapper === false ? { mapper } : {}) })
      const random = seeded(9)
      const stack: { savepoint: Savepoint; model: Map<string, string> }[] = []
      let model = new Map<string, string>()
      const tx = db.begin()
      for (let step = 0; step < 6000; step++) {
        const key = padded(Math.floor(random() * 4000))
        const value = `${step}`.padEnd(random() * 1200)
        tx.put(key, value)
        model.set(key, value)
        const choice = random()
        if (choice < 0.01) stack.push({ savepoint: tx.savepoint(), model: new Map(model) })
        else if (choice < 0.015 && stack.length > 0) {
          stack.length = 1 + Math.floor(random() * stack.length)
          const back = stack[stack.length - 1]
          back.savepoint.rollback()
          model = new Map(back.model)
        } else if (choice < 0.02 && stack.length > 0) stack.pop()?.savepoint.release()
        else if (choice < 0.05) {
          const end = padded(Number(key) + 30)
          let count = 0
          for (const other of model.keys()) if (other >= key && other < end && model.delete(other)) count++
          expect(tx.deleteRange({ gte: key, lt: end })).toBe(count)
        }
      }
      const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
      expect([...tx.entries()]).toEqual(sorted)
      tx.commit()
      expect([...db.entries()]).toEqual(sorted)
      expect(db.stats().pool.spilledPages).toBeGreaterThan(0)
      assertSound(db)
    }
  })
})
