/** Faults in what follows a failed call, and in names of files. */
import type { Mutant } from './mutant.js'

const CREATE = 'src/file/create.ts'
const DISK = 'src/file/disk.ts'
const FOLDER = 'src/file/folder.ts'
const RECOVER = 'src/pager/recover.ts'
const STORE = 'src/pager/store.ts'
const COMMIT_FILE = 'src/pager/commit-file.ts'

export const failureMutants: readonly Mutant[] = [
  {
    name: 'commit-after-failed-sync',
    breaks: 'A transaction that was open when a background sync failed commits: what it stands on may never have reached the disk.',
    edits: [{ file: STORE, text: 'began.\n    this.durability.assertUsable()', replacement: 'began.' }],
  },
  {
    name: 'slot-restored-with-zeros',
    breaks: 'A meta page whose write failed is replaced by zeros even where the newest commit stood there: a kill of the process loses that one.',
    edits: [{ file: COMMIT_FILE, text: 'const before = newest.slot === slot ? encodeMeta(newest.meta, slot) : new', replacement: 'const before = new' }],
  },
  {
    name: 'settled-without-free-log',
    breaks: 'What recovery found is written again but for pages of the free log, which a failed sync may have lost.',
    edits: [{ file: RECOVER, text: 'for (const { page } of readLog(pager, meta.log)) walk.found.add(page)', replacement: 'readLog(pager, meta.log)' }],
  },
  {
    name: 'failed-commit-returns',
    breaks: 'A slot that shows nothing is left alone when a store is opened, although the disk may hold a commit there that failed.',
    edits: [{ file: RECOVER, text: "const worthless = readings.flatMap((reading, slot) => (reading.kind === 'valid' ? [] : [slot]))", replacement: 'const worthless: number[] = []' }],
  },
  {
    name: 'temporary-name-returns',
    breaks: 'The temporary name of a new file is removed after the folder was synced: after a crash it is there again.',
    edits: [{ file: CREATE, text: 'fs.rmSync(temporary, { force: true })\n    // Also where', replacement: '// Also where' }],
  },
  {
    name: 'folder-of-the-link-synced',
    breaks: 'Of a store that is opened through a link the folder with the link is synced, and not the one with the name of the file.',
    edits: [{ file: FOLDER, text: 'dirname(fs.realpathSync(path))', replacement: 'dirname(path)' }],
  },
  {
    name: 'one-descriptor',
    breaks: 'Syncs in the background and in the foreground share a descriptor, which the system tells once of a write that it could not do: a commit is acknowledged without it.',
    edits: [{ file: DISK, text: 'fs.fdatasync(this.#background,', replacement: 'fs.fdatasync(this.#descriptor,' }],
  },
]
