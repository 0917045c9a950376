/** Reads: iterators of any size, seeks, and one entry in each format. */
import { describe, expect, it } from 'vitest'
import { padded } from '../helpers.js'
import { levelAt, levelDatabase } from './databases.js'

describe('iterators', () => {
  const COUNT = 30_000
  const key = (i: number) => padded(i)
  const entry = (i: number): [string, string] => [key(i), `value ${i}`]
  const all = Array.from({ length: COUNT }, (_, i) => entry(i))

  it('go over many entries in either direction, in pieces, whole, and with a limit', async () => {
    const db = levelDatabase()
    await db.batch(all.map(([key, value]) => ({ type: 'put', key, value })))
    expect(await db.iterator().all()).toEqual(all)
    expect(await db.keys({ reverse: true }).all()).toEqual(all.map(([key]) => key).reverse())
    expect(await db.values({ gte: key(10), lt: key(25_010), limit: 24_999 }).all()).toEqual(all.slice(10, 25_009).map(([, value]) => value))
    expect(await db.iterator({ values: false, limit: 2 }).all()).toEqual([[key(0), undefined], [key(1), undefined]])
    expect(await db.iterator({ keys: false, limit: 2 }).all()).toEqual([[undefined, 'value 0'], [undefined, 'value 1']])
    const pieces = db.iterator()
    let read = 0
    for (let piece = await pieces.nextv(777); piece.length > 0; piece = await pieces.nextv(777)) {
      expect(piece).toEqual(all.slice(read, read + 777))
      read += piece.length
    }
    expect(read).toBe(COUNT)
    expect(pieces.count).toBe(COUNT)
    await pieces.close()
  })

  it('keep to what was there when they were made, whatever is written on the way', async () => {
    const db = levelDatabase({ durability: 'lazy' })
    await db.batch(all.slice(0, 5000).map(([key, value]) => ({ type: 'put', key, value })))
    const seen: [string, string][] = []
    for await (const item of db.iterator()) {
      if (seen.length % 500 === 0) await db.batch([{ type: 'del', key: key(seen.length + 1) }, { type: 'put', key: `${item[0]}+`, value: 'new' }])
      seen.push(item)
    }
    expect(seen).toEqual(all.slice(0, 5000))
    expect((await db.keys().all()).length).toBe(5000)
  })

  it('come to their end where a seek leaves their range, and go on after another one', async () => {
    const db = levelAt(':memory:')
    await db.batch(Array.from({ length: 10 }, (_, i) => ({ type: 'put', key: String(i), value: String(i) })))
    const cases: [range: object, target: string, expected: string | undefined][] = [
      [{ gt: '5' }, '5', undefined], [{ gt: '5' }, '6', '6'],
      [{ gte: '5', gt: '7' }, '4', undefined], [{ gte: '5', gt: '7' }, '5', '5'],
      [{ lt: '5' }, '4', '4'], [{ lt: '5' }, '5', undefined],
      [{ lte: '5', lt: '3' }, '5', '5'], [{ lte: '5', lt: '7' }, '6', undefined],
      [{ lt: '5', reverse: true }, '4', '4'], [{ lt: '5', reverse: true }, '5', undefined],
      [{ gt: '5', reverse: true }, '5', undefined], [{ gte: '5', reverse: true }, '5+', '5'],
    ]
    for (const [range, target, expected] of cases) {
      const iterator = db.values(range)
      iterator.seek(target)
      expect(await iterator.next(), JSON.stringify([range, target])).toBe(expected)
      await iterator.close()
    }
    const iterator = db.keys({ gte: '3', lte: '6' })
    iterator.seek('7')
    expect(await iterator.next()).toBeUndefined()
    iterator.seek('5')
    expect(await iterator.nextv(10)).toEqual(['5', '6'])
    iterator.seek('3')
    expect(await iterator.next()).toBe('3')
    await iterator.close()
  })

  it('with a signal can be aborted in the middle', async () => {
    const db = levelAt(':memory:')
    await db.batch(all.map(([key, value]) => ({ type: 'put', key, value })))
    const controller = new AbortController()
    const iterator = db.iterator({ signal: controller.signal })
    const reading = iterator.all()
    setImmediate(() => controller.abort())
    await expect(reading).rejects.toMatchObject({ code: 'LEVEL_ABORTED', name: 'AbortError' })
    await iterator.close()
  })
})

describe('formats', () => {
  it('are views of the same bytes, for keys and values, stored and iterated', async () => {
    const db = levelAt(':memory:')
    const text = '\u{feff}ключ 🐄'
    const bytes = new TextEncoder().encode(text)
    await db.put(text, text)
    for (const encoding of ['utf8', 'buffer', 'view'] as const) {
      const wanted = encoding === 'utf8' ? text : encoding === 'buffer' ? Buffer.from(bytes) : bytes
      const options = { keyEncoding: encoding, valueEncoding: encoding }
      expect(db.getSync<unknown, unknown>(wanted, options)).toStrictEqual(wanted)
      expect(await db.iterator<unknown, unknown>({ ...options, gte: wanted, lte: wanted }).all()).toStrictEqual([[wanted, wanted]])
      expect(await db.has<unknown>(wanted, { keyEncoding: encoding })).toBe(true)
    }
  })

  it('take empty keys and values, long values, and views of any kind', async () => {
    const db = levelAt<Uint8Array, Uint8Array>(':memory:', { keyEncoding: 'view', valueEncoding: 'view' })
    const long = new Uint8Array(100_000).fill(7)
    await db.put(new Uint8Array(0), new Uint8Array(0))
    await db.put(new Uint8Array([1]), long)
    await db.put(new Uint16Array([0x0202]) as unknown as Uint8Array, new DataView(new ArrayBuffer(3)) as unknown as Uint8Array)
    const entries = await db.iterator().all()
    expect(entries.map(([key, value]) => [key.length, value.length])).toEqual([[0, 0], [1, 100_000], [2, 3]])
    expect(Buffer.compare(entries[1][1], long)).toBe(0)
  })

  it('copy what is written at once, so that a buffer may be used again', async () => {
    const db = levelAt<Buffer, Buffer>(':memory:', { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    const buffer = Buffer.alloc(1)
    const batch = db.batch()
    const puts: Promise<void>[] = []
    for (let i = 0; i < 6; i++) {
      buffer[0] = i
      if (i < 3) batch.put(buffer, buffer)
      else puts.push(db.put(buffer, buffer))
    }
    await Promise.all([batch.write(), ...puts])
    const numbers = [0, 1, 2, 3, 4, 5].map((i) => Buffer.from([i]))
    expect(await db.keys().all()).toEqual(numbers)
    expect(await db.values().all()).toEqual(numbers)
  })
})
