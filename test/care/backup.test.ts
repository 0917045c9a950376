/** Backups: the state at their start, whole or not at all, while the store goes on. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Database } from '../../src/database.js'
import type { OpenOptions, PendingStats } from '../../src/index.js'
import { open } from '../../src/index.js'
import { temporaryFolder } from '../file/layers.js'
import { fileOf, openOn } from '../faulty-file.js'

type Db = Database<string, string>

let folder: string

beforeEach(() => {
  folder = temporaryFolder()
})

function openText(name = 'store', options: OpenOptions<string, string> = {}): Db {
  const db = open<string, string>(name === ':memory:' ? name : join(folder, name), { valueEncoding: 'utf8', ...options })
  onTestFinished(() => db.close())
  return db
}

/** A store of some 5 MiB, so that a backup takes several turns of the event loop. */
function filled(name = 'store', options: OpenOptions<string, string> = {}): Db {
  const db = openText(name, options)
  db.transaction((tx) => {
    for (let i = 0; i < 300; i++) tx.put(`key ${i}`, `value ${i}`)
    for (let i = 0; i < 20; i++) tx.put(`large ${i}`, String.fromCharCode(97 + i).repeat(200_000))
    for (let i = 0; i < 300; i++) tx.tree('side', { valueEncoding: 'utf8' }).put(`side ${i}`, 's'.repeat(i))
  })
  db.deleteRange({ gte: 'large 5', lt: 'large 7' })
  return db
}

function contentsOf(db: Db): string {
  const all = [[...db.entries()], [...db.tree('side', { valueEncoding: 'utf8' }).entries()], db.trees()]
  return createHash('sha256').update(JSON.stringify(all)).digest('hex')
}

/** Writes in every turn until it is told to stop. */
function writing(db: Db): () => Promise<number> {
  let going = true
  const done = (async () => {
    let n = 0
    for (; going; n++) {
      db.transaction((tx) => {
        tx.put(`key ${n % 300}`, `later ${n}`)
        tx.put(`large ${n % 20}`, `${n % 10}`.repeat(100_000))
        tx.tree('side', { valueEncoding: 'utf8' }).delete(`side ${n % 300}`)
      })
      await turn()
    }
    return n
  })()
  return () => {
    going = false
    return done
  }
}

/** Free pages that wait for someone else than the store itself, which holds its newest checkpoint. */
function heldByOthers(db: Db): PendingStats[] {
  return db.stats().pending.filter(({ awaitsSync }) => !awaitsSync)
}

class Slow extends Writable {
  readonly chunks: Buffer[] = []
  /** Called for each piece, before it is taken. */
  onPiece: (piece: number) => void = () => undefined

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.chunks.push(chunk)
    setTimeout(() => {
      this.onPiece(this.chunks.length)
      done()
    }, 1)
  }
}

