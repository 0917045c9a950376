/** `coppice put`: a value under a key, from the command line or from standard input. */
import { existsSync } from 'node:fs'
import type { Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { counted, jsonLine } from '../format.js'
import { cleaningUp } from '../interrupt.js'
import { NOTATION_NOTE, notationOf, optionsFor } from '../options.js'
import { namedTree, openStore, treeName, withStore } from '../store.js'
import type { Notation } from '../text.js'
import { fromHex } from '../text.js'

/** The most that a value may have. */
const MAX_VALUE = 2 ** 30

export const put: Command = {
  name: 'put',
  summary: 'store a value under a key',
  usage: '<store> <key> [value]',
  positionals: [2, 3],
  ...optionsFor('tree', 'hex', 'json'),
  notes: [
    'Without a value it is read from standard input, byte for byte; with --hex, that is hex digits too.',
    'The store, and the tree, are made where there are none.',
    NOTATION_NOTE,
  ],
  examples: [
    ['coppice put data.coppice user:1 Ada', 'store a value'],
    ['coppice put data.coppice logo.png < logo.png', 'store a file'],
    ['coppice put data.coppice --tree orders 2024-1 \'{"total": 12}\'', 'in a named tree'],
    ['coppice put data.coppice --hex 00ff cafe', 'a key and a value of bytes'],
  ],
  async run(args, terminal) {
    const [path, keyText, valueText] = args.positionals
    const notation = notationOf(args)
    const key = notation.read(keyText)
    const tree = treeName(args)
    const value = valueText === undefined ? await readValue(terminal, notation) : notation.read(valueText)
    const isNew = !existsSync(path)
    if (isNew) rehearse(key, tree)
    // Nothing is to be cleaned up: a signal waits until the store is made, and its temporary name gone.
    await cleaningUp(() => undefined, () => withStore(path, 'create', (db) => (tree === undefined ? db : namedTree(db, tree)).put(key, value)))
    if (isNew) terminal.say(`${path} is new.`)
    if (args.values.json === true) await terminal.write(jsonLine({ key: notation.json(key), bytes: value.length }))
    return EXIT.OK
  },
}

/** What cannot be a key, or a tree's name, is refused before a file is made for it. */
function rehearse(key: Uint8Array, tree: string | undefined): void {
  const db = openStore(':memory:', 'create')
  try {
    if (tree !== undefined) namedTree(db, tree)
    db.has(key)
  } finally {
    db.close()
  }
}

async function readValue({ stdin, stderr }: Terminal, notation: Notation): Promise<Uint8Array> {
  if (stdin.isTTY) stderr.write('The value, up to Ctrl-D on a line of its own:\n')
  const source = stdin as AsyncIterable<Buffer>
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of notation.hex ? decoded(source) : source) {
    length += piece.length
    if (length > MAX_VALUE) throw new Error(`standard input has more than ${counted(MAX_VALUE, 'byte')}, the most that a value may have. Store it in parts.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** The bytes of hex digits, piece by piece: all digits of a large value would not fit in one string. */
async function* decoded(source: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, undefined> {
  let open = ''
  for await (const piece of source) {
    const digits = open + piece.toString('latin1').replace(/\s+/g, '')
    const pairs = digits.length - (digits.length % 2)
    open = digits.slice(pairs)
    yield fromHex(digits.slice(0, pairs))
  }
  if (open !== '') throw new UsageError('standard input has an odd number of hex digits. Write two for each byte.')
}
