/**
 * `npm run properties`: the long run of all properties with a new seed, then the mutants, then a report of what
 * was tried, also where the run is interrupted. Ends with status 1 where a property failed or a mutant was caught by nothing.
 */
import { mutantsNamed, runMatrix } from './run/matrix.js'
import type { RunOptions } from './run/options.js'
import { HELP, parseOptions } from './run/options.js'
import { propertyFiles, runVitest } from './run/vitest.js'
import type { Run } from './run/vitest.js'
import type { Ran, Report } from './report.js'
import { isGood, reportOf, sourceOf, textOf, writeReport } from './report.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(options: RunOptions): Promise<number> {
  const start = performance.now()
  const ran: Ran = { command: commandOf(options), seed: options.seed, source: sourceOf(), run: undefined, seconds: 0, matrix: undefined, interrupted: false }
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      tell({ ...ran, interrupted: true }, options)
      // What runs is ended with us: see the exit handler of run/vitest.ts.
      process.exit(130)
    })
  }
  say(`seed ${options.seed}; the same again: ${commandOf(options)}\n`)
  const progress = (soFar: Run): void => {
    ran.run = soFar
    ran.seconds = (performance.now() - start) / 1000
  }
  if (options.histories) progress(await runLong(options, progress))
  if (options.mutants) {
    say('\nmutants:')
    ran.matrix = await runMatrix(options.only, options.mutant, { say, progress: (soFar) => { ran.matrix = soFar } })
  }
  return isGood(tell(ran, options)) ? 0 : 1
}

function tell(ran: Ran, options: RunOptions): Report {
  const report = reportOf(ran)
  say(`\n${textOf(report)}`)
  if (options.report) writeReport(report)
  return report
}

function runLong(options: RunOptions, progress: (soFar: Run) => void): Promise<Run> {
  const environment = { COPPICE_RUN: 'long', COPPICE_SEED: String(options.seed), COPPICE_SCALE: String(options.scale), COPPICE_MUTANT: undefined, COPPICE_WORKERS: '2' }
  return runVitest({ files: propertyFiles(options.only), environment, shown: true, bail: false, limit: () => Infinity, progress })
}

function commandOf({ seed, scale, only, histories, mutants, mutant }: RunOptions): string {
  const parts = histories ? [`--seed ${seed}`] : []
  if (scale !== 1) parts.push(`--scale ${scale}`)
  if (only !== undefined) parts.push(`--only ${only}`)
  if (!histories) parts.push('--no-histories')
  if (!mutants) parts.push('--no-mutants')
  if (mutant !== undefined) parts.push(`--mutant ${mutant}`)
  return `npm run properties -- ${parts.join(' ')}`
}

/** The options, or the status to end with where there is nothing to run. */
function read(args: string[]): RunOptions | number {
  try {
    const options = parseOptions(args)
    if (options !== undefined) {
      if (propertyFiles(options.only).length === 0) throw new Error(`no property file has ${options.only} in its name`)
      if (options.mutants && mutantsNamed(options.mutant).length === 0) throw new Error(`no mutant has ${options.mutant} in its name`)
      return options
    }
    process.stdout.write(HELP)
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee npm run properties -- --help.\n`)
    return 2
  }
}

const options = read(process.argv.slice(2))
process.exitCode = typeof options === 'number' ? options : await main(options)
