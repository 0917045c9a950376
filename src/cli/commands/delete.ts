/** `coppice delete`: takes a key away. */
import type { Command } from '../command.js'
import { EXIT, NotFoundError } from '../command.js'
import { jsonLine } from '../format.js'
import { NOTATION_NOTE, notationOf, optionsFor } from '../options.js'
import { treeOf, withStore } from '../store.js'

export const remove: Command = {
  name: 'delete',
  summary: 'delete a key',
  usage: '<store> <key>',
  positionals: [2, 2],
  ...optionsFor('tree', 'hex', 'json'),
  notes: ['It prints nothing; where there is no such key, the exit code is 1.', NOTATION_NOTE],
  examples: [
    ['coppice delete data.coppice user:1', 'delete a key'],
    ['coppice delete data.coppice --tree orders 2024-1', 'in a named tree'],
  ],
  run: (args, terminal) =>
    withStore(args.positionals[0], 'write', async (db) => {
      const notation = notationOf(args)
      const key = notation.read(args.positionals[1])
      const deleted = treeOf(db, args).delete(key)
      if (args.values.json === true) await terminal.write(jsonLine({ key: notation.json(key), deleted }))
      else if (!deleted) throw new NotFoundError(`there is no key "${notation.show(key)}".`)
      return deleted ? EXIT.OK : EXIT.NOT_FOUND
    }),
}
