/**
 * The work that holds up its thread for long, in a thread of its own: so the program can show that it goes on, and a
 * signal is dealt with at once.
 */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { temporaryName, withoutTemporary } from '../file/create.js'
import { syncNamesIn } from '../file/folder.js'
import { CoppiceError } from '../index.js'
import type { Answer, Damage, Outcome, Task } from './tasks.js'
import { openStore, withStore } from './store.js'

async function run(task: Task): Promise<Outcome> {
  if (task.kind === 'check') return await withStore(task.path, 'read', (db) => {
    const { errors, ...report } = db.check({ progress: (...counts) => task.counts.set(counts) })
    return { ...report, errors: errors.map(damage) }
  })
  if (task.kind === 'backup') {
    await withStore(task.path, 'read', (db) => db.backup(task.target))
    return { bytes: fs.statSync(task.target).size }
  }
  if (task.target !== undefined) {
    const { path, target } = task
    await withStore(path, 'read', (db) => db.compactTo(target))
    return { before: fs.statSync(path).size, after: fs.statSync(target).size }
  }
  return compactInPlace(task.path)
}

/** The store stays open for writing, and so locked, until the new file has its name: nobody writes to the old one meanwhile. */
function compactInPlace(path: string): Outcome {
  const db = openStore(path, 'write')
  const beside = temporaryName(path)
  try {
    const old = fs.statSync(path)
    db.compactTo(beside)
    giveTo(beside, path, old)
    fs.renameSync(beside, path)
    // Without this, a crash of the machine could bring the old file's name back; either file is whole.
    syncNamesIn(dirname(path), path)
    return { before: old.size, after: fs.statSync(path).size }
  } catch (error) {
    throw withoutTemporary(error, beside, `${path} as a new file beside the old one`)
  } finally {
    fs.rmSync(beside, { force: true })
    db.close()
  }
}

/** The new file gets owner, group and permissions of the old one: who could read it can go on, and nobody else. */
function giveTo(made: string, path: string, { mode, uid, gid }: fs.Stats): void {
  const now = fs.statSync(made)
  try {
    if (now.uid !== uid || now.gid !== gid) fs.chownSync(made, uid, gid)
    fs.chmodSync(made, mode)
  } catch (cause) {
    throw new Error(`the new file cannot have the owner and the permissions of ${path}, so that stays as it is. Compact as its owner, or into a new file.`, { cause })
  }
}

function damage({ message, page, tree }: CoppiceError): Damage {
  return { message, page: page ?? null, tree: tree ?? null }
}

async function answer(): Promise<Answer> {
  try {
    return { outcome: await run(workerData as Task) }
  } catch (error) {
    if (error instanceof CoppiceError) return { refused: { code: error.code, message: error.message, page: error.page, tree: error.tree } }
    return { failed: error }
  }
}

parentPort?.postMessage(await answer())
