/**
 * abstract-level's own suite, all of it: its manifest says which parts a database answers for, so that none may be false
 * that could be true. The counts are those of abstract-level 3.1.1, so that none can go missing.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import tape from 'tape'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CoppiceLevelOptions } from '../../src/adapters/level.js'
import { CoppiceLevel } from '../../src/adapters/level.js'
import { temporaryFolder } from '../helpers.js'

type Harness = ReturnType<typeof tape.createHarness>
type Factory = (options?: CoppiceLevelOptions<string, string>) => CoppiceLevel

const suite = createRequire(import.meta.url)('abstract-level/test') as (options: { test: Harness; factory: Factory }) => void

/** What tape reports. */
type Row =
  | { type: 'test'; id: number; name: string; skip?: unknown; todo?: unknown }
  | { type: 'assert'; test: number; name: string; ok: boolean; skip?: unknown; todo?: unknown; actual?: unknown; expected?: unknown }
  | { type: 'end'; test: number }
  | string

interface Outcome {
  tests: number
  assertions: number
  failed: string[]
  passedOver: string[]
}

async function run(factory: Factory): Promise<Outcome> {
  const harness = tape.createHarness()
  const rows = harness.createStream({ objectMode: true })
  suite({ test: harness, factory })
  const names = new Map<number, string>()
  const outcome: Outcome = { tests: 0, assertions: 0, failed: [], passedOver: [] }
  await new Promise<void>((resolve, reject) => {
    rows.on('data', (row: Row) => count(row, names, outcome))
    rows.on('end', resolve)
    rows.on('error', reject)
  })
  return outcome
}

function count(row: Row, names: Map<number, string>, outcome: Outcome): void {
  if (typeof row === 'string' || row.type === 'end') return
  if (row.type === 'test') names.set(row.id, row.name)
  const name = row.type === 'test' ? row.name : `${names.get(row.test) ?? ''}: ${row.name}`
  if (truthy(row.skip) || truthy(row.todo)) outcome.passedOver.push(name)
  if (row.type === 'test') outcome.tests++
  else outcome.assertions++
  if (row.type === 'assert' && !row.ok) outcome.failed.push(`${name} (${String(row.actual)}, not ${String(row.expected)})`)
}

function truthy(flag: unknown): boolean {
  return flag !== undefined && flag !== false
}

/** New databases, one after the other; all are closed when the test has ended, as some of the suite's own are not. */
function factoryOf(location: () => string, common: CoppiceLevelOptions<string, string>): Factory {
  const made: CoppiceLevel[] = []
  onTestFinished(async () => void (await Promise.allSettled(made.map((db) => db.close()))))
  return (options) => {
    const db = new CoppiceLevel(location(), { ...common, ...options })
    made.push(db)
    return db
  }
}

function newFiles(): () => string {
  const folder = temporaryFolder()
  let files = 0
  return () => join(folder, String(files++))
}

/** It opens some thousand files. */
const TIMEOUT = 600_000

describe("abstract-level's suite", () => {
  it('passes whole on files', async () => {
    expect(await run(factoryOf(newFiles(), {}))).toEqual({ tests: 1509, assertions: 5168, failed: [], passedOver: [] })
  }, TIMEOUT)

  it('passes in memory, but for what is about files that last', async () => {
    expect(await run(factoryOf(() => ':memory:', {}))).toEqual({ tests: 1500, assertions: 5156, failed: [], passedOver: [] })
  }, TIMEOUT)

  it('is asked for every part that a file can answer for', () => {
    const { supports } = factoryOf(newFiles(), {})()
    expect(supports).toMatchObject({
      implicitSnapshots: true,
      explicitSnapshots: true,
      has: true,
      getSync: true,
      seek: true,
      permanence: true,
      createIfMissing: true,
      errorIfExists: true,
      deferredOpen: true,
      encodings: { buffer: true, view: true, utf8: true, json: true, hex: true, base64: true },
      signals: { iterators: true },
    })
  })
})
