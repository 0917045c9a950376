/** A child that makes stores, each with a commit, and says what it is about to do and what it has done. Arguments: a folder, and a seed. */
import fs from 'node:fs'
import { join } from 'node:path'
import { open } from '../../src/index.js'
import type { Bytes } from '../model/world.js'
import { BINARY } from '../model/world.js'
import { fill, planOf } from './history.js'

const [folder, seed] = process.argv.slice(2)
for (let i = 1; ; i++) {
  fs.writeSync(1, `begin ${i}\n`)
  const db = open<Bytes, Bytes>(join(folder, `store-${i}`), BINARY)
  db.transaction((tx) => fill(tx, planOf(Number(seed) + i, 1, 'mixed'), 1, 'mixed'))
  fs.writeSync(1, `return ${i}\n`)
  // Some stores are still open when the process is killed.
  if (i % 2 === 0) db.close()
}
