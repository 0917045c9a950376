import fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Database, OpenOptions } from '../../src/index.js'
import { open } from '../../src/index.js'
import { assertSound, closing, codeOf, codeOfAsync, diskStore, padded, temporaryFolder, textStore, wrong } from '../helpers.js'

afterEach(() => {
  vi.restoreAllMocks()
})

async function store(options: OpenOptions<string, string> = {}): Promise<Database<string, string>> {
  const db = diskStore<string, string>({ valueEncoding: 'utf8', ...options })
  // The first write syncs what the opening found, once.
  db.put('first', 'write')
  await db.syncAsync()
  return db
}

/** Counts the syncs that the system is asked for, in this thread and in the thread pool. */
function countSyncs(): { now: number; inBackground: number } {
  const now = vi.spyOn(fs, 'fdatasyncSync')
  const background = vi.spyOn(fs, 'fdatasync')
  return {
    get now() { return now.mock.calls.length },
    get inBackground() { return background.mock.calls.length },
  }
}

/** Syncs in the thread pool end when this test says so. */
function holdSyncs(): { waiting: (() => void)[]; release: () => void } {
  const waiting: (() => void)[] = []
  const real = fs.fdatasync
  vi.spyOn(fs, 'fdatasync').mockImplementation(((descriptor: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    waiting.push(() => real(descriptor, done))
  }) as typeof fs.fdatasync)
  return { waiting, release: () => { for (const go of waiting.splice(0)) go() } }
}

const tick = () => new Promise((resolve) => setImmediate(resolve))

describe('durability sync', () => {
  it('syncs each commit once, before the call returns', async () => {
    const db = await store()
    const syncs = countSyncs()
    const calls = [
      () => db.put('a', '1'), () => db.delete('a'), () => db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: '2' }]),
      () => db.transaction((tx) => { for (let i = 0; i < 50; i++) tx.put(padded(i), 'x') }), () => db.deleteRange({}), () => db.load([['z', '']]), () => db.createTree('t'),
    ]
    calls.forEach((call, i) => {
      call()
      expect(syncs.now).toBe(i + 1)
      const { transaction, durableTransaction } = db.stats()
      expect(durableTransaction).toBe(transaction)
    })
    expect(syncs.inBackground).toBe(0)
  })

  it('syncs nothing for reads, rollbacks, and commits without a write', async () => {
    const db = await store()
    const syncs = countSyncs()
    db.get('a')
    expect([...db.entries()].length).toBe(1)
    db.delete('missing')
    db.batch([])
    db.begin().rollback()
    db.begin().commit()
    db.transaction((tx) => tx.put('a', '1') ?? tx.rollback())
    db.snapshot().commit()
    db.sync()
    expect(syncs.now + syncs.inBackground).toBe(0)
  })

  it('brings to the disk also what a commit without a write has read', async () => {
    const db = await store()
    const { durableTransaction } = db.stats()
    const unfinished = db.begin()
    unfinished.put('a', '1')
    const done = unfinished.commitAsync()
    expect(db.stats().durableTransaction).toBe(durableTransaction)
    db.transaction((tx) => expect(tx.get('a')).toBe('1'))
    expect(db.stats().durableTransaction).toBeGreaterThan(durableTransaction)
    await done
  })
})

describe('durability async', () => {
  it('makes a commit visible at once and syncs it in the background', async () => {
    const db = await store({ durability: 'async' })
    const syncs = vi.spyOn(fs, 'fdatasyncSync')
    const held = holdSyncs()
    db.put('a', '1')
    expect(db.get('a')).toBe('1')
    expect(db.stats().durableTransaction).toBeLessThan(db.stats().transaction)
    let durable = false
    const waiting = db.syncAsync().then(() => { durable = true })
    await tick()
    expect(durable).toBe(false)
    held.release()
    await waiting
    expect(db.stats().durableTransaction).toBe(db.stats().transaction)
    expect(syncs).not.toHaveBeenCalled()
  })

  it('lets the next transactions run while a sync runs, and brings them to the disk with one more', async () => {
    const db = await store({ durability: 'async' })
    const held = holdSyncs()
    for (let i = 0; i < 100; i++) db.put('a', String(i))
    expect(held.waiting.length).toBe(1)
    held.release()
    // Nobody waits for the second one: that commits came while the first ran is enough.
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    held.release()
    await vi.waitFor(() => expect(db.stats().durableTransaction).toBe(db.stats().transaction))
    expect(held.waiting.length).toBe(0)
    assertSound(db)
  })

  it('holds back the pages of the durable commit and of the one whose sync runs', async () => {
    const db = await store({ durability: 'async' })
    for (let i = 0; i < 300; i++) db.put(padded(i), 'x'.repeat(100))
    await db.syncAsync()
    const held = holdSyncs()
    db.put(padded(0), 'syncing')
    for (let i = 0; i < 300; i++) db.put(padded(i), 'newer')
    const holding = db.stats().pending.map(({ transaction }) => transaction)
    expect(holding.length).toBe(2)
    expect(Math.max(...holding)).toBeLessThan(db.stats().transaction)
    assertSound(db)
    held.release()
    await vi.waitFor(() => expect(held.waiting.length).toBe(0))
  })
})

