/** `coppice has`: whether there is a key. */
import type { Command } from '../command.js'
import { EXIT } from '../command.js'
import { jsonLine } from '../format.js'
import { NOTATION_NOTE, notationOf, optionsFor } from '../options.js'
import { treeOf, withStore } from '../store.js'

export const has: Command = {
  name: 'has',
  summary: 'say by the exit code whether a key is there',
  usage: '<store> <key>',
  positionals: [2, 2],
  ...optionsFor('tree', 'hex', 'json'),
  notes: ['It prints nothing: 0 is yes, 1 is no.', NOTATION_NOTE],
  examples: [
    ['coppice has data.coppice user:1 && echo yes', 'ask in a script'],
    ['coppice has data.coppice user:1 --json', 'an answer in words'],
  ],
  run: (args, terminal) =>
    withStore(args.positionals[0], 'read', async (db) => {
      const notation = notationOf(args)
      const key = notation.read(args.positionals[1])
      const found = treeOf(db, args).has(key)
      if (args.values.json === true) await terminal.write(jsonLine({ key: notation.json(key), has: found }))
      return found ? EXIT.OK : EXIT.NOT_FOUND
    }),
}
