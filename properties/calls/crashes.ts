/**
 * Every crash of a recorded history, and what has to be true of the folder that it leaves.
 *
 * A history says of each name what may be found there, absent or a store with this content, as it goes along. After a
 * crash:
 *
 * 1. Each of these names is in one of its allowed states; a store there is sound, takes a write, and keeps it.
 * 2. Beside them there are only files under temporary names, none once the call that made them has returned, and nobody minds those: stores can be opened and made,
 *    backups and compacted copies too, and the files stay as they are.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import type { Change, Platter } from '../../src/crash/disk.js'
import { Disk, isChange, WHOLE } from '../../src/crash/disk.js'
import type { Kept } from '../../src/crash/points.js'
import { sampledSubsets, subsets, tornSubsets } from '../../src/crash/points.js'
import { CoppiceError } from '../../src/errors.js'
import { fileOf, openOn } from '../../test/faulty-file.js'
import { record } from '../disk/calls.js'
import type { Recording } from '../disk/calls.js'
import { SEED } from '../runs.js'
import type { Text } from './stores.js'
import { assertSound, contentOf, EMPTY, inFolder, openText, OPTIONS } from './stores.js'

/** The content of a store, or undefined where there is no file. */
export type State = string | undefined

interface Promised {
  name: string
  allowed: readonly State[]
}

/** A note that from here on no crash brings a temporary name back. */
const TIDY = 'tidy'

/** Says what may be found under a name from this point of the history on. */
export function promise(recording: Recording, name: string, allowed: readonly State[]): void {
  const promised: Promised = { name, allowed }
  recording.note(promised)
}

/** Says that a call which makes files has returned: a crash at this point leaves no temporary names. */
export function tidy(recording: Recording): void {
  recording.note(TIDY)
}

/** Of the points in a write of more pages than this only some are tried: they are much alike, and the files large. */
const MANY = 24

export interface CrashCounts {
  histories: number
  'crash points': number
  'crash images': number
  'folders opened': number
}

export class Crashes {
  readonly counts: CrashCounts = { histories: 0, 'crash points': 0, 'crash images': 0, 'folders opened': 0 }
  private readonly random: () => number
  private readonly samples: number
  private readonly exhaustive: number
  /** Files that were looked at already, and what was found in them. */
  private readonly contents = new Map<string, string>()
  private readonly numbers = new Map<State, number>()
  /** Folders that were tried already. */
  private readonly folders = new Set<string>()

  /**
   * `samples`: images of a point with more pending changes than `exhaustive`, up to which every subset is tried; and a
   * quarter as many torn ones of any point.
   */
  constructor(random: () => number, samples: number, exhaustive = 10) {
    this.random = random
    this.samples = samples
    this.exhaustive = exhaustive
  }

  /** Crashes at every point of a recording, or at those from this event on. */
  async everywhere({ log, before }: Recording, from = 0): Promise<void> {
    this.counts.histories++
    const disk = new Disk(before.copy())
    const promised = new Map<string, readonly State[]>()
    for (const [index, event] of log.entries()) {
      disk.pass(event)
      const isTidy = event.type === 'note' && event.note === TIDY
      if (event.type === 'note' && !isTidy) {
        const { name, allowed } = event.note as Promised
        promised.set(name, allowed)
      }
      // A sync that begins changes nothing. What one that has ended leaves could be found before as well.
      if (index < from || event.type === 'syncBegins' || event.type === 'syncEnds' || promised.size === 0) continue
      if (isChange(event) && disk.pending.length > MANY && this.random() > 0.05) continue
      this.counts['crash points']++
      for (const kept of this.keptAt(disk.pending, isChange(event))) {
        this.counts['crash images']++
        try {
          const platter = disk.crashed((i) => kept[i])
          await this.judge(platter, promised)
          if (isTidy) assertTidy(platter, promised)
        } catch (error) {
          throw new Error(`a crash at event ${index + 1} of ${log.length} that keeps of the pending changes [${describeKept(disk.pending, kept)}]; COPPICE_SEED=${SEED}: ${(error as Error).message}`, { cause: error })
        }
      }
    }
  }

  private *keptAt(pending: readonly Change[], changed: boolean): Generator<Kept> {
    const samples = pending.length > MANY ? this.samples >> 3 : this.samples
    if (pending.length <= this.exhaustive) yield* subsets(pending.length, changed)
    else yield* sampledSubsets(pending, this.random, samples)
    if (pending.length > 0) yield* tornSubsets(pending, this.random, samples >> 2)
  }

