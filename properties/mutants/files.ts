/** Faults in how files are made and locked. */
import type { Mutant } from './mutant.js'

const DISK = 'src/file/disk.ts'
const TRANSFER = 'src/file/transfer.ts'
const CREATE = 'src/file/create.ts'

export const fileMutants: readonly Mutant[] = [
  {
    name: 'placed-without-sync',
    breaks: 'A new file, a backup or a compacted copy gets its name without its content having been synced: after a crash it is there, and empty.',
    edits: [{ file: CREATE, text: 'fs.fdatasyncSync(descriptor)\n      return place', replacement: 'return place' }],
  },
  {
    name: 'folder-not-synced',
    breaks: 'The name of a new file is not synced: what was acknowledged is in a file that is gone after a crash.',
    edits: [{ file: CREATE, text: 'relies on the name.\n    syncFolder(folder)', replacement: '' }],
  },
  {
    name: 'name-not-synced-on-opening',
    breaks: 'The name of an existing file is not synced when it is opened, although whoever made it may have been killed before that.',
    edits: [{ file: DISK, text: 'if (!readOnly) syncName(path)', replacement: '' }],
  },
  {
    name: 'short-write-taken',
    breaks: 'A write of which the system took only a part counts as whole.',
    edits: [{ file: TRANSFER, text: 'let left = count\n', replacement: 'let left = sources.slice(index).reduce((sum, source) => sum + source.length, -offset)\n' }],
  },
  {
    name: 'no-lock',
    breaks: 'A file is not locked: two processes write to it at a time.',
    edits: [{ file: DISK, text: 'if (lock) lockFile(descriptor, path, !readOnly)', replacement: '' }],
  },
]
