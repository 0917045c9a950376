/** Faults in free space: pages used again too early, kept for ever, or forgotten. */
import type { Mutant } from './mutant.js'

const SPACE = 'src/pager/space.ts'
const READERS = 'src/pager/readers.ts'
const WRITER = 'src/pager/writer.ts'
const DURABILITY = 'src/pager/durability.ts'

export const reuseMutants: readonly Mutant[] = [
  {
    name: 'durable-not-held',
    breaks: 'Pages of the last durable commit are used again while recovery may still need them.',
    edits: [{ file: DURABILITY, text: 'this.target.hold(base)\n      const before', replacement: 'const before' }],
  },
  {
    name: 'syncing-not-held',
    breaks: 'Pages of the commit whose sync is running are used again, although it is about to be acknowledged.',
    edits: [
      { file: DURABILITY, text: 'this.syncingBase = base\n    this.target.hold(base)', replacement: 'this.syncingBase = base' },
      { file: DURABILITY, text: 'this.target.release(base)\n    if (this.waiters', replacement: 'if (this.waiters' },
    ],
  },
  {
    name: 'bulk-not-held',
    breaks: 'Pages of a large commit are used again before its meta page is durable, and recovery takes it without a look.',
    edits: [{ file: DURABILITY, text: 'this.bulk.push(transaction)\n    this.target.hold(transaction)', replacement: '' }],
  },
  {
    name: 'readers-not-held',
    breaks: 'Pages that a snapshot can see are used again under it.',
    edits: [
      { file: 'src/pager/store.ts', text: 'this.readers.add(this.newest.meta.transaction)', replacement: '' },
      { file: 'src/core.ts', text: 'if (this.open) this.store.release(transaction)', replacement: '' },
    ],
  },
  {
    name: 'first-holder-forgotten',
    breaks: 'Of the commits that see a freed page the one that wrote it is forgotten.',
    edits: [{ file: READERS, text: 'this.held.at(this.firstFrom(birth))', replacement: 'this.held.at(this.firstFrom(birth + 1))' }],
  },
  {
    name: 'released-for-all',
    breaks: 'When one of the holders of a page has gone the page is used again, although others still see it.',
    edits: [{
      file: SPACE,
      text: 'this.hold(list.pages.at(i), list.births[i], list.freed[i])',
      replacement: 'this.giveBack(list.pages.at(i))',
    }],
  },
  {
    name: 'never-released',
    breaks: 'Pages that waited for a holder wait on when it has gone: the file grows without end.',
    edits: [{ file: 'src/pager/store.ts', text: 'if (this.readers.remove(transaction)) this.loadedSpace?.released(transaction)', replacement: 'this.readers.remove(transaction)' }],
  },
  {
    name: 'delta-drops-a-run',
    breaks: 'A commit leaves the first page out of what it says of free space: after opening, a page is lost or used twice.',
    edits: [{
      file: SPACE,
      text: 'this.appendTo(runs, page)',
      replacement: 'if (i > 0) this.appendTo(runs, page)',
    }],
  },
  {
    name: 'log-drops-a-run',
    breaks: 'The pages of the free log leave out the last run of each page.',
    edits: [{
      file: 'src/pager/free-log.ts',
      text: 'runs.slice(i * LOG_PAGE_RUNS, (i + 1) * LOG_PAGE_RUNS)',
      replacement: 'runs.slice(i * LOG_PAGE_RUNS, (i + 1) * LOG_PAGE_RUNS - 1)',
    }],
  },
  {
    name: 'savepoint-keeps-frees',
    breaks: 'Going back to a savepoint does not take back what was freed since: those pages are free and in use.',
    edits: [{
      file: SPACE,
      text: 'this.freedPages.truncate(mark.freed)\n    this.freedBirths.length = mark.freed',
      replacement: '',
    }],
  },
  {
    name: 'savepoint-does-not-freeze',
    breaks: 'Pages written before a savepoint are changed in place after it, and going back does not bring them back.',
    edits: [{ file: WRITER, text: 'this.id++\n', replacement: '\n' }],
  },
  {
    name: 'backup-without-hold',
    breaks: 'A backup does not hold the commit that it copies: its pages are used again while it runs.',
    edits: [{
      file: 'src/core.ts',
      text: 'this.store.hold().meta.transaction',
      replacement: '-1',
    }],
  },
]
