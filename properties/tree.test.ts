/**
 * Invariants, for trees of strings and of tuples under named trees of one file:
 *
 * 1. Keys and values come back as they went in, in the order of the keys: code points, or tuples.
 * 2. Ranges, prefixes, counts, ranks and positions are those of that order.
 * 3. What was committed is there after opening the file again, and `check` finds nothing.
 */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Database, Encoding, Keyspace, TreeOptions, Tuple } from '../src/index.js'
import { open, tuple } from '../src/index.js'
import { textOf } from './model/bytes.js'
import { runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

const numRuns = runs(40, 2000)

/** How the keys of a tree are written, and text whose order is theirs. */
interface Keys<K> {
  encoding: 'utf8' | Encoding<K>
  text(key: K): string
  startsWith(key: K, prefix: K): boolean
  key: fc.Arbitrary<K>
}

const letters = fc.constantFrom('a', 'b', '\0', '\x7f', '\u00e4', '\uffff', '\u{10000}', 'a long word that many of the keys begin with ')
const word = fc.array(letters, { maxLength: 4 }).map((parts) => parts.join(''))

const strings: Keys<string> = {
  encoding: 'utf8',
  text: (key) => textOf(Buffer.from(key, 'utf8')),
  startsWith: (key, prefix) => key.startsWith(prefix),
  key: fc.oneof(word, fc.nat(300).map((n) => `user:${n}`)),
}

const element = fc.oneof(fc.constantFrom(null, false, true), fc.integer({ min: -2, max: 5 }), word, fc.constant(3n))
const tuples: Keys<Tuple> = {
  encoding: tuple,
  text: (key) => textOf(tuple.encode(key)),
  startsWith: (key, prefix) => isDeepStrictEqual(key.slice(0, prefix.length), [...prefix]),
  key: fc.oneof(fc.array(element, { maxLength: 3 }), fc.nat(300).map((n): Tuple => ['user', n, 'name'])),
}

type Step<K> =
  | { type: 'put'; key: K; value: fc.JsonValue }
  | { type: 'fill'; keys: K[] }
  | { type: 'delete' | 'look'; key: K }
  | { type: 'range' | 'deleteRange'; from: K; to: K }
  | { type: 'prefix'; prefix: K }
  | { type: 'commit' | 'rollback' }

/** JSON itself has no -0. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as fc.JsonValue)

function stepsOf<K>({ key }: Keys<K>): fc.Arbitrary<Step<K>[]> {
  const step: fc.Arbitrary<Step<K>> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: json }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('fill' as const), keys: fc.array(key, { maxLength: 200, size: 'max' }) }) },
    { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('delete' as const, 'look' as const), key }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('range' as const, 'deleteRange' as const), from: key, to: key }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('prefix' as const), prefix: key }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('commit' as const, 'rollback' as const) }) },
  )
  return fc.array(step, { maxLength: 40, size: 'max' })
}

/** Entries by the text of their keys. */
type Model<K> = Map<string, [key: K, value: fc.JsonValue]>

function sorted<K>(model: Model<K>): [K, fc.JsonValue][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).toEqual(expected)
}

function apply<K>(keys: Keys<K>, tree: Keyspace<K, fc.JsonValue>, model: Model<K>, step: Step<K>): void {
  switch (step.type) {
    case 'put':
      tree.put(step.key, step.value)
      model.set(keys.text(step.key), [step.key, step.value])
      break
    case 'fill':
      for (const [i, key] of step.keys.entries()) apply(keys, tree, model, { type: 'put', key, value: 'x'.repeat(10 * (i % 30)) })
      break
    case 'delete':
      same('delete', tree.delete(step.key), model.delete(keys.text(step.key)))
      break
    case 'look': {
      const text = keys.text(step.key)
      const rank = [...model.keys()].filter((other) => other < text).length
      same('get', tree.get(step.key), model.get(text)?.[1])
      same('rank', tree.rank(step.key), rank)
      same('at', tree.at(rank), sorted(model)[rank])
      break
    }
    case 'range': case 'deleteRange': {
      const [low, high] = [keys.text(step.from), keys.text(step.to)]
      const inside = sorted(model).filter(([key]) => low <= keys.text(key) && keys.text(key) < high)
      const range = { gte: step.from, lt: step.to }
      same('count', tree.count(range), inside.length)
      same('entries', [...tree.entries(range)], inside)
      same('keys reversed', [...tree.keys({ ...range, reverse: true })], inside.map(([key]) => key).reverse())
      if (step.type === 'range') break
      same('deleteRange', tree.deleteRange(range), inside.length)
      for (const [key] of inside) model.delete(keys.text(key))
      break
    }
    case 'prefix':
      same('prefix', [...tree.prefix(step.prefix)], sorted(model).filter(([key]) => keys.startsWith(key, step.prefix)))
      break
  }
}

/** Does the steps in transactions that end where a step says so; answers what they have committed. */
function run<K>(keys: Keys<K>, db: Database<string, Uint8Array>, steps: Step<K>[]): Model<K> {
  let committed: Model<K> = new Map()
  let model: Model<K> = new Map()
  let tx = db.begin()
  try {
    for (const step of [...steps, { type: 'commit' as const }]) {
      if (step.type !== 'commit' && step.type !== 'rollback') {
        apply(keys, tx.tree<K, fc.JsonValue>(NAME, encodings(keys)), model, step)
        continue
      }
      if (step.type === 'commit') committed = model
      tx[step.type]()
      model = new Map(committed)
      tx = db.begin()
    }
    return committed
  } finally {
    tx.rollback()
  }
}

const NAME = 'keys'

function encodings<K>(keys: Keys<K>): TreeOptions<K, fc.JsonValue> {
  return { keyEncoding: keys.encoding as Encoding<K>, valueEncoding: 'json' }
}

function behavesOnDisk<K>(keys: Keys<K>, steps: Step<K>[]): void {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-keys-'))
  const path = join(folder, 'store')
  try {
    const model = using(path, (db) => run(keys, db, steps))
    using(path, (db) => {
      same('entries after a reopen', [...db.tree<K, fc.JsonValue>(NAME, encodings(keys))], sorted(model))
      same('faults', db.check().errors, [])
    })
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

function using<T>(path: string, work: (db: Database<string, Uint8Array>) => T): T {
  const db = open(path, { mapper: false, poolSize: 2 * 2 ** 20 })
  try {
    return work(db)
  } finally {
    db.close()
  }
}

describe('a tree keeps the order of its keys', () => {
  it('of strings', () => {
    fc.assert(fc.property(stepsOf(strings), (steps) => behavesOnDisk(strings, steps)), { seed: SEED, numRuns })
    tally('trees of strings', { histories: numRuns })
  }, TIMEOUT)

  it('of tuples', () => {
    fc.assert(fc.property(stepsOf(tuples), (steps) => behavesOnDisk(tuples, steps)), { seed: SEED, numRuns })
    tally('trees of tuples', { histories: numRuns })
  }, TIMEOUT)
})
