/**
 * Compares what a damaged store answers with what it may answer.
 *
 * Where the content is known, each answer is that or an error of damage. Where it is not known, any answer will
 * do that is data or an error of damage. Where `check` finds nothing wrong there are no errors at all.
 */
import { CoppiceError } from '../../src/index.js'
import type { ErrorCode } from '../../src/index.js'
import type { Content, Text } from './content.js'
import { shown, treeOf } from './content.js'
import type { Dice } from './dice.js'

type Tree = ReturnType<typeof treeOf>
type TreeCursor = ReturnType<Tree['cursor']>

/** What a property found wrong. */
export class Wrong extends Error {}

/** What reading a damaged store may throw. */
const READING: readonly ErrorCode[] = ['COPPICE_CORRUPT']

export class Judge {
  readonly db: Text
  /** What the store is to hold, where that is known. */
  content: Content | undefined
  /** True where `check` found nothing wrong. */
  flawless = false
  /** Errors of damage met. */
  errors = 0
  private readonly dice: Dice
  private readonly limit: number

  constructor(db: Text, content: Content | undefined, dice: Dice, limit: number) {
    this.db = db
    this.content = content
    this.dice = dice
    this.limit = limit
  }

  /** Does something to the store; undefined where that ends in an error of damage. */
  attempt<T>(what: string, action: () => T, codes = READING): { value: T } | undefined {
    try {
      return { value: action() }
    } catch (error) {
      this.assertDamage(what, error, codes)
      return undefined
    }
  }

  async attemptAsync<T>(what: string, action: () => Promise<T>, codes = READING): Promise<{ value: T } | undefined> {
    try {
      return { value: await action() }
    } catch (error) {
      this.assertDamage(what, error, codes)
      return undefined
    }
  }

  private assertDamage(what: string, error: unknown, codes: readonly ErrorCode[]): void {
    if (error instanceof Wrong) throw error
    if (!(error instanceof CoppiceError)) throw new Wrong(`${what} threw ${error instanceof Error ? error.stack : String(error)}`)
    if (!codes.includes(error.code)) throw new Wrong(`${what} threw ${error.code}: ${error.message}\n${error.stack}`)
    if (this.flawless) throw new Wrong(`check found nothing wrong, but ${what} threw ${error.code}: ${error.message}`)
    this.errors++
  }

  /** An answer that is to be this one. */
  private same(what: string, action: () => unknown, expected: unknown): void {
    const answer = this.attempt(what, action)
    if (answer === undefined || answer.value === expected) return
    const [got, wanted] = [answer.value, expected].map((value) => (typeof value === 'string' || value === undefined ? shown(value) : String(value)))
    throw new Wrong(`${what} answered ${got}, not ${wanted}`)
  }

  /** `check`, and what it says is remembered: with an error met before, it cannot find nothing. */
  check(): boolean {
    const report = this.db.check()
    for (const error of report.errors) {
      if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw new Wrong(`check reports ${String(error)}`)
    }
    if (report.ok !== (report.errors.length === 0)) throw new Wrong('check is ok and has errors')
    if (report.ok && this.errors > 0) throw new Wrong('a read met damage, and check finds nothing wrong')
    if (this.flawless && !report.ok) throw new Wrong(`check found nothing wrong before, and now ${report.errors[0].message}`)
    this.flawless = report.ok
    return report.ok
  }

  /**
   * Reads a store in every way. `probes` are keys to ask for where the content is not known; of the entries of a
   * tree about `samples` are looked for one by one.
   */
  read(probes: Content, samples: number): void {
    const names = this.names(probes)
    for (const name of names) {
      const expected = this.content?.get(name)
      const what = name === undefined ? 'the default tree' : `tree ${shown(name)}`
      if (expected !== undefined) this.readKnown(what, name, expected, samples)
      else this.readUnknown(what, name, [...(probes.get(name)?.keys() ?? [])], samples)
    }
  }

  private names(probes: Content): (string | undefined)[] {
    const found = this.attempt('trees()', () => this.db.trees())?.value
    const expected = this.content === undefined ? undefined : [...this.content.keys()].filter((name) => name !== undefined).sort()
    if (found !== undefined && expected !== undefined && found.join('\n') !== expected.join('\n')) throw new Wrong(`the trees are ${found.join()}, not ${expected.join()}`)
    return [undefined, ...new Set(expected ?? [...(found ?? []), ...[...probes.keys()].filter((name) => name !== undefined)].slice(0, 50))]
  }

