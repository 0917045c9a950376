/**
 * What has to be true of a store that is opened after a crash:
 *
 * 1. It opens, and what it holds is exactly what it held after one commit: none that is older than the last one
 *    that had to be there, none that had not begun. So transactions are there whole, and in order.
 * 2. `check` finds nothing wrong with it.
 * 3. It takes writes, which are there afterwards, and `check` still finds nothing.
 */
import type { Database } from '../../src/index.js'
import type { Bounds } from '../../src/crash/points.js'
import type { StoreFile } from '../../src/file/file.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta } from '../../src/page/meta.js'
import { openOn } from '../../test/faulty-file.js'
import { assertSound } from '../../test/helpers.js'
import { textOf, valueBytes } from '../model/bytes.js'
import { printOf, printOfModel } from '../model/contents.js'
import { TREES } from '../model/operations.js'
import type { ModelStore } from '../model/sorted-map.js'
import type { Bytes } from '../model/world.js'
import { BINARY } from '../model/world.js'

const AFTER = Buffer.from('written after the crash')

/** Opens the store in this file, holds it against the states, and answers the index of the one it is in. */
export function assertRecovered(file: StoreFile, states: readonly ModelStore[], { floor, ceiling }: Bounds): number {
  const db = openStore(file)
  const found = printOf(db)
  let index = ceiling
  while (index >= floor && printOfModel(states[index]) !== found) index--
  if (index < floor) throw new Error(`the store holds ${describe(found, states)}, where states ${floor} to ${ceiling} were allowed`)
  assertSound(db)
  const used = highestId(file)
  assertTakesWrites(db, states[index])
  const { transaction } = db.stats()
  if (transaction <= used) throw new Error(`the commit after recovery has the id ${transaction}, and one that is in the file has ${used}`)
  db.close()
  return index
}

export function openStore(file: StoreFile): Database<Bytes, Bytes> {
  return openOn<Bytes, Bytes>(file, { ...BINARY, poolSize: 2 ** 21 }).db
}

function assertTakesWrites(db: Database<Bytes, Bytes>, state: ModelStore): void {
  const model = state.clone()
  const value = valueBytes({ length: 5000, seed: 1 })
  const [first] = model.read('').keys
  db.transaction((tx) => {
    tx.put(AFTER, value)
    if (first !== undefined) tx.delete(Buffer.from(first, 'latin1'))
    tx.tree(TREES[1], BINARY).put(AFTER, AFTER)
  })
  model.write('').put(textOf(AFTER), value)
  if (first !== undefined) model.write('').delete(first)
  model.write(TREES[1]).put(textOf(AFTER), AFTER)
  if (printOf(db) !== printOfModel(model)) throw new Error('what was written after recovery is not what is there')
  assertSound(db)
}

/** The highest id of a commit in any meta slot that is whole. */
function highestId(file: StoreFile): number {
  const page = new Uint8Array(PAGE_SIZE)
  const ids = Array.from({ length: META_SLOTS }, (_, slot) => {
    file.read(page, slot * PAGE_SIZE)
    const reading = decodeMeta(page, slot)
    return reading.kind === 'valid' ? reading.meta.transaction : 0
  })
  return Math.max(...ids)
}

function describe(found: string, states: readonly ModelStore[]): string {
  const index = states.findLastIndex((state) => printOfModel(state) === found)
  return index === -1 ? 'what it never held' : `state ${index}`
}
