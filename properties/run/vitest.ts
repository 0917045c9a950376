/** Runs property files in a vitest of its own, and reads what came of them. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TallyLine } from '../tally.js'
import type { FileResult, ResultLine } from './results.js'

/** The top of the project, seen from where this stands once it is built. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface RunPlan {
  files: readonly string[]
  /** What the properties read of their environment. */
  environment: Record<string, string | undefined>
  /** Whether what vitest says goes to the terminal. */
  shown: boolean
  /** Whether the first failure ends the run. */
  bail: boolean
  /** Seconds after which a file that has not ended counts as hanging. */
  limit(file: string): number
  /** Told now and then how far the run has come. */
  progress?(soFar: Run): void
}

export interface Run {
  results: FileResult[]
  tally: TallyLine[]
  /** The file that was under way when the run was ended, as it took too long. */
  hung: string | undefined
  /** The file whose process ended under it. */
  died: string | undefined
  exitCode: number
}

/** What a run that is ended early would leave behind. */
const running = new Set<ChildProcess>()
const folders = new Set<string>()

process.on('exit', () => {
  running.forEach(kill)
  folders.forEach(remove)
})

function remove(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

/** With all that it started: a fork in an endless loop outlives its parent otherwise. */
function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch {
    // It has ended by now.
  }
}

/** Names of all property files. */
export function propertyFiles(only: string | undefined): string[] {
  return fs
    .readdirSync(join(ROOT, 'properties'), { recursive: true, encoding: 'utf8' })
    .map((name) => `properties/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.test.ts') && name.includes(only ?? ''))
    .sort()
}

export async function runVitest(plan: RunPlan): Promise<Run> {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-properties-'))
  folders.add(folder)
  try {
    return await runIn(folder, plan)
  } finally {
    remove(folder)
  }
}

async function runIn(folder: string, plan: RunPlan): Promise<Run> {
  const environment = { ...process.env, ...plan.environment, COPPICE_RESULTS: join(folder, 'results'), COPPICE_TALLY: join(folder, 'tally') }
  const reporters = ['./properties/run/reporter.ts', ...(plan.shown ? ['default'] : [])].map((name) => `--reporter=${name}`)
  const parts = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'properties/run/config.ts', ...reporters, ...(plan.bail ? ['--bail=1'] : []), ...plan.files]
  const child = spawn(process.execPath, parts, { cwd: ROOT, env: environment, stdio: plan.shown ? 'inherit' : 'ignore', detached: process.platform !== 'win32' })
  running.add(child)
  const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  const hung = await watch(folder, plan, exit)
  kill(child)
  const exitCode = await exit
  running.delete(child)
  const { ended, began } = read(join(folder, 'results'))
  const unfinished = began.find((file) => !ended.some((result) => result.file === file))
  return { results: ended, tally: tallyIn(folder), hung, died: hung === undefined ? unfinished : undefined, exitCode }
}

/** Waits for the end; answers the file that takes longer than it may, if there is one. */
async function watch(folder: string, plan: RunPlan, exit: Promise<number>): Promise<string | undefined> {
  const seen = new Map<string, number>()
  const over = exit.then(() => true)
  while (!(await Promise.race([over, setTimeout(500, false, { ref: false })]))) {
    const { ended, began } = read(join(folder, 'results'))
    plan.progress?.({ results: ended, tally: tallyIn(folder), hung: undefined, died: undefined, exitCode: 0 })
    for (const file of began) {
      if (!seen.has(file)) seen.set(file, performance.now())
      const seconds = (performance.now() - (seen.get(file) ?? 0)) / 1000
      if (seconds > plan.limit(file) && !ended.some((result) => result.file === file)) return file
    }
  }
  return undefined
}

function read(path: string): { began: string[]; ended: FileResult[] } {
  const lines = linesOf<ResultLine>(path)
  return {
    began: lines.flatMap((line) => ('began' in line ? [line.began] : [])),
    ended: lines.flatMap((line) => ('ended' in line ? [line.ended] : [])),
  }
}

function tallyIn(folder: string): TallyLine[] {
  return linesOf<TallyLine>(join(folder, 'tally'))
}

function linesOf<T>(path: string): T[] {
  if (!fs.existsSync(path)) return []
  // What follows the last line end is still being written.
  return fs.readFileSync(path, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as T)
}
