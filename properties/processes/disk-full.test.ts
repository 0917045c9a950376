/**
 * Real filesystems that are full: ext4 and tmpfs of a few MiB, stores mapped and not.
 *
 * What holds:
 * - a transaction for which there is no space fails with COPPICE_NO_SPACE and nothing of it is there; all before it is;
 * - a store that was filled by commits can be emptied again on the full disk: one entry at a time always, as each
 *   commit leaves the pages free that the next one needs; and what is deleted makes room for puts;
 * - a store without a free page on a disk without one stays readable and whole, and goes on once there is space;
 * - a store, a backup or a compacted copy that does not fit leaves nothing behind, and harms nothing;
 * - reading through the map never touches a place of the file for which the disk has no block (that is a SIGBUS);
 * - all that processes.test.ts says of kills.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { describe, it, onTestFinished } from 'vitest'
import type { Database } from '../../src/index.js'
import { open } from '../../src/index.js'
import { buildChildren } from '../../test/child/build.js'
import { bytesOf } from '../model/bytes.js'
import { TREES } from '../model/operations.js'
import { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY, refused, same, treeOf } from '../model/world.js'
import { LONG, runs, SEED, TIMEOUT } from '../runs.js'
import { tally } from '../tally.js'
import type { Kind } from './history.js'
import { advance, fill, pick, planOf, randomOf } from './history.js'
import { SmallDisk, whyNot } from './small-disk.js'
import { compare, told, Trial } from './trial.js'

const KINDS = ['ext4', 'tmpfs'] as const
const LAYERS = [['mapped', {}], ['unmapped', { mapper: false }]] as const
/** Nobody would take them away where every test is passed over. */
const children = KINDS.every((kind) => whyNot(kind) !== undefined) ? '' : buildChildren()

describe.each(KINDS)('on %s', (kind) => {
  const why = whyNot(kind)
  const title = (text: string): string => (why === undefined ? text : `${text} (passed over: ${why})`)

  it.skipIf(why !== undefined)(title('processes that fill the disk and are killed lose nothing'), async () => {
    const total = { kills: 0, 'commits acknowledged': 0, 'transactions without space': 0, 'disk full histories': 0, lost: 0 }
    for (let history = 0; history < runs(1, 15); history++) {
      const seed = SEED + history
      const random = randomOf(seed, kind.length)
      const disk = new SmallDisk(kind)
      disk.leave(150 + Math.floor(random() ** 2 * 1000))
      const trial = new Trial(children, join(disk.folder, 'store'), seed)
      while (trial.kills < runs(2, 12)) {
        const durability = pick(random, ['sync', 'sync', 'async', 'lazy'] as const)
        const life = { seed, durability, mapped: random() < 0.7, pool: 'small', reopens: true, fills: true } as const
        const moment = { word: 'full', count: 1 + Math.floor(random() * 20) }
        await told(`history ${history}, kill ${trial.kills}, ${JSON.stringify(life)}, ${JSON.stringify(moment)}`, async () => {
          await trial.live(life, moment)
          trial.inspect(random() < 0.5, 'nibble')
        })
      }
      total.kills += trial.kills
      total['commits acknowledged'] += trial.ledger.acknowledged
      total['transactions without space'] += trial.ledger.full
      total['disk full histories']++
    }
    tally(`processes killed on a full ${kind}`, total)
  }, TIMEOUT)

  // In the short run each of the two has one file system.
  describe.each(LAYERS.filter((_, i) => LONG || KINDS[i] === kind))('%s', (name, layer) => {
    const openOn = (disk: SmallDisk): Database<Bytes, Bytes> => {
      const db = open<Bytes, Bytes>(join(disk.folder, 'store'), { ...BINARY, ...layer })
      onTestFinished(() => db.close())
      return db
    }

    it.skipIf(why !== undefined)(title('a full store can be emptied again, one entry after the other'), () => {
      for (let history = 0; history < runs(1, 10); history++) {
        const disk = new SmallDisk(kind)
        disk.leave(100 + 50 * history)
        const db = openOn(disk)
        const model = new ModelStore()
        const seed = SEED + history
        const n = fillUp(db, model, seed)
        if (kind === 'tmpfs') same('bytes free on the disk', disk.free(), 0)
        compare('the full store', db, model)
        emptyAll(db, model)
        compare('the emptied store', db, model)
        commit(db, model, seed, n, 'grow')
        disk.clear()
        fillUp(db, model, seed + 1)
        db.close()
        compare('the store, full once more and opened anew', openOn(disk), model)
      }
      tally(`stores emptied on a full ${kind}, ${name}`, { 'disk full histories': runs(1, 10), lost: 0 })
    }, TIMEOUT)

    it.skipIf(why !== undefined)(title('a store without a free page stays whole, and goes on once there is space'), () => {
      const disk = new SmallDisk(kind)
      const db = openOn(disk)
      const model = new ModelStore()
      // The only commit so far: nothing is free of which the next one could make use.
      commit(db, model, SEED, 1, 'grow')
      disk.leave(0)
      refused('a put', 'COPPICE_NO_SPACE', () => commit(db, model.clone(), SEED, 2, 'grow'))
      refused('a delete', 'COPPICE_NO_SPACE', () => commit(db, model.clone(), SEED, 2, 'nibble'))
      compare('the store without a free page', db, model)
      db.close()
      const again = openOn(disk)
      compare('the same, opened anew', again, model)
      disk.clear()
      commit(again, model, SEED, 2, 'mixed')
      compare('the store with space', again, model)
    })

    it.skipIf(why !== undefined)(title('a store, a backup or a copy that does not fit leaves nothing behind'), async () => {
      const disk = new SmallDisk(kind)
      const db = openOn(disk)
      const model = new ModelStore()
      for (let n = 1; n <= 12; n++) commit(db, model, SEED, n, n === 9 ? 'shrink' : 'grow')
      const needed = Math.ceil(fs.statSync(db.path).size / 4096)
      let refusals = 0
      for (const pages of [0, 1, 2, 3, 5, 13, needed - 8, needed - 1, needed + 40]) {
        disk.clear()
        disk.leave(pages)
        refusals += await tryCopies(disk, db, model)
        compare('the source', db, model)
      }
      if (refusals < 12) throw new Error(`only ${refusals} files did not fit`)
    }, TIMEOUT)
  })
})

