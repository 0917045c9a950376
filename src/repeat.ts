/** Commits that opening found in the journal, made again from what they wrote down. */
import type { CoppiceError } from './errors.js'
import { corrupt } from './errors.js'
import type { Change } from './page/record.js'
import { changesOf } from './page/record.js'
import type { JournalRecord } from './pager/journal.js'
import type { Store } from './pager/store.js'
import { deleteEntries, deleteEntry, putEntry } from './tree/change.js'
import type { Tree } from './tree/tree.js'
import { utf8 } from './encoding/utf8.js'
import { WriteView } from './views.js'

export function repeatCommit(store: Store, record: JournalRecord): void {
  const view = new WriteView(store, store.repeat(record))
  let name: string | undefined
  for (const change of changesOf(record.bytes)) {
    if (change === undefined) throw noRecord(store, record)
    if (change.do === 'tree') {
      name = change.name.length === 0 ? undefined : utf8.decode(change.name)
      if (name !== undefined && (Buffer.compare(Buffer.from(name), change.name) !== 0 || !view.has(name))) throw noRecord(store, record)
    } else view.write(name, (tree) => apply(tree, change))
  }
  view.publish()
}

function noRecord(store: Store, { transaction }: JournalRecord): CoppiceError {
  return corrupt(store.journalPage, undefined, `the journal's record of transaction ${transaction} is none that a writer makes`)
}

function apply(tree: Tree, change: Exclude<Change, { do: 'tree' }>): void {
  if (change.do === 'put') putEntry(tree, change.key, change.key.length, change.value)
  else if (change.do === 'delete') deleteEntry(tree, change.key, change.key.length)
  else deleteEntries(tree, change.low, change.high)
}
