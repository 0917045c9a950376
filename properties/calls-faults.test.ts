/**
 * What the system refuses. Invariants, for every system call of the first creation of a store, of `backup`, of `compactTo`
 * and of an ordinary run over a file, made to fail (EIO, ENOSPC, EDQUOT, EMFILE), to fail from there on as on a full disk, or to
 * do less than was asked for:
 *
 * 1. The operation succeeds, or throws a CoppiceError that tells what the system said. Less than asked for is no error.
 * 2. Where it failed nothing of it is left: no file, temporary ones included, and no descriptor.
 * 3. The source holds what it held, is sound, and takes writes; the same operation succeeds once the fault is gone.
 * 4. In an ordinary run a transaction that failed is not there, one that succeeded is, and all go on but after a failed
 *    sync, which makes the store read-only until it is opened again.
 * 5. Syncs in the background and in the foreground have descriptors of their own: the system tells each once of a write
 *    that it could not do, and a commit that is acknowledged must not miss it.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, it } from 'vitest'
import type { ErrorCode } from '../src/errors.js'
import { CoppiceError } from '../src/errors.js'
import { randomFrom } from '../test/faulty-file.js'
import { assertHolds } from './calls/crashes.js'
import type { Source, Text } from './calls/stores.js'
import { assertSound, contentOf, EMPTY, inFolder, openText, sourceOf } from './calls/stores.js'
import type { Call, CallFault, Recording } from './disk/calls.js'
import { record } from './disk/calls.js'
import { Disk, WHOLE } from '../src/crash/disk.js'
import { runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

/** What happens to the call of this number; `onwards`: and to all later ones that want space. */
interface Plan {
  at: number
  fault: CallFault
  onwards: boolean
}

const WANT_SPACE = ['open', 'write', 'writev', 'ftruncate', 'link', 'rename']
const CODES: Record<string, ErrorCode[]> = {
  EIO: ['COPPICE_IO', 'COPPICE_SYNC_FAILED'],
  EMFILE: ['COPPICE_IO'],
  ENOSPC: ['COPPICE_NO_SPACE', 'COPPICE_SYNC_FAILED'],
  EDQUOT: ['COPPICE_NO_SPACE', 'COPPICE_SYNC_FAILED'],
}

/** All that can happen to these calls, those about the file `but` left out. */
function* plansFor(calls: readonly Call[], but: string | undefined): Generator<Plan> {
  for (const [at, { name, file, bytes }] of calls.entries()) {
    if (file === but) continue
    yield { at, fault: 'EIO', onwards: false }
    if (bytes > 1) yield { at, fault: 'short', onwards: false }
    if (name === 'open') yield { at, fault: 'EMFILE', onwards: false }
    if (name !== 'read' && name !== 'fstat' && name !== 'stat') yield { at, fault: 'ENOSPC', onwards: false }
    if (!WANT_SPACE.includes(name)) continue
    yield { at, fault: 'EDQUOT', onwards: false }
    yield { at, fault: 'ENOSPC', onwards: true }
  }
}

/** Sees to it that the plan is carried out; answers the name of the call that was hit. */
function carryOut(recording: Recording, { at, fault, onwards }: Plan): () => Call | undefined {
  let calls = 0
  let hit: Call | undefined
  recording.hook = (call) => {
    const number = calls++
    if (number === at) hit = call
    if (number === at || (onwards && number > at && WANT_SPACE.includes(call.name))) return fault === 'short' && call.bytes < 2 ? undefined : fault
    return undefined
  }
  return () => hit
}

/** What the operation threw, which is to be one of the errors that the fault may lead to. */
async function failureOf(operation: () => Promise<void>, { fault }: Plan): Promise<CoppiceError | undefined> {
  try {
    await operation()
    return undefined
  } catch (error) {
    assertTold(error, fault)
    return error
  }
}

function assertTold(error: unknown, fault: CallFault): asserts error is CoppiceError {
  if (!(error instanceof CoppiceError)) throw new Error(`it threw ${String(error)}, which is no CoppiceError`, { cause: error })
  if (CODES[fault]?.includes(error.code) !== true) throw new Error(`it threw ${error.code} (${error.message}) after ${fault}`, { cause: error })
}

