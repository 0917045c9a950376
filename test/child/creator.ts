/** Waits for a line, then opens a store that may not be there yet and puts its own key; says how that went and ends at the next line. */
import { open } from '../../src/index.js'
import type { CoppiceError } from '../../src/index.js'

const [path, key] = process.argv.slice(2)
process.stdout.write('ready\n')
process.stdin.once('data', () => {
  try {
    const db = open<string, string>(path, { valueEncoding: 'utf8' })
    db.put(key, key)
    process.stdout.write('open\n')
    process.stdin.once('data', () => {
      db.close()
      process.stdin.destroy()
    })
  } catch (error) {
    process.stdout.write(`${(error as CoppiceError).code}\n`)
    process.stdin.once('data', () => process.stdin.destroy())
  }
})
