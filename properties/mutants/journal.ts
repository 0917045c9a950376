/** Faults in what the commits of a journal rest on. */
import type { Mutant } from './mutant.js'

const STORE = 'src/pager/store.ts'
const COMMIT_FILE = 'src/pager/commit-file.ts'
const DURABILITY = 'src/pager/durability.ts'
const JOURNAL = 'src/pager/journal.ts'
const JOURNAL_PAGE = 'src/page/journal.ts'
const RECOVER = 'src/pager/recover.ts'
const SEAL = 'src/pager/seal.ts'
const PAGER = 'src/pager/pager.ts'

export const journalMutants: readonly Mutant[] = [
  {
    name: 'record-without-sync',
    breaks: 'A commit in the journal does not sync: what was acknowledged may be gone after a crash.',
    edits: [{ file: STORE, text: "if (mode === 'sync') this.writing.sync()\n    this.journal.advance", replacement: 'this.journal.advance' }],
  },
  {
    name: 'records-of-any-checkpoint',
    breaks: 'Opening believes records that an earlier checkpoint left in the region, and makes their commits once more.',
    edits: [{ file: JOURNAL, text: 'return content?.base === meta.transaction && content.salt === meta.journal.salt ? content : undefined', replacement: 'return content' }],
  },
  {
    name: 'records-without-salt',
    breaks: 'Opening believes the records of a checkpoint that a crash has lost, where the next one has got its id.',
    edits: [{ file: JOURNAL, text: '&& content.salt === meta.journal.salt ? content', replacement: '? content' }],
  },
  {
    name: 'journal-crc-unchecked',
    breaks: 'A record is believed though it was written only in part.',
    edits: [{ file: JOURNAL_PAGE, text: ' || crcOf(arena, 0) !== pageCrc(arena, 0)) return undefined', replacement: ') return undefined' }],
  },
  {
    name: 'journal-with-gaps',
    breaks: 'Opening makes commits again that stand behind one that is missing.',
    edits: [{ file: JOURNAL, text: 'if (broken || content === undefined) continue', replacement: 'if (content === undefined || content.part !== parts.length) continue' }],
  },
  {
    name: 'lost-record-overlooked',
    breaks: 'A record that is damaged ends the journal, although a page behind it knows that it was on the disk.',
    edits: [{ file: JOURNAL, text: 'if (broken && content !== undefined && content.durable > last) throw', replacement: 'if (content !== undefined && content.durable > 2 ** 52) throw' }],
  },
  {
    name: 'record-not-taken-back',
    breaks: 'What a failed write has left of a record stays in the journal, and may come back as a commit.',
    edits: [{ file: COMMIT_FILE, text: '() => journal.erase(record.length),', replacement: '() => undefined,' }],
  },
  {
    name: 'records-not-settled',
    breaks: 'Records that opening has found are not written again: after a failed sync of an earlier process they may be in memory alone.',
    edits: [{ file: RECOVER, text: 'walk.found.add(journalStart(commit.meta.journal) + i)', replacement: 'walk.found.add(commit.slot)' }],
  },
  {
    name: 'checkpoint-once-only',
    breaks: 'The checkpoint whose journal is written to stands in a single meta page: damage to that one loses the whole journal without a word.',
    edits: [{ file: STORE, text: 'if (this.standsTwice || this.durability.durableBase < meta.transaction) return', replacement: 'if (meta.transaction > 0) return' }],
  },
  {
    name: 'newest-checkpoint-not-held',
    breaks: 'Pages of the newest checkpoint are used again while its journal is to be made again from them.',
    edits: [
      { file: DURABILITY, text: 'const before = this.newestBase\n', replacement: '' },
      { file: DURABILITY, text: 'this.target.hold(transaction)\n    this.target.release(before)', replacement: '' },
      { file: DURABILITY, text: 'target.hold(checkpoint)\n    target.hold(checkpoint)', replacement: 'target.hold(checkpoint)' },
    ],
  },
  {
    name: 'durable-names-a-record',
    breaks: 'A meta page names a commit in the journal as durable: recovery then does not look at pages that were in memory alone.',
    edits: [{ file: STORE, text: 'writer.id : this.durability.durableBase,', replacement: 'writer.id : this.durability.durable,' }],
  },
  {
    name: 'roots-left-unsealed',
    breaks: 'A checkpoint names its roots with the checksums that they had before.',
    edits: [{ file: SEAL, text: 'for (const root of roots) sealRoot(pager, root, sealed)', replacement: 'if (roots.length === 0) sealRoot(pager, roots[0], sealed)' }],
  },
  {
    name: 'snapshots-left-unsealed',
    breaks: 'Pages that waited and that only a snapshot reaches are written with checksums that are not theirs.',
    edits: [{ file: SEAL, text: 'if (birthOf(pager.arenas[arenaOf(slot)], baseOf(slot)) <= youngest) sealPage', replacement: 'if (birthOf(pager.arenas[arenaOf(slot)], baseOf(slot)) > youngest) sealPage' }],
  },
  {
    name: 'waiting-page-handed-over',
    breaks: 'The frame of a page that stands nowhere else becomes the next version: who reads the commit before finds what the file has there.',
    edits: [{ file: PAGER, text: 'frame === -1 || pool.isDirty(frame) || pool.isPinned(frame)', replacement: 'frame === -1 || pool.isPinned(frame)' }],
  },
]
