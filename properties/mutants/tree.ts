/** Faults in the tree and its pages. */
import type { Mutant } from './mutant.js'

const SPREAD = 'src/tree/spread.ts'
const NODE = 'src/page/node.ts'
const MERGE = 'src/tree/merge.ts'
const RUNS = 'src/tree/put-runs.ts'
const REBUILD = 'src/tree/rebuild.ts'
const VIEWS = 'src/views.ts'

export const treeMutants: readonly Mutant[] = [
  {
    name: 'split-off-by-one',
    breaks: 'A split takes its separator from the cell before the cut: a key is looked for in the wrong page.',
    edits: [{
      file: SPREAD,
      text: 'cells.separator(cuts[i])',
      replacement: 'cells.separator(cuts[i] - (cuts[i] > 1 ? 1 : 0))',
    }],
  },
  {
    name: 'split-loses-a-cell',
    breaks: 'Laying out cells leaves out the last one of a page where more pages follow.',
    edits: [{
      file: SPREAD,
      text: 'rewrite(tree, slots[i], level, cells, cuts[i], cuts[i + 1])',
      replacement: 'rewrite(tree, slots[i], level, cells, cuts[i], cuts[i + 1] - (i + 2 < cuts.length && cuts[i + 1] > cuts[i] + 1 ? 1 : 0))',
    }],
  },
  {
    name: 'shift-miscounts',
    breaks: 'A leaf that gives cells to a neighbour, the new one among them, counts that one for itself.',
    edits: [{ file: 'src/tree/shift.ts', text: 'tree.addEntries(parent, neighbour.index, moved)', replacement: 'tree.addEntries(parent, neighbour.index, part.cells)' }],
  },
  {
    name: 'shift-separator-too-short',
    breaks: 'The separator between two leaves that have shared their cells no longer parts them.',
    edits: [{ file: 'src/tree/shift.ts', text: 'return Math.min(sharedLength(left, right, last) + 1, end)', replacement: 'return Math.max(sharedLength(left, right, last), 1)' }],
  },
  {
    name: 'shift-across-prefixes',
    breaks: 'Cells move to a leaf that has another prefix than theirs.',
    edits: [{ file: 'src/tree/shift.ts', text: ' || !samePrefix(arena, base, other, otherBase)', replacement: '' }],
  },
  {
    name: 'hole-uncounted',
    breaks: 'The bytes that a longer separator leaves behind are no part of the page any more.',
    edits: [{ file: 'src/page/branch.ts', text: 'addFragmented(arena, base, before)', replacement: 'void before' }],
  },
  {
    name: 'merge-without-separator',
    breaks: 'Merging two branches loses the separator between them.',
    edits: [{ file: SPREAD, text: 'if (level > 0) cells.nameCell(count, separatorScratch, length)', replacement: '' }],
  },
  {
    name: 'cut-off-by-one',
    breaks: 'Deleting a range leaves a whole subtree of it behind.',
    edits: [{ file: 'src/tree/cut.ts', text: 'for (let i = last - 1; i > first; i--) dropChild', replacement: 'for (let i = last - 1; i > first + 1; i--) dropChild' }],
  },
  {
    name: 'count-off-by-one',
    breaks: 'The number of entries below a branch leaves out the first child.',
    edits: [{
      file: SPREAD,
      text: 'for (let i = 0; i < count; i++) entries += entriesOf(arena, base, i)',
      replacement: 'for (let i = 1; i < count; i++) entries += entriesOf(arena, base, i)',
    }],
  },
  {
    name: 'count-not-lowered',
    breaks: 'Deleting an entry leaves the counts above it as they were.',
    edits: [{ file: 'src/tree/remove.ts', text: 'addEntries(tree, -1)', replacement: 'tree.root.entries--' }],
  },
  {
    name: 'separator-too-short',
    breaks: 'A separator is cut where it no longer parts its neighbours.',
    edits: [{ file: 'src/tree/cells.ts', text: 'this.shared(index - 1, index) + 1', replacement: 'this.shared(index - 1, index)' }],
  },
  {
    name: 'prefix-not-whole',
    breaks: 'A key that is shorter than the prefix of a page counts as one that has it.',
    edits: [{ file: NODE, text: 'return length < prefixLength ? -1 : 0', replacement: 'return 0' }],
  },
  {
    name: 'padded-heads-tie',
    breaks: 'Keys whose heads differ only in padding are compared by what comes after, which is not there.',
    edits: [{
      file: NODE,
      text: 'if (keyLeft <= HEAD_LENGTH || suffixLength <= HEAD_LENGTH) return difference',
      replacement: 'if (keyLeft <= HEAD_LENGTH && suffixLength <= HEAD_LENGTH) return 0',
    }],
  },
  {
    name: 'head-signed',
    breaks: 'Heads are compared as signed numbers: keys from byte 0x80 on sort first.',
    edits: [{ file: NODE, text: 'const FLIP = 0x80000000 | 0', replacement: 'const FLIP = 0' }],
  },
  {
    name: 'fragments-uncounted',
    breaks: 'Bytes of a cell that was taken away are not counted, so that a page does not add up.',
    edits: [{ file: NODE, text: 'else addFragmented(arena, base, size)', replacement: 'else addFragmented(arena, base, 0)' }],
  },
  {
    name: 'overflow-flag-lost',
    breaks: 'Branches do not learn of a large value below: its extent is not given back when the subtree is cut off.',
    edits: [{ file: 'src/tree/insert.ts', text: 'if ((flags & LEAF_FLAG.OVERFLOW) !== 0) markOverflowBelow(tree)', replacement: '' }],
  },
  {
    name: 'old-value-kept',
    breaks: 'The extent of a large value is not given back when another value takes its place.',
    edits: [{ file: 'src/tree/insert.ts', text: 'else freeValue(tree, arena, base, index)', replacement: '' }],
  },
  {
    name: 'finger-too-far',
    breaks: 'The way to the last key written is used for keys that belong behind the next separator.',
    edits: [{
      file: 'src/tree/insert.ts',
      text: 'if (next < countOf(arena, base)) return compareKey(arena, base, next, BRANCH_CELL.REST, key, length) < 0',
      replacement: 'if (next < countOf(arena, base)) return compareKey(arena, base, next, BRANCH_CELL.REST, key, length) <= 0',
    }],
  },
  {
    name: 'waiting-puts-unread',
    breaks: 'A transaction does not find puts of its own that still wait.',
    edits: [{ file: VIEWS, text: '    this.puts.settle()\n    return this.treeAsItIs(name)', replacement: '    return this.treeAsItIs(name)' }],
  },
  {
    name: 'waiting-puts-uncommitted',
    breaks: 'Puts that still wait when their transaction commits are lost.',
    edits: [{ file: VIEWS, text: '    this.puts.settle(true)\n    this.puts.close()', replacement: '    this.puts.close()' }],
  },
  {
    name: 'waiting-puts-unstepped',
    breaks: 'An iterator in a transaction passes over puts that wait ahead of it.',
    edits: [{ file: 'src/transaction.ts', text: '    this.state.writing?.puts.settle()\n', replacement: '' }],
  },
  {
    name: 'waiting-puts-not-undone',
    breaks: 'Puts that waited when their savepoint was rolled back are made all the same.',
    edits: [{ file: VIEWS, text: '    this.puts.discard()\n', replacement: '' }],
  },
  {
    name: 'waiting-puts-overtaken',
    breaks: 'A put that does not wait is made before those that do, and one of the same key takes its place.',
    edits: [{ file: 'src/tree/change.ts', text: '    puts.settle()\n', replacement: '' }],
  },
  {
    name: 'first-put-counts',
    breaks: 'Of several puts of a key that wait, the first one is made last.',
    edits: [{
      file: 'src/tree/sorted-puts.ts',
      text: 'if (i + 1 === places.length || compareEntries(memory, places[i], memory, places[i + 1]) !== 0)',
      replacement: 'if (i === 0 || compareEntries(memory, places[i - 1], memory, places[i]) !== 0)',
    }],
  },
  {
    name: 'older-run-counts',
    breaks: 'Of a key that stands in several runs of puts that wait, the value of the oldest is made.',
    edits: [{ file: RUNS, text: 'a.number > b.number', replacement: 'a.number < b.number' }],
  },
  {
    name: 'runs-not-undone',
    breaks: 'Puts that had come to a run when their savepoint was rolled back are made all the same.',
    edits: [{ file: 'src/tree/put-buffer.ts', text: '    this.runs.discard()\n    this.failure', replacement: '    this.failure' }],
  },
  {
    name: 'runs-made-last',
    breaks: 'Puts that wait in memory are made before those that came to runs earlier.',
    edits: [{
      file: 'src/tree/put-buffer.ts',
      text: '      if (joined) runs.make(puts, last)\n      else makeSorted(tree, puts.count, [puts], last)\n',
      replacement: '      makeSorted(tree, puts.count, [puts], last)\n      if (joined) runs.make(undefined, last)\n',
    }],
  },
  {
    name: 'rebuild-forgets-the-last',
    breaks: 'Entries of a small tree that lie behind all puts are gone when it is built anew.',
    edits: [{ file: REBUILD, text: '    for (; this.at < this.kept.count; this.at++) this.load(this.kept, this.at)\n', replacement: '' }],
  },
  {
    name: 'rebuild-keeps-the-old-value',
    breaks: 'A small tree that is built anew has the entries twice that were put again.',
    edits: [{ file: REBUILD, text: 'if (order < 0) this.load', replacement: 'if (order <= 0) this.load' }],
  },
  {
    name: 'merge-keeps-the-old-cell',
    breaks: 'A put that is laid out with the cells of its leaf does not take the place of the one there.',
    edits: [{ file: MERGE, text: 'freeValue(tree, arena, base, next++)', replacement: 'freeValue(tree, arena, base, next)' }],
  },
  {
    name: 'merge-too-far',
    breaks: 'Puts are laid out in the leaf of the first of them though they belong behind the next separator.',
    edits: [{ file: MERGE, text: 'runIsWhole = !belowNextSeparator(tree, puts.key, puts.length)', replacement: 'runIsWhole = false' }],
  },
  {
    name: 'merge-mixes-prefixes',
    breaks: 'Puts for a leaf are written under the prefix of the leaf before it.',
    edits: [{ file: 'src/tree/cells.ts', text: '    this.common = NO_PAGE\n    const from', replacement: '    const from' }],
  },
  {
    name: 'merge-uncounted',
    breaks: 'Puts that take the place of others are counted as new.',
    edits: [{ file: MERGE, text: 'if (found < 0) added++\n    else freeValue', replacement: 'added++\n    if (found >= 0) freeValue' }],
  },
]
