/** `coppice check`: whether a store is sound. */
import { CoppiceError } from '../../index.js'
import type { Command, Terminal } from '../command.js'
import { EXIT } from '../command.js'
import { columns, counted, jsonLine, number, percent } from '../format.js'
import { cleaningUp } from '../interrupt.js'
import { optionsFor } from '../options.js'
import type { Checked } from '../tasks.js'
import { start } from '../tasks.js'
import type { Colors } from '../terminal.js'
import { colorsFor, Status } from '../terminal.js'
import { oneLine } from '../text.js'

/** Faults shown on a terminal; through a pipe all that were found come. */
const MAX_SHOWN = 40

export const check: Command = {
  name: 'check',
  summary: 'read every page and say whether the store is sound',
  usage: '<store>',
  positionals: [1, 1],
  ...optionsFor('json'),
  notes: ['The exit code is 0 where nothing is wrong, 1 where there is damage.', 'It looks at order, counts and checksums, and that no page is lost or used twice.'],
  examples: [
    ['coppice check data.coppice', 'look at a store'],
    ['coppice check data.coppice > /dev/null || echo damaged', 'in a script'],
    ['coppice check data.coppice --json', 'each fault with its page and tree'],
  ],
  async run(args, terminal) {
    const [path] = args.positionals
    const found = await look(path, terminal)
    await terminal.write(args.values.json === true ? jsonLine({ path, ...found }) : report(oneLine(path), found, terminal))
    return found.ok ? EXIT.OK : EXIT.NOT_FOUND
  },
}

/** What the check found; damage that keeps the store from being opened is the only thing found then. */
async function look(path: string, terminal: Terminal): Promise<Checked | Unopened> {
  // The thread that checks writes here, while this one waits for it.
  const counts = new Uint32Array(new SharedArrayBuffer(8))
  const running = start({ kind: 'check', path, counts })
  const status = new Status(terminal, (seconds) => `checking ${path}: ${progress(counts)} ... ${seconds} s`)
  const cleanUp = async () => {
    status.end()
    await running.stop()
  }
  try {
    return await cleaningUp(cleanUp, () => running.outcome)
  } catch (error) {
    if (!(error instanceof CoppiceError) || error.code !== 'COPPICE_CORRUPT') throw error
    return { ok: false, errors: [{ message: error.message, page: error.page ?? null, tree: error.tree ?? null }] }
  } finally {
    status.end()
  }
}

/** How far it is, of the pages that trees reach. */
export function progress([pages, total]: Uint32Array): string {
  return total === 0 ? 'opening' : `${percent(Math.min(1, pages / total))} of ${counted(total, 'page')}`
}

interface Unopened {
  ok: false
  errors: Checked['errors']
}

function report(path: string, found: Checked | Unopened, { stdout }: Terminal): string {
  const colors = colorsFor(stdout)
  const lines = found.ok ? [`${path} is ${colors.green('sound')}.`] : faults(path, found.errors, stdout.isTTY ? MAX_SHOWN : Infinity, colors)
  if ('pages' in found) lines.push('', ...figures(found))
  return `${lines.join('\n')}\n`
}

function faults(path: string, errors: Checked['errors'], most: number, { red, dim }: Colors): string[] {
  const shown = errors.slice(0, most).map(({ message }) => `  ${withoutAdvice(message)}`)
  const left = errors.length - shown.length
  return [
    `${path} is ${red('damaged')}: ${counted(errors.length, 'fault')}.`,
    '',
    ...shown,
    ...(left > 0 ? [dim(`  and ${number(left)} more; coppice check ${path} | less shows all`)] : []),
    '',
    'Restore the file from a backup, or copy what can still be read into a new store: what stands before the damage, and behind it,',
    `  coppice dump ${path} > front.ndjson`,
    `  coppice dump ${path} --reverse > back.ndjson`,
  ]
}

/** What to do stands once below all faults. */
function withoutAdvice(message: string): string {
  return message.replace(/ Restore the file from a backup.*$/, '')
}

function figures({ trees, entries, pages }: Checked): string[] {
  const rows = [
    ['trees', number(trees), ''],
    ['entries', number(entries), ''],
    ['pages', number(pages.total), `${number(pages.reached)} of trees, ${number(pages.freeLog)} of the free log, ${number(pages.free)} free`],
  ]
  return columns(rows, ['left', 'right', 'left']).map((line) => `  ${line}`)
}
