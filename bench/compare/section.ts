import type { Goal, Race } from './race.js'

/** What a section of the comparison is told. */
export interface Context {
  /** A folder of its own, removed afterwards. */
  folder: string
  /** Share of the full amount of data. */
  scale: number
  rounds: number
  /** LMDB from C is there. */
  c: boolean
}

/** A figure that is no race. */
export interface Fact {
  what: string
  measured: string
  /** What was published of others, or a limit, beside it. */
  beside?: string
  goal?: string
  holds?: boolean
}

/** A line of a plot: what was measured at each number of entries. */
export interface Curve {
  work: string
  store: string
  unit: string
  points: [entries: number, value: number][]
}

export interface Result {
  races: (Race & { limit?: string })[]
  goals: Goal[]
  facts: Fact[]
  curves: Curve[]
  /** Settings of every store that took part. */
  settings: Record<string, string>
  /** What was left out, and why. */
  skipped: string[]
}

export type Section = (context: Context, result: Result) => Promise<void>

export function emptyResult(): Result {
  return { races: [], goals: [], facts: [], curves: [], settings: {}, skipped: [] }
}

/** Entries of the table's rows at this scale, in tens. */
export function entriesAt(scale: number, full = 500_000): number {
  return Math.max(1_000, Math.round((full * scale) / 10) * 10)
}

export function addGoals(result: Result, ...goals: (Goal | undefined)[]): void {
  for (const goal of goals) if (goal !== undefined) result.goals.push(goal)
}

/** Digits that a reader can take in. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
