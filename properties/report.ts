/** What a run of the properties has tried, as text and as data. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { shortName } from './run/matrix.js'
import type { Matrix, MutantRow, Verdict } from './run/matrix.js'
import type { Run } from './run/vitest.js'
import { ROOT } from './run/vitest.js'
import type { Counts } from './tally.js'

/** Where a report comes from. */
export interface Origin {
  command: string
  date: string
  node: string
  platform: string
  /** What was tried: the commit, by the first letters of its hash, and whether anything was changed since. */
  source: string | undefined
  /** True where the run was ended from outside: what had not ended by then is not in it. */
  interrupted: boolean
}

export interface Histories {
  seed: number
  /** Seconds of the long run. */
  seconds: number
  totals: Counts
  tests: { passed: number; failed: number; skipped: number }
  files: { file: string; tests: number; failed: number; seconds: number }[]
  properties: { property: string; counts: Counts }[]
  /** What failed, in words. */
  failures: string[]
}

export interface Mutants {
  files: string[]
  rows: MutantRow[]
  seconds: number
  problems: string[]
}

/** What a run has, and all that it was to have where it was not interrupted. */
export interface Report {
  origin: Origin
  histories: Histories | undefined
  mutants: Mutants | undefined
}

export interface Ran {
  command: string
  seed: number
  run: Run | undefined
  seconds: number
  matrix: Matrix | undefined
  source: string | undefined
  interrupted: boolean
}

/** The commit that the working folder is at, where git knows. */
export function sourceOf(): string | undefined {
  const git = (...parts: string[]): string => execFileSync('git', parts, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const commit = git('rev-parse', '--short', 'HEAD')
    return git('status', '--porcelain') === '' ? commit : `${commit} with changes that are not committed`
  } catch {
    return undefined
  }
}

export function reportOf({ command, seed, run, seconds, matrix, source, interrupted }: Ran): Report {
  const platform = `${process.platform} ${process.arch}, ${os.availableParallelism()} cores`
  return {
    origin: { command, date: new Date().toISOString().slice(0, 10), node: process.version, platform, source, interrupted },
    histories: run && historiesOf(run, seed, seconds),
    mutants: matrix && { files: matrix.files, rows: matrix.rows, seconds: Math.round(matrix.seconds), problems: problemsOf(matrix) },
  }
}

function historiesOf(run: Run, seed: number, seconds: number): Histories {
  const results = [...run.results].sort((a, b) => (a.file < b.file ? -1 : 1))
  const failed = results.reduce((sum, { failures }) => sum + failures.length, 0)
  const skipped = results.reduce((sum, result) => sum + result.skipped, 0)
  const tests = results.reduce((sum, result) => sum + result.tests, 0)
  const properties = sumByProperty(run)
  return {
    seed,
    seconds: Math.round(seconds),
    totals: properties.reduce((totals, { counts }) => added(totals, counts), {}),
    tests: { passed: tests - failed - skipped, failed, skipped },
    files: results.map(({ file, tests, failures, seconds }) => ({ file, tests, failed: failures.length, seconds: Math.round(seconds) })),
    properties,
    failures: failuresOf(run),
  }
}

function sumByProperty(run: Run): { property: string; counts: Counts }[] {
  const sums = new Map<string, Counts>()
  for (const { property, counts } of run.tally) sums.set(property, added(sums.get(property) ?? {}, counts))
  return [...sums].map(([property, counts]) => ({ property, counts })).sort((a, b) => (a.property < b.property ? -1 : 1))
}

