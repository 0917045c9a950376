/** Faults in recovery, and checksums that nobody looks at. */
import type { Mutant } from './mutant.js'

const RECOVER = 'src/pager/recover.ts'

export const recoveryMutants: readonly Mutant[] = [
  {
    name: 'no-walk',
    breaks: 'Recovery takes the newest meta page without a look at what it reaches.',
    edits: [{ file: RECOVER, text: 'if (meta.durable === meta.transaction) return undefined', replacement: 'return undefined' }],
  },
  {
    name: 'walk-too-short',
    breaks: 'The walk leaves out the pages of the first commit after the durable one.',
    edits: [{ file: RECOVER, text: 'return birthOf(arena, base) > meta.durable', replacement: 'return birthOf(arena, base) > meta.durable + 1' }],
  },
  {
    name: 'walk-without-extents',
    breaks: 'The walk does not look at the extents of large values, which may be missing.',
    edits: [{ file: RECOVER, text: '    verifyExtent(pager, ref, tree)\n    for', replacement: '    for' }],
  },
  {
    name: 'walk-without-free-log',
    breaks: 'The walk does not look at the free log: a commit is taken whose free space is unknown.',
    edits: [{ file: RECOVER, text: 'if (meta.log.page !== 0 && isNew(', replacement: 'if (meta.log.page < 0 && isNew(' }],
  },
  {
    name: 'walk-without-named-trees',
    breaks: 'The walk does not look at named trees, whose pages may be missing.',
    edits: [{ file: RECOVER, text: 'walkTree(pager, record.pointer, record.tree, walk)', replacement: '' }],
  },
  {
    name: 'oldest-commit',
    breaks: 'Recovery begins with the oldest meta page: commits that were acknowledged are lost.',
    edits: [{ file: RECOVER, text: 'candidates.sort((a, b) => b.meta.transaction - a.meta.transaction ||', replacement: 'candidates.sort((a, b) => a.meta.transaction - b.meta.transaction ||' }],
  },
  {
    name: 'durable-passed-over',
    breaks: 'A commit that is known to be durable, and damaged since, is passed over for an older one: wrong data.',
    edits: [{ file: RECOVER, text: 'if (commit.meta.transaction <= durable) throw fault', replacement: '' }],
  },
  {
    name: 'short-file-taken',
    breaks: 'Recovery takes a commit whose pages lie behind the end of the file.',
    edits: [{ file: RECOVER, text: 'if (meta.pageCount > pager.physicalPages) {', replacement: 'if (false) {' }],
  },
  {
    name: 'unfinished-kept',
    breaks: 'The meta page of a commit that recovery passed over stays: a later write may complete what the commit lacked, and it comes back.',
    edits: [{ file: RECOVER, text: '  for (const slot of worthless) pager.writeFile([new Uint8Array(PAGE_SIZE)], slot * PAGE_SIZE)\n', replacement: '' }],
  },
  {
    name: 'newer-slot-ignored',
    breaks: 'A slot that a newer version wrote is passed over for an older commit.',
    edits: [{ file: RECOVER, text: "if (readings.some((reading) => reading.kind === 'newer')) throw unreadable(pager, readings)", replacement: '' }],
  },
  {
    name: 'meta-crc-unchecked',
    breaks: 'A meta page is believed without its checksum: one that is torn counts as a commit.',
    edits: [{ file: 'src/page/meta.ts', text: 'if (crcOf(arena, 0) !== pageCrc(arena, 0)) return', replacement: 'if (false) return' }],
  },
  {
    name: 'page-crc-unchecked',
    breaks: 'A page is believed without its checksum: flipped bits become wrong data.',
    edits: [{ file: 'src/pager/pager.ts', text: 'if (crcOf(arena, base) !== pageCrc(arena, base)) return', replacement: 'if (false) return' }],
  },
  {
    name: 'pointer-crc-unchecked',
    breaks: 'A page is believed though it is not the one its parent points to: a stale or misdirected one becomes wrong data.',
    edits: [
      { file: 'src/tree/tree.ts', text: 'if (crcOf(arena, base) !== crc || kindOf(arena, base) !== kindAt(level)) this.inspect', replacement: 'if (kindOf(arena, base) !== kindAt(level)) this.inspect' },
      { file: 'src/tree/tree.ts', text: 'if (words[base >>> 2] !== crc || kindOf(', replacement: 'if (kindOf(' },
    ],
  },
  {
    name: 'extent-crc-unchecked',
    breaks: 'A large value is believed without its checksum.',
    edits: [{ file: RECOVER, text: 'if (crc32(bytes) !== ref.crc) throw', replacement: 'if (false) throw' }],
  },
  {
    name: 'cells-unchecked',
    breaks: 'The slots and cells of a page are believed: a crafted page leads a reader outside of it.',
    edits: [{ file: 'src/page/validate.ts', text: '  let cells = fragmentedOf(arena, base)\n', replacement: '  if (count > 0) return undefined\n  let cells = fragmentedOf(arena, base)\n' }],
  },
]
