import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { barChart, growthChart } from './chart.js'
import type { Goal, Race } from './race.js'
import type { Fact, Result } from './section.js'
import { figure } from './section.js'

/** A whole run. */
export interface Comparison {
  scale: number
  rounds: number
  versions: Record<string, string>
  skipped: string[]
  results: Record<string, Result>
}

/** Prints what a section measured, each store with its share of the limit where there is one. */
export function printResult({ races, facts, skipped }: Result): void {
  for (const { title, unit, measured, limit } of races) {
    const most = measured.find(({ name }) => name === limit)?.median
    console.log(`${title} (${unit}, median of ${measured[0].rates.length} rounds, least .. greatest)`)
    const width = Math.max(...measured.map(({ name }) => name.length))
    for (const { name, median, rates } of measured) {
      const share = most === undefined || name === limit ? '' : `  ${((100 * median) / most).toFixed(0)} % of the limit`
      console.log(`  ${name.padEnd(width)}  ${figure(median).padStart(12)}  (${figure(Math.min(...rates))} .. ${figure(Math.max(...rates))})${share}`)
    }
  }
  for (const { what, measured, beside } of facts) console.log(`${what}:\n  ${measured}${beside === undefined ? '' : `\n  ${beside}`}`)
  for (const line of skipped) console.log(`skipped: ${line}`)
}

interface Line {
  work: string
  against: string
  goal: string
  reached: string
  /** Empty where there is no goal. */
  mark: 'OK' | 'SHORT' | ''
}

/** Prints the table of all goals and of the ratios beside them, with the settings of all stores; answers how many goals are not reached. */
export function printSummary(comparison: Comparison): number {
  const results = Object.values(comparison.results)
  console.log(`\n${machine()}; scale ${comparison.scale}, ${comparison.rounds} rounds\n${Object.entries(comparison.versions).map((pair) => pair.join(' ')).join(', ')}`)
  for (const settings of settingsOf(results)) console.log(`  ${settings}`)
  const lines = results.flatMap(linesOf)
  const columns = ['work', 'against', 'goal', 'reached'] as const
  const widths = columns.map((column) => Math.max(column.length, ...lines.map((line) => line[column].length)))
  const row = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(widths[i])).join('  ')
  console.log(`\n       ${row(columns)}`)
  for (const line of lines) console.log(`${line.mark.padEnd(5)}  ${row(columns.map((column) => line[column]))}`)
  for (const line of skippedOf(comparison)) console.log(`skipped: ${line}`)
  const short = lines.filter(({ mark }) => mark === 'SHORT').length
  const reached = lines.filter(({ mark }) => mark === 'OK').length
  if (reached + short > 0) console.log(`\n${reached} of ${reached + short} goals are reached.`)
  return short
}

function linesOf({ goals, facts }: Result): Line[] {
  return [...goals.map(goalLine), ...facts.filter(({ goal }) => goal !== undefined).map(factLine)]
}

function goalLine({ work, against, goal, ratio, low, high, holds }: Goal): Line {
  const mark = goal === '' ? '' : markOf(holds)
  return { work, against, goal, reached: `${ratio.toFixed(2)} (${low.toFixed(2)} .. ${high.toFixed(2)})`, mark }
}

function factLine({ what, measured, goal, holds }: Fact): Line {
  return { work: what, against: '', goal: goal ?? '', reached: measured, mark: markOf(holds === true) }
}

function markOf(holds: boolean): Line['mark'] {
  return holds ? 'OK' : 'SHORT'
}

/** Each store's settings, and where a section has others, those too. */
function settingsOf(results: readonly Result[]): string[] {
  return [...new Set(results.flatMap(({ settings }) => Object.entries(settings).map(([name, text]) => `${name}: ${text}`)))].sort()
}

function skippedOf({ skipped, results }: Comparison): string[] {
  return [...skipped, ...Object.values(results).flatMap((result) => result.skipped)]
}

function machine(): string {
  const cpus = os.cpus()
  const load = os.loadavg().map((value) => value.toFixed(1)).join(', ')
  return `Node ${process.versions.node}, ${os.type()} ${os.release().split('-')[0]}, ${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB; load ${load}`
}

/** Writes JSON, a table in Markdown, and the charts. */
export function save(comparison: Comparison, folder: string): void {
  const { level, ...others } = comparison.results
  const results = Object.values(comparison.results)
  mkdirSync(folder, { recursive: true })
  const report = { date: new Date().toISOString().slice(0, 10), machine: machine(), ...comparison, folder: undefined, names: undefined }
  writeFileSync(join(folder, 'compare.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(folder, 'compare.md'), markdown(results.flatMap(linesOf)))
  const races = Object.values(others).flatMap((result) => result.races)
  saveBars(join(folder, 'compare.svg'), races.filter(({ title }) => !/at [\d,]+ entries$/.test(title)))
  saveBars(join(folder, 'level.svg'), level?.races ?? [])
  const curves = results.flatMap((result) => result.curves)
  if (curves.length > 0) writeFileSync(join(folder, 'growth.svg'), growthChart(curves))
  console.log(`Written to ${folder}.`)
}

function saveBars(path: string, races: readonly Race[]): void {
  if (races.length > 0) writeFileSync(path, barChart(races))
}

function markdown(lines: readonly Line[]): string {
  const rows = lines.map(({ work, against, goal, reached, mark }) => `| ${work} | ${against} | ${goal} | ${reached} | ${mark} |`)
  return ['| work | against | goal | reached | |', '|---|---|---|---|---|', ...rows, ''].join('\n')
}