function added(one: Counts, other: Counts): Counts {
  const sum = { ...one }
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

function failuresOf(run: Run): string[] {
  const failures = run.results.flatMap(({ file, failures, broken }) => [
    ...failures.map(({ test, message }) => `${file}: ${test}\n${message}`),
    ...(broken === undefined ? [] : [`${file} could not be run: ${broken}`]),
  ])
  if (run.died !== undefined) failures.push(`${run.died}: its process ended before it had`)
  if (failures.length === 0 && run.exitCode !== 0) failures.push(`vitest ended with status ${run.exitCode}`)
  return failures
}

function problemsOf({ rows, unsound }: Matrix): string[] {
  return [
    ...unsound.map((file) => `${file} does not pass without any mutant, so no mutant was tried on it`),
    ...rows.filter(({ caught }) => !caught).map(({ name, breaks }) => `no property catches ${name}: ${breaks}`),
    ...rows.flatMap(({ name, verdicts }) => Object.entries(verdicts).flatMap(([file, verdict]) => (verdict === 'broken' ? [`${file} could not be run under ${name}`] : []))),
  ]
}

/** Whether every property passed and every mutant was caught. */
export function isGood({ histories, mutants }: Report): boolean {
  return (histories === undefined || histories.failures.length === 0) && (mutants === undefined || mutants.problems.length === 0)
}

// As text.

/** The report in Markdown. */
export function textOf({ origin, histories, mutants }: Report): string {
  const { command, date, node, platform, source, interrupted } = origin
  return [
    '# What the properties tried',
    '',
    `${date}, ${source === undefined ? '' : `commit ${source}, `}Node ${node}, ${platform}. Repeated by \`${command}\`.`,
    '',
    ...(interrupted ? ['The run was interrupted; this is what had ended by then.', ''] : []),
    ...(histories === undefined ? [] : historiesText(histories)),
    ...(mutants === undefined ? [] : mutantsText(mutants)),
  ].join('\n')
}

function historiesText({ seconds, tests, failures, files, properties, totals }: Histories): string[] {
  return [
    `${tests.passed} tests passed, ${tests.failed} failed, ${tests.skipped} passed over; ${duration(seconds)}.`,
    '',
    ...table(['tried', 'how many'], Object.entries(totals).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => [name, number(count)])),
    '## By property',
    '',
    ...table(['property', 'tried'], properties.map(({ property, counts }) => [property, countsText(counts)])),
    '## By file',
    '',
    ...table(['file', 'tests', 'failed', 'time'], files.map((row) => [row.file, number(row.tests), number(row.failed), duration(row.seconds)])),
    ...failures.flatMap((failure) => ['## Failed', '', '```', failure, '```', '']),
  ]
}

const SIGNS: Record<Verdict, string> = { passed: '-', failed: 'x', hung: 'hangs', died: 'dies', broken: '?' }

function mutantsText({ files, rows, seconds, problems }: Mutants): string[] {
  const caught = rows.filter((row) => row.caught).length
  return [
    '## Deliberate faults in the engine',
    '',
    `${caught} of ${rows.length} were caught, in ${duration(seconds)}. x: a test of the property file fails in its short run; hangs: it does not end, twice; dies: its process ends; -: it passes; nothing: not tried, as others had caught it.`,
    '',
    ...table(['mutant', ...files.map(shortName)], rows.map(({ name, verdicts }) => [name, ...files.map((file) => signOf(verdicts[file]))])),
    ...table(['mutant', 'what it breaks'], rows.map(({ name, breaks }) => [name, breaks])),
    ...problems.map((problem) => `- ${problem}`),
    '',
  ]
}

function signOf(verdict: Verdict | undefined): string {
  return verdict === undefined ? '' : SIGNS[verdict]
}

function table(heads: string[], rows: string[][]): string[] {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), '']
}

function countsText(counts: Counts): string {
  return Object.entries(counts).map(([name, count]) => `${number(count)} ${name}`).join(', ')
}

function number(count: number): string {
  return count.toLocaleString('en')
}

function duration(seconds: number): string {
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`
}

/**
 * Keeps the report beside the properties, for the README to cite: histories and mutants each in files of their own, as either may
 * have been run again alone.
 */
export function writeReport({ origin, histories, mutants }: Report): void {
  // The mutants come after the histories, and so nothing of these is missing where there is one of those.
  const interrupted = origin.interrupted && mutants === undefined
  if (histories !== undefined) writeAs('histories', { origin: { ...origin, interrupted }, histories, mutants: undefined })
  if (mutants !== undefined) writeAs('mutants', { origin, histories: undefined, mutants })
}

function writeAs(name: string, report: Report): void {
  const folder = join(ROOT, 'properties/results')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(join(folder, `${name}.md`), textOf(report))
  fs.writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(report, undefined, 2)}\n`)
}
