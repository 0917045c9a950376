/**
 * Writes without end and says after each commit what is promised by then, a line each. Arguments: path,
 * durability, number to begin with. A line `n` says that commit n has been acknowledged.
 */
import fs from 'node:fs'
import { open } from '../../src/index.js'
import type { DurabilityMode } from '../../src/index.js'

const [path, durability, first] = process.argv.slice(2)
const db = open<string, string>(path, { valueEncoding: 'utf8', durability: durability as DurabilityMode, syncInterval: 2 })

function commit(n: number): void {
  db.transaction((tx) => {
    tx.put('newest', String(n))
    tx.put(`key ${n % 50}`, String(n).padStart(1 + ((n * 397) % 3000), '.'))
    if (n % 3 === 0) tx.delete(`key ${(n * 7) % 50}`)
    if (n % 5 === 0) tx.tree('side', { valueEncoding: 'utf8' }).put(`side ${n % 20}`, String(n))
  })
}

let n = Number(first)
function turn(): void {
  // A synchronous write: what has been said stays said, however this process ends.
  for (let i = 0; i < 5; i++) {
    commit(++n)
    fs.writeSync(1, `${n}\n`)
  }
  setImmediate(turn)
}
turn()
