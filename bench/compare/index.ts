/**
 * coppice beside other stores, on this machine: `npm run bench:compare`. Prints each row as it comes and the
 * whole table at the end, and writes it to bench/results as JSON and charts. Ends with status 1 where a goal
 * is not reached. `--help` names the options.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { prepare, versions } from './prepare.js'
import { printResult, printSummary, save } from './report.js'
import { ROOT } from './require.js'
import type { Context, Result } from './section.js'
import { sections } from './sections.js'

const HELP = `npm run bench:compare -- [options]

  --scale <share>    that share of the data, 1 for all of it (default 1)
  --rounds <number>  rounds that count, after one to warm up (default 5)
  --only <section>   this section alone; may be given several times
  --no-<section>     without this section
  --folder <path>    where the stores are made (default: dist, as temporary folders may lie in memory)
  --results <path>   where JSON and charts go (default: bench/results)

Sections: ${Object.keys(sections).join(', ')}.
`

interface Settings {
  scale: number
  rounds: number
  names: string[]
  folder: string
  results: string
}

function readArguments(): Settings | undefined {
  const off = Object.fromEntries(Object.keys(sections).map((name) => [`no-${name}`, { type: 'boolean' as const }]))
  const { values } = parseArgs({
    options: {
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', multiple: true, default: [] },
      folder: { type: 'string', default: join(ROOT, 'dist') },
      results: { type: 'string', default: join(ROOT, 'bench/results') },
      help: { type: 'boolean', default: false },
      ...off,
    },
  })
  const all = values as Record<string, unknown>
  const only = values.only as string[]
  const unknown = only.filter((name) => sections[name] === undefined)
  const scale = Number(values.scale)
  const rounds = Number(values.rounds)
  if (unknown.length > 0 || !(scale > 0) || !(rounds >= 1)) throw new Error(unknown.length > 0 ? `There is no section "${unknown.join('", "')}".` : '--scale and --rounds take numbers above 0.')
  if (values.help === true) return undefined
  const names = Object.keys(sections).filter((name) => (only.length === 0 || only.includes(name)) && all[`no-${name}`] !== true)
  return { scale, rounds, names, folder: values.folder as string, results: values.results as string }
}

async function main(): Promise<void> {
  let settings: Settings | undefined
  try {
    settings = readArguments()
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
    process.exitCode = 2
    return
  }
  if (settings === undefined) {
    console.log(HELP)
    return
  }
  const withoutC = prepare()
  const results: Record<string, Result> = {}
  for (const name of settings.names) {
    const folder = mkdtempSync(join(settings.folder, 'coppice-compare-'))
    console.log(`\n== ${name}`)
    try {
      results[name] = await runSection(name, { folder, scale: settings.scale, rounds: settings.rounds, c: withoutC === undefined })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    printResult(results[name])
  }
  const skipped = withoutC === undefined ? [] : [`every row against LMDB from C: ${withoutC}`]
  const all = { ...settings, versions: versions(), skipped, results }
  const short = printSummary(all)
  save(all, settings.results)
  if (short > 0) process.exitCode = 1
}

async function runSection(name: string, context: Context): Promise<Result> {
  const child = fork(fileURLToPath(new URL('child.js', import.meta.url)), [name, JSON.stringify(context)], { execArgv: ['--expose-gc'] })
  let result: Result | undefined
  child.on('message', (message) => (result = message as Result))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (result === undefined) throw new Error(`the section "${name}" ended with ${String(code)} and no result`)
  return result
}

await main()
