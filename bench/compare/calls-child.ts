import { existsSync } from 'node:fs'
import { MARK } from './calls.js'
import { Coppice } from './coppice.js'
import { entriesAt } from './section.js'
import { bytesWorkload } from './workload.js'

const COMMITS = 200
const READS = 20_000

/** Commits and reads on a loaded store, with a mark for strace before each commit, before the reads, and at the end. */
const workload = bytesWorkload(entriesAt(Number(process.argv[3])))
const coppice = new Coppice<Buffer>(process.argv[2], 'binary')
coppice.fresh()
coppice.load(workload.random)
const { depth } = coppice.store.stats().trees[0]
coppice.commits(workload.lookups, 0, 50, 1)
for (let i = 0; i < COMMITS; i++) {
  existsSync(MARK)
  coppice.commits(workload.lookups, 50 + i, 1, 1)
}
existsSync(MARK)
const reads = Math.min(READS, workload.lookups.keys.length)
coppice.get({ ...workload.lookups, keys: workload.lookups.keys.slice(0, reads) })
existsSync(MARK)
console.log(JSON.stringify({ depth, commits: COMMITS, reads }))
coppice.close()