function openDescriptors(): number {
  return process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : 0
}

/** Streams close their files a little later. */
async function assertNoneLeaks(before: number): Promise<void> {
  for (let turn = 0; turn < 100 && openDescriptors() > before; turn++) await setImmediate()
  const left = openDescriptors() - before
  if (left > 0) throw new Error(`${left} descriptors stay open`)
}

function assertFiles(folder: string, expected: string[]): void {
  const found = fs.readdirSync(folder).sort().join()
  if (found !== expected.sort().join()) throw new Error(`the folder holds ${found}, where ${expected.join()} was expected`)
}

const random = randomFrom(SEED)

/** Carries out every plan, each in a folder of its own, or a part of them in a short run. */
async function everyPlan(calls: readonly Call[], atMost: number, attempt: (plan: Plan) => Promise<Call | undefined>, but?: string): Promise<number> {
  const plans = [...plansFor(calls, but)]
  const share = atMost / plans.length
  let tried = 0
  for (const plan of plans) {
    if (random() >= share) continue
    tried++
    let hit: Call | undefined
    try {
      hit = await attempt(plan)
    } catch (error) {
      const { name, file } = calls[plan.at]
      throw new Error(`${plan.fault}${plan.onwards ? ' from' : ' at'} call ${plan.at} (${name} ${file}; COPPICE_SEED=${SEED}): ${(error as Error).message}`, { cause: error })
    }
    // The number of a call may shift a little, as background work goes its own ways.
    if (hit === undefined && plan.at < calls.length - 5) throw new Error(`call ${plan.at} was not made again`)
  }
  return tried
}

/** The calls of an operation, which is done in a folder that was prepared for it. */
async function callsOf(prepare: (folder: string) => void, operation: (recording: Recording, folder: string) => Promise<void>): Promise<Call[]> {
  return inFolder(async (folder) => {
    prepare(folder)
    const calls: Call[] = []
    await record(folder, (recording) => {
      recording.hook = (call) => void calls.push(call)
      return operation(recording, folder)
    })
    return calls
  })
}

/** Takes a write, and is well. */
function assertUsable(path: string): void {
  const db = openText(path)
  db.put('after', 'the fault')
  assertSound(db)
  db.close()
}

type Copy = (db: Text, path: string) => Promise<void> | void
const COPIES: [name: string, copy: Copy][] = [
  ['backup', (db, path) => db.backup(path)],
  ['compactTo', (db, path) => db.compactTo(path)],
]

/** One copy, with what is to happen to it. */
function copyWithFault(source: Source, copy: Copy, plan: Plan): Promise<Call | undefined> {
  return inFolder(async (folder) => {
    const [store, path] = [join(folder, 'store'), join(folder, 'copy')]
    fs.writeFileSync(store, source.bytes)
    const { recording, result } = await record(folder, async (recording) => {
      const before = openDescriptors()
      const db = openText(store)
      const opened = openDescriptors()
      const hit = carryOut(recording, plan)
      const failure = await failureOf(async () => copy(db, path), plan)
      recording.hook = undefined
      await assertNoneLeaks(opened)
      assertFiles(folder, failure === undefined ? ['copy', 'store'] : ['store'])
      if (contentOf(db) !== source.content) throw new Error('the source holds something else')
      if (failure !== undefined) await copy(db, path)
      db.put('after', 'the fault')
      db.delete('after')
      db.close()
      assertHolds(path, source.content)
      assertHolds(store, source.content)
      assertUsable(path)
      await assertNoneLeaks(before)
      return hit()
    })
    recording.assertComplete()
    return result
  })
}