describe('durability lazy', () => {
  it('syncs no commit by itself, and all of them within the interval', async () => {
    const db = await store({ durability: 'lazy', syncInterval: 20 })
    const syncs = countSyncs()
    for (let i = 0; i < 200; i++) db.put('a', String(i))
    expect(syncs.now + syncs.inBackground).toBe(0)
    expect(db.get('a')).toBe('199')
    await vi.waitFor(() => expect(db.stats().durableTransaction).toBe(db.stats().transaction))
    expect([syncs.now, syncs.inBackground]).toEqual([0, 1])
  })

  it('syncs within the interval also what is committed while a sync runs', async () => {
    const db = await store({ durability: 'lazy', syncInterval: 5 })
    const held = holdSyncs()
    db.put('a', '1')
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    db.put('a', '2')
    held.release()
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    held.release()
    await vi.waitFor(() => expect(db.stats().durableTransaction).toBe(db.stats().transaction))
  })

  it('resolves putAsync and commitAsync without a sync', async () => {
    const db = await store({ durability: 'lazy', syncInterval: 1_000_000 })
    const syncs = countSyncs()
    await db.putAsync('a', '1')
    const tx = db.begin()
    tx.put('b', '2')
    await tx.commitAsync()
    await db.transactionAsync((later) => later.put('c', '3'))
    expect(syncs.now + syncs.inBackground).toBe(0)
    expect(db.count()).toBe(4)
  })

  it('is made durable by sync, by syncAsync and by close', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = closing(open<string, string>(path, { durability: 'lazy', syncInterval: 1_000_000, valueEncoding: 'utf8' }))
    for (const bring of [() => db.sync(), () => db.syncAsync()]) {
      db.put('a', String(bring))
      expect(db.stats().durableTransaction).toBeLessThan(db.stats().transaction)
      await bring()
      expect(db.stats().durableTransaction).toBe(db.stats().transaction)
    }
    db.put('a', 'last')
    const syncs = countSyncs()
    db.close()
    expect(syncs.now).toBeGreaterThan(0)
    const again = closing(open<string, string>(path, { valueEncoding: 'utf8' }))
    expect(again.get('a')).toBe('last')
    expect(again.stats().passedOver).toEqual([])
  })
})

