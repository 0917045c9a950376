/**
 * Real processes on real files, killed with SIGKILL at random moments: inside commits, while the file is made, while
 * it is copied, while it is recovered, on a disk with space and on one without.
 *
 * What holds after every kill:
 * - nothing that was acknowledged is missing, in whatever durability: the process is gone, what it wrote is not;
 * - the store holds exactly the commits up to one that was begun: whole transactions, in order (I7, I26);
 * - `check` finds nothing (I2, I4, I8, I11, I14, I15, I17, I18, I22);
 * - the lock is gone with its owner, and was respected while that lived;
 * - the store takes the next transaction, under an id above all that it has seen (I27, I28);
 * - a copy that was under way is absent or whole, and the store knows nothing of it.
 */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { describe, it, onTestFinished } from 'vitest'
import { open } from '../src/index.js'
import { buildChildren } from '../test/child/build.js'
import { ModelStore } from './model/sorted-map.js'
import type { Bytes } from './model/world.js'
import { BINARY } from './model/world.js'
import { advance, fill, NEWEST, newestOf, pick, planOf, randomOf } from './processes/history.js'
import { compare, told, Trial } from './processes/trial.js'
import type { Moment } from './processes/victim.js'
import { Victim } from './processes/victim.js'
import type { Life } from './processes/writer.js'
import { runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

const children = buildChildren()

function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-processes-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

function someLife(random: () => number, seed: number): Life {
  return {
    seed,
    durability: pick(random, ['sync', 'async', 'lazy'] as const),
    mapped: random() < 0.7,
    pool: random() < 0.5 ? 'small' : 'large',
    reopens: true,
    fills: false,
  }
}

/** Mostly after some lines, as the next commit is under way then. */
function someMoment(random: () => number): Moment {
  return random() < 0.7 ? { word: '', count: 1 + Math.floor(random() ** 2 * 400) } : { ms: Math.floor(random() * 500) }
}

describe('a process that is killed', () => {
  it('loses nothing that it has acknowledged, kill after kill', async () => {
    const kills = runs(7, 40)
    const total = { kills: 0, 'commits acknowledged': 0, 'kills inside a commit': 0, 'kills inside a copy': 0, lost: 0 }
    for (let history = 0; history < runs(1, 15); history++) {
      const seed = SEED + history
      const random = randomOf(seed)
      const trial = new Trial(children, join(temporaryFolder(), 'store'), seed)
      while (trial.kills < kills) {
        const life = someLife(random, seed)
        const moment = someMoment(random)
        await told(`history ${history}, kill ${trial.kills}, ${JSON.stringify(life)}, ${JSON.stringify(moment)}`, async () => {
          if (random() < 0.15) await trial.liveInTurn(life, moment)
          else await trial.live(life, moment)
          // Now and then the next child is the first to see the store after the kill.
          if (random() < 0.7 || trial.kills >= kills) trial.inspect(random() < 0.5, 'mixed')
        })
      }
      total.kills += trial.kills
      total['commits acknowledged'] += trial.ledger.acknowledged
      total['kills inside a commit'] += trial.ledger.insideCommit
      total['kills inside a copy'] += trial.ledger.insideCopy
    }
    tally('killed processes', total)
  }, TIMEOUT)

  it('while it makes a store leaves a whole one or none', async () => {
    const random = randomOf(SEED, 1)
    let made = 0
    const kills = runs(2, 60)
    for (let kill = 0; kill < kills; kill++) {
      const folder = temporaryFolder()
      const victim = new Victim(children, 'creator', folder, String(SEED))
      onTestFinished(() => victim.dispose())
      const lines = Math.floor(random() * 40)
      await victim.until(() => victim.lines.length > lines)
      await victim.kill()
      await told(`kill ${kill}`, () => inspectStores(folder, victim))
      made += victim.count('return')
    }
    tally('processes killed while they make stores', { kills, 'commits acknowledged': made, lost: 0 })
  }, TIMEOUT)
})

/** Every store but the last is there and has its commit; the last may have none, or not be there. */
function inspectStores(folder: string, victim: Victim): void {
  const begun = victim.count('begin')
  const returned = victim.count('return')
  for (let i = 1; i <= begun; i++) {
    const path = join(folder, `store-${i}`)
    if (i <= returned && !fs.existsSync(path)) throw new Error(`LOST: store ${i} was made and is not there`)
    const db = open<Bytes, Bytes>(path, BINARY)
    try {
      const { n } = newestOf(db.get(NEWEST))
      if (i <= returned && n !== 1) throw new Error(`LOST: the commit to store ${i} was acknowledged and is not there`)
      const model = new ModelStore()
      if (n === 1) advance(model, SEED + i, 1, 'mixed')
      compare(`store ${i}`, db, model)
      db.transaction((tx) => fill(tx, planOf(SEED, n + 1, 'mixed'), n + 1, 'mixed'))
    } finally {
      db.close()
    }
  }
  const unknown = fs.readdirSync(folder).filter((name) => !/^store-\d+$/.test(name) && !name.startsWith(`store-${begun}.`))
  if (unknown.length > 0) throw new Error(`${unknown.join()} is left`)
}
