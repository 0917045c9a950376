import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'
import { memoryStore } from '../../test/helpers.js'

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

it('a backup whose file cannot be made fails, and the process lives on', async () => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-backup-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  const db = memoryStore()
  for (const entries of [0, 1, 3000]) {
    db.batch(Array.from({ length: entries }, (_, i) => ({ type: 'put', key: `${i}`, value: new Uint8Array(1000) })))
    for (const target of [join(folder, 'x'.repeat(300)), join(folder, 'missing', 'copy')]) {
      await expect(db.backup(target)).rejects.toMatchObject({ name: 'CoppiceError' })
    }
  }
  expect(fs.readdirSync(folder)).toEqual([])
})
