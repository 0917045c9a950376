import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { open, tuple } from '../../src/index.js'
import { assertSound, closing, codeOf, padded, temporaryFolder, textStore, wrong } from '../helpers.js'

describe('a named tree', () => {
  it('is made by its first write, and listed in the order of the names\' bytes', () => {
    const db = textStore()
    const names = ['b', 'a', 'é', 'z', 'a/b', '\u{1f600}', 'n'.repeat(2048)]
    for (const name of names) {
      const tree = db.tree(name)
      expect([tree.get('k'), tree.count(), tree.delete('k'), tree.deleteRange({}), [...tree.keys()].length]).toEqual([undefined, 0, false, 0, 0])
      expect(db.trees()).not.toContain(name)
      tree.put('k', Buffer.from(name))
      expect(db.trees()).toContain(name)
    }
    expect(db.trees()).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    for (const name of names) expect(db.tree(name, { valueEncoding: 'utf8' }).get('k')).toBe(name)
    expect(db.count()).toBe(0)
    assertSound(db)
  })

  it('is a tree of its own: the same key in each has a value of its own', () => {
    const db = textStore()
    const trees = Array.from({ length: 30 }, (_, i) => db.tree(`tree ${i}`, { valueEncoding: 'utf8' }))
    db.put('k', 'default')
    trees.forEach((tree, i) => tree.put('k', String(i)))
    trees[3].delete('k')
    trees[4].deleteRange({})
    expect(trees.map((tree) => tree.get('k'))).toEqual(trees.map((_, i) => i === 3 || i === 4 ? undefined : String(i)))
    db.deleteRange({})
    expect(trees[5].get('k')).toBe('5')
    expect(db.trees().length).toBe(30)
  })

  it('has encodings of its own', () => {
    const db = textStore()
    const events = db.tree('events', { keyEncoding: tuple, valueEncoding: 'json' })
    events.put(['user', 2], { name: 'b' })
    events.put(['user', 10], { name: 'j' })
    events.put(['users'], [1])
    expect([...events.entries({ prefix: ['user'] })]).toEqual([[['user', 2], { name: 'b' }], [['user', 10], { name: 'j' }]])
    const bytes = db.tree('bytes', { keyEncoding: 'binary', valueEncoding: 'utf8' })
    bytes.put(Uint8Array.of(0, 255), 'text')
    expect([...bytes.entries()]).toEqual([[Buffer.of(0, 255), 'text']])
    expect(codeOf(() => bytes.put(wrong('text'), ''))).toBe('COPPICE_INVALID_KEY')
    const dates = db.tree<Date, Date>('dates', {
      keyEncoding: { encode: (date) => Buffer.from(date.toISOString()), decode: (stored) => new Date(Buffer.from(stored).toString()) },
      valueEncoding: { name: 'date', encode: (date) => Buffer.from(String(date.getTime())), decode: (stored) => new Date(Number(Buffer.from(stored).toString())) },
    })
    dates.put(new Date(1000), new Date(5))
    expect([...dates.entries({ lte: new Date(1000) })]).toEqual([[new Date(1000), new Date(5)]])
    expect(codeOf(() => dates.put(new Date(NaN), new Date(0)))).toBe('COPPICE_INVALID_KEY')
  })

  it('is refused with options or a name that are none', () => {
    const db = textStore()
    const tx = db.begin()
    for (const source of [db, tx] as Pick<typeof db, 'tree' | 'createTree' | 'dropTree'>[]) {
      for (const options of [{ keyencoding: 'json' }, { readOnly: true }, null, 5, { keyEncoding: 'xml' }, { valueEncoding: 5 }, { valueEncoding: { encode: () => 1 } }, { keyEncoding: null }]) {
        expect(codeOf(() => source.tree('t', wrong(options))), JSON.stringify(options)).toBe('COPPICE_INVALID_OPTION')
      }
      for (const name of ['', 'n'.repeat(2049), 5, null, undefined, {}, 'half \ud800']) {
        expect(codeOf(() => source.tree(wrong(name)))).toBe('COPPICE_INVALID_KEY')
        expect(codeOf(() => source.createTree(wrong(name)))).toBe('COPPICE_INVALID_KEY')
        expect(codeOf(() => source.dropTree(wrong(name)))).toBe('COPPICE_INVALID_KEY')
      }
    }
    tx.rollback()
    expect(db.trees()).toEqual([])
  })

  it('is made without entries by createTree, and taken away by dropTree, which say whether they did', () => {
    const db = textStore()
    expect([db.createTree('t'), db.createTree('t'), db.trees()]).toEqual([true, false, ['t']])
    db.tree('t').put('k', Buffer.of(1))
    expect(db.createTree('t')).toBe(false)
    expect(db.tree('t').count()).toBe(1)
    expect([db.dropTree('t'), db.dropTree('t'), db.trees(), db.tree('t').count()]).toEqual([true, false, [], 0])
    db.tree('t').put('new', Buffer.of(1))
    expect([...db.tree('t').keys()]).toEqual(['new'])
    assertSound(db)
  })

  it('that has lost all its entries is still there', () => {
    const db = textStore()
    db.tree('t').put('k', Buffer.of(1))
    db.tree('t').delete('k')
    expect(db.trees()).toEqual(['t'])
    assertSound(db)
  })

  it('lives and dies with its transaction', () => {
    const db = textStore()
    db.tree('old', { valueEncoding: 'utf8' }).put('k', 'v')
    const tx = db.begin()
    tx.tree('new').put('k', Buffer.of(1))
    expect(tx.createTree('empty')).toBe(true)
    expect(tx.dropTree('old')).toBe(true)
    expect([tx.trees(), db.trees()]).toEqual([['empty', 'new'], ['old']])
    expect(tx.tree('old').count()).toBe(0)
    expect(db.tree('old').count()).toBe(1)
    tx.rollback()
    expect(db.trees()).toEqual(['old'])
    expect(db.tree('old', { valueEncoding: 'utf8' }).get('k')).toBe('v')
    assertSound(db)
  })

  it('dropped and made anew in one transaction has its new entries alone', () => {
    const db = textStore()
    for (let i = 0; i < 300; i++) db.tree('t').put(padded(i), Buffer.alloc(100))
    db.transaction((tx) => {
      const tree = tx.tree('t', { valueEncoding: 'utf8' })
      tree.put('before', 'x')
      tx.dropTree('t')
      expect([tree.count(), tree.get('before'), tree.at(0)]).toEqual([0, undefined, undefined])
      tree.put('after', 'y')
    })
    expect([...db.tree('t', { valueEncoding: 'utf8' }).entries()]).toEqual([['after', 'y']])
    assertSound(db)
  })

  it('changes in one commit with the default tree and all others', () => {
    const db = textStore()
    for (let round = 0; round < 20; round++) {
      db.transaction((tx) => {
        tx.put('round', String(round))
        for (let i = 0; i < 10; i++) tx.tree(`t${i}`, { valueEncoding: 'utf8' }).put(padded(round), 'x'.repeat(i * 100))
      })
    }
    const snapshot = db.snapshot()
    db.transaction((tx) => { for (let i = 0; i < 10; i += 2) tx.dropTree(`t${i}`) })
    expect(db.trees()).toEqual(['t1', 't3', 't5', 't7', 't9'])
    expect(snapshot.trees().length).toBe(10)
    expect(snapshot.tree('t8').count()).toBe(20)
    snapshot.rollback()
    assertSound(db)
  })

  it('comes back when the file is opened again', () => {
    const path = join(temporaryFolder(), 'store')
    const db = closing(open(path))
    db.tree('big').load(Array.from({ length: 5000 }, (_, i) => [padded(i), Buffer.alloc(50, i)] as [string, Uint8Array]))
    db.createTree('empty')
    db.tree('dropped').put('k', Buffer.of(1))
    db.dropTree('dropped')
    db.close()
    const again = closing(open(path))
    expect(again.trees()).toEqual(['big', 'empty'])
    expect(again.tree('big').get(padded(4999))).toEqual(Buffer.alloc(50, 4999))
    again.tree('later').put('k', Buffer.of(1))
    expect(again.stats().trees.map(({ name, entries }) => [name, entries])).toEqual([[undefined, 0], ['big', 5000], ['empty', 0], ['later', 1]])
    assertSound(again)
  })

  it('that is dropped gives its pages back with the commit, and not before its snapshots are gone', () => {
    const db = textStore()
    db.tree('t').load(Array.from({ length: 5000 }, (_, i) => [padded(i), Buffer.alloc(i % 100 === 0 ? 9000 : 80)] as [string, Uint8Array]))
    db.put('a', '1')
    const full = db.stats()
    const pages = full.pages.leaf + full.pages.branch + full.pages.overflow
    const snapshot = db.snapshot()
    db.dropTree('t')
    const held = db.stats()
    expect(held.pages.pending).toBeGreaterThanOrEqual(pages - 5)
    expect(snapshot.tree('t').get(padded(100))?.length).toBe(9000)
    snapshot.rollback()
    db.put('a', '2')
    const after = db.stats()
    expect(after.pages.free - after.pages.pending).toBeGreaterThanOrEqual(pages - 10)
    expect(after.trees.length).toBe(1)
    db.tree('u').load(Array.from({ length: 5000 }, (_, i) => [padded(i), Buffer.alloc(80)] as [string, Uint8Array]))
    expect(db.stats().usedBytes).toBe(full.usedBytes)
    assertSound(db)
  })

  it('may be one of thousands', () => {
    const db = textStore()
    db.transaction((tx) => { for (let i = 0; i < 3000; i++) tx.tree(`tree ${padded(i)}`).put('k', Buffer.from(String(i))) })
    expect(db.trees().length).toBe(3000)
    expect(Buffer.from(db.tree(`tree ${padded(1234)}`).get('k') ?? []).toString()).toBe('1234')
    db.transaction((tx) => { for (let i = 0; i < 3000; i += 2) tx.dropTree(`tree ${padded(i)}`) })
    expect(db.trees().length).toBe(1500)
    assertSound(db)
  })
})
