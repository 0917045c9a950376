/** `coppice compact`: a store written anew, beside the old one or in its place. */
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { bytesOf, copying } from '../copying.js'
import { jsonLine, percent, size } from '../format.js'
import { optionsFor } from '../options.js'
import { start } from '../tasks.js'

export const compact: Command = {
  name: 'compact',
  summary: 'write a store anew, into full pages and without free space',
  usage: '<store> [target]',
  positionals: [1, 2],
  ...optionsFor('json'),
  notes: [
    'With a target, the store stays as it is, and the target is a new file.',
    'Without one, the new file takes the place of the old one when it is whole and on the disk. Until then',
    'both take room, and nobody else can have the store open.',
  ],
  examples: [
    ['coppice compact data.coppice', 'in place of the old file'],
    ['coppice compact data.coppice small.coppice', 'into a new file'],
  ],
  async run(args, terminal) {
    const [path, target] = args.positionals
    if (target === '-') throw new UsageError('compact writes a file; "coppice backup" writes to standard output. A file of that name is ./-.')
    if (target !== undefined && resolve(target) === resolve(path)) throw new UsageError('store and target are the same file. Leave the target out to compact in place.')
    // A rename onto a symbolic link would replace the link, not what it leads to.
    const source = target === undefined && existsSync(path) ? realpathSync(path) : path
    const total = size(bytesOf(source))
    const running = start({ kind: 'compact', path: source, target })
    const { before, after } = await copying(running, target ?? source, terminal, (written, seconds) => `compacting ${path}, ${total}: ${size(written)} written ... ${seconds} s`)
    terminal.say(`${target ?? path}: ${size(before)} before, ${size(after)} after${before > 0 ? ` (${percent(after / before)})` : ''}`)
    if (args.values.json === true) await terminal.write(jsonLine({ path: target ?? path, before, after }))
    return EXIT.OK
  },
}
