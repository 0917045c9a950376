import fs from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { assertSound, codeOf, codeOfAsync, diskStore, padded, textStore, wrong } from '../helpers.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const contents = (from: { entries(): Iterable<[string, string]> }) => Object.fromEntries(from.entries())

describe('begin', () => {
  it('gives a transaction that sees its own writes, which others see after commit', () => {
    const db = textStore()
    db.put('a', 'old')
    const tx = db.begin()
    expect([tx.readOnly, tx.active]).toEqual([false, true])
    tx.put('a', 'new')
    tx.put('b', 'added')
    expect(contents(tx)).toEqual({ a: 'new', b: 'added' })
    expect(contents(db)).toEqual({ a: 'old' })
    tx.commit()
    expect(tx.active).toBe(false)
    expect(contents(db)).toEqual({ a: 'new', b: 'added' })
  })

  it('and rollback leave everything as it was', () => {
    const db = textStore()
    for (let i = 0; i < 500; i++) db.put(padded(i), 'x'.repeat(i))
    const before = contents(db)
    const pages = db.stats().usedBytes
    for (let round = 0; round < 5; round++) {
      const tx = db.begin()
      tx.deleteRange({ lt: padded(250) })
      for (let i = 0; i < 500; i++) tx.put(`new ${i}`, 'y'.repeat(300))
      tx.tree('named').put('k', Buffer.of(1))
      tx.rollback()
      tx.rollback()
      expect(tx.active).toBe(false)
      expect(contents(db)).toEqual(before)
      expect(db.trees()).toEqual([])
    }
    expect(db.stats().usedBytes).toBe(pages)
    assertSound(db)
  })

  it('with readOnly reads one moment and refuses every write', () => {
    const db = textStore()
    db.put('a', '1')
    const tx = db.begin({ readOnly: true })
    expect(tx.readOnly).toBe(true)
    db.put('a', '2')
    expect(tx.get('a')).toBe('1')
    for (const use of [
      () => tx.put('a', ''), () => tx.delete('a'), () => tx.deleteRange({}), () => tx.batch([]), () => tx.load([]), () => tx.createTree('t'), () => tx.dropTree('t'),
      () => tx.savepoint(), () => tx.tree('t').put('a', Buffer.of(1)),
    ]) expect(codeOf(use), String(use)).toBe('COPPICE_READ_ONLY')
    expect(tx.get('a')).toBe('1')
    tx.commit()
    expect(db.get('a')).toBe('2')
  })

  it('refuses options that are none', () => {
    const db = textStore()
    for (const options of [{ readonly: true }, { readOnly: 'yes' }, { readOnly: 1 }, null, 5, true]) {
      expect(codeOf(() => db.begin(wrong(options)))).toBe('COPPICE_INVALID_OPTION')
    }
    db.begin({}).rollback()
  })

  it('a write transaction while another is open is told COPPICE_BUSY, as is every writing call of the database', () => {
    const db = textStore()
    const tx = db.begin()
    for (const use of [
      () => db.begin(), () => db.transaction(() => 1), () => db.put('a', ''), () => db.delete('a'), () => db.deleteRange({}), () => db.batch([]), () => db.load([]),
      () => db.createTree('t'), () => db.dropTree('t'), () => db.tree('t').put('a', Buffer.of(1)), () => db.close(),
    ]) expect(codeOf(use), String(use)).toBe('COPPICE_BUSY')
    tx.put('a', '1')
    tx.commit()
    db.put('b', '2')
    expect(contents(db)).toEqual({ a: '1', b: '2' })
  })

  it('any number of read transactions may be open beside the writer, each with its moment', () => {
    const db = textStore()
    const readers = Array.from({ length: 20 }, (_, i) => {
      db.put('n', String(i))
      return db.begin({ readOnly: true })
    })
    const tx = db.begin()
    tx.put('n', 'uncommitted')
    readers.forEach((reader, i) => expect(reader.get('n')).toBe(String(i)))
    tx.commit()
    readers.forEach((reader, i) => expect(reader.get('n')).toBe(String(i)))
    readers.forEach((reader) => reader.rollback())
    expect(db.get('n')).toBe('uncommitted')
  })

  it('and commit without a write leave the store as it was', () => {
    const db = textStore()
    db.put('a', '1')
    const { transaction } = db.stats()
    const tx = db.begin()
    tx.get('a')
    tx.delete('missing')
    tx.deleteRange({ gt: 'b' })
    tx.tree('missing').get('a')
    tx.commit()
    expect(db.stats().transaction).toBe(transaction)
  })

  it('works with using, which rolls back what was not committed', () => {
    const db = textStore()
    {
      using tx = db.begin()
      tx.put('a', '1')
      tx.commit()
    }
    {
      using tx = db.begin()
      tx.put('b', '2')
    }
    {
      using store = textStore()
      store.put('a', '1')
      expect(store.isOpen).toBe(true)
      using snapshot = store.snapshot()
      expect(snapshot.get('a')).toBe('1')
    }
    expect(contents(db)).toEqual({ a: '1' })
  })
})

