/**
 * A child that writes its history without end and says, a line each, what it is about to do and what it has done.
 * Arguments: the path of the store, and a Life as JSON.
 *
 *   locked         the store is open elsewhere; it tries again
 *   open n         the store is open, and commit n is its newest
 *   begin n kind   from here on commit n may be found
 *   return n       from here on it must be found
 *   durable n      the same, after a sync
 *   full n         there was no space for transaction n, which is begun anew, as another kind maybe
 *   copy n, copied n, uncopied n   a copy of commit n is begun; is there; is not there, for want of space
 */
import fs from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Database, DurabilityMode, Transaction } from '../../src/index.js'
import { open } from '../../src/index.js'
import type { Bytes } from '../model/world.js'
import { BINARY, POOLS } from '../model/world.js'
import type { Kind, Plan } from './history.js'
import { fill, NEWEST, newestOf, planOf } from './history.js'

/** How a child goes about it. */
export interface Life {
  seed: number
  durability: DurabilityMode
  mapped: boolean
  pool: keyof typeof POOLS
  /** Closes the store and opens it again now and then. */
  reopens: boolean
  /** Puts until the disk is full, deletes until it is not. */
  fills: boolean
}

const [path, json] = process.argv.slice(2)
const life = JSON.parse(json) as Life

/** A synchronous write: what has been said stays said, however this process ends. */
function say(line: string): void {
  fs.writeSync(1, `${line}\n`)
}

function codeIn(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

async function openStore(): Promise<Database<Bytes, Bytes>> {
  const mapper = life.mapped ? {} : { mapper: false as const }
  for (;;) {
    try {
      const db = open<Bytes, Bytes>(path, { ...BINARY, ...mapper, durability: life.durability, poolSize: POOLS[life.pool], syncInterval: 3 })
      say(`open ${newestOf(db.get(NEWEST)).n}`)
      return db
    } catch (error) {
      if (codeIn(error) !== 'COPPICE_LOCKED') throw error
      say('locked')
      await setTimeout(1)
    }
  }
}

let db = await openStore()
let copying: Promise<void> | undefined
let held: { tx: Transaction<Bytes, Bytes>; newest: number; entries: number } | undefined

/** Does transaction n. Answers false where there was no space for it. */
async function commit(n: number, kind: Kind): Promise<boolean> {
  const plan = planOf(life.seed, n, kind)
  say(`begin ${n} ${kind}`)
  try {
    if (plan.undone.length > 0) begin({ steps: plan.undone }, n, kind).rollback()
    if (n % 10 === 0) await db.transactionAsync((tx) => fill(tx, plan, n, kind))
    else if (n % 2 === 0) await commitAsync(begin(plan, n, kind), n)
    else begin(plan, n, kind).commit()
    say(`return ${n}`)
    return true
  } catch (error) {
    if (codeIn(error) !== 'COPPICE_NO_SPACE') throw error
    if (newestOf(db.get(NEWEST)).n >= n) throw new Error(`transaction ${n} failed and is there all the same`, { cause: error })
    say(`full ${n}`)
    return false
  }
}

function begin(plan: Pick<Plan, 'steps'>, n: number, kind: Kind): Transaction<Bytes, Bytes> {
  const tx = db.begin()
  try {
    fill(tx, plan, n, kind)
    return tx
  } catch (error) {
    tx.rollback()
    throw error
  }
}

/** Waits for the sync now and then only, so that commits are under way while the next ones are made. */
async function commitAsync(tx: Transaction<Bytes, Bytes>, n: number): Promise<void> {
  const done = tx.commitAsync()
  if (n % 8 !== 0 && newestOf(db.get(NEWEST)).n === n) void done.then(() => say(`durable ${n}`))
  else await done
}

/** What else a process does with its store. */
async function besides(n: number, number: number): Promise<void> {
  if (number < 0.02) await reopen()
  else if (number < 0.05) await copy(n, () => db.backup(`${path}-copy-${n}`))
  else if (number < 0.06) await copy(n, () => db.compactTo(`${path}-copy-${n}`))
  else if (number < 0.08) db.sync()
  else if (number < 0.1) await db.syncAsync()
  else if (number < 0.14) snapshot()
  if (number >= 0.06 && number < 0.1) say(`durable ${n}`)
  await setImmediate()
}

async function reopen(): Promise<void> {
  await copying
  endSnapshot()
  if (!life.reopens) return
  db.close()
  db = await openStore()
}

/** A backup goes on beside the next commits. */
async function copy(n: number, how: () => Promise<void> | void): Promise<void> {
  await copying
  say(`copy ${n}`)
  copying = (async () => {
    try {
      await how()
      say(`copied ${n}`)
    } catch (error) {
      if (codeIn(error) !== 'COPPICE_NO_SPACE') throw error
      say(`uncopied ${n}`)
    }
  })()
}

function snapshot(): void {
  endSnapshot()
  const tx = db.snapshot()
  held = { tx, newest: newestOf(tx.get(NEWEST)).n, entries: tx.count() }
}

function endSnapshot(): void {
  if (held === undefined) return
  const { tx, newest, entries } = held
  if (newestOf(tx.get(NEWEST)).n !== newest || [...tx.keys()].length !== entries) throw new Error(`the snapshot of commit ${newest} has changed`)
  tx.rollback()
  held = undefined
}

/** On a full disk: less at a time, then with all pages free that nobody needs to see, then after a reopen. */
async function makeSpace(n: number): Promise<void> {
  if (await commit(n, 'shrink')) return
  if (await commit(n, 'nibble')) return
  endSnapshot()
  db.sync()
  if (await commit(n, 'nibble')) return
  await reopen()
  if (!(await commit(n, 'nibble'))) throw new Error(`nothing can be deleted any more: ${JSON.stringify(db.stats().pages)}`)
}

for (let n = newestOf(db.get(NEWEST)).n + 1; ; n++) {
  const kind = life.fills ? 'grow' : 'mixed'
  if (!(await commit(n, kind))) await makeSpace(n)
  await besides(n, planOf(life.seed, n, kind).besides)
}