  private readKnown(what: string, name: string | undefined, expected: ReadonlyMap<string, string>, samples: number): void {
    const tree = treeOf(this.db, name)
    const keys = [...expected.keys()].sort()
    this.attempt(`entries() of ${what}`, () => {
      let i = 0
      for (const [key, value] of tree.entries()) {
        if (key !== keys[i] || value !== expected.get(key)) throw new Wrong(`entry ${i} of ${what} is ${shown(key)}: ${shown(value)}, not ${shown(keys[i])}: ${shown(expected.get(keys[i]))}`)
        i++
      }
      if (i !== keys.length) throw new Wrong(`${what} ends after ${i} entries of ${keys.length}`)
    })
    this.attempt(`keys() of ${what} in reverse`, () => {
      let i = keys.length
      for (const key of tree.keys({ reverse: true })) if (key !== keys[--i]) throw new Wrong(`key ${i} of ${what}, in reverse, is ${shown(key)}, not ${shown(keys[i])}`)
      if (i !== 0) throw new Wrong(`${what} in reverse ends before entry ${i}`)
    })
    this.same(`count() of ${what}`, () => tree.count(), keys.length)
    const step = 1 + Math.floor(keys.length / samples)
    for (let i = this.dice.below(step); i < keys.length; i += step) this.readEntry(what, tree, keys, i, expected)
  }

  private readEntry(what: string, tree: Tree, keys: readonly string[], i: number, expected: ReadonlyMap<string, string>): void {
    const key = keys[i]
    const behind = `${key}\0`.slice(0, 2048)
    this.same(`get of entry ${i} of ${what}`, () => tree.get(key), expected.get(key))
    this.same(`has of entry ${i} of ${what}`, () => tree.has(key), true)
    this.same(`has of no entry of ${what}`, () => tree.has(behind), expected.has(behind))
    this.same(`rank of entry ${i} of ${what}`, () => tree.rank(key), i)
    this.same(`at(${i}) of ${what}`, () => tree.at(i)?.[0], key)
    this.same(`valueLength of entry ${i} of ${what}`, () => tree.valueLength(key), expected.get(key)?.length)
    const j = this.dice.below(keys.length)
    this.same(`count from entry ${i} to ${j} of ${what}`, () => tree.count({ gte: key, lt: keys[j] }), Math.max(0, j - i))
    this.same(`the entry at or after ${i} of ${what}`, () => tree.keys({ gt: key, limit: 1 }).next().value, keys[i + 1])
    this.same(`the entry before ${i} of ${what}`, () => tree.keys({ lt: key, reverse: true, limit: 1 }).next().value, keys[i - 1])
  }

  private readUnknown(what: string, name: string | undefined, probes: readonly string[], samples: number): void {
    const tree = treeOf(this.db, name)
    this.attempt(`entries() of ${what}`, () => this.goOver(what, tree.entries({ limit: 300 })))
    this.attempt(`a cursor over ${what}`, () => this.walk(what, tree, (cursor) => cursor.first(), (cursor) => cursor.next()))
    this.attempt(`a cursor back over ${what}`, () => this.walk(what, tree, (cursor) => cursor.last(), (cursor) => cursor.previous()))
    const count = this.attempt(`count() of ${what}`, () => tree.count())?.value ?? 0
    const step = 1 + Math.floor(probes.length / samples)
    for (let i = this.dice.below(step); i < probes.length; i += step) {
      const key = probes[i]
      this.attempt(`get in ${what}`, () => tree.get(key))
      this.attempt(`rank in ${what}`, () => tree.rank(key))
      this.attempt(`count in ${what}`, () => tree.count({ gte: key }))
      this.attempt(`at in ${what}`, () => tree.at(Math.floor(count / (i + 1))))
      this.attempt(`entries from a key in ${what}`, () => this.goOver(what, tree.entries({ gt: key, limit: 5 })))
      this.attempt(`entries back from a key in ${what}`, () => this.goOver(what, tree.entries({ lt: key, reverse: true, limit: 5 })))
    }
  }

  private goOver(what: string, entries: Iterable<unknown>): void {
    for (const entry of entries) if (entry === undefined) throw new Wrong(`an entry of ${what} is undefined`)
  }

  /** To the last entry; moving makes nothing of the keys, so that even a long way is quick. */
  private walk(what: string, tree: Tree, start: (cursor: TreeCursor) => boolean, move: (cursor: TreeCursor) => boolean): void {
    const cursor = tree.cursor()
    try {
      let steps = 0
      for (let more = start(cursor); more; more = move(cursor)) if (++steps > this.limit) throw new Wrong(`a cursor over ${what} has come to ${steps} entries and goes on`)
    } finally {
      cursor.close()
    }
  }

  /** What the store holds as its own iterations show it; for a store in which nothing is wrong. */
  learn(): Content {
    const content: Content = new Map()
    for (const name of [undefined, ...this.db.trees()]) {
      const entries = new Map<string, string>()
      let before: string | undefined
      for (const [key, value] of treeOf(this.db, name).entries()) {
        if (before !== undefined && key <= before) throw new Wrong(`check finds nothing wrong, but ${shown(key)} comes after ${shown(before)}`)
        entries.set(key, value)
        before = key
      }
      if (content.has(name)) throw new Wrong(`check finds nothing wrong, but there are two trees of the name ${shown(name)}`)
      content.set(name, entries)
    }
    return content
  }
}
