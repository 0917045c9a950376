/** Faults in what happens without being waited for: syncs that nobody asks for, and what failed commits leave behind. */
import type { Mutant } from './mutant.js'

const STORE = 'src/pager/store.ts'
const DURABILITY = 'src/pager/durability.ts'
const RECOVER = 'src/pager/recover.ts'

export const durabilityMutants: readonly Mutant[] = [
  {
    name: 'no-async-start',
    breaks: 'After an async commit no sync begins: it stays in memory until somebody asks.',
    edits: [{ file: STORE, text: "if (mode === 'async' || (mode", replacement: 'if ((mode' }],
  },
  {
    name: 'no-lazy-timer',
    breaks: 'Lazy commits are never synced.',
    edits: [{ file: STORE, text: "else if (mode === 'lazy') this.durability.startWithin(this.syncInterval)", replacement: '' }],
  },
  {
    name: 'no-limit-unsynced',
    breaks: 'However many pages lazy commits have written, no sync begins before its time: recovery has all of them to walk.',
    edits: [{ file: STORE, text: "(mode === 'lazy' && this.unsyncedPages > UNSYNCED_PAGES)", replacement: 'false' }],
  },
  {
    name: 'slot-of-newest',
    breaks: 'A meta page is written over that of the newest commit: a crash then leads further back than it has to.',
    edits: [{ file: DURABILITY, text: 'holds < checkpoints[best]', replacement: 'holds > checkpoints[best]' }],
  },
  {
    name: 'oldest-unfinished-only',
    breaks: 'Of several commits that never finished only the oldest is taken away: another comes back when a later write completes it.',
    edits: [{ file: RECOVER, text: 'for (const slot of worthless) pager', replacement: 'for (const slot of worthless.slice(-1)) pager' }],
  },
  {
    name: 'newest-unfinished-only',
    breaks: 'Of several commits that never finished only the newest is taken away: another comes back when a later write completes it.',
    edits: [{ file: RECOVER, text: 'for (const slot of worthless) pager', replacement: 'for (const slot of worthless.slice(0, 1)) pager' }],
  },
  {
    name: 'unfinished-taken-after-sync',
    breaks: 'Commits that never finished are taken away after the sync, so that a crash brings them back beside what has been written since.',
    edits: [{
      file: STORE,
      text: 'writeAgain(this.pager, this.unsettled, this.worthless)\n    this.writing.sync()',
      replacement: 'writeAgain(this.pager, this.unsettled, [])\n    this.writing.sync()\n    writeAgain(this.pager, [], this.worthless)',
    }],
  },
  {
    name: 'bulk-never-released',
    breaks: 'Pages of a large commit are held for ever.',
    edits: [{ file: DURABILITY, text: 'this.bulk.length > 0 && this.bulk[0] <= this.durable', replacement: 'this.bulk.length > 0 && this.bulk[0] < 0' }],
  },
]
