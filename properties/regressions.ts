/**
 * Every failure that a property ever found, to be replayed by the harness that found it. To add one, paste what
 * the failing property printed as its counterexample, and say in `found` what was wrong.
 */
import type { History } from './model/operations.js'
import type { PlannedLife } from './crash/generators.js'
import { replayLives } from './crash/replay.js'
import { replay } from './model/replay.js'
import type { Layer } from './model/world.js'

export interface Regression {
  /** What was wrong, in a sentence. */
  found: string
  replay(): Promise<unknown>
}

const PLAIN: Layer = { name: 'plain', memory: false, mapper: false }

/** A counterexample of the model properties. */
function model(found: string, history: History, layer = PLAIN): Regression {
  return { found, replay: () => replay(layer, history) }
}

/** A counterexample of the crash properties. */
function crashes(found: string, lives: PlannedLife[]): Regression {
  return { found, replay: () => replayLives(lives, { points: 8, images: 6 }, { lives: 0, 'crash images': 0 }) }
}

export const REGRESSIONS: readonly Regression[] = [
  model('a store whose last commit took a page at the end and gave it back did not open again', {
    pool: 'small', durability: 'sync', operations: [
      { type: 'put', tree: 0, key: { fill: 97, run: 1, tail: [] }, value: { length: 1, seed: 0 } },
      { type: 'deleteRange', tree: 0, range: {} },
    ],
  }),
  model('pages that a transaction took at the end and gave back made the file longer, and nothing reached them', {
    pool: 'small', durability: 'lazy', operations: [
      { type: 'begin' },
      { type: 'bulk', tree: 0, family: 'hash', how: 'put', order: 'ascending', start: 0, step: 1, count: 2000, value: { length: 100, seed: 0 } },
      { type: 'deleteRange', tree: 0, range: {} },
      { type: 'put', tree: 0, key: { fill: 97, run: 1, tail: [] }, value: { length: 1, seed: 0 } },
    ],
  }),
  model('a transaction could not list the tree that it had made, as its pages were not in the file yet', {
    pool: 'small', durability: 'sync', operations: [
      { type: 'begin' },
      { type: 'put', tree: 1, key: { fill: 97, run: 1, tail: [] }, value: { length: 1, seed: 0 } },
      { type: 'trees', reader: 0 },
      { type: 'savepoint' },
      { type: 'put', tree: 1, key: { fill: 98, run: 1, tail: [] }, value: { length: 1, seed: 1 } },
      { type: 'rollbackTo', which: 0 },
      { type: 'compareAll', reader: 0 },
      { type: 'commit', how: 'commit' },
    ],
  }),
  crashes('a sync transaction without a write returned before what it had read was on the disk', [{
    plan: {
      durability: 'sync', mapped: true, steps: [
        { do: 'commit', how: 'commitAsync', writes: [{ type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }] },
        { do: 'commit', how: 'commit', writes: [{ type: 'deleteRange', tree: 0, range: { gte: { family: 'path', n: 0 }, lt: { family: 'path', n: 0 } } }] },
      ], closes: false,
    },
    ending: { how: 'kill', at: 0, seed: 0 },
  }]),
  // See also regressions/passed-over.test.ts, which does not depend on what is sampled.
  crashes('a commit that recovery had passed over came back, when half of the page that it lacked was written again', [
    {
      plan: {
        durability: 'sync', mapped: true, steps: [{
          do: 'commit', how: 'commit',
          writes: [{ type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }],
          back: [{ type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }],
        }], closes: true,
      },
      ending: { how: 'crash', at: 300, seed: 0 },
    },
    {
      plan: {
        durability: 'sync', mapped: true, steps: [
          { do: 'commit', how: 'commit', writes: [{ type: 'deleteRange', tree: 0, range: { gte: { family: 'path', n: 0 }, lt: { family: 'path', n: 0 } } }] },
          { do: 'commit', how: 'commit', writes: [{ type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }, { type: 'createTree', tree: 1 }] },
          { do: 'commit', how: 'commit', writes: [{ type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }, { type: 'put', tree: 0, key: { family: 'path', n: 0 }, value: { length: 20000, seed: 0 } }] },
        ], closes: true,
      },
      ending: { how: 'crash', at: 309, seed: 25 },
    },
    {
      plan: { durability: 'sync', mapped: true, steps: [{ do: 'commit', how: 'commit', writes: [{ type: 'put', tree: 1, key: { family: 'path', n: 0 }, value: { length: 0, seed: 0 } }] }], closes: false },
      ending: { how: 'close', at: 0, seed: 513611005 },
    },
  ]),
]