describe('backup', () => {
  it('to a path is the store as it was at the start, while writes go on', async () => {
    const db = filled('store', { durability: 'lazy' })
    const stop = writing(db)
    const before = contentsOf(db)
    await db.backup(join(folder, 'copy'))
    expect(await stop()).toBeGreaterThan(1)
    expect(contentsOf(db)).not.toBe(before)
    expect(db.check()).toMatchObject({ ok: true, errors: [] })
    const copy = openText('copy')
    expect(contentsOf(copy)).toBe(before)
    expect(copy.check()).toMatchObject({ ok: true, errors: [] })
    expect(copy.stats().passedOver).toEqual([])
    copy.put('key', 'value')
    expect(fs.readdirSync(folder).sort()).toEqual(['copy', 'store'])
  })

  it('to a slow stream is the same, waits for it, leaves it open, and leaves no listeners on it', async () => {
    const db = filled(':memory:')
    const stream = new Slow()
    let most = 0
    stream.onPiece = () => (most = Math.max(most, stream.listenerCount('close')))
    const stop = writing(db)
    const before = contentsOf(db)
    await db.backup(stream)
    expect(await stop()).toBeGreaterThan(1)
    expect(stream.writableEnded).toBe(false)
    expect(most).toBeLessThan(4)
    for (const event of ['close', 'error', 'drain']) expect(stream.listenerCount(event), event).toBe(0)
    await new Promise<void>((resolve) => void stream.end(resolve))
    const copy = openOn(fileOf(new Uint8Array(Buffer.concat(stream.chunks)))).db
    expect(contentsOf(copy)).toBe(before)
    expect(copy.check()).toMatchObject({ ok: true, errors: [] })
  })

  it('of an empty store, and of one with a read transaction open, is a store', async () => {
    const db = openText()
    await db.backup(join(folder, 'empty'))
    expect(openText('empty').check()).toMatchObject({ ok: true, entries: 0 })
    const snapshot = db.snapshot()
    db.put('key', 'value')
    await db.backup(join(folder, 'one'))
    expect(openText('one').get('key')).toBe('value')
    expect(snapshot.count()).toBe(0)
    snapshot.rollback()
  })

  it('has zeros in place of free pages: nothing that was deleted goes along', async () => {
    const db = openText()
    db.put('secret', 'SECRET!'.repeat(2000))
    db.put('other', 'value')
    db.delete('secret')
    await db.backup(join(folder, 'copy'))
    expect(fs.readFileSync(join(folder, 'store')).includes('SECRET!')).toBe(true)
    expect(fs.readFileSync(join(folder, 'copy')).includes('SECRET!')).toBe(false)
  })

  it('holds its pages no longer than it takes', async () => {
    const db = filled()
    await db.backup(join(folder, 'copy'))
    await expect(db.backup(join(folder, 'copy'))).rejects.toMatchObject({ code: 'COPPICE_EXISTS' })
    for (let i = 0; i < 300; i++) db.put(`key ${i}`, 'changed')
    expect(heldByOthers(db)).toEqual([])
  })

  it('to a path at which something stands is COPPICE_EXISTS, and leaves that as it is', async () => {
    const db = filled()
    fs.writeFileSync(join(folder, 'there'), 'mine')
    await expect(db.backup(join(folder, 'there'))).rejects.toMatchObject({ code: 'COPPICE_EXISTS' })
    await expect(db.backup(join(folder, 'store'))).rejects.toMatchObject({ code: 'COPPICE_EXISTS' })
    expect(fs.readFileSync(join(folder, 'there'), 'utf8')).toBe('mine')
    expect(fs.readdirSync(folder).sort()).toEqual(['store', 'there'])
  })

  it('to a path that another backup takes meanwhile leaves one of the two, whole', async () => {
    const db = filled()
    const both = await Promise.allSettled([db.backup(join(folder, 'copy')), db.backup(join(folder, 'copy'))])
    expect(both.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'COPPICE_EXISTS' } })
    expect(contentsOf(openText('copy'))).toBe(contentsOf(db))
    expect(fs.readdirSync(folder).sort()).toEqual(['copy', 'store'])
  })

  it.each([42, undefined, null, '', 'a\0b', {}])('to %j, which is no path and no stream, is COPPICE_INVALID_OPTION', async (target) => {
    const db = filled()
    await expect(db.backup(target as string)).rejects.toMatchObject({ code: 'COPPICE_INVALID_OPTION' })
    expect(() => db.compactTo(target as string)).toThrow(expect.objectContaining({ code: 'COPPICE_INVALID_OPTION' }))
  })

  it('to a missing folder is COPPICE_NOT_FOUND', async () => {
    const db = filled()
    await expect(db.backup(join(folder, 'none', 'copy'))).rejects.toMatchObject({ code: 'COPPICE_NOT_FOUND' })
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })

  it('ends with COPPICE_CLOSED when the store is closed in the middle, and leaves nothing behind', async () => {
    const db = filled()
    const told = expect(db.backup(join(folder, 'copy'))).rejects.toMatchObject({ code: 'COPPICE_CLOSED' })
    await turn()
    db.close()
    await told
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })

  it('ends with the error of a stream that fails, at whatever moment, and the store goes on', async () => {
    for (const failing of [1, 3, 4, 6]) {
      const db = filled(':memory:')
      const stream = new Slow()
      stream.onPiece = (piece) => {
        if (piece === failing) stream.destroy(new Error('the stream is full'))
      }
      await expect(db.backup(stream), `piece ${failing}`).rejects.toThrow('the stream is full')
      expect(db.check()).toMatchObject({ ok: true })
      db.put('key', 'value')
      expect(heldByOthers(db)).toEqual([])
    }
  })

  it('ends with the error of a stream that takes everything at once and fails between two pieces', async () => {
    const db = filled(':memory:')
    let pieces = 0
    const stream = new Writable({
      highWaterMark: 2 ** 30,
      write(_chunk, _encoding, done) {
        if (++pieces === 5) setImmediate(done, new Error('the stream is full'))
        else done()
      },
    })
    await expect(db.backup(stream)).rejects.toThrow('the stream is full')
  })

  it('ends where the stream is closed in the middle, or was before', async () => {
    const db = filled(':memory:')
    const stream = new Slow()
    stream.onPiece = (piece) => {
      if (piece === 4) stream.destroy()
    }
    await expect(db.backup(stream)).rejects.toMatchObject({ code: 'COPPICE_IO' })
    await expect(db.backup(stream)).rejects.toMatchObject({ code: 'COPPICE_IO' })
    const gone = new Slow()
    gone.destroy()
    await turn()
    await expect(db.backup(gone)).rejects.toMatchObject({ code: 'COPPICE_IO' })
    expect(db.isOpen).toBe(true)
  })

  it('of a damaged store is COPPICE_CORRUPT and makes nothing', async () => {
    const db = filled()
    db.close()
    const image = fs.readFileSync(join(folder, 'store'))
    for (let at = 3 * 4096 + 100; at < image.length; at += 4096) image[at] ^= 1
    fs.writeFileSync(join(folder, 'store'), image)
    const again = openText()
    await expect(again.backup(join(folder, 'copy'))).rejects.toMatchObject({ code: 'COPPICE_CORRUPT' })
    expect(fs.readdirSync(folder)).toEqual(['store'])
  })
})
