/** The stores that the properties of system calls make, and how what is in one becomes something to compare. */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import type { Database } from '../../src/index.js'
import { open } from '../../src/index.js'
import { native } from '../../src/file/native.js'
import { padded } from '../../test/helpers.js'

export type Text = Database<string, string>

/** Pages are read with calls, which can fail; and a map would keep locks alive past the end of a process that is only played. */
export const OPTIONS = { valueEncoding: 'utf8', mapper: false, lock: native() !== undefined, poolSize: 2 ** 21 } as const

export function openText(path: string, options: { create?: boolean; durability?: 'sync' | 'async' | 'lazy' } = {}): Text {
  return open<string, string>(path, { ...OPTIONS, ...options })
}

/** All that a store holds, as one string. */
export function contentOf(db: Text): string {
  const trees = db.trees().map((name) => [name, [...db.tree<string, string>(name, { valueEncoding: 'utf8' }).entries()]])
  return JSON.stringify([[...db.entries()], ...trees])
}

/** What an empty store holds. */
export const EMPTY = JSON.stringify([[]])

export function assertSound(db: Text): void {
  const { ok, errors } = db.check()
  if (!ok) throw new Error(`check found ${errors.slice(0, 3).map(({ message }) => message).join('; ')}`)
}

/** A folder of its own for the work, removed afterwards. */
export async function inFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(join(fs.realpathSync(os.tmpdir()), 'coppice-calls-'))
  try {
    return await work(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

export interface Source {
  bytes: Uint8Array
  content: string
}

/** The file of a store with so many entries, some of which are long enough for pages of their own, and a named tree. */
export async function sourceOf(entries: number, long: number): Promise<Source> {
  return inFolder((folder) => {
    const db = openText(join(folder, 'store'))
    db.transaction((tx) => {
      for (let i = 0; i < entries; i++) tx.put(padded(i), `value ${i} `.repeat(5))
      for (let i = 0; i < long; i++) tx.put(`long ${i}`, `${i % 10}`.repeat(4096))
      if (entries > 10) tx.tree('named', { valueEncoding: 'utf8' }).put('in', 'it')
    })
    const content = contentOf(db)
    db.close()
    return { bytes: fs.readFileSync(join(folder, 'store')), content }
  })
}
