/** `coppice trees`: the trees of a store. */
import type { Command } from '../command.js'
import { EXIT } from '../command.js'
import { columns, jsonLine, number } from '../format.js'
import { namedTree, shownName, withStore } from '../store.js'
import { optionsFor } from '../options.js'
import { colorsFor } from '../terminal.js'

const shared = optionsFor('json')

export const trees: Command = {
  name: 'trees',
  summary: 'list the trees with their entries',
  usage: '<store>',
  positionals: [1, 1],
  options: { names: { type: 'boolean' }, ...shared.options },
  help: { names: 'the names of the named trees alone, a line each', ...shared.help },
  notes: ['The default tree has no name: it is (default) here, and "name": null in JSON.'],
  examples: [
    ['coppice trees data.coppice', 'all trees and their entries'],
    ['coppice trees data.coppice --names', 'for a loop in a script'],
  ],
  run: (args, terminal) =>
    withStore(args.positionals[0], 'read', async (db) => {
      const named = db.trees()
      const all = [{ name: undefined as string | undefined, entries: db.count() }, ...named.map((name) => ({ name, entries: namedTree(db, name).count() }))]
      if (args.values.names === true) await terminal.write(named.map((name) => (args.values.json === true ? jsonLine(name) : `${shownName(name)}\n`)).join(''))
      else if (args.values.json === true) await terminal.write(jsonLine(all.map(({ name, entries }) => ({ name: name ?? null, entries }))))
      else {
        const { dim } = colorsFor(terminal.stdout)
        const lines = columns(all.map(({ name, entries }) => [number(entries), shownName(name)]), ['right', 'left'])
        await terminal.write(lines.map((line, i) => `${i === 0 ? dim(line) : line}\n`).join(''))
      }
      return EXIT.OK
    }),
}
