/** What the tests of the public API share: stores that go away with their test, seeded chance, error codes. */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Database, OpenOptions } from '../src/index.js'
import { open } from '../src/index.js'

/** A folder of this test's own, removed when the test has ended. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-api-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A new store in memory, closed when the test has ended. */
export function memoryStore<K = string, V = Uint8Array>(options: OpenOptions<K, V> = {}): Database<K, V> {
  return closing(open<K, V>(':memory:', options))
}

/** A new store on the disk, closed and removed when the test has ended. */
export function diskStore<K = string, V = Uint8Array>(options: OpenOptions<K, V> = {}): Database<K, V> {
  return closing(open<K, V>(join(temporaryFolder(), 'store'), options))
}

/** Strings to strings, in memory: what most tests of the API need. */
export function textStore(options: OpenOptions<string, string> = {}): Database<string, string> {
  return memoryStore<string, string>({ valueEncoding: 'utf8', ...options })
}

/** Bytes to bytes, in memory. */
export function byteStore(options: OpenOptions<Uint8Array, Uint8Array> = {}): Database<Uint8Array, Uint8Array> {
  return memoryStore<Uint8Array, Uint8Array>({ keyEncoding: 'binary', ...options })
}

/** Ends whatever transaction a failed test left open, then closes the store. */
export function closing<K, V>(db: Database<K, V>): Database<K, V> {
  onTestFinished(() => {
    try {
      db.close()
    } catch {
      // A test that failed half-way leaves its write transaction open; its own error is what matters.
    }
  })
  return db
}

/** The code of what `action` throws, or undefined where it throws nothing. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return codeIn(error)
  }
}

/** The same for a promise. */
export async function codeOfAsync(action: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await action()
    return undefined
  } catch (error) {
    return codeIn(error)
  }
}

function codeIn(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : String(error)
}

/** Passes a value of a type that the compiler would refuse. */
export function wrong(value: unknown): never {
  return value as never
}

export { randomFrom as seeded } from '../src/crash/random.js'

export function randomBytes(random: () => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = random() * 256
  return bytes
}

/** A list in a random order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const list = [...items]
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[list[i], list[j]] = [list[j], list[i]]
  }
  return list
}

/** The number as a key whose order as a string is its order as a number. */
export function padded(number: number, length = 8): string {
  return String(number).padStart(length, '0')
}

/** Fails with what is wrong where the store does not pass its own check. */
export function assertSound(db: { check(): { ok: boolean; errors: readonly Error[] } }): void {
  const report = db.check()
  if (!report.ok) throw new Error(`check found: ${report.errors.slice(0, 5).map((error) => error.message).join('; ')}`)
}
