/**
 * Crashes made by hand: the disk keeps what was synced, and any choice of the writes that were not.
 *
 * Checked after every crash:
 * - the store opens, and holds exactly one of the commits, not older than the last one known to be durable;
 * - `check` finds nothing wrong;
 * - it can be written to, and a second crash leads to one of the commits again.
 */
import { describe, expect, it } from 'vitest'
import type { DurabilityMode } from '../../src/index.js'
import type { Database } from '../../src/database.js'
import { CrashFile, emptyImage, FaultyFile, fileOf, openOn, randomFrom } from '../faulty-file.js'

type Db = Database<string, string>

/** All that is in the store, as a text to compare. */
function contentsOf(db: Db): string {
  const side = [...db.tree('side', { valueEncoding: 'utf8' }).entries()]
  return JSON.stringify([[...db.entries()], side])
}

/** A store on a disk that can crash, and what it held after each of its commits. */
class Story {
  readonly file: CrashFile
  readonly db: Db
  readonly states: string[]
  readonly mode: DurabilityMode
  /** Index in `states` of the newest commit known to be on the disk. */
  durable = 0

  constructor(mode: DurabilityMode, image = emptyImage(), mapped = true) {
    this.mode = mode
    this.file = new CrashFile(image)
    this.file.automatic = false
    this.db = openOn(mapped ? this.file : new FaultyFile(this.file, false), { durability: mode, syncInterval: 1e6 }).db
    this.states = [contentsOf(this.db)]
  }

  /** Commits a change; `synced` says that it is on the disk then. */
  commit(change: (db: Db) => void): void {
    change(this.db)
    this.states.push(contentsOf(this.db))
    if (this.mode === 'sync') this.durable = this.states.length - 1
  }

  sync(): void {
    this.db.sync()
    this.durable = this.states.length - 1
  }

  /** Opens what a crash leaves, and holds it against the promises. */
  survive(image: Uint8Array, what: string, seen: Set<number> = new Set()): Uint8Array {
    const file = new CrashFile(image)
    const { db } = openOn(file)
    const found = this.states.lastIndexOf(contentsOf(db))
    expect(found, `${what}: the state is one of the commits, from ${this.durable} on`).toBeGreaterThanOrEqual(this.durable)
    seen.add(found)
    expect(db.check(), what).toMatchObject({ ok: true, errors: [] })
    const before = contentsOf(db)
    db.put('after the crash', what)
    expect(db.check(), `${what}, written to`).toMatchObject({ ok: true, errors: [] })
    const after = contentsOf(db)
    // What the write left unsynced may be dropped again: it was acknowledged, so it is there.
    const again = openOn(fileOf(file.afterCrash(() => false))).db
    expect([before, after], `${what}, and again`).toContain(contentsOf(again))
    expect(contentsOf(again)).toBe(after)
    return image
  }
}

/** Every choice of up to 6 writes, and a sample of the choices of more. */
function* choices(writes: number, seed: number): Generator<(index: number) => boolean> {
  if (writes <= 6) {
    for (let mask = 0; mask < 1 << writes; mask++) yield (index) => ((mask >> index) & 1) === 1
    return
  }
  const random = randomFrom(seed)
  yield () => false
  yield () => true
  for (let i = 0; i < 6; i++) {
    yield (index) => index < i * (writes / 6)
    yield (index) => index >= i * (writes / 6)
  }
  for (let i = 0; i < 40; i++) {
    const share = random()
    const kept = Array.from({ length: writes }, () => random() < share)
    yield (index) => kept[index]
  }
}

function surviveAll(story: Story, seed = 1, torn = 16): Set<number> {
  const seen = new Set<number>()
  let number = 0
  for (const keep of choices(story.file.unsynced.length, seed)) story.survive(story.file.afterCrash(keep), `crash ${number++} (seed ${seed})`, seen)
  const random = randomFrom(seed)
  for (let i = 0; i < torn; i++) {
    const share = random()
    story.survive(story.file.afterTornCrash(() => random() < share), `torn crash ${i} (seed ${seed})`, seen)
  }
  return seen
}

/** Something to begin with: a tree of several levels, overflow values and a named tree, all of it durable. */
function filled(): Uint8Array {
  const file = new FaultyFile(fileOf(emptyImage()))
  const { db } = openOn(file)
  db.transaction((tx) => {
    for (let i = 0; i < 90; i++) tx.put(`key ${String(i).padStart(4, '0')} ${'-'.repeat(700)}`, `value ${i}`)
    tx.put('large', 'L'.repeat(9000))
    for (let i = 0; i < 20; i++) tx.tree('side', { valueEncoding: 'utf8' }).put(`side ${i}`, 's'.repeat(100))
  })
  for (let i = 0; i < 8; i++) db.delete(`key ${String(i * 10).padStart(4, '0')} ${'-'.repeat(700)}`)
  db.close()
  return file.left
}

const FILLED = filled()