  private async judge(platter: Platter, promised: ReadonlyMap<string, readonly State[]>): Promise<void> {
    const states = new Map<string, State>()
    for (const [name, allowed] of promised) {
      const bytes = platter.named(name)
      const state = bytes === undefined ? undefined : this.contentIn(bytes, name)
      if (!allowed.includes(state)) throw new Error(`${name} ${describeState(state)}, where allowed was: it ${allowed.map(describeState).join(', it ')}`)
      states.set(name, state)
    }
    const temporary = [...platter.names.keys()].filter((name) => !promised.has(name))
    const alien = temporary.find((name) => !/^(store|copy)(\.\d+\.[0-9a-f]{12}\.new)+$/.test(name))
    if (alien !== undefined) throw new Error(`there is a file named ${alien}`)
    const key = [...states].map(([name, state]) => `${name} ${this.numberOf(state)}`).join() + temporary.length
    if (this.folders.has(key)) return
    this.folders.add(key)
    this.counts['folders opened']++
    await inFolder((folder) => tryFolder(folder, platter, states))
  }

  /** The same number for the same state. */
  private numberOf(state: State): number {
    if (!this.numbers.has(state)) this.numbers.set(state, this.numbers.size)
    return this.numbers.get(state) as number
  }

  /** What the store in these bytes holds, after it has shown that it is well. */
  private contentIn(bytes: Uint8Array, name: string): string {
    const key = createHash('sha1').update(bytes).digest('hex')
    const known = this.contents.get(key)
    if (known !== undefined) return known
    try {
      const { db } = openOn<string, string>(fileOf(bytes), { poolSize: OPTIONS.poolSize })
      const content = contentOf(db)
      assertSound(db)
      db.put('after', 'the crash')
      if (db.get('after') !== 'the crash') throw new Error('a write after the crash is not there')
      assertSound(db)
      db.close()
      this.contents.set(key, content)
      return content
    } catch (error) {
      throw new Error(`${name} is there and not whole: ${(error as Error).message}`, { cause: error })
    }
  }
}

function assertTidy({ names }: Platter, promised: ReadonlyMap<string, readonly State[]>): void {
  const temporary = [...names.keys()].filter((name) => !promised.has(name))
  if (temporary.length > 0) throw new Error(`${temporary.join()} is there again, although the call that made it has returned`)
}

/** Lays the image out in a real folder, and does there all that makes files. */
async function tryFolder(folder: string, platter: Platter, states: ReadonlyMap<string, State>): Promise<void> {
  for (const name of platter.names.keys()) fs.writeFileSync(join(folder, name), platter.named(name) as Uint8Array)
  const temporary = [...platter.names.keys()].filter((name) => !states.has(name))
  // Recorded, so that nothing is really synced.
  await record(folder, async () => {
    const db = openText(join(folder, 'store'))
    if (contentOf(db) !== (states.get('store') ?? EMPTY)) throw new Error('the store in the folder holds something else than the one in memory')
    db.put('after', 'the crash')
    await tryCopy(db, folder, 'copy', states.get('copy'), (path) => db.backup(path))
    await tryCopy(db, folder, 'other', undefined, (path) => db.compactTo(path))
    const content = contentOf(db)
    db.close()
    assertHolds(join(folder, 'store'), content)
  })
  const expected = ['copy', 'other', 'store', ...temporary].sort().join()
  const found = fs.readdirSync(folder).sort().join()
  if (found !== expected) throw new Error(`the folder holds ${found} in the end, where ${expected} was expected`)
  for (const name of temporary) {
    if (Buffer.compare(fs.readFileSync(join(folder, name)), platter.named(name) as Uint8Array) !== 0) throw new Error(`${name} has been written to`)
  }
}

/** Where a copy stands already it stays, and the next one is refused; otherwise one can be made. */
async function tryCopy(db: Text, folder: string, name: string, state: State, copy: (path: string) => Promise<void> | void): Promise<void> {
  const path = join(folder, name)
  let code: string | undefined
  try {
    await copy(path)
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error
    code = error.code
  }
  const wanted = state === undefined ? undefined : 'COPPICE_EXISTS'
  if (code !== wanted) throw new Error(`copying to ${name} answered ${code ?? 'success'}, where ${wanted ?? 'success'} was expected`)
  assertHolds(path, state ?? contentOf(db))
}

export function assertHolds(path: string, content: string): void {
  const db = openText(path, { create: false })
  try {
    if (contentOf(db) !== content) throw new Error(`${path} holds something else than it should`)
    assertSound(db)
  } finally {
    db.close()
  }
}

function describeState(state: State): string {
  return state === undefined ? 'is absent' : state === EMPTY ? 'is empty' : `holds ${state.slice(0, 60)} (${state.length} characters)`
}

function describeKept(pending: readonly Change[], kept: Kept): string {
  return pending.map((change, i) => `${describeChange(change)}${kept[i] === WHOLE ? ' kept' : kept[i] === 0 ? ' lost' : ' torn'}`).join(', ')
}

function describeChange(change: Change): string {
  if (change.type === 'names') return change.names.map(([name, file]) => (file === undefined ? `no ${name}` : `${name} = file ${file}`)).join(' and ')
  return change.type === 'length' ? `length ${change.length} of file ${change.file}` : `page ${change.position / 4096} of file ${change.file}`
}
