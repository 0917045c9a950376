/** Commits lazily, leaves the store open and ends by itself. Argument: path. */
import { open } from '../../src/index.js'

const db = open<string, string>(process.argv[2], { valueEncoding: 'utf8', durability: 'lazy', syncInterval: 3_600_000 })
db.put('lazy', 'value')
process.stdout.write('done\n')