describe('whatever call fails or falls short', () => {
  it('while a store is created and opened, there is none or a whole one', async () => {
    const calls = await callsOf(() => undefined, async (_, folder) => openText(join(folder, 'store')).close())
    // It is opened once in vain, and again when it has been made; from there on it stays.
    const placed = calls.findLastIndex(({ name }) => name === 'link')
    const made = calls.findIndex(({ name, file }, i) => i > placed && name === 'open' && file === 'store')
    const tried = await everyPlan(calls, runs(50, 10_000), (plan) => inFolder(async (folder) => {
      const path = join(folder, 'store')
      const { recording, result } = await record(folder, async (recording) => {
        const before = openDescriptors()
        const hit = carryOut(recording, plan)
        const failure = await failureOf(async () => openText(path).close(), plan)
        recording.hook = undefined
        await assertNoneLeaks(before)
        const created = failure === undefined || plan.at >= made
        assertFiles(folder, created ? ['store'] : [])
        if (created) assertHolds(path, EMPTY)
        assertUsable(path)
        await assertNoneLeaks(before)
        return hit()
      })
      recording.assertComplete()
      return result
    }))
    tally('creation, every fault', { 'faults injected': tried })
  }, TIMEOUT)

  it.each(COPIES)('in %s, the copy is there, or an error is thrown and nothing left', async (name, copy) => {
    let tried = 0
    // The last copy takes two pieces, the second of a single page, which a stream takes without asking to wait.
    for (const [entries, long] of [[0, 0], [100, 4], [100, 250]]) {
      const source = await sourceOf(entries, long)
      const large = long > 100
      const prepare = (folder: string) => fs.writeFileSync(join(folder, 'store'), source.bytes)
      const calls = await callsOf(prepare, async (recording, folder) => {
        const { hook } = recording
        recording.hook = undefined
        const db = openText(join(folder, 'store'))
        recording.hook = hook
        await copy(db, join(folder, 'copy'))
        recording.hook = undefined
        db.close()
      })
      // Of a large one the reads are very many, and all alike.
      tried += await everyPlan(calls, runs(large && name === 'compactTo' ? 4 : 20, 10_000), (plan) => copyWithFault(source, copy, plan), large ? 'store' : undefined)
    }
    tally(`${name}, every fault`, { 'faults injected': tried })
  }, TIMEOUT)
})

/** What a step of an ordinary run leaves in the store where it succeeds: this value under this key. */
interface Step {
  key: string
  value: string
  act: (db: Text) => Promise<void> | void
}

const LONG_VALUE = 'long '.repeat(3000)

const STEPS: Step[] = [
  { key: 'put', value: '1', act: (db) => db.put('put', '1') },
  { key: 'overflow', value: LONG_VALUE, act: (db) => db.put('overflow', LONG_VALUE) },
  { key: 'async', value: '2', act: (db) => db.putAsync('async', '2') },
  { key: 'transaction', value: '3', act: (db) => db.transaction((tx) => {
    tx.delete('long 1')
    tx.deleteRange({ prefix: '0000001' })
    tx.tree('other').put('in', Buffer.from('other'))
    tx.put('transaction', '3')
  }) },
  { key: 'transaction async', value: '4', act: (db) => db.transactionAsync((tx) => void tx.put('transaction async', '4')) },
  { key: 'put', value: '5', act: (db) => db.put('put', '5') },
]

/** What a run has to leave: for each key its value, undefined for none, or a choice of them after a failed sync. */
type Left = Map<string, readonly (string | undefined)[]>

/** Does all steps, whatever becomes of them. The handle is the run's own, for it to be closed however that ends. */
async function runWithFault(path: string, plan: Plan): Promise<Left> {
  const left: Left = new Map(STEPS.map(({ key }) => [key, [undefined]]))
  const db = { handle: undefined as Text | undefined }
  const failure = await failureOf(async () => void (db.handle = openText(path)), plan)
  if (failure !== undefined) return left
  const handle = db.handle as Text
  let failures = 0
  let poisoned = false
  for (const { key, value, act } of STEPS) {
    const failed = await failureOf(async () => act(handle), plan)
    const before = left.get(key) as (string | undefined)[]
    if (failed === undefined) {
      if (poisoned) throw new Error(`${key} was written after a failed sync`)
      left.set(key, [value])
      let found: string | undefined
      const unread = await failureOf(async () => void (found = handle.get(key)), plan)
      if (unread === undefined && found !== value) throw new Error(`${key} is not what was written`)
      continue
    }
    failures++
    if (failed.code === 'COPPICE_SYNC_FAILED') {
      if (!poisoned) left.set(key, [...before, value])
      poisoned = true
    } else if (poisoned) throw new Error(`${key} answered ${failed.code} after a failed sync`)
    else if (failures > 1 && !plan.onwards) throw new Error(`${key} failed as well: ${failed.message}`)
  }
  await failureOf(async () => void (handle.get('put'), handle.count(), handle.sync()), plan)
  await failureOf(async () => handle.close(), plan)
  return left
}

