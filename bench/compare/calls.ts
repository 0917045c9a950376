/** System calls that commits and reads make on the store's file, counted with strace. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './race.js'
import type { Context, Result } from './section.js'

export const MARK = '/coppice-benchmark-mark'
const PAGE = 4096
const CALLS = 4

/** What one piece of work did to the file, between two marks. */
interface Step {
  writes: number
  pages: number
  syncs: number
  reads: number
}

export async function calls({ folder, scale }: Context, result: Result): Promise<void> {
  if (spawnSync('strace', ['-V']).status !== 0) {
    result.skipped.push('system calls: strace is missing (on Debian: apt install strace)')
    return
  }
  // strace names files by their whole paths.
  const store = resolve(folder, 'store')
  const script = fileURLToPath(new URL('calls-child.js', import.meta.url))
  // Each thread has a file of its own, so that no line is torn by another thread's.
  const child = spawnSync('strace', ['-f', '-ff', '-y', '-e', 'trace=%file,%desc', '-o', join(folder, 'trace'), process.execPath, script, store, String(scale)], { encoding: 'utf8' })
  if (child.status !== 0) {
    result.skipped.push(`system calls: strace cannot trace here: ${child.stderr.trim().split('\n').pop() ?? ''}`)
    return
  }
  const { depth, commits, reads } = JSON.parse(child.stdout) as { depth: number; commits: number; reads: number }
  const traces = readdirSync(folder).filter((name) => name.startsWith('trace.')).map((name) => readFileSync(join(folder, name), 'utf8'))
  const main = traces.find((text) => text.includes(MARK))
  if (main === undefined) throw new Error('the marks are in no trace')
  const steps = stepsOf(main, store)
  if (steps.length !== commits + 1) throw new Error(`${steps.length} steps were traced in place of ${commits + 1}`)
  report(result, depth, steps.slice(0, commits), steps[commits], reads)
  await Promise.resolve()
}

function report(result: Result, depth: number, commits: readonly Step[], reading: Step, reads: number): void {
  const most = (of: (step: Step) => number): number => Math.max(...commits.map(of))
  const line = (of: (step: Step) => number): string => `${median(commits.map(of))}, at most ${most(of)}`
  const what = `durable one-put commit (depth ${depth}, ${commits.length} commits)`
  result.facts.push(
    { what: `${what}: pages written`, measured: line(({ pages }) => pages), goal: `at most ${depth + 1}`, holds: most(({ pages }) => pages) <= depth + 1 },
    { what: `${what}: calls that write`, measured: line(({ writes }) => writes), goal: `at most ${CALLS}`, holds: most(({ writes }) => writes) <= CALLS },
    { what: `${what}: syncs`, measured: line(({ syncs }) => syncs), goal: '1', holds: commits.every(({ syncs }) => syncs === 1) },
    {
      what: `${reads.toLocaleString('en')} gets: calls on the file`,
      measured: String(reading.reads + reading.writes + reading.syncs),
      goal: 'none',
      holds: reading.reads + reading.writes + reading.syncs === 0,
    },
  )
}

/** What was done to `store` between each mark and the next. */
function stepsOf(trace: string, store: string): Step[] {
  const steps: Step[] = []
  for (const line of trace.split('\n')) {
    if (line.includes(MARK)) {
      steps.push({ writes: 0, pages: 0, syncs: 0, reads: 0 })
      continue
    }
    const step = steps.at(-1)
    if (step === undefined || !line.includes(`<${store}>`)) continue
    if (/^(pwrite|write)/.test(line)) {
      step.writes++
      step.pages += Number(/= (\d+)$/.exec(line)?.[1] ?? 0) / PAGE
    } else if (/^(fdatasync|fsync|sync_file_range)/.test(line)) step.syncs++
    else step.reads++
  }
  // The last mark ends the last step.
  return steps.slice(0, -1)
}