describe('transaction', () => {
  it('commits when its work returns, and answers what that answered', () => {
    const db = textStore()
    const answer = { any: 'thing' }
    expect(db.transaction((tx) => { tx.put('a', '1'); return answer })).toBe(answer)
    expect(db.transaction(() => undefined)).toBeUndefined()
    expect(db.transaction(() => null)).toBeNull()
    expect(db.get('a')).toBe('1')
  })

  it('rolls back when its work throws, and passes on what was thrown', () => {
    const db = textStore()
    for (const thrown of [new Error('out'), 'a string', undefined, 0]) {
      let caught: unknown = 'nothing'
      try {
        db.transaction((tx) => { tx.put('a', '1'); throw thrown })
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
      expect(db.count()).toBe(0)
    }
    db.put('a', 'free again')
  })

  it('refuses work that returns a promise or another thenable, and rolls back', async () => {
    const db = textStore()
    const returned: (() => unknown)[] = [
      async () => 1, () => Promise.reject(new Error('nobody looks at this')), () => ({ then: () => undefined }),
      () => ({ then(_: unknown, reject: (error: Error) => void) { reject(new Error('nor at this')) } }),
    ]
    for (const work of returned) {
      expect(codeOf(() => db.transaction((tx) => { tx.put('a', '1'); return work() }))).toBe('COPPICE_PROMISE_RETURNED')
      expect(db.count()).toBe(0)
    }
    db.transaction(() => ({ then: 'no function' }))
    await new Promise((resolve) => setTimeout(resolve, 5))
    db.put('a', 'free again')
  })

  it('leaves a transaction alone that its work has ended', () => {
    const db = textStore()
    db.transaction((tx) => { tx.put('a', '1'); tx.commit() })
    db.transaction((tx) => { tx.put('b', '2'); tx.rollback() })
    expect(() => db.transaction((tx) => { tx.put('c', '3'); tx.commit(); throw new Error('after the commit') })).toThrow('after the commit')
    expect(contents(db)).toEqual({ a: '1', c: '3' })
  })

  it('inside another one is told COPPICE_BUSY, which rolls the outer one back unless it is caught', () => {
    const db = textStore()
    expect(codeOf(() => db.transaction((tx) => { tx.put('a', '1'); db.transaction(() => 1) }))).toBe('COPPICE_BUSY')
    expect(db.count()).toBe(0)
    db.transaction((tx) => { tx.put('a', '1'); expect(codeOf(() => db.put('b', ''))).toBe('COPPICE_BUSY') })
    expect(contents(db)).toEqual({ a: '1' })
  })

  it('takes a function', async () => {
    const db = textStore()
    for (const work of [undefined, null, 5, 'x', {}]) {
      expect(codeOf(() => db.transaction(wrong(work)))).toBe('COPPICE_INVALID_OPTION')
      expect(await codeOfAsync(() => db.transactionAsync(wrong(work)))).toBe('COPPICE_INVALID_OPTION')
      expect(codeOf(() => db.view('a', wrong(work)))).toBe('COPPICE_INVALID_OPTION')
    }
    db.put('a', 'free')
  })
})

describe('transactionAsync', () => {
  it('commits when its work resolves, answers what that answered, and rolls back when it rejects', async () => {
    const db = textStore()
    expect(await db.transactionAsync(async (tx) => { tx.put('a', '1'); await null; tx.put('b', '2'); return 7 })).toBe(7)
    expect(await db.transactionAsync((tx) => tx.count())).toBe(2)
    await expect(db.transactionAsync(async (tx) => { tx.put('c', '3'); await null; throw new Error('out') })).rejects.toThrow('out')
    await expect(db.transactionAsync((tx) => { tx.put('c', '3'); throw new Error('at once') })).rejects.toThrow('at once')
    expect(contents(db)).toEqual({ a: '1', b: '2' })
  })

  it('runs one at a time, in the order of the calls, whatever each waits for', async () => {
    const db = textStore()
    const log: string[] = []
    db.put('n', '0')
    const work = Array.from({ length: 20 }, (_, i) => db.transactionAsync(async (tx) => {
      log.push(`${i} begins`)
      const n = Number(tx.get('n'))
      await new Promise((resolve) => setTimeout(resolve, i % 3))
      if (i % 7 === 6) throw new Error('out')
      tx.put('n', String(n + 1))
      log.push(`${i} ends`)
    }).catch(() => log.push(`${i} ends`)))
    expect(codeOf(() => db.put('n', 'x'))).toBe('COPPICE_BUSY')
    await Promise.all(work)
    expect(log).toEqual(Array.from({ length: 20 }, (_, i) => [`${i} begins`, `${i} ends`]).flat())
    expect(db.get('n')).toBe('18')
    db.put('n', 'free')
  })

  it('waits for a transaction that is open, and lets reads and snapshots by', async () => {
    const db = textStore()
    const tx = db.begin()
    let ran = false
    const waiting = db.transactionAsync((later) => { ran = true; later.put('b', '2') })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(ran).toBe(false)
    expect(db.count()).toBe(0)
    tx.put('a', '1')
    tx.commit()
    expect(codeOf(() => db.put('c', ''))).toBe('COPPICE_BUSY')
    await waiting
    expect(contents(db)).toEqual({ a: '1', b: '2' })
  })

  it('whose work has ended its transaction leaves it at that', async () => {
    const db = textStore()
    await db.transactionAsync(async (tx) => { tx.put('a', '1'); await tx.commitAsync() })
    await db.transactionAsync((tx) => { tx.put('b', '2'); tx.rollback() })
    expect(contents(db)).toEqual({ a: '1' })
  })

  it('that waits while the database is closed is told COPPICE_CLOSED', async () => {
    const db = diskStore<string, string>({ valueEncoding: 'utf8' })
    const inside = db.transactionAsync(async (tx) => { tx.put('a', '1'); await null; expect(codeOf(() => db.close())).toBe('COPPICE_BUSY') })
    await inside
    db.close()
    expect(await codeOfAsync(() => db.transactionAsync(() => 1))).toBe('COPPICE_CLOSED')
  })
})

describe('batch', () => {
  it('does its operations in order, all of them or none', () => {
    const db = textStore()
    db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: '2' }, { type: 'delete', key: 'a' }, { type: 'put', key: 'b', value: '3' }, { type: 'delete', key: 'none' }])
    expect(contents(db)).toEqual({ b: '3' })
    const bad = [
      { type: 'put', key: 5, value: '' }, { type: 'put', key: 'k'.repeat(2049), value: '' }, { type: 'put', key: 'k', value: 5 }, { type: 'delete', key: null },
      { type: 'del', key: 'b' }, { key: 'b' }, null, undefined, 5, 'put',
    ]
    for (const operation of bad) {
      expect(codeOf(() => db.batch([{ type: 'delete', key: 'b' }, wrong(operation)])), JSON.stringify(operation)).toMatch(/^COPPICE_(INVALID_|KEY_TOO)/)
      expect(contents(db)).toEqual({ b: '3' })
    }
    for (const operations of [undefined, null, 5, 'put', {}, { type: 'delete', key: 'b' }]) expect(codeOf(() => db.batch(wrong(operations)))).toBe('COPPICE_INVALID_OPTION')
    expect(() => db.batch((function* () { yield { type: 'delete' as const, key: 'b' }; throw new Error('out') })())).toThrow('out')
    expect(contents(db)).toEqual({ b: '3' })
  })

  it('of a transaction that refuses an operation leaves the transaction as it was', () => {
    const db = textStore()
    db.transaction((tx) => {
      tx.put('a', '1')
      expect(codeOf(() => tx.batch([{ type: 'delete', key: 'a' }, { type: 'put', key: wrong(1), value: '' }]))).toBe('COPPICE_INVALID_KEY')
      expect(tx.get('a')).toBe('1')
      tx.batch(new Set([{ type: 'put' as const, key: 'b', value: '2' }]))
    })
    expect(contents(db)).toEqual({ a: '1', b: '2' })
  })
})

