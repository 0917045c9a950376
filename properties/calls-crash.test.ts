/**
 * What makes files by itself instead of writing through the file interface: the first creation of a store, `backup`
 * and `compactTo`. Invariants, for every point at which the machine may crash and every subset of what was not yet
 * synced, names and contents of files independent of each other:
 *
 * 1. A store being created is absent or whole and empty; once `open` has returned it is there, and so is every
 *    commit acknowledged since (`check` finds nothing: I2, I4, I8, I11, I14, I15, I17, I18, I22; and it takes a write: I27, I28).
 * 2. A copy being made is absent or whole, with what the source held when it began; once the call has returned, or its
 *    promise has resolved, it is there. The source is what it would be without.
 * 3. Temporary files that a crash leaves disturb nobody. Once the call has returned no crash brings one back.
 * 4. Of two creators of one path one wins, wherever in its calls one meets the other, and both end with the same store;
 *    a copy never replaces a store that came first.
 * 5. A process that was killed anywhere in there leaves nothing that the next one could acknowledge a commit in, only
 *    for the machine to lose it in a crash (I27).
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { describe, it } from 'vitest'
import { CoppiceError } from '../src/errors.js'
import { fileOf, openOn, randomFrom } from '../test/faulty-file.js'
import type { State } from './calls/crashes.js'
import { assertHolds, Crashes, promise, tidy } from './calls/crashes.js'
import type { Source, Text } from './calls/stores.js'
import { assertSound, contentOf, EMPTY, inFolder, openText, sourceOf } from './calls/stores.js'
import type { Recording } from './disk/calls.js'
import { record } from './disk/calls.js'
import { LONG, runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

const SAMPLES = runs(25, 400)

function newCrashes(salt: number, samples = SAMPLES): Crashes {
  return new Crashes(randomFrom(SEED + salt), samples)
}

/** For properties of very many histories, which are much alike. */
function crashesOfMany(salt: number): Crashes {
  return LONG ? newCrashes(salt) : new Crashes(randomFrom(SEED + salt), 8, 4)
}

/** A folder with the source in it, and a recording of the work there. */
async function recorded(source: Source | undefined, work: (recording: Recording, folder: string) => Promise<void> | void): Promise<Recording> {
  return inFolder(async (folder) => {
    if (source !== undefined) fs.writeFileSync(join(folder, 'store'), source.bytes)
    const { recording } = await record(folder, (recording) => work(recording, folder))
    recording.assertComplete()
    return recording
  })
}

/** What a store holds with one entry more. */
function withEntry(content: string, key: string, value: string): string {
  const [entries, ...trees] = JSON.parse(content) as [string[][], ...unknown[]]
  const others = entries.filter(([other]) => other !== key)
  const sorted = [...others, [key, value]].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return JSON.stringify([sorted, ...trees])
}

/** A process that makes or opens the store and commits once, with what it may rely on. `found`: what may be on the disk before. */
function commitOnce(recording: Recording, folder: string, name: string, key: string, found: readonly State[]): string {
  const db = openText(join(folder, name))
  const before = contentOf(db)
  const after = withEntry(before, key, 'value')
  promise(recording, name, [...found, before, after])
  db.put(key, 'value')
  promise(recording, name, [after])
  db.close()
  return after
}

describe('every crash while a store is created', () => {
  it.each(['sync', 'async', 'lazy'] as const)('leaves it absent or whole, and keeps what %s commits acknowledged', async (durability) => {
    const crashes = newCrashes(1)
    const recording = await recorded(undefined, async (recording, folder) => {
      promise(recording, 'store', [undefined, EMPTY])
      const db = openText(join(folder, 'store'), { durability })
      tidy(recording)
      const states: State[] = [EMPTY]
      promise(recording, 'store', states)
      for (let i = 0; i < 3; i++) {
        states.push(withEntry(states[i] as string, `key ${i}`, 'value'))
        promise(recording, 'store', [...states])
        if (i === 2) await db.putAsync(`key ${i}`, 'value')
        else db.put(`key ${i}`, 'value')
        if (i === 2 && durability === 'lazy') db.sync()
        if (i === 2 || durability === 'sync') promise(recording, 'store', states.slice(-1))
      }
      db.close()
      promise(recording, 'store', states.slice(-1))
    })
    await crashes.everywhere(recording)
    tally(`creation, every crash, ${durability}`, { ...crashes.counts })
  }, TIMEOUT)
})

