import { randomBytes } from 'node:crypto'
import { CATALOG_TREE, DEFAULT_TREE, META_SLOTS } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { encodeMeta } from '../page/meta.js'
import { EMPTY_TREE } from '../page/tree-pointer.js'
import { NO_LOG } from './free-log.js'
import { NO_JOURNAL } from './journal.js'

/** The pages of a new, empty database: the same first commit in all three slots. */
export function newDatabase(): Uint8Array[] {
  const meta: Meta = {
    database: randomBytes(16),
    transaction: 1,
    durable: 1,
    pageCount: META_SLOTS,
    nextTree: Math.max(DEFAULT_TREE, CATALOG_TREE) + 1,
    defaultTree: EMPTY_TREE,
    catalog: EMPTY_TREE,
    log: NO_LOG,
    journal: NO_JOURNAL,
    timestamp: Date.now(),
    delta: [],
  }
  return Array.from({ length: META_SLOTS }, (_, slot) => encodeMeta(meta, slot))
}
