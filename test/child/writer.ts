/** Commits without end, each on the disk when it is told of, a line each. Argument: path. */
import fs from 'node:fs'
import { open } from '../../src/index.js'

const db = open<string, string>(process.argv[2], { valueEncoding: 'utf8' })
for (let n = 1; ; n++) {
  db.transaction((tx) => {
    tx.put(`key ${n % 50}`, String(n).padStart(1 + ((n * 397) % 3000), '.'))
    if (n % 5 === 0) tx.tree('side', { valueEncoding: 'utf8' }).put(`side ${n % 20}`, String(n))
  })
  fs.writeSync(1, `${n}\n`)
}
