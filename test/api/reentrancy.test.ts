import { describe, expect, it } from 'vitest'
import type { CustomEncoding, Database } from '../../src/index.js'
import { assertSound, codeOf, diskStore, memoryStore, padded, textStore } from '../helpers.js'

/** Text that runs a piece of the caller's code whenever it is encoded or decoded. */
function running(work: { encode?: () => unknown; decode?: () => unknown }): CustomEncoding<string> {
  let inside = false
  const once = (what: (() => unknown) | undefined) => {
    if (inside) return
    inside = true
    try {
      what?.()
    } finally {
      inside = false
    }
  }
  return {
    encode: (text) => { once(work.encode); return Buffer.from(text) },
    decode: (bytes) => { once(work.decode); return Buffer.from(bytes).toString() },
  }
}

describe('an encoding that uses the database', () => {
  it('may read and write in encode, before the call it is part of', () => {
    const log: string[] = []
    const work = { encode: () => { inner.put('inner', 'by encode'); log.push(inner.get('inner') ?? ''); return [...inner.keys()] } }
    const db: Database<string, string> = memoryStore<string, string>({ keyEncoding: running(work), valueEncoding: running(work) })
    const inner = db.tree<string, string>('inner', { valueEncoding: 'utf8' })
    db.put('key', 'value')
    expect(db.get('key')).toBe('value')
    db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: '2' }])
    expect([...db.entries({ gte: 'a', lte: 'b' })]).toEqual([['a', '1'], ['b', '2']])
    expect(db.view('a', (bytes) => Buffer.from(bytes).toString())).toBe('1')
    expect([db.rank('b'), db.count({ gt: 'a' }), db.deleteRange({ lt: 'b' }), db.delete('b')]).toEqual([1, 2, 1, true])
    expect(log.length).toBeGreaterThan(8)
    // What an encoding throws is the cause of the error: here, that the load holds the write transaction.
    expect(() => db.load([['z', '']])).toThrow(expect.objectContaining({ code: 'COPPICE_INVALID_VALUE', cause: expect.objectContaining({ code: 'COPPICE_BUSY' }) as unknown }))
    expect([...db.keys()]).toEqual(['key'])
    assertSound(db)
  })

  it('may read and write in decode, and the read goes on with what it had begun', () => {
    let count = 0
    const work = { decode: () => { inner.put(padded(count++), 'x'.repeat(500)); return [...inner.keys()].length } }
    const db: Database<string, string> = memoryStore<string, string>({ keyEncoding: running(work), valueEncoding: running(work) })
    const inner = db.tree('inner', { valueEncoding: 'utf8' })
    db.load(Array.from({ length: 200 }, (_, i) => [padded(i), `value ${i}`] as [string, string]))
    expect([...db.entries()]).toEqual(Array.from({ length: 200 }, (_, i) => [padded(i), `value ${i}`]))
    expect(db.at(-1)).toEqual([padded(199), 'value 199'])
    expect(count).toBe(402)
    assertSound(db)
  })

  it('may write to its own transaction in the decode of a key, and the value read is that of the key', () => {
    const db = textStore()
    db.load(Array.from({ length: 100 }, (_, i) => [padded(10 * i), `value ${10 * i}`] as [string, string]))
    db.createTree('other')
    db.transaction((tx) => {
      let count = 0
      const keyEncoding = running({ decode: () => { for (let i = 0; i < 5; i++) tree.put(`00000000-${padded(count++)}`, 'x'.repeat(300)) } })
      const tree = tx.tree<string, string>('other', { keyEncoding, valueEncoding: 'utf8' })
      for (let i = 0; i < 100; i++) tree.put(padded(10 * i), `value ${10 * i}`)
      expect([...tree.entries({ gt: '00000001' })].every(([key, value]) => value === `value ${Number(key)}`)).toBe(true)
      expect(tree.at(-1)).toEqual([padded(990), 'value 990'])
      expect(count).toBeGreaterThan(400)
      const cursor = tree.cursor()
      cursor.seek(padded(500))
      expect([cursor.key, cursor.value]).toEqual([padded(500), 'value 500'])
    })
    assertSound(db)
  })

  it('that deletes the entry whose key it decodes is told so', () => {
    const db = textStore()
    db.transaction((tx) => {
      const tree = tx.tree<string, string>('t', { keyEncoding: running({ decode: (): number => tree.deleteRange({}) }), valueEncoding: 'utf8' })
      tree.put('a', '1')
      expect(codeOf(() => [...tree.entries()])).toBe('COPPICE_INVALID_VALUE')
    })
  })

  it('may use the very iterator whose key it decodes, and gets no value of another key', () => {
    for (const length of [10, 10_000]) {
      for (const use of ['next', 'return', 'return and begin others'] as const) {
        let iterator: Iterator<[string, string], undefined> | undefined
        const decode = () => {
          if (use === 'next') iterator?.next()
          else iterator?.return?.()
          if (use === 'return and begin others') for (let i = 0; i < 3; i++) db.entries({ gte: padded(50) }).next()
        }
        const db: Database<string, string> = memoryStore<string, string>({ keyEncoding: running({ decode }), valueEncoding: 'utf8' })
        db.load(Array.from({ length: 100 }, (_, i) => [padded(i), padded(i).padEnd(length)] as [string, string]))
        iterator = db.entries()
        const read = () => iterator?.next().value
        if (length === 10) expect(read()).toEqual([padded(0), padded(0).padEnd(length)])
        else expect(codeOf(read)).toBe('COPPICE_INVALID_VALUE')
        iterator = undefined
      }
    }
  })

  it('may read far more than the pool holds, without a map, in the decode of a key', () => {
    const db = diskStore<string, string>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8' })
    const big = db.tree('big', { valueEncoding: 'utf8' })
    big.load(Array.from({ length: 6000 }, (_, i) => [padded(i), 'x'.repeat(500)] as [string, string]))
    const small = db.tree<string, string>('small', { keyEncoding: running({ decode: () => [...big.values()].length }), valueEncoding: 'utf8' })
    small.load(Array.from({ length: 20 }, (_, i) => [padded(i), `value ${i}`] as [string, string]))
    expect([...small.entries()]).toEqual(Array.from({ length: 20 }, (_, i) => [padded(i), `value ${i}`]))
    expect(small.at(7)).toEqual([padded(7), 'value 7'])
  })

  for (const [how, options] of [['through a map', {}], ['without a map', { mapper: () => undefined }]] as const) {
    it(`that closes the database in the decode of a key gets the value as it is, or an error, never another one (${how})`, () => {
      const value = Buffer.alloc(5000, 1)
      const work: { decode?: () => unknown } = {}
      const db = diskStore<string, Uint8Array>({ keyEncoding: running(work), ...options })
      db.transaction((tx) => { for (let i = 0; i < 50; i++) tx.put(padded(i), value) })
      work.decode = () => db.close()
      let read: unknown
      const code = codeOf(() => { read = db.entries().next().value })
      if (how === 'through a map') expect(read).toEqual([padded(0), value])
      else expect(code).toBe('COPPICE_IO')
    })
  }

  it('that throws makes an error with a code and keeps what was thrown, and nothing is written', () => {
    const thrown = new Error('cannot')
    const encoding = { encode: () => { throw thrown }, decode: () => { throw thrown } }
    const db = memoryStore<string, string>({ valueEncoding: encoding })
    db.tree('t').put('k', Buffer.of(1))
    for (const use of [() => db.put('a', ''), () => db.tree<string, string>('t', { valueEncoding: encoding }).get('k'), () => db.load([['a', '']])]) {
      let caught: unknown
      try { use() } catch (error) { caught = error }
      expect(caught).toMatchObject({ code: 'COPPICE_INVALID_VALUE', cause: thrown })
    }
    const keys = memoryStore<string, Uint8Array>({ keyEncoding: { encode: () => 'no bytes' as never, decode: () => '' } })
    expect(codeOf(() => keys.put('a', Buffer.of(1)))).toBe('COPPICE_INVALID_KEY')
    expect(db.count() + keys.count()).toBe(0)
    db.transaction((tx) => {
      tx.tree('t').put('before', Buffer.of(2))
      expect(codeOf(() => tx.put('a', ''))).toBe('COPPICE_INVALID_VALUE')
      tx.tree('t').put('after', Buffer.of(3))
    })
    expect(db.tree('t').count()).toBe(3)
  })

  it('that ends the transaction of the call it is part of is told so by that call', () => {
    const db = textStore()
    db.tree('t').put('a', Buffer.of(1))
    const calls = [
      (tree: ReturnType<typeof treeOf>) => tree.get('a'), (tree: ReturnType<typeof treeOf>) => tree.put('a', 'x'), (tree: ReturnType<typeof treeOf>) => tree.view('a', () => 1),
      (tree: ReturnType<typeof treeOf>) => tree.count({ gt: 'a' }), (tree: ReturnType<typeof treeOf>) => tree.entries({ gt: 'a' }), (tree: ReturnType<typeof treeOf>) => tree.deleteRange({ gt: 'a' }),
    ]
    function treeOf(tx: ReturnType<typeof db.begin>) {
      return tx.tree<string, string>('t', { keyEncoding: running({ encode: () => tx.rollback() }), valueEncoding: 'utf8' })
    }
    for (const call of calls) {
      const tx = db.begin()
      expect(codeOf(() => call(treeOf(tx))), String(call)).toBe('COPPICE_TRANSACTION_ENDED')
    }
    const tx = db.begin()
    const cursor = treeOf(tx).cursor()
    expect(codeOf(() => cursor.seek('a'))).toBe('COPPICE_TRANSACTION_ENDED')
    expect(db.tree('t').count()).toBe(1)
  })
})

