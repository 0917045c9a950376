/** `coppice count`: how many entries a range has. */
import type { Command } from '../command.js'
import { EXIT } from '../command.js'
import { jsonLine } from '../format.js'
import { NOTATION_NOTE, optionsFor, rangeOf } from '../options.js'
import { treeOf, withStore } from '../store.js'

export const count: Command = {
  name: 'count',
  summary: 'count entries, at once however many there are',
  usage: '<store>',
  positionals: [1, 1],
  ...optionsFor('tree', 'prefix', 'gte', 'gt', 'lt', 'lte', 'hex', 'json'),
  notes: [NOTATION_NOTE],
  examples: [
    ['coppice count data.coppice', 'all entries of the default tree'],
    ['coppice count data.coppice --prefix user:', 'those of a prefix'],
    ['coppice count data.coppice --gte 2024 --lt 2025 --tree orders', 'those of a range, in a named tree'],
  ],
  run: (args, terminal) => {
    const range = rangeOf(args)
    return withStore(args.positionals[0], 'read', async (db) => {
      const entries = treeOf(db, args).count(range)
      await terminal.write(args.values.json === true ? jsonLine({ count: entries }) : `${entries}\n`)
      return EXIT.OK
    })
  },
}