const SMALL: ((db: Db) => void)[] = [
  (db) => db.put('key 0050', 'small'),
  (db) => db.put('large', 'M'.repeat(6000)),
  (db) => db.tree('side', { valueEncoding: 'utf8' }).put('side 7', 'changed'),
  (db) => db.delete('large'),
  (db) => db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'z', value: 'N'.repeat(5000) }]),
  (db) => db.put('large', 'M'.repeat(6000)),
]

describe('after a crash', () => {
  it('before a sync has ended, whatever is kept of a commit, it is there whole or not at all', () => {
    for (const [i, change] of SMALL.entries()) {
      const story = new Story('lazy', FILLED)
      story.sync()
      for (const earlier of SMALL.slice(0, i)) story.commit(earlier)
      story.sync()
      story.commit(change)
      const seen = surviveAll(story, i)
      expect(story.file.unsynced.length, 'the pages and the meta page').toBeGreaterThanOrEqual(2)
      expect(seen.has(story.durable)).toBe(true)
      expect(seen.has(story.states.length - 1)).toBe(true)
    }
  })

  it('the newest of several lazy commits may be gone, in order, and never what was synced', () => {
    for (let count = 2; count <= SMALL.length; count++) {
      const story = new Story('lazy', FILLED)
      story.commit(SMALL[0])
      story.sync()
      for (const change of SMALL.slice(1, count)) story.commit(change)
      surviveAll(story, count)
    }
  })

  it('without a map the same holds', () => {
    const story = new Story('lazy', FILLED, false)
    story.commit(SMALL[0])
    story.sync()
    for (const change of SMALL.slice(1, 4)) story.commit(change)
    surviveAll(story)
  })

  it('what a sync commit acknowledged is there, at every moment of a long history that reuses pages', () => {
    const story = new Story('sync', FILLED)
    const random = randomFrom(3)
    for (let i = 0; i < 25; i++) {
      story.commit((db) => db.put(`key ${Math.floor(random() * 40)}`, String(i).repeat(1 + Math.floor(random() * 3000))))
      if (i % 3 === 0) story.commit((db) => db.deleteRange({ gte: 'key 2', lt: 'key 3' }) || db.put(`none ${i}`, ''))
      expect(story.file.unsynced).toEqual([])
      story.survive(story.file.afterCrash(() => false), `commit ${i}`)
    }
  })

  it('in the middle of a sync, commits that came meanwhile cost nothing that was acknowledged', async () => {
    const story = new Story('async', FILLED)
    story.db.put('first', 'write')
    story.states[0] = contentsOf(story.db)
    await ended(story)
    let number = 0
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 5; i++) {
        const key = number++
        story.commit((db) => db.put(`key ${key % 7}`, String(key).repeat(1 + ((key * 531) % 2500))))
        surviveSome(story, key)
      }
      const syncing = story.file.running.length
      expect(syncing).toBe(1)
      await ended(story)
      surviveSome(story, 1000 + round)
    }
  })

  it('in the middle of a commit of very many pages, which syncs them first, the commit is whole or not there', () => {
    const story = new Story('lazy', FILLED)
    story.db.put('first', 'write')
    story.states[0] = contentsOf(story.db)
    story.sync()
    const moments: Uint8Array[] = []
    const sync = story.file.sync.bind(story.file)
    const random = randomFrom(5)
    story.file.sync = () => {
      for (let i = 0; i < 3; i++) {
        const share = random()
        moments.push(story.file.afterCrash(() => random() < share))
      }
      sync()
    }
    story.commit((db) => db.transaction((tx) => { for (let i = 0; i < 2100; i++) tx.put(`bulk ${i}`, 'b'.repeat(1900)) }))
    expect(moments.length, 'the pages are synced before the meta page is written').toBe(3)
    expect(story.file.unsynced.length, 'only the meta page is not').toBe(1)
    expect(story.file.unsynced[0].bytes.length).toBe(4096)
    for (const [i, image] of moments.entries()) {
      const { db } = openOn(fileOf(image))
      expect(contentsOf(db), `moment ${i}`).toBe(story.states[0])
      expect(db.check()).toMatchObject({ ok: true })
    }
    expect(surviveAll(story, 1, 3).size).toBe(2)
  })
})

/** Ends the sync that runs, and lets everything that waits for it happen; what it covered is known to be durable then. */
async function ended(story: Story): Promise<void> {
  const transaction = () => story.db.stats().durableTransaction
  const before = transaction()
  const covered = story.db.stats().transaction
  while (transaction() < covered) {
    story.file.running.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(transaction()).toBeGreaterThan(before)
  story.durable = story.states.length - 1
}

function surviveSome(story: Story, seed: number): void {
  const random = randomFrom(seed)
  for (let i = 0; i < 8; i++) {
    const share = i < 2 ? i : random()
    story.survive(story.file.afterCrash(() => random() < share), `crash ${i} (seed ${seed})`)
    if (i > 4) story.survive(story.file.afterTornCrash(() => random() < share), `torn crash ${i} (seed ${seed})`)
  }
}
