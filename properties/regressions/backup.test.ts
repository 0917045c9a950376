import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { open } from '../../src/index.js'
import { MemoryFile } from '../../src/file/memory.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { openOn } from '../../test/faulty-file.js'

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
  class SlowFile extends MemoryFile {
    override read(target: Uint8Array, position: number): void {
      // The file's opening, which goes on beside, fails before the first piece has been copied.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      super.read(target, position)
    }
  }
  const file = new SlowFile()
  file.write(newDatabase(), 0)
  const { db } = openOn(file)
  db.put('a', 'value')
  for (const target of [join(folder, 'x'.repeat(300)), join(folder, 'missing', 'copy')]) {
    await expect(db.backup(target)).rejects.toMatchObject({ name: 'CoppiceError' })
  }
  expect(fs.readdirSync(folder)).toEqual([])
})
