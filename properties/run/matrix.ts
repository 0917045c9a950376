/**
 * Which property notices which deliberate fault: every mutant against the short run of every property file,
 * with the seed of `npm test`, and first of all the source without any fault, which has to pass.
 *
 * A mutant is caught where a test fails, a file's process dies, or a file does not end twice: once alone may be
 * a busy machine. A file that could not be loaded has caught nothing. What nothing catches in a part of the short
 * run is tried in the whole of it.
 */
import { MUTANTS } from '../mutants/index.js'
import type { Mutant } from '../mutants/mutant.js'
import type { Run } from './vitest.js'
import { propertyFiles, runVitest } from './vitest.js'

/** How much of the short run each mutant gets at first. */
const SHARE = 0.25
/** Seconds after which a mutant that was caught is not tried on further files. */
const PATIENCE = 600
const WORKERS = 2

/** Property files that look at the mutants and not at the engine. */
const OTHERS = ['properties/mutants.test.ts']

export type Verdict = 'passed' | 'failed' | 'hung' | 'died' | 'broken'

/** By property file; one that was not tried has none. */
type Verdicts = Partial<Record<string, Verdict>>

export interface MutantRow {
  name: string
  breaks: string
  seconds: number
  verdicts: Verdicts
  caught: boolean
}

export interface Matrix {
  files: string[]
  rows: MutantRow[]
  seconds: number
  /** Property files that fail without any mutant, and so can tell nothing. */
  unsound: string[]
}

/** How much is tried, and how long a file may take. */
interface Effort {
  scale: number
  bail: boolean
  limit(file: string): number
}

/** What the runner is told while it waits. */
export interface Watcher {
  say(line: string): void
  /** The matrix as far as it has come. */
  progress(matrix: Matrix): void
}

/** A new list of the mutants with this in their names. */
export function mutantsNamed(part = ''): Mutant[] {
  return MUTANTS.filter(({ name }) => name.includes(part))
}

export async function runMatrix(only: string | undefined, mutant: string | undefined, { say, progress }: Watcher): Promise<Matrix> {
  const start = performance.now()
  const seconds = (): number => (performance.now() - start) / 1000
  const all = propertyFiles(only).filter((file) => !OTHERS.includes(file))
  const base = await tryOn(undefined, all, { scale: SHARE, bail: false, limit: () => Infinity })
  const usual = new Map(base.results.map((result) => [result.file, result.seconds]))
  const unsound = all.filter((file) => base.verdicts[file] !== 'passed')
  const files = all.filter((file) => !unsound.includes(file))
  const rows: MutantRow[] = []
  const soFar = (): Matrix => ({ files, rows: [...rows].sort((a, b) => position(a) - position(b)), seconds: seconds(), unsound })
  const waiting = mutantsNamed(mutant)
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const row = await rowOf(next, files, { scale: SHARE, bail: seconds() > PATIENCE, limit: (file) => 30 + 10 * (usual.get(file) ?? 0) })
      rows.push(row)
      progress(soFar())
      say(`${row.caught ? 'caught    ' : 'NOT CAUGHT'} ${row.name} (${row.seconds.toFixed(0)} s): ${catchers(row).join(', ')}`)
    }
  }))
  return soFar()
}

function position(row: MutantRow): number {
  return MUTANTS.findIndex(({ name }) => name === row.name)
}

function isCaught(verdicts: Verdicts): boolean {
  return Object.values(verdicts).some((verdict) => verdict === 'failed' || verdict === 'hung' || verdict === 'died')
}

/** The files that a mutant did not pass, and how. */
function catchers(row: MutantRow): string[] {
  return Object.entries(row.verdicts).flatMap(([file, verdict]) => (verdict === 'passed' ? [] : [`${shortName(file)} ${verdict}`]))
}

export function shortName(file: string): string {
  return file.replace(/^properties\/|\.test\.ts$/g, '')
}

async function rowOf(mutant: Mutant, files: readonly string[], effort: Effort): Promise<MutantRow> {
  const start = performance.now()
  let { verdicts } = await tryOn(mutant, files, effort)
  if (!isCaught(verdicts)) verdicts = (await tryOn(mutant, files, { scale: 1, bail: true, limit: (file) => effort.limit(file) / SHARE })).verdicts
  return { name: mutant.name, breaks: mutant.breaks, seconds: (performance.now() - start) / 1000, verdicts, caught: isCaught(verdicts) }
}

/** Runs the files, one after the other; one that hangs or dies does not keep the others from their turn, and one that hangs has a second try after them. */
async function tryOn(mutant: Mutant | undefined, files: readonly string[], { scale, bail, limit }: Effort): Promise<{ verdicts: Verdicts; results: Run['results'] }> {
  const verdicts: Verdicts = {}
  const results: Run['results'] = []
  const environment = { COPPICE_RUN: undefined, COPPICE_SEED: undefined, COPPICE_SCALE: String(scale), COPPICE_MUTANT: mutant?.name, COPPICE_WORKERS: '1' }
  const hung = new Set<string>()
  const untried = (): string[] => files.filter((file) => !(file in verdicts) && !hung.has(file))
  const untold = (): string[] => files.filter((file) => !(file in verdicts))
  for (let left = [...files]; left.length > 0; left = untried().length > 0 ? untried() : untold()) {
    const run = await runVitest({ files: left, environment, shown: false, bail, limit })
    results.push(...run.results)
    for (const { file, failures, broken } of run.results) verdicts[file] = failures.length > 0 ? 'failed' : broken === undefined ? 'passed' : 'broken'
    if (run.hung !== undefined && hung.has(run.hung)) verdicts[run.hung] = 'hung'
    else if (run.hung !== undefined) hung.add(run.hung)
    if (run.died !== undefined) verdicts[run.died] = 'died'
    if (bail && isCaught(verdicts)) break
    // Nothing began at all: vitest itself could not start.
    if (run.hung === undefined && left.every((file) => !(file in verdicts))) for (const file of left) verdicts[file] = 'broken'
  }
  return { verdicts, results }
}
