/** `coppice list`: the entries of a range, a line each. */
import type { Arguments, Command, Terminal } from '../command.js'
import { EXIT } from '../command.js'
import { cut, jsonLine, size } from '../format.js'
import { MAX_TEXT_BYTES, shownBytes } from '../formats/format.js'
import { NOTATION_NOTE, notationOf, optionsFor, rangeOf } from '../options.js'
import type { ByteTree } from '../store.js'
import { treeOf, withStore } from '../store.js'
import { colorsFor, widthOf } from '../terminal.js'
import type { Notation } from '../text.js'

const shared = optionsFor('tree', 'prefix', 'gte', 'gt', 'lt', 'lte', 'reverse', 'limit', 'offset', 'hex', 'json')

/** Characters that are collected before they are written. */
const CHUNK = 1 << 16

/** The least room that a value gets in a line of a terminal. */
const MIN_VALUE_WIDTH = 20

/** Bytes of a value that can matter for a line of a terminal, however wide. */
const MAX_SHOWN = 1000

export const list: Command = {
  name: 'list',
  summary: 'print entries, or keys, in the order of their keys',
  usage: '<store>',
  positionals: [1, 1],
  options: { keys: { type: 'boolean' }, ...shared.options },
  help: { keys: 'keys alone', ...shared.help },
  notes: [
    'A line is a key, a tab and the value. To a terminal, long values are cut; through a pipe they come whole.',
    NOTATION_NOTE,
    'With --json a line is {"key": ..., "value": ...}, which coppice load takes; what is no UTF-8 is {"hex": ...}.',
    'Through a pipe and with --json, a value over 64 MiB ends the list; "coppice get" has no such limit.',
    'Several bounds bind together. --offset costs next to nothing, however large.',
  ],
  examples: [
    ['coppice list data.coppice', 'everything'],
    ['coppice list data.coppice --prefix user: --keys', 'keys that begin with user:'],
    ['coppice list data.coppice --gte 2024 --lt 2025 --reverse --limit 10', 'the last ten of a range'],
    ['coppice list data.coppice --json | jq .key', 'for another program'],
  ],
  run: (args, terminal) => {
    const range = rangeOf(args)
    return withStore(args.positionals[0], 'read', async (db) => {
      const tree = treeOf(db, args)
      const lines = args.values.keys === true ? keyLines(tree, args, range, terminal) : entryLines(tree, args, range, terminal)
      let chunk = ''
      const flush = async () => {
        const text = chunk
        chunk = ''
        if (text !== '') await terminal.write(text)
      }
      try {
        for (const line of lines) {
          chunk += line
          if (chunk.length >= CHUNK) await flush()
        }
      } finally {
        // Also where a page is damaged, or a value is too long: what stands before it is good.
        await flush()
      }
      return EXIT.OK
    })
  },
}

function* keyLines(tree: ByteTree, args: Arguments, range: ReturnType<typeof rangeOf>, { stdout }: Terminal): Generator<string> {
  const notation = notationOf(args)
  const { cyan } = colorsFor(stdout)
  for (const key of tree.keys(range)) yield args.values.json === true ? jsonLine({ key: notation.json(key) }) : `${cyan(notation.show(key))}\n`
}

function* entryLines(tree: ByteTree, args: Arguments, range: ReturnType<typeof rangeOf>, { stdout }: Terminal): Generator<string> {
  const notation = notationOf(args)
  const { cyan, dim } = colorsFor(stdout)
  for (const [key, value] of tree.entries(range)) {
    if ((!stdout.isTTY || args.values.json === true) && value.length > MAX_TEXT_BYTES) throw tooLong(key, value)
    if (args.values.json === true) yield jsonLine({ key: notation.json(key), value: notation.json(value) })
    else if (!stdout.isTTY) yield `${notation.show(key)}\t${notation.show(value)}\n`
    else {
      const name = notation.show(key)
      const [text, rest] = shortened(value, notation, widthOf(stdout) - name.length - 2)
      yield `${cyan(name)}  ${text}${rest === '' ? '' : ` ${dim(rest)}`}\n`
    }
  }
}

function tooLong(key: Uint8Array, value: Uint8Array): Error {
  return new Error(`the value of the key ${shownBytes(key)} has ${value.length} bytes, too many for a line. "coppice get" writes it to a file, and --keys lists keys alone.`)
}

/** A value as far as it fits into a line, and what to say of the rest. */
function shortened(value: Uint8Array, notation: Notation, room: number): [text: string, rest: string] {
  const text = notation.show(value.subarray(0, MAX_SHOWN))
  const width = Math.max(room, MIN_VALUE_WIDTH)
  if (value.length <= MAX_SHOWN && text.length <= width) return [text, '']
  const rest = size(value.length)
  return [cut(text, width - rest.length - 1), rest]
}