describe('putAsync, deleteAsync and batchAsync', () => {
  it('that wait together share one commit and one sync', async () => {
    for (const durability of ['sync', 'async'] as const) {
      const db = await store({ durability })
      const syncs = countSyncs()
      const before = db.stats().transaction
      await Promise.all(Array.from({ length: 500 }, (_, i) => i % 5 === 4 ? db.deleteAsync(padded(i - 1)) : db.putAsync(padded(i), String(i))))
      expect(db.stats().transaction - before).toBe(1)
      expect([syncs.now, syncs.inBackground]).toEqual([0, 1])
      expect(db.count()).toBe(1 + 300)
      expect(db.stats().durableTransaction).toBe(db.stats().transaction)
      vi.restoreAllMocks()
    }
  })

  it('keep no other write out while they wait for nothing', async () => {
    const db = await store()
    for (let turns = 0; turns < 4; turns++) {
      const writes = [db.putAsync('a', `${turns}`), db.deleteAsync('b')]
      for (let turn = 0; turn < turns; turn++) await null
      db.put('c', `${turns}`)
      await Promise.all(writes)
      expect([db.get('a'), db.get('c')]).toEqual([`${turns}`, `${turns}`])
    }
  })

  it('that come while a sync runs are one commit and one sync behind it', async () => {
    const db = await store()
    const held = holdSyncs()
    const first = db.putAsync('a', '1')
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    const before = db.stats().transaction
    const later: Promise<void>[] = []
    for (let i = 0; i < 50; i++) later.push(db.putAsync(padded(i), 'x'))
    await vi.waitFor(() => expect(db.get(padded(49))).toBe('x'))
    expect(db.stats().transaction - before).toBe(1)
    expect(held.waiting.length).toBe(1)
    held.release()
    await first
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    held.release()
    await Promise.all(later)
    expect(held.waiting.length).toBe(0)
  })

  it('resolve only when their commit is on the disk', async () => {
    const db = await store()
    const held = holdSyncs()
    let resolved = false
    const put = db.putAsync('a', '1').then(() => { resolved = true })
    await vi.waitFor(() => expect(held.waiting.length).toBe(1))
    await tick()
    expect([db.get('a'), resolved]).toEqual(['1', false])
    held.release()
    await put
    expect(db.stats().durableTransaction).toBe(db.stats().transaction)
  })

  it('wait for an open transaction, and are done in the order of the calls', async () => {
    const db = textStore()
    const tx = db.begin()
    tx.put('n', 'from the transaction')
    const writes = [db.putAsync('n', '1'), db.deleteAsync('n'), db.putAsync('n', '2'), db.batchAsync([{ type: 'put', key: 'm', value: '3' }, { type: 'delete', key: 'n' }])]
    await tick()
    expect(db.count()).toBe(0)
    tx.commit()
    await Promise.all(writes)
    expect([...db.entries()]).toEqual([['m', '3']])
  })

  it('mix with transactionAsync in the order of the calls', async () => {
    const db = textStore()
    const seen: (string | undefined)[] = []
    await Promise.all([
      db.transactionAsync(async (tx) => { seen.push(tx.get('n')); await tick(); tx.put('n', '1') }),
      db.putAsync('n', '2'),
      db.transactionAsync((tx) => { seen.push(tx.get('n')); tx.put('n', '3') }),
    ])
    expect(seen[0]).toBeUndefined()
    expect(seen[1]).toMatch(/^[12]$/)
    expect(db.get('n')).toBe(seen[1] === '2' ? '3' : '2')
  })

  it('reject what is refused at once, and nothing of it is done, while others go through', async () => {
    const db = textStore()
    const results = await Promise.allSettled([
      db.putAsync('a', '1'), db.putAsync(wrong(5), ''), db.putAsync('k', wrong(5)), db.batchAsync([{ type: 'put', key: 'b', value: '2' }, { type: 'put', key: 'k'.repeat(2049), value: '' }]),
      db.batchAsync(wrong(null)), db.batchAsync([wrong({ type: 'other' })]), db.putAsync('c', '3'),
    ])
    expect(results.map((result) => result.status === 'rejected' ? (result.reason as { code: string }).code : 'done')).toEqual([
      'done', 'COPPICE_INVALID_KEY', 'COPPICE_INVALID_VALUE', 'COPPICE_KEY_TOO_LARGE', 'COPPICE_INVALID_OPTION', 'COPPICE_INVALID_OPTION', 'done',
    ])
    expect([...db.entries()]).toEqual([['a', '1'], ['c', '3']])
  })

  it('write to named trees, making them', async () => {
    const db = textStore()
    const tree = db.tree('named', { valueEncoding: 'json' })
    await Promise.all([tree.putAsync('k', { a: 1 }), db.putAsync('d', 'default'), tree.batchAsync([{ type: 'put', key: 'l', value: [2] }]), tree.deleteAsync('none')])
    expect([...tree.entries()]).toEqual([['k', { a: 1 }], ['l', [2]]])
    expect(db.trees()).toEqual(['named'])
  })

  it('on a database closed meanwhile are told COPPICE_CLOSED, or are on the disk', async () => {
    const path = join(temporaryFolder(), 'store')
    const db = closing(open<string, string>(path, { valueEncoding: 'utf8' }))
    await db.putAsync('a', '1')
    const before = db.putAsync('b', '2')
    await tick()
    const after = db.putAsync('c', '3')
    db.close()
    expect(await codeOfAsync(() => after)).toBe('COPPICE_CLOSED')
    await before
    expect(await codeOfAsync(() => db.putAsync('d', '4'))).toBe('COPPICE_CLOSED')
    const again = closing(open<string, string>(path, { valueEncoding: 'utf8' }))
    expect([...again.keys()]).toEqual(['a', 'b'])
  })
})

describe('commitAsync', () => {
  it('makes the writes visible at once and resolves when they are on the disk', async () => {
    const db = await store()
    const held = holdSyncs()
    const tx = db.begin()
    tx.put('a', '1')
    let resolved = false
    const commit = tx.commitAsync().then(() => { resolved = true })
    expect([db.get('a'), tx.active]).toEqual(['1', false])
    db.begin().rollback()
    await tick()
    expect(resolved).toBe(false)
    held.release()
    await commit
    expect(await codeOfAsync(() => tx.commitAsync())).toBe('COPPICE_TRANSACTION_ENDED')
    await db.begin().commitAsync()
    await db.snapshot().commitAsync()
  })

  it('of several transactions in a row shares syncs', async () => {
    const db = await store()
    const syncs = countSyncs()
    await Promise.all(Array.from({ length: 100 }, (_, i) => {
      const tx = db.begin()
      tx.put(padded(i), 'x')
      return tx.commitAsync()
    }))
    expect(syncs.now).toBe(0)
    expect(syncs.inBackground).toBeLessThanOrEqual(2)
    expect(db.stats().durableTransaction).toBe(db.stats().transaction)
    expect(db.count()).toBe(101)
    expect(codeOf(() => assertSound(db))).toBeUndefined()
  })
})