describe('a transaction whose write failed half-way', () => {
  const full = () => { throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }) }

  it('can only be rolled back, says why, and the store goes on', async () => {
    const db = diskStore<string, string>({ valueEncoding: 'utf8' })
    db.put('a', '1')
    const tx = db.begin()
    const savepoint = tx.savepoint()
    tx.put('b', '2')
    const keys = tx.keys()
    keys.next()
    const cursor = tx.cursor()
    vi.spyOn(fs, 'writeSync').mockImplementation(full)
    vi.spyOn(fs, 'writevSync').mockImplementation(full)
    expect(codeOf(() => tx.put('big', 'x'.repeat(10_000)))).toBe('COPPICE_NO_SPACE')
    vi.restoreAllMocks()
    for (const use of [
      () => tx.get('a'), () => tx.put('c', '3'), () => tx.count(), () => tx.entries(), () => keys.next(), () => cursor.first(), () => tx.trees(),
      () => tx.tree('t').get('a'), () => tx.savepoint(), () => savepoint.rollback(), () => tx.commit(), () => tx.load([]),
    ]) {
      expect(use, String(use)).toThrow(expect.objectContaining({ code: 'COPPICE_TRANSACTION_FAILED', cause: expect.objectContaining({ code: 'COPPICE_NO_SPACE' }) as unknown }))
    }
    expect(await codeOfAsync(() => tx.commitAsync())).toBe('COPPICE_TRANSACTION_FAILED')
    tx.rollback()
    expect(contents(db)).toEqual({ a: '1' })
    db.put('big', 'x'.repeat(10_000))
    assertSound(db)
  })

  it('goes on where a load failed, which is undone as a whole', () => {
    const db = diskStore<string, string>({ valueEncoding: 'utf8' })
    db.transaction((tx) => {
      tx.put('a', '1')
      const write = vi.spyOn(fs, 'writevSync').mockImplementation(full)
      expect(codeOf(() => tx.load([['b', '2'], ['c', 'x'.repeat(10_000)]]))).toBe('COPPICE_NO_SPACE')
      expect(write).toHaveBeenCalled()
      vi.restoreAllMocks()
      expect(contents(tx)).toEqual({ a: '1' })
      tx.load([['c', 'x'.repeat(10_000)]])
    })
    expect([...db.keys()]).toEqual(['a', 'c'])
    assertSound(db)
  })

  it('is rolled back by a commit that fails', () => {
    const db = diskStore<string, string>({ valueEncoding: 'utf8' })
    db.put('a', '1')
    const tx = db.begin()
    tx.put('b', '2')
    vi.spyOn(fs, 'writeSync').mockImplementation(full)
    vi.spyOn(fs, 'writevSync').mockImplementation(full)
    expect(codeOf(() => tx.commit())).toBe('COPPICE_NO_SPACE')
    expect(codeOf(() => db.put('c', '3'))).toBe('COPPICE_NO_SPACE')
    vi.restoreAllMocks()
    expect(tx.active).toBe(false)
    expect(contents(db)).toEqual({ a: '1' })
    db.put('c', '3')
    assertSound(db)
  })
})