describe('an ordinary run of which a call fails or falls short', () => {
  it('loses nothing that was acknowledged and keeps nothing that failed', async () => {
    const source = await sourceOf(100, 4)
    const prepare = (folder: string) => fs.writeFileSync(join(folder, 'store'), source.bytes)
    const none: Plan = { at: -1, fault: 'short', onwards: false }
    const calls = await callsOf(prepare, async (_, folder) => void (await runWithFault(join(folder, 'store'), none)))
    const tried = await everyPlan(calls, runs(50, 10_000), (plan) => inFolder(async (folder) => {
      prepare(folder)
      const path = join(folder, 'store')
      const { recording, result } = await record(folder, async (recording) => {
        const before = openDescriptors()
        const hit = carryOut(recording, plan)
        const left = await runWithFault(path, plan)
        recording.hook = undefined
        await assertNoneLeaks(before)
        assertFiles(folder, ['store'])
        const db = openText(path)
        for (const [key, allowed] of left) {
          const found = db.get(key)
          if (!allowed.includes(found)) throw new Error(`${key} is ${String(found).slice(0, 20)} in the end, where ${allowed.map((value) => String(value).slice(0, 20)).join(' or ')} was expected`)
        }
        // The transaction's other writes come and go with the one that was looked at.
        const whole = db.get('transaction') === undefined
        if (db.has('long 1') !== whole || (db.count({ prefix: '0000001' }) > 0) !== whole || db.trees().includes('other') === whole) throw new Error('a part of the transaction is there')
        assertSound(db)
        db.close()
        assertUsable(path)
        await assertNoneLeaks(before)
        return hit()
      })
      recording.assertComplete()
      return result
    }))
    tally('ordinary run, every fault', { 'faults injected': tried })
  }, TIMEOUT)
})

describe('syncs of one store in the background and in the foreground', () => {
  it('never share a descriptor', async () => {
    await inFolder(async (folder) => {
      const { recording } = await record(folder, async () => {
        for (const durability of ['sync', 'async', 'lazy'] as const) {
          const db = openText(join(folder, durability), { durability })
          await db.putAsync('background', '1')
          await db.syncAsync()
          db.put('foreground', '2')
          db.sync()
          db.close()
        }
      })
      for (const durability of ['sync', 'async', 'lazy']) assertApart(recording.calls.filter(({ name, file }) => name === 'fdatasync' && file === durability))
    })
  }, TIMEOUT)
})

function assertApart(syncs: readonly Call[]): void {
  const [back, front] = [true, false].map((background) => syncs.filter((sync) => sync.background === background).map(({ descriptor }) => descriptor))
  if (back.length === 0 || front.length === 0) throw new Error(`there were ${back.length} syncs in the background and ${front.length} in the foreground`)
  const shared = back.find((descriptor) => front.includes(descriptor))
  if (shared !== undefined) throw new Error(`descriptor ${shared} is synced in the background and in the foreground`)
}

describe('a recorded sync that fails', () => {
  it('loses for good what it covers, and a later one brings back nothing of it', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'store')
      fs.writeFileSync(path, 'old')
      const { recording } = await record(folder, (recording) => {
        const descriptor = fs.openSync(path, 'r+')
        fs.writeSync(descriptor, Buffer.from('new'), 0, 3, 0)
        recording.hook = () => 'EIO'
        try {
          fs.fdatasyncSync(descriptor)
        } catch {
          recording.hook = undefined
        }
        fs.fdatasyncSync(descriptor)
        fs.closeSync(descriptor)
      })
      const disk = new Disk(recording.before.copy())
      for (const event of recording.log) disk.pass(event)
      const left = Buffer.from(disk.crashed(() => WHOLE).named('store') as Uint8Array).toString()
      if (left !== 'old') throw new Error(`a failed sync left ${left}`)
    })
  })
})