type Copy = (db: Text, path: string) => Promise<void> | void
const COPIES: [name: string, copy: Copy][] = [
  ['backup', (db, path) => db.backup(path)],
  ['compactTo', (db, path) => db.compactTo(path)],
]
const SOURCES: [name: string, entries: number, long: number][] = [
  ['an empty store', 0, 0],
  ['a store of one leaf', 3, 0],
  ['a store with long values and a named tree', 100, 4],
  // Large files take their time.
  ...(LONG ? [['a store whose copy takes two pieces', 100, 250] as [string, number, number]] : []),
]

describe('a store that is opened through a link', () => {
  it('lasts, as the folder is synced in which its name stands', async () => {
    const source = await sourceOf(3, 0)
    await inFolder(async (elsewhere) => {
      await recorded(source, (recording, folder) => {
        fs.symlinkSync(join(folder, 'store'), join(elsewhere, 'link'))
        openText(join(elsewhere, 'link')).close()
        if (!recording.calls.some(({ name, file }) => name === 'fsync' && file === '')) throw new Error('the folder with the name of the file was not synced')
      })
    })
  }, TIMEOUT)
})

describe.each(COPIES)('every crash during %s', (name, copy) => {
  it.each(SOURCES)('leaves the copy of %s absent or whole, and the source as it is', async (kind, entries, long) => {
    const crashes = newCrashes(2, long > 100 ? SAMPLES >> 3 : SAMPLES)
    const source = await sourceOf(entries, long)
    const recording = await recorded(source, async (recording, folder) => {
      promise(recording, 'store', [source.content])
      promise(recording, 'copy', [undefined, source.content])
      const db = openText(join(folder, 'store'))
      await copy(db, join(folder, 'copy'))
      promise(recording, 'copy', [source.content])
      tidy(recording)
      db.close()
    })
    await crashes.everywhere(recording)
    tally(`${name} of ${kind}, every crash`, { ...crashes.counts })
  }, TIMEOUT)
})

describe('every crash during a backup while commits go on', () => {
  /** Begins a backup, and commits to the source in between its pieces. */
  async function withCommits(recording: Recording, folder: string, source: Source, begin: (db: Text) => Promise<void>): Promise<void> {
    const db = openText(join(folder, 'store'))
    let content = source.content
    promise(recording, 'store', [content])
    const copying = begin(db)
    for (let i = 0; i < 4; i++) {
      const after = withEntry(content, `during ${i % 2}`, `${i}`)
      promise(recording, 'store', [content, after])
      db.put(`during ${i % 2}`, `${i}`)
      promise(recording, 'store', [after])
      content = after
      await setImmediate()
    }
    await copying
    db.close()
  }

  it('to a path leaves the copy absent or whole, as of its beginning, and no commit missing', async () => {
    const crashes = newCrashes(3)
    for (const long of LONG ? [0, 20] : [0]) {
      const source = await sourceOf(3, long)
      const recording = await recorded(source, (recording, folder) => withCommits(recording, folder, source, async (db) => {
        promise(recording, 'copy', [undefined, source.content])
        await db.backup(join(folder, 'copy'))
        promise(recording, 'copy', [source.content])
      }))
      await crashes.everywhere(recording)
    }
    tally('backup beside commits, every crash', { ...crashes.counts })
  }, TIMEOUT)

  it('to a stream leaves no commit missing, and the stream gets a whole store', async () => {
    const crashes = newCrashes(4)
    const source = await sourceOf(3, LONG ? 250 : 20)
    const chunks: Buffer[] = []
    const target = new Writable({ highWaterMark: 1, write: (chunk: Buffer, _encoding, done) => void (chunks.push(chunk), done()) })
    const recording = await recorded(source, (recording, folder) => withCommits(recording, folder, source, (db) => db.backup(target)))
    await crashes.everywhere(recording)
    const { db: copy } = openOn<string, string>(fileOf(new Uint8Array(Buffer.concat(chunks))))
    if (contentOf(copy) !== source.content) throw new Error('the stream got something else than the source held')
    assertSound(copy)
    copy.close()
    tally('backup to a stream beside commits, every crash', { ...crashes.counts })
  }, TIMEOUT)
})

