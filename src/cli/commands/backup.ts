/** `coppice backup`: a copy of a store. */
import type { Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { bytesOf, copying } from '../copying.js'
import { jsonLine, size } from '../format.js'
import { optionsFor } from '../options.js'
import type { ByteStore } from '../store.js'
import { withStore } from '../store.js'
import { start } from '../tasks.js'

export const backup: Command = {
  name: 'backup',
  summary: 'copy a store to a new file, or to standard output',
  usage: '<store> <target>',
  positionals: [2, 2],
  ...optionsFor('json'),
  notes: ['The target appears when it is whole and on the disk. A target of - is standard output.', 'Every page is checked on the way: a damaged store is not backed up.'],
  examples: [
    ['coppice backup data.coppice monday.coppice', 'to a new file'],
    ['coppice backup data.coppice - | gzip > monday.coppice.gz', 'to another program'],
  ],
  async run(args, terminal) {
    const [path, target] = args.positionals
    if (target === '-' && args.values.json === true) throw new UsageError('with the copy on standard output there is no room for --json.')
    if (target === '-' && terminal.stdout.isTTY) throw new UsageError('a store is not for a terminal. Send it to a file or a program, such as | gzip > copy.gz.')
    if (target === '-') {
      await withStore(path, 'read', (db) => toOutput(db, terminal))
      return EXIT.OK
    }
    const total = size(bytesOf(path))
    const running = start({ kind: 'backup', path, target })
    const { bytes } = await copying(running, target, terminal, (written, seconds) => `writing ${target}: ${size(written)} of ${total} ... ${seconds} s`)
    terminal.say(`${target}: ${size(bytes)}`)
    if (args.values.json === true) await terminal.write(jsonLine({ path: target, bytes }))
    return EXIT.OK
  },
}

async function toOutput(db: ByteStore, { stdout, write }: Terminal): Promise<void> {
  try {
    await db.backup(stdout)
  } finally {
    // A reader that has gone shows here as what it is, and not as a backup that failed.
    await write('')
  }
}
