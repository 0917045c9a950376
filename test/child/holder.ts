/** Opens a store, says how that went, and holds it until its input ends. Arguments: path, options as JSON, user id or nothing. */
import { open } from '../../src/index.js'
import type { CoppiceError } from '../../src/index.js'

const [path, options, user] = process.argv.slice(2)
if (user !== undefined) {
  process.setgroups?.([])
  process.setgid?.(Number(user))
  process.setuid?.(Number(user))
}
try {
  const db = open<string, string>(path, { valueEncoding: 'utf8', ...(JSON.parse(options) as object) })
  process.stdout.write(`open ${[...db.keys()].join()}\n`)
  process.stdin.resume().on('end', () => db.close())
} catch (error) {
  process.stdout.write(`${(error as CoppiceError).code} ${(error as Error).message}\n`)
}
