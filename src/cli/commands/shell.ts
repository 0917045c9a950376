/** `coppice shell`: commands one after the other in one open store. */
import type { Arguments, Command, Terminal } from '../command.js'
import { UsageError } from '../command.js'
import { cleaningUp } from '../interrupt.js'
import { NOTATION_NOTE } from '../options.js'
import { History, historyFile } from '../shell/history.js'
import { runInteractive, runScript } from '../shell/run.js'
import { Session } from '../shell/session.js'
import type { Mode } from '../store.js'
import { openStore, treeName, withStore } from '../store.js'
import { widthOf } from '../terminal.js'
import { oneLine } from '../text.js'

export const shell: Command = {
  name: 'shell',
  summary: 'an open store to type commands into',
  usage: '<store>',
  examples: [
    ['coppice shell data.coppice', 'type help for the commands; the tab key completes them, and keys'],
    ['echo "count user:" | coppice shell data.coppice --read-only', 'commands from standard input, to the first that goes wrong'],
  ],
  options: {
    create: { type: 'boolean' },
    'read-only': { type: 'boolean' },
    tree: { type: 'string' },
    'no-history': { type: 'boolean' },
  },
  help: {
    create: 'make the store where there is none',
    'read-only': 'open it for reading, beside other readers',
    tree: 'begin in this named tree; a name has escapes as keys have',
    'no-history': 'neither read nor keep the lines typed',
  },
  notes: [
    NOTATION_NOTE,
    'Quotes hold words with blanks. A line that begins with # is passed over.',
    'A line that begins with a space is kept out of the history.',
    'The history is in $XDG_STATE_HOME/coppice/history, or ~/.local/state/coppice/history.',
  ],
  positionals: [1, 1],
  run,
}

async function run(args: Arguments, terminal: Terminal): Promise<number> {
  const { create, 'read-only': readOnly, 'no-history': noHistory } = args.values
  if (create === true && readOnly === true) throw new UsageError('--create and --read-only say different things. Leave out one of them.')
  const tree = treeName(args)
  const mode: Mode = create === true ? 'create' : readOnly === true ? 'read' : 'write'
  const interactive = terminal.stdin.isTTY === true && terminal.interactive
  // A signal waits until the store is made, and its temporary name gone.
  if (mode === 'create') await cleaningUp(() => undefined, async () => openStore(args.positionals[0], mode).close())
  return await withStore(args.positionals[0], mode, async (db) => {
    const session = new Session(db, interactive && terminal.stdout.isTTY === true ? widthOf(terminal.stdout) : undefined)
    if (tree !== undefined) session.use(tree)
    try {
      if (!interactive) return await runScript(session, terminal)
      terminal.say(`${oneLine(db.path)}: help lists the commands, exit leaves`)
      const history = noHistory === true ? undefined : new History(historyFile(process.env), (line) => terminal.say(line))
      return await runInteractive(session, terminal, history)
    } finally {
      session.close()
    }
  })
}
