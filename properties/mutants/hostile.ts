import type { Mutant } from './mutant.js'

/** Faults in what is believed of a damaged or a hostile file, and in what keeps a healthy one from being refused. */
export const hostileMutants: readonly Mutant[] = [
  {
    name: 'passes-over-a-commit-that-is-known-to-be-durable',
    breaks: 'the commit before one that is known to be durable is opened where that has lost its pages: older data, without a word',
    edits: [{ file: 'src/pager/recover.ts', text: 'if (newest !== undefined && commit.meta.transaction < durable) throw newest', replacement: '' }],
  },
  {
    name: 'durable-as-the-newest-slot-says',
    breaks: 'what the other meta slots know to be durable is forgotten, so a durable commit can be passed over',
    edits: [{
      file: 'src/pager/recover.ts',
      text: 'Math.max(...candidates.map(({ meta }) => meta.durable))',
      replacement: 'candidates[0].meta.durable',
    }],
  },
  {
    name: 'stores-mixed',
    breaks: 'meta pages of different stores are taken for commits of one: pages of one store are read as those of the other',
    edits: [{
      file: 'src/pager/recover.ts',
      text: 'if (candidates.some(({ meta }) => Buffer.compare(meta.database, candidates[0].meta.database) !== 0)) {',
      replacement: 'if (false) {',
    }],
  },
  {
    name: 'type-unchecked',
    breaks: 'a page of the free log, whose cells nobody has looked at, is taken for a page of a tree',
    edits: [
      { file: 'src/page/header.ts', text: 'return arena.halves[(base + HEADER.TYPE) >>> 1]', replacement: 'return arena.halves[(base + HEADER.TYPE) >>> 1] & 0xff00' },
      { file: 'src/page/header.ts', text: 'return level === 0 ? TYPE.LEAF : TYPE.BRANCH | (level << 8)', replacement: 'return level << 8' },
    ],
  },
  {
    name: 'level-unchecked-when-opened',
    breaks: 'a page at a wrong level is walked as if it stood where it belongs when a store is opened',
    edits: [{ file: 'src/pager/recover.ts', text: 'if (kindOf(arena, base) !== kindAt(level)) throw corrupt(page, tree,', replacement: 'if (false) throw corrupt(page, tree,' }],
  },
  {
    name: 'cursor-counts-leaves-for-ever',
    breaks: 'a cursor that is put elsewhere again and again is told one day that the healthy store is damaged',
    edits: [{ file: 'src/tree/cursor.ts', text: 'this.leaves = 0\n  }', replacement: '}' }],
  },
  {
    name: 'cursor-without-limit',
    breaks: 'a scan over branches that share their children does not end',
    edits: [{ file: 'src/tree/cursor.ts', text: 'if (Math.abs(this.leaves) > tree.pager.where.length)', replacement: 'if (false)' }],
  },
  {
    name: 'cursor-goes-on-out-of-order',
    breaks: 'a scan among writes over keys that are out of order goes over them again and again',
    edits: [{
      file: 'src/tree/cursor.ts',
      text: 'private refuseOrder(): never {',
      replacement: 'private refuseOrder(): true {\n    if (this.positioned) return true',
    }],
  },
  {
    name: 'cells-may-overlap',
    breaks: 'two slots of a damaged page share a cell, and a write to the one changes the other',
    edits: [{ file: 'src/page/validate.ts', text: 'if ((claimed[word] & bits) !== 0) return false', replacement: '' }],
  },
  {
    name: 'pages-behind-the-page-count',
    breaks: 'pages behind those that a commit has are believed, though the next transaction writes there',
    edits: [{ file: 'src/pager/pager.ts', text: 'pageCount: this.usedPages, newest', replacement: 'pageCount: this.physicalPages, newest' }],
  },
  {
    name: 'any-page-may-be-of-the-transaction-under-way',
    breaks: 'a page that claims to be of the transaction under way is written to where it stands, though a commit has it',
    edits: [{ file: 'src/pager/pager.ts', text: 'this.written.has(page) ? this.newest : this.committed', replacement: 'this.newest' }],
  },
  {
    name: 'free-log-written-late',
    breaks: 'runs of free space go to the log only once the meta page is full, and on a full disk there is no page for it: nothing can be deleted',
    edits: [{
      file: 'src/pager/free-log.ts',
      text: '(delta.length <= META_RUNS - SPARE_RUNS || space.available.size < before.length + SPARE_PAGES)',
      replacement: 'true',
    }],
  },
  {
    name: 'records-not-checked',
    breaks: 'check does not compare the birth of a named tree with that of its record: a damaged file counts as sound, and recovery would leave out pages that are newer',
    edits: [{ file: 'src/care/census.ts', text: 'records.get(tree.root.tree)', replacement: 'undefined' }],
  },
  {
    name: 'tree-ids-may-be-shared',
    breaks: 'check does not notice two named trees with one id, whose pages could be taken for each other',
    edits: [{ file: 'src/care/census.ts', text: 'if (records.has(tree)) throw', replacement: 'if (false) throw' }],
  },
]
