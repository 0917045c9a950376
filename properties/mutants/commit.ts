/** Faults in committing and syncing. */
import type { Mutant } from './mutant.js'

const STORE = 'src/pager/store.ts'
const COMMIT_FILE = 'src/pager/commit-file.ts'
const DURABILITY = 'src/pager/durability.ts'
const RECOVER = 'src/pager/recover.ts'

export const commitMutants: readonly Mutant[] = [
  {
    name: 'no-sync',
    breaks: 'A commit does not sync: what was acknowledged may be gone after a crash.',
    edits: [{ file: STORE, text: "if (mode === 'sync') this.writing.sync()\n    this.durability.publishedCheckpoint", replacement: 'this.durability.publishedCheckpoint' }],
  },
  {
    name: 'no-bulk-sync',
    breaks: 'A large commit calls itself durable before its pages are: recovery takes it without a look.',
    edits: [{ file: STORE, text: 'if (bulk) this.writing.sync()', replacement: '' }],
  },
  {
    name: 'no-settling-sync',
    breaks: 'The first write after opening does not wait for a sync of what recovery found, which may stand in memory alone.',
    edits: [{ file: STORE, text: 'this.writing.sync()\n    this.unsettled = new Set()', replacement: 'this.unsettled = new Set()' }],
  },
  {
    name: 'settled-without-writing',
    breaks: 'What recovery found is synced and not written again: after a failed sync of an earlier process the system shows what is not on the disk.',
    edits: [{ file: RECOVER, text: 'for (const page of unsettled) {', replacement: 'for (const page of [] as number[]) {' }],
  },
  {
    name: 'no-sync-on-close',
    breaks: 'Closing says of the last commits that they are durable, and does not sync them before.',
    edits: [{ file: STORE, text: 'private finish(): void {\n    this.sync()', replacement: 'private finish(): void {' }],
  },
  {
    name: 'early-acknowledgement',
    breaks: 'A commit in the background is acknowledged when its sync begins, not when it has ended.',
    edits: [{
      file: DURABILITY,
      text: 'const promise = new Promise<void>((resolve, reject) => this.waiters.push({ transaction, resolve, reject }))\n    this.start()\n    return promise',
      replacement: 'this.start()\n    return Promise.resolve()',
    }],
  },
  {
    name: 'sync-covers-later',
    breaks: 'A sync counts for commits that were made after it had begun.',
    edits: [{ file: DURABILITY, text: 'else if (this.failure === undefined) this.reached(transaction, base)', replacement: 'else if (this.failure === undefined) this.reached(this.newest, this.newestBase)' }],
  },
  {
    name: 'durable-too-early',
    breaks: 'A meta page names a commit as durable that is not synced yet: recovery does not look at its pages.',
    edits: [{ file: STORE, text: 'durable: bulk ? writer.id : this.durability.durableBase,', replacement: 'durable: bulk ? writer.id : this.checkpoint.base,' }],
  },
  {
    name: 'slot-of-durable',
    breaks: 'A meta page may be written over that of the last durable checkpoint, the one that recovery can always fall back to, and a record over its journal.',
    edits: [{
      file: DURABILITY,
      text: 'if (holds === this.durableBase || (this.syncing !== undefined && holds === this.syncingBase)) continue',
      replacement: 'if (this.syncing !== undefined && holds === this.syncingBase) continue',
    }],
  },
  {
    name: 'slot-of-syncing',
    breaks: 'A meta page may be written over that of the checkpoint whose sync is running, which is acknowledged soon after, and a record over its journal.',
    edits: [{
      file: DURABILITY,
      text: 'if (holds === this.durableBase || (this.syncing !== undefined && holds === this.syncingBase)) continue',
      replacement: 'if (holds === this.durableBase) continue',
    }],
  },
  {
    name: 'no-slot-restored',
    breaks: 'A meta page that was written only in part stays where it is, in place of the one before.',
    edits: [{ file: COMMIT_FILE, text: '() => this.pager.writeFile([before], slot * PAGE_SIZE),', replacement: '() => undefined,' }],
  },
  {
    name: 'slot-restored-without-sync',
    breaks: 'What is put back in place of a meta page that failed is not synced before the pages of that commit are used again.',
    edits: [{ file: COMMIT_FILE, text: '        takeBack()\n        this.pager.file.sync()', replacement: '        takeBack()' }],
  },
  {
    name: 'failed-sync-forgotten',
    breaks: 'After a failed sync the store goes on: the next sync succeeds, although what the failed one covered is lost.',
    edits: [{ file: COMMIT_FILE, text: 'throw this.durability.poison(ioError(error, `syncing ${this.pager.file.path}`))', replacement: 'throw ioError(error, `syncing ${this.pager.file.path}`)' }],
  },
  {
    name: 'failed-background-sync-forgotten',
    breaks: 'A background sync that failed counts as one that succeeded.',
    edits: [{ file: DURABILITY, text: '(error: unknown) => this.ended(transaction, base, error),', replacement: '() => this.ended(transaction, base, undefined),' }],
  },
  {
    name: 'id-of-unfinished-commit',
    breaks: 'The next commit takes the id of one that recovery passed over: two slots then have the same id and not the same content.',
    edits: [{ file: STORE, text: 'this.nextId = highest + 1', replacement: 'this.nextId = commit.meta.transaction + 1' }],
  },
  {
    name: 'spilled-unsealed',
    breaks: 'A page that leaves the pool before its commit is written without its checksum.',
    edits: [{ file: 'src/pager/pager.ts', text: 'const sealed = this.seal(dirty)', replacement: 'const sealed = dirty' }],
  },
  {
    name: 'parents-sealed-first',
    breaks: 'A branch is sealed before its children: it points to them with the checksums that they had before.',
    edits: [{
      file: 'src/pager/seal.ts',
      text: '  const crc = pageCrc(arena, base)\n  setCrc(arena, base, crc)\n  sealed.add(frame)\n  return crc',
      replacement: '  const crc = crcOf(arena, base)\n  setCrc(arena, base, pageCrc(arena, base))\n  sealed.add(frame)\n  return crc',
    }],
  },
]
