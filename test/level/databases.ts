/** Level databases that go away with their test. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CoppiceLevelOptions } from '../../src/adapters/level.js'
import { CoppiceLevel } from '../../src/adapters/level.js'
import { temporaryFolder } from '../helpers.js'

/** A database at a path, closed when the test has ended, whatever state it is in by then. */
export function levelAt<K = string, V = string>(path: string, options: CoppiceLevelOptions<K, V> = {}): CoppiceLevel<K, V> {
  const db = new CoppiceLevel<K, V>(path, options)
  onTestFinished(() => db.close().catch(() => undefined))
  return db
}

/** A new database in a folder of its own. */
export function levelDatabase<K = string, V = string>(options: CoppiceLevelOptions<K, V> = {}): CoppiceLevel<K, V> {
  return levelAt(join(temporaryFolder(), 'store'), options)
}

/** The code of what an action rejects with, then those of its causes; empty where it resolves. */
export async function codesOf(action: () => Promise<unknown>): Promise<string[]> {
  try {
    await action()
    return []
  } catch (error) {
    const codes: string[] = []
    for (let at = error; at instanceof Error; at = at.cause) codes.push((at as NodeJS.ErrnoException).code ?? at.name)
    return codes
  }
}
