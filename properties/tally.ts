/** What a run has tried, for its report: a line of JSON for each property in the file that COPPICE_TALLY names. */
import fs from 'node:fs'

/** What a property tried: 'crash images', 'histories', 'faults'... and how many of each. */
export type Counts = Record<string, number>

export interface TallyLine {
  /** The property, as the report names it. */
  property: string
  counts: Counts
}

/** To be called once a property has held, with what it tried. */
export function tally(property: string, counts: Counts): void {
  const path = process.env.COPPICE_TALLY
  const line: TallyLine = { property, counts }
  // Test files run in several processes; a line is short enough to be appended whole.
  if (path !== undefined && path !== '') fs.appendFileSync(path, `${JSON.stringify(line)}\n`)
}
