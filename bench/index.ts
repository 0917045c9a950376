/**
 * The figures that the engine promises, measured: `npm run bench`. `--scale 0.1` runs the large ones with a
 * tenth of the data, which shows the way but not the figure. `npm run bench -- micro` runs the micro suites.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bigTransaction } from './big-transaction.js'
import { durableCommits } from './durable-commits.js'
import { fill } from './fill.js'
import { micro } from './micro.js'
import { openTime } from './open-time.js'
import { ordinals } from './ordinals.js'
import { streams } from './streams.js'

/** One promised figure with what was measured. */
export interface Figure {
  what: string
  goal: string
  measured: string
  holds: boolean
}

/** Measures figures in a folder of its own, with this share of the full amount of data. */
export type Measurement = (folder: string, scale: number) => Promise<Figure[]> | Figure[]

const measurements: Record<string, Measurement> = {
  'big-transaction': bigTransaction,
  fill,
  'durable-commits': durableCommits,
  ordinals,
  'open-time': openTime,
  streams,
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { scale: { type: 'string', default: '1' } } })
  const scale = Number(values.scale)
  const wanted = positionals.length === 0 ? Object.keys(measurements) : positionals
  const figures: Figure[] = []
  for (const name of wanted) {
    if (name === 'micro') {
      await micro()
      continue
    }
    const measure = measurements[name]
    if (measure === undefined || !(scale > 0)) {
      console.error(`There is no measurement "${name}". Known are ${Object.keys(measurements).join(', ')}, micro; --scale takes a number above 0.`)
      process.exitCode = 1
      return
    }
    const folder = mkdtempSync(join(tmpdir(), 'coppice-bench-'))
    console.log(`${name} ...`)
    try {
      figures.push(...(await measure(folder, scale)))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  print(figures)
}

function print(figures: Figure[]): void {
  const width = (field: 'what' | 'goal') => Math.max(...figures.map((figure) => figure[field].length))
  for (const { what, goal, measured, holds } of figures) {
    console.log(`${holds ? 'ok   ' : 'SHORT'} ${what.padEnd(width('what'))}  ${goal.padEnd(width('goal'))}  ${measured}`)
  }
  if (figures.some(({ holds }) => !holds)) process.exitCode = 1
}

await main()