function commit(db: Database<Bytes, Bytes>, model: ModelStore, seed: number, n: number, kind: Kind): void {
  db.transaction((tx) => fill(tx, planOf(seed, n, kind), n, kind))
  advance(model, seed, n, kind)
}

/** Commits until there is no space; answers the number of the transaction that failed. */
function fillUp(db: Database<Bytes, Bytes>, model: ModelStore, seed: number): number {
  for (let n = 1; ; n++) {
    try {
      commit(db, model, seed, n, 'grow')
    } catch (error) {
      refused(`transaction ${n}`, 'COPPICE_NO_SPACE', () => { throw error })
      return n
    }
  }
}

/** Deletes entry after entry, each in a transaction of its own. */
function emptyAll(db: Database<Bytes, Bytes>, model: ModelStore): void {
  for (let tree = 0; tree < TREES.length; tree++) {
    const entries = model.read(TREES[tree])
    for (const key of entries.keys.slice()) {
      same('delete', treeOf(db, tree).delete(bytesOf(key)), true)
      entries.delete(key)
    }
  }
}

/** Makes a store and copies on what is left of the disk. Answers how many did not fit. */
async function tryCopies(disk: SmallDisk, db: Database<Bytes, Bytes>, model: ModelStore): Promise<number> {
  const path = join(disk.folder, 'another')
  const before = fs.readdirSync(disk.folder).join()
  const ways: [string, ModelStore, () => Promise<void> | void][] = [
    ['a store', new ModelStore(), () => open(path).close()],
    ['a backup', model, () => db.backup(path)],
    ['a compacted copy', model, () => db.compactTo(path)],
  ]
  let refusals = 0
  for (const [what, content, make] of ways) {
    try {
      await make()
      const made = open<Bytes, Bytes>(path, { ...BINARY, mapper: false })
      compare(what, made, content)
      made.close()
      fs.rmSync(path)
    } catch (error) {
      refused(what, 'COPPICE_NO_SPACE', () => { throw error })
      refusals++
    }
    same(`files after ${what}`, fs.readdirSync(disk.folder).join(), before)
  }
  return refusals
}
