/** `coppice backup`: a copy of a store. */
import { statSync } from 'node:fs'
import type { Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { jsonLine, size } from '../format.js'
import { cleaningUp, removeTemporaries, temporariesOf } from '../interrupt.js'
import { optionsFor } from '../options.js'
import type { ByteStore } from '../store.js'
import { withStore } from '../store.js'
import type { Copied } from '../tasks.js'
import { start } from '../tasks.js'
import { Status } from '../terminal.js'

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
    const { bytes } = await toFile(path, target, terminal)
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

async function toFile(path: string, target: string, terminal: Terminal): Promise<Copied> {
  const running = start({ kind: 'backup', path, target })
  const total = bytesOf(path)
  const status = new Status(terminal, (seconds) => `writing ${target}: ${size(written(target))} of ${size(total)} ... ${seconds} s`)
  const cleanUp = async () => {
    status.end()
    await running.stop()
    removeTemporaries(target)
  }
  try {
    return await cleaningUp(cleanUp, () => running.outcome)
  } finally {
    status.end()
  }
}

function written(target: string): number {
  return Math.max(0, ...temporariesOf(target).map(bytesOf))
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
