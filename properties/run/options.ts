import { parseArgs } from 'node:util'

export interface RunOptions {
  /** Where every random choice comes from. */
  seed: number
  /** Multiplies how much each property tries. */
  scale: number
  /** Part of the names of the property files to run. */
  only: string | undefined
  histories: boolean
  mutants: boolean
  /** Part of the names of the mutants to try. */
  mutant: string | undefined
  report: boolean
}

export const HELP = `npm run properties -- [options]

  --seed N          seed of all random choices; a new one each time otherwise
  --scale X         try X times as much, e.g. 0.1
  --only TEXT       property files with this in their name
  --no-histories    leave out the long run, try the mutants only
  --no-mutants      leave out the mutants
  --mutant TEXT     mutants with this in their name
  --report          write properties/results/histories.md and mutants.md, and both as JSON
  --help            show this
`

/** Reads the command line; throws an Error that says what is wrong with it, undefined stands for a call for help. */
export function parseOptions(args: string[]): RunOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      scale: { type: 'string', default: '1' },
      only: { type: 'string' },
      'no-histories': { type: 'boolean', default: false },
      'no-mutants': { type: 'boolean', default: false },
      mutant: { type: 'string' },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const part = values.only ?? values.mutant ?? (values.scale === '1' ? undefined : values.scale)
  if (values.report && part !== undefined) throw new Error('--report is for whole runs: it would put a part of one in the place of all')
  return {
    seed: seedOf(values.seed),
    scale: scaleOf(values.scale),
    only: values.only,
    histories: !values['no-histories'],
    mutants: !values['no-mutants'],
    mutant: values.mutant,
    report: values.report,
  }
}

function seedOf(text: string | undefined): number {
  if (text === undefined) return Date.now() % 2 ** 31
  if (!/^-?\d{1,10}$/.test(text) || (Number(text) | 0) !== Number(text)) throw new Error(`--seed takes a whole number of 32 bits, not ${text}`)
  return Number(text)
}

function scaleOf(text: string): number {
  const scale = Number(text)
  if (text.trim() === '' || !(scale > 0 && scale <= 1000)) throw new Error(`--scale takes a number above 0 and up to 1000, not ${text}`)
  return scale
}
