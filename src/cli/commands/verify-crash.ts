/** `coppice verify-crash`: crashes tried on a copy of a store. */
import { randomInt } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import type { CrashOptions, CrashReport } from '../../crash/verify.js'
import { verifyCrashes } from '../../crash/verify.js'
import type { Arguments, Command, Terminal } from '../command.js'
import { EXIT, UsageError } from '../command.js'
import { columns, jsonLine, number } from '../format.js'
import { cleaningUp } from '../interrupt.js'
import { optionsFor, wholeNumber } from '../options.js'
import { temporaryFolderIn } from '../store.js'
import type { Copied, Running } from '../tasks.js'
import { start } from '../tasks.js'
import { colorsFor, Status } from '../terminal.js'

/** Crashes tried where nothing else is said: some seconds on a small store. */
const IMAGES = 1000
/** Seeds are below this. */
const SEEDS = 2 ** 32

const shared = optionsFor('json')

export const verifyCrash: Command = {
  name: 'verify-crash',
  summary: 'try power failures on a copy of a store',
  usage: '<store>',
  positionals: [1, 1],
  options: { seed: { type: 'string' }, images: { type: 'string' }, in: { type: 'string' }, ...shared.options },
  help: {
    seed: 'a whole number that decides what is tried; the same one repeats it on the same store',
    images: `how many power failures to try; ${IMAGES} where left out`,
    in: 'make the copy in this folder, not in the one for temporary files',
    ...shared.help,
  },
  notes: [
    'The store is only read, and only until the copy is there. The copy is removed in the end.',
    'Transactions run on a simulated disk over the copy. Then, at many points, any part of what was not synced yet is',
    'lost or torn, and the rest opened: it has to open with whole transactions, among them all that were acknowledged as',
    'durable; to pass its check (where it is large, after some of the failures only); and to take writes.',
    'The exit code is 0 where all of this holds, 1 where it does not.',
  ],
  examples: [
    ['coppice verify-crash data.coppice', 'some seconds'],
    ['coppice verify-crash data.coppice --images 20000', 'longer'],
    ['coppice verify-crash data.coppice --seed 7 --json', 'again what was found with this seed'],
    ['coppice verify-crash data.coppice --in /mnt/large', 'where the folder for temporary files has no room'],
  ],
  async run(args, terminal) {
    const [path] = args.positionals
    const options = optionsOf(args)
    const began = performance.now()
    const report = await onCopy(path, folderOf(args), terminal, (copy, show) => crash(path, copy, options, show))
    const found = { path, ok: report.violation === undefined, ...report, violation: report.violation ?? null, seconds: Math.round((performance.now() - began) / 100) / 10 }
    await terminal.write(args.values.json === true ? jsonLine(found) : textOf(found, options, terminal))
    return found.ok ? EXIT.OK : EXIT.NOT_FOUND
  },
}

type Found = Omit<CrashReport, 'violation'> & { path: string; ok: boolean; violation: string | null; seconds: number }

function optionsOf({ values: { seed, images } }: Arguments): CrashOptions {
  const options = {
    seed: typeof seed === 'string' ? wholeNumber('--seed', seed) : randomInt(SEEDS),
    images: typeof images === 'string' ? wholeNumber('--images', images) : IMAGES,
  }
  if (options.seed >= SEEDS) throw new UsageError(`--seed is to be less than ${SEEDS}.`)
  if (options.images === 0) throw new UsageError('--images is to be 1 or more.')
  return options
}

function folderOf({ values }: Arguments): string {
  const folder = values.in
  if (typeof folder !== 'string') return os.tmpdir()
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder
  throw new Error(`${folder} is no folder. Give --in one that is there.`)
}

/** Shows a line of progress, in place of the one before. */
type Show = (line: (seconds: number) => string) => void

/** Copies the store into a folder of its own, which goes away whatever happens. */
async function onCopy<T>(path: string, where: string, terminal: Terminal, work: (copy: string, show: Show) => Promise<T>): Promise<T> {
  let folder: string | undefined
  let status: Status | undefined
  let copying: Running<Copied> | undefined
  const show: Show = (line) => {
    status?.end()
    status = new Status(terminal, line)
  }
  const remove = async () => {
    status?.end()
    await copying?.stop()
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true })
  }
  try {
    return await cleaningUp(remove, async () => {
      folder = temporaryFolderIn(where, 'coppice-verify-crash-')
      const copy = join(folder, 'copy')
      show((seconds) => `copying ${path} ... ${seconds} s`)
      copying = start({ kind: 'backup', path, target: copy })
      await copying.outcome
      return await work(copy, show)
    })
  } finally {
    await remove()
  }
}

async function crash(path: string, copy: string, options: CrashOptions, show: Show): Promise<CrashReport> {
  let done = 0
  show((seconds) => `power failures on a copy of ${path}: ${number(done)} of ${number(options.images)} ... ${seconds} s`)
  return await verifyCrashes(copy, options, () => done++)
}

function textOf(found: Found, { seed, images }: CrashOptions, { stdout }: Terminal): string {
  const { path, ok, violation } = found
  const { green, red } = colorsFor(stdout)
  const repeat = ['Please report this, with the seed and, if you can, the store. The store itself has not been touched.', `To repeat it: coppice verify-crash ${path} --seed ${seed} --images ${images}`]
  const lines = ok ? [`${path} ${green('survives')} every power failure that was tried.`] : [`${path} ${red('does not survive')} a power failure:`, `  ${violation}`, '', ...repeat]
  return `${[...lines, '', ...figures(found)].join('\n')}\n`
}

function figures({ seed, transactions, points, images, checked, seconds }: Found): string[] {
  const rows = [
    ['seed', String(seed), ''],
    ['transactions', number(transactions), 'in the modes sync, async and lazy'],
    ['crash points', number(points), 'in what they wrote'],
    ['images', number(images), `of the disk after a power failure, ${checked === images ? 'all' : number(checked)} checked page by page`],
    ['seconds', seconds.toFixed(1), ''],
  ]
  return columns(rows, ['left', 'right', 'left']).map((line) => `  ${line}`)
}
