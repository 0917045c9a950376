/** What a run of a workload is made of, apart from the bookkeeping. */
import { setImmediate } from 'node:timers/promises'
import type { Transaction } from '../../src/index.js'
import { CoppiceError } from '../../src/index.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { write } from '../model/writes.js'
import type { Opened } from './oracle.js'
import type { Part } from './workloads.js'

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
  if (code !== undefined && code !== 'COPPICE_SYNC_FAILED') throw new Error(`closing a store whose sync has failed: ${code}`)
}

