import { Writable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'

it('a backup to a stream leaves no listeners behind, however often it had to wait', async () => {
  const db = open(':memory:')
  onTestFinished(() => db.close())
  db.put('a', new Uint8Array(5 * 2 ** 20))
  const target = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => setImmediate(done) })
  const before = ['close', 'drain', 'error'].map((event) => target.listenerCount(event))
  await db.backup(target)
  expect(['close', 'drain', 'error'].map((event) => target.listenerCount(event))).toEqual(before)
})

it('a backup to a stream that is closed half-way fails', async () => {
  const db = open(':memory:')
  onTestFinished(() => db.close())
  db.put('a', new Uint8Array(5 * 2 ** 20))
  const target: Writable = new Writable({ highWaterMark: 1, write: () => setImmediate(() => target.destroy()) })
  await expect(db.backup(target)).rejects.toThrow('the stream was closed')
})
