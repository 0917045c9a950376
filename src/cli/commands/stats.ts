/** `coppice stats`: a page about the file. */
import type { Stats, TreeStats } from '../../index.js'
import type { Command } from '../command.js'
import { EXIT } from '../command.js'
import { bar, columns, counted, cut, jsonLine, number, percent, size } from '../format.js'
import { optionsFor } from '../options.js'
import { shownName, withStore } from '../store.js'
import type { Colors } from '../terminal.js'
import { colorsFor } from '../terminal.js'
import { oneLine } from '../text.js'

const BAR = 24
const SHORT_BAR = 10
const MAX_NAME = 40

export const stats: Command = {
  name: 'stats',
  summary: 'show what the file is made of: pages, trees, fill, free space',
  usage: '<store>',
  positionals: [1, 1],
  ...optionsFor('json'),
  notes: ['It walks all pages of all trees, so a large store takes a while.', 'Fill is the share of the bytes of leaves that hold something.'],
  examples: [
    ['coppice stats data.coppice', 'a page to read'],
    ['coppice stats data.coppice --json | jq .pages', 'for another program'],
  ],
  run: (args, terminal) =>
    withStore(args.positionals[0], 'read', async (db) => {
      const found = db.stats()
      await terminal.write(args.values.json === true ? jsonLine(forJson(found)) : pageOf(found, colorsFor(terminal.stdout)))
      return EXIT.OK
    }),
}

/** The pool is this program's own, and says nothing about the store. */
function forJson({ pool: _, trees, ...rest }: Stats): object {
  return { ...rest, trees: trees.map((tree) => ({ ...tree, name: tree.name ?? null })) }
}

function pageOf(found: Stats, colors: Colors): string {
  const parts = [head(found, colors), pageLines(found, colors), treeLines(found, colors), remarks(found, colors)]
  return `${parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function head({ path, fileBytes, usedBytes, transaction, durableTransaction, pages, pageSize }: Stats, { bold }: Colors): string[] {
  const beyond = fileBytes - usedBytes
  const rows = [
    ['file', `${size(fileBytes)}, ${counted(pages.total, 'page')} of ${size(pageSize)}${beyond > 0 ? ` and ${size(beyond)} behind the last of them` : ''}`],
    ['commit', `${number(transaction)}, ${durableTransaction === transaction ? 'known to be on the disk' : `known to be on the disk up to ${number(durableTransaction)}`}`],
  ]
  return [bold(oneLine(path)), '', ...indented(columns(rows, ['left', 'left']))]
}

function pageLines({ pages, pageSize }: Stats, colors: Colors): string[] {
  const kinds: [name: string, count: number][] = [
    ['leaf', pages.leaf],
    ['branch', pages.branch],
    ['large values', pages.overflow],
    ['free log', pages.freeLog],
    ['journal', pages.journal],
    ['meta', pages.meta],
    ['free', pages.free],
  ]
  const rows = kinds.map(([name, count]) => [name, bar(count / pages.total, BAR), percent(count / pages.total), number(count), size(count * pageSize)])
  const lines = columns(rows, ['left', 'left', 'right', 'right', 'right'])
  const painted = lines.map((line, i) => paint(line, kinds[i][0] === 'free' ? colors.yellow : colors.green, colors))
  return [colors.bold('Pages'), '', ...indented(painted)]
}

function treeLines({ trees, pageSize }: Stats, colors: Colors): string[] {
  const titles = ['tree', 'entries', 'depth', 'fill', '', 'keys', 'values', 'pages']
  const lines = columns([titles, ...trees.map((tree) => treeRow(tree, pageSize))], ['left', 'right', 'right', 'left', 'right', 'right', 'right', 'right'])
  return [colors.bold('Trees'), '', ...indented(lines.map((line, i) => (i === 0 ? colors.dim(line) : paint(line, colors.cyan, colors))))]
}

function treeRow({ name, entries, depth, leafFill, keyBytes, valueBytes, leafPages, branchPages, overflowPages }: TreeStats, pageSize: number): string[] {
  const pages = leafPages + branchPages + overflowPages
  return [cut(shownName(name), MAX_NAME), number(entries), String(depth), bar(leafFill, SHORT_BAR), percent(leafFill), size(keyBytes), size(valueBytes), size(pages * pageSize)]
}

function remarks({ pages, path, pending, passedOver }: Stats, { yellow }: Colors): string[] {
  const known = pages.meta + pages.leaf + pages.branch + pages.overflow + pages.freeLog + pages.journal + pages.free
  const lacking = known === pages.total ? [] : [`The pages do not add up to those of the file, so it is damaged: see coppice check ${oneLine(path)}.`]
  const waiting = pending.map(({ transaction, pages, holders }) => `${counted(pages, 'free page')} wait for ${counted(holders, 'reader')} of commit ${number(transaction)}`)
  return [...lacking, ...waiting, ...passedOver.map((what) => `Opening passed over: ${what}`)].map((line) => yellow(line))
}

function paint(line: string, full: (text: string) => string, { dim }: Colors): string {
  return line.replace(/█+/, (part) => full(part)).replace(/░+/, (part) => dim(part))
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}
