/** Puts 50 keys at a time into the database at a path, and writes a line for each that has been acknowledged. */
import { CoppiceLevel } from '../../src/adapters/level.js'

const db = new CoppiceLevel(process.argv[2])
for (let i = 0; ; i += 50) {
  await Promise.all(Array.from({ length: 50 }, (_, j) => db.put(String(i + j), 'x'.repeat(300)).then(() => process.stdout.write(`${i + j}\n`))))
}
