/** What a run of a workload is made of, apart from the bookkeeping. */
import { setImmediate } from 'node:timers/promises'
import type { Transaction } from '../../src/index.js'
import { CoppiceError } from '../../src/index.js'
import { keyBytes } from '../model/bytes.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { write } from '../model/writes.js'
import type { Machine } from './machine.js'
import type { Opened } from './oracle.js'
import type { Part } from './workloads.js'

/** What a store answers after a failed sync. */
export const REFUSED = 'COPPICE_SYNC_FAILED'

/** Does the parts of a transaction; answers what the model is then, which may be an earlier one's copy. */
export function apply(tx: Transaction<Bytes, Bytes>, model: ModelStore, parts: readonly Part[]): ModelStore {
  const savepoints: { back: () => void; model: ModelStore }[] = []
  for (const part of parts) {
    if (part.type === 'savepoint') {
      const savepoint = tx.savepoint()
      savepoints.push({ back: () => savepoint.rollback(), model: model.clone() })
    } else if (part.type === 'rollbackTo') {
      const last = savepoints.at(-1)
      last?.back()
      model = last?.model.clone() ?? model
    } else write(tx, model, part)
  }
  return model
}

/** Background work of the engine gets its turn. */
export async function tick(): Promise<void> {
  await setImmediate()
}

/** A promise that has to settle with no more than what `meanwhile` does. */
export async function within<T>(promise: Promise<T>, meanwhile: () => void = () => undefined): Promise<T> {
  let done = false
  const finish = (): void => void (done = true)
  promise.then(finish, finish)
  for (let i = 0; !done && i < 50; i++) {
    meanwhile()
    await tick()
  }
  if (!done) throw new Error('a promise is never settled')
  return promise
}

/** The code of what an action throws. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error instanceof CoppiceError ? error.code : String(error)
  }
}

/** Closes a store whose sync has failed; where commits are lost thereby it says so. */
export function closeFailed(db: Opened['db']): void {
  const code = codeOf(() => db.close())
  if (code !== undefined && code !== REFUSED) throw new Error(`closing a store whose sync has failed: ${code}`)
}

/** After a failed sync nothing is written any more, and nobody waits for ever. */
export async function assertReadOnly(db: Opened['db'], machine: Machine): Promise<void> {
  const key = keyBytes({ family: 'hash', n: 1 })
  const events = machine.log.length
  for (const attempt of [() => db.put(key, key), () => db.begin(), () => db.sync(), () => db.createTree('one')]) {
    if (codeOf(attempt) !== REFUSED) throw new Error('after a failed sync the store takes writes')
  }
  const results = await within(Promise.allSettled([db.putAsync(key, key), db.syncAsync(), db.transactionAsync((tx) => tx.delete(key))]))
  for (const result of results) {
    if (result.status !== 'rejected' || (result.reason as CoppiceError).code !== REFUSED) throw new Error('after a failed sync a promise of durability resolves')
  }
  if (machine.log.length !== events) throw new Error('after a failed sync the store writes to its file')
}
