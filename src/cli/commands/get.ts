/** `coppice get`: a value by its key. */
import type { Command } from '../command.js'
import { EXIT, NotFoundError } from '../command.js'
import { jsonLine } from '../format.js'
import { NOTATION_NOTE, notationOf, optionsFor } from '../options.js'
import { treeOf, withStore } from '../store.js'
import { refuseTooLong } from '../text.js'

export const get: Command = {
  name: 'get',
  summary: 'print the value of a key',
  usage: '<store> <key>',
  positionals: [2, 2],
  ...optionsFor('tree', 'hex', 'json'),
  notes: [
    'The value comes byte for byte; to a terminal it comes as text, and ends with a new line.',
    NOTATION_NOTE,
    'In JSON, bytes that are no UTF-8 are {"hex": "..."}; with --hex, all keys and values are hex digits.',
  ],
  examples: [
    ['coppice get data.coppice user:1', 'show a value'],
    ['coppice get data.coppice logo.png > logo.png', 'write a value to a file'],
    ['coppice get data.coppice --tree orders --json 2024-1', 'from a named tree, as JSON'],
    ['coppice get data.coppice --hex 00ff', 'a key that is no text'],
  ],
  run: (args, terminal) =>
    withStore(args.positionals[0], 'read', async (db) => {
      const notation = notationOf(args)
      const key = notation.read(args.positionals[1])
      const value = treeOf(db, args).get(key)
      if (value === undefined) throw new NotFoundError(`there is no key "${notation.show(key)}".`)
      const plain = args.values.json !== true && !notation.hex && !terminal.stdout.isTTY
      if (!plain) refuseTooLong(value)
      if (args.values.json === true) await terminal.write(jsonLine({ key: notation.json(key), value: notation.json(value) }))
      else await terminal.write(plain ? value : `${notation.show(value)}\n`)
      return EXIT.OK
    }),
}