describe('view', () => {
  it('answers what its callback answers, passes on what it throws, and lets its snapshot go either way', () => {
    const db = textStore()
    db.put('a', 'value')
    const answer = {}
    expect(db.view('a', () => answer)).toBe(answer)
    expect(() => db.view('a', () => { throw new Error('out') })).toThrow('out')
    db.put('a', 'x'.repeat(100_000))
    db.put('b', '')
    expect(db.stats().pending.filter((held) => !held.awaitsSync)).toEqual([])
  })

  it('shows the same bytes to its end, whatever the database writes meanwhile', () => {
    for (const options of [{}, { mapper: false as const, poolSize: 2 * 2 ** 20 }]) {
      for (const make of [memoryStore<string, string>, diskStore<string, string>]) {
        const db = make({ valueEncoding: 'utf8', durability: 'lazy', ...(make === memoryStore<string, string> ? {} : options) })
        for (const length of [100, 50_000]) {
          const value = 'v'.repeat(length)
          db.put('a', value)
          db.put('b', value)
          const after = db.view('a', (bytes) => {
            db.put('a', 'changed')
            db.deleteRange({})
            for (let i = 0; i < 30; i++) db.batch(Array.from({ length: 100 }, (_, j) => ({ type: 'put' as const, key: padded(100 * i + j), value: 'x'.repeat(900) })))
            expect(db.get(padded(500))?.length).toBe(900)
            return Buffer.from(bytes).toString()
          })
          expect(after).toBe(value)
          expect(db.has('a')).toBe(false)
        }
        assertSound(db)
      }
    }
  })

  it('shows the same bytes to its end, whatever is read meanwhile through a small pool', () => {
    const db = diskStore<string, string>({ mapper: false, poolSize: 2 * 2 ** 20, durability: 'lazy', valueEncoding: 'utf8' })
    db.load(Array.from({ length: 8000 }, (_, i) => [padded(i), `value ${i}`.padEnd(500)] as [string, string]))
    for (let i = 0; i < 8000; i += 1600) {
      const seen = db.view(padded(i), (bytes) => {
        expect([...db.values()].length).toBe(8000)
        return Buffer.from(bytes).toString().trim()
      })
      expect(seen).toBe(`value ${i}`)
    }
    db.transaction((tx) => {
      tx.put(padded(1), 'own write')
      expect(tx.view(padded(1), (bytes) => {
        expect([...tx.values()].length).toBe(8000)
        return Buffer.from(bytes).toString()
      })).toBe('own write')
    })
    assertSound(db)
  })

  it('may be nested, and may end its own transaction', () => {
    const db = textStore()
    db.put('a', '1')
    db.put('b', '2')
    expect(db.view('a', (a) => db.view('b', (b) => [a[0], b[0]]))).toEqual([0x31, 0x32])
    const tx = db.begin()
    tx.put('a', '3')
    expect(tx.view('a', (bytes) => { const first = bytes[0]; tx.commit(); return first })).toBe(0x33)
    expect(db.get('a')).toBe('3')
    assertSound(db)
  })
})