/** Somebody gets in the way of somebody else, at his call of this number. */
type Intruder = (at: number, intrusion: Intrusion) => Promise<Recording>

/** Where in the log it happened; undefined where there was no such call. */
interface Intrusion {
  from: number | undefined
}

/** In the short run only every so many of the histories of intruders are crashed. */
const STRIDE = LONG ? 1 : 6

/** Tries all calls, until there are no more of them; crashes everywhere in these histories, from the intrusion on. */
async function atEveryCall(crashes: Crashes, intrude: Intruder): Promise<number> {
  for (let at = 0; ; at++) {
    try {
      const intrusion: Intrusion = { from: undefined }
      const recording = await intrude(at, intrusion)
      if (intrusion.from === undefined) return at
      if (at % STRIDE === 0) await crashes.everywhere(recording, intrusion.from)
    } catch (error) {
      throw new Error(`at call ${at} (COPPICE_SEED=${SEED}): ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Lets `act` happen once, before the call of this number. */
function intrudeAt(recording: Recording, at: number, intrusion: Intrusion, act: () => void): void {
  let calls = 0
  recording.hook = () => {
    if (calls++ === at) {
      intrusion.from = recording.log.length
      act()
    }
    return undefined
  }
}

/** Fails everything from the call of this number on, as nothing that a dead process would do may happen. */
function killAt(recording: Recording, at: number, intrusion: Intrusion): void {
  let calls = 0
  recording.hook = () => {
    if (calls++ < at) return undefined
    intrusion.from ??= recording.log.length
    return 'killed'
  }
}

/** The code of what the work throws, undefined where it throws nothing; anything that is no error of ours is thrown. */
async function codeOf(work: () => Promise<void> | void): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error
    return error.code
  }
}

describe('two who make a file at one path', () => {
  it('both end with the same store, wherever in the calls of one the other comes in', async () => {
    const crashes = crashesOfMany(5)
    const calls = await atEveryCall(crashes, async (at, intrusion) => {
      const recording = await recorded(undefined, (recording, folder) => {
        promise(recording, 'store', [undefined, EMPTY])
        let content = EMPTY
        intrudeAt(recording, at, intrusion, () => {
          // Once the first has the lock there is nothing to come in for.
          try {
            content = commitOnce(recording, folder, 'store', 'second', [undefined, EMPTY])
          } catch (error) {
            if (!(error instanceof CoppiceError && error.code === 'COPPICE_LOCKED')) throw error
          }
        })
        const db = openText(join(folder, 'store'))
        recording.hook = undefined
        if (contentOf(db) !== content) throw new Error('the first has opened another store than the second')
        promise(recording, 'store', [content])
        db.close()
        commitOnce(recording, folder, 'store', 'first', [content])
      })
      const made = recording.log.filter((event) => event.type === 'names' && event.names.some(([name, file]) => name === 'store' && file !== undefined))
      if (made.length !== 1) throw new Error(`the name was given ${made.length} times`)
      return recording
    })
    if (calls < 15) throw new Error(`only ${calls} calls were tried`)
    tally('two creators of one store, every crash', { ...crashes.counts })
  }, TIMEOUT)

  it.each(COPIES)('%s replaces no store that somebody else has made there meanwhile', async (name, copy) => {
    const crashes = crashesOfMany(6)
    const source = await sourceOf(3, 0)
    await atEveryCall(crashes, (at, intrusion) => {
      return recorded(source, async (recording, folder) => {
        const db = openText(join(folder, 'store'))
        promise(recording, 'store', [source.content])
        promise(recording, 'copy', [undefined, EMPTY, source.content])
        let content = source.content
        intrudeAt(recording, at, intrusion, () => (content = commitOnce(recording, folder, 'copy', 'second', [undefined, EMPTY, source.content])))
        const code = await codeOf(() => copy(db, join(folder, 'copy')))
        recording.hook = undefined
        const first = content === withEntry(EMPTY, 'second', 'value')
        if (code !== (first ? 'COPPICE_EXISTS' : undefined)) throw new Error(`it answered ${code ?? 'success'} where the other one came ${first ? 'first' : 'later'}`)
        promise(recording, 'copy', [content])
        db.close()
        assertHolds(join(folder, 'copy'), content)
      })
    })
    tally(`${name} beside a creator, every crash`, { ...crashes.counts })
  }, TIMEOUT)

  it.each(COPIES)('of %s and another copy to the same path one is refused', async (name, copy) => {
    const crashes = crashesOfMany(7)
    const source = await sourceOf(3, 0)
    await atEveryCall(crashes, (at, intrusion) => {
      return recorded(source, async (recording, folder) => {
        const db = openText(join(folder, 'store'))
        const path = join(folder, 'copy')
        promise(recording, 'store', [source.content])
        promise(recording, 'copy', [undefined, source.content])
        let other: string | undefined
        intrudeAt(recording, at, intrusion, () => {
          try {
            db.compactTo(path)
            promise(recording, 'copy', [source.content])
          } catch (error) {
            other = (error as CoppiceError).code
          }
        })
        const code = await codeOf(() => copy(db, path))
        recording.hook = undefined
        const codes = [code, other].filter((one) => one !== undefined).join()
        if (codes !== (intrusion.from === undefined ? '' : 'COPPICE_EXISTS')) throw new Error(`they answered ${codes || 'success'}`)
        promise(recording, 'copy', [source.content])
        db.close()
      })
    })
    tally(`${name} beside a copy, every crash`, { ...crashes.counts })
  }, TIMEOUT)
})

describe('a process that is killed while it makes a file', () => {
  it('leaves the next one a path at which a commit lasts once it is acknowledged', async () => {
    const crashes = crashesOfMany(8)
    await atEveryCall(crashes, (at, intrusion) => {
      return recorded(undefined, async (recording, folder) => {
        const possible: State[] = [undefined, EMPTY]
        promise(recording, 'store', possible)
        killAt(recording, at, intrusion)
        await codeOf(() => openText(join(folder, 'store')).close())
        recording.hook = undefined
        commitOnce(recording, folder, 'store', 'second', intrusion.from === undefined ? [EMPTY] : possible)
      })
    })
    tally('creators that are killed, every crash', { ...crashes.counts })
  }, TIMEOUT)

  it.each(COPIES)('by %s, too', async (name, copy) => {
    const crashes = crashesOfMany(9)
    const source = await sourceOf(3, 0)
    await atEveryCall(crashes, (at, intrusion) => {
      return recorded(source, async (recording, folder) => {
        const db = openText(join(folder, 'store'))
        const possible: State[] = [undefined, source.content]
        promise(recording, 'store', [source.content])
        promise(recording, 'copy', possible)
        killAt(recording, at, intrusion)
        await codeOf(() => copy(db, join(folder, 'copy')))
        recording.hook = undefined
        db.close()
        promise(recording, 'copy', [...possible, EMPTY])
        commitOnce(recording, folder, 'copy', 'second', [...possible, EMPTY])
        commitOnce(recording, folder, 'store', 'second', [source.content])
      })
    })
    tally(`${name} that is killed, every crash`, { ...crashes.counts })
  }, TIMEOUT)
})
