/**
 * `npm run properties`: the long run of all properties with a new seed, then the mutants, then a report of what
 * was tried. Ends with status 1 where a property failed or a mutant was caught by nothing.
 */
import { runMatrix } from './run/matrix.js'
import type { RunOptions } from './run/options.js'
import { HELP, parseOptions } from './run/options.js'
import { propertyFiles, runVitest } from './run/vitest.js'
import type { Report } from './report.js'
import { reportOf, textOf, writeReport } from './report.js'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(options: RunOptions): Promise<number> {
  const start = performance.now()
  say(`seed ${options.seed}; the same again: ${commandOf(options)}\n`)
  const run = options.histories ? await runLong(options) : undefined
  const seconds = (performance.now() - start) / 1000
  if (options.mutants) say('\nmutants:')
  const matrix = options.mutants ? await runMatrix(options.only, options.mutant, say) : undefined
  const report = reportOf({ command: commandOf(options), seed: options.seed, run, seconds, matrix })
  say(`\n${textOf(report)}`)
  if (options.report) writeReport(report)
  return isGood(report) ? 0 : 1
}

function runLong(options: RunOptions): ReturnType<typeof runVitest> {
  const environment = { COPPICE_RUN: 'long', COPPICE_SEED: String(options.seed), COPPICE_SCALE: String(options.scale), COPPICE_MUTANT: undefined, COPPICE_WORKERS: '2' }
  return runVitest({ files: propertyFiles(options.only), environment, shown: true, bail: false, limit: () => Infinity })
}

function commandOf({ seed, scale, only, histories, mutants, mutant }: RunOptions): string {
  const parts = [`--seed ${seed}`]
  if (scale !== 1) parts.push(`--scale ${scale}`)
  if (only !== undefined) parts.push(`--only ${only}`)
  if (!histories) parts.push('--no-histories')
  if (!mutants) parts.push('--no-mutants')
  if (mutant !== undefined) parts.push(`--mutant ${mutant}`)
  return `npm run properties -- ${parts.join(' ')}`
}

function isGood({ failures, mutants }: Report): boolean {
  return failures.length === 0 && (mutants === undefined || mutants.problems.length === 0)
}

/** The options, or the status to end with where there is nothing to run. */
function read(args: string[]): RunOptions | number {
  try {
    const options = parseOptions(args)
    if (options !== undefined) {
      if (propertyFiles(options.only).length === 0) throw new Error(`no property file has ${options.only} in its name`)
      return options
    }
    process.stdout.write(HELP)
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee npm run properties -- --help.\n`)
    return 2
  }
}

// What runs is ended with us: see the exit handler of run/vitest.ts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
const options = read(process.argv.slice(2))
process.exitCode = typeof options === 'number' ? options : await main(options)
