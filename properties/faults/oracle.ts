/** Whether a store holds one of the states that it may hold. */
import type { Database } from '../../src/index.js'
import { Core } from '../../src/core.js'
import { Database as DatabaseClass } from '../../src/database.js'
import { ioError } from '../../src/errors.js'
import type { StoreFile } from '../../src/file/file.js'
import { resolveOptions } from '../../src/options.js'
import type { DurabilityMode } from '../../src/pager/store.js'
import { Store } from '../../src/pager/store.js'
import { fileOf } from '../../test/faulty-file.js'
import { assertSound } from '../../test/helpers.js'
import { printOf, printOfModel } from '../model/contents.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY } from '../model/world.js'

/** Few enough that a transaction of a few hundred pages spills. */
const POOL_PAGES = 192
/** Small stores have a journal too. */
const JOURNAL_FROM = 3
/** Background syncs of a lazy store begin only when the history asks for one. */
const NEVER = 1e9

export interface Opened {
  db: Database<Bytes, Bytes>
  store: Store
}

/** Opens a store on a file, and closes the file where that fails, as `open` does. */
export function openStore(file: StoreFile, durability: DurabilityMode): Opened {
  try {
    const settings = resolveOptions<Bytes, Bytes>({ ...BINARY, durability })
    const store = new Store(file, POOL_PAGES, NEVER, JOURNAL_FROM)
    return { db: new DatabaseClass(new Core(store, settings), settings), store }
  } catch (error) {
    file.close()
    throw ioError(error, 'opening the store')
  }
}

/** The image of a crashed disk has to open with one of these states and pass its check; and to take a write, where that is to be tried too. */
export function assertRecovers(image: Uint8Array, allowed: readonly ModelStore[], writing: boolean): void {
  const { db } = openStore(fileOf(image), 'sync')
  const found = printOf(db)
  if (!allowed.some((model) => printOfModel(model) === found)) {
    const { transaction, passedOver } = db.stats()
    throw new Error(`it holds transaction ${transaction}, which is none of the states that it may hold${passedOver.map((one) => `; passed over ${one}`).join('')}`)
  }
  assertSound(db)
  if (!writing) return
  const key = Uint8Array.of(0)
  db.put(key, key)
  if (db.get(key)?.length !== 1) throw new Error('a write after recovery is lost')
  db.close()
}

/** What a crash left of the file, and the states that it may hold. */
export interface Crash {
  image: Uint8Array
  allowed: readonly ModelStore[]
  what: string
}

export function tryCrash({ image, allowed, what }: Crash, writing: boolean): void {
  try {
    assertRecovers(image, allowed, writing)
  } catch (error) {
    throw new Error(`after ${what}: ${(error as Error).message}`, { cause: error })
  }
}
