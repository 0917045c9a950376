import { collect } from './collect.js'
import type { Awaitable, Sample } from './peer.js'

/** One of those that take turns. */
export interface Contestant {
  readonly name: string
  run(round: number): Awaitable<Sample>
  /** Its checksum is not that of the others: it stands for a limit, or reads something else. */
  readonly apart?: boolean
}

export interface Measured {
  name: string
  /** Operations a second, by round. */
  rates: number[]
  median: number
}

/** A ratio of medians, with the least and the greatest of one round, and what it is to be where that is promised. */
export interface Goal {
  work: string
  against: string
  /** Empty where nothing is promised. */
  goal: string
  ratio: number
  low: number
  high: number
  holds: boolean
}

export interface Race {
  title: string
  unit: string
  measured: Measured[]
}

/**
 * Lets the contestants take turns, A B C A B C: one round to warm up, then those that count. What drifts on
 * the machine meanwhile meets all of them alike. Each round's checksums must agree.
 *
 * With `rehearse`, for what reads only, each turn does its work twice, and the second time counts: what the collection before it has given
 * back to the system is in use again then, and young garbage of the first time is collected in the second, as in a program that goes on.
 */
export async function race(title: string, unit: string, contestants: readonly Contestant[], rounds: number, rehearse = false): Promise<Race> {
  const rates = contestants.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    const samples: Sample[] = []
    for (const contestant of contestants) {
      collect()
      const rehearsed = rehearse ? await contestant.run(round) : undefined
      const sample = await contestant.run(round)
      if (rehearsed !== undefined) agree(title, [contestant, contestant], [rehearsed, sample])
      samples.push(sample)
    }
    agree(title, contestants, samples)
    if (round > 0) samples.forEach(({ operations, seconds }, i) => rates[i].push(operations / seconds))
  }
  return { title, unit, measured: contestants.map(({ name }, i) => ({ name, rates: rates[i], median: median(rates[i]) })) }
}

function agree(title: string, contestants: readonly Contestant[], samples: readonly Sample[]): void {
  const first = contestants.findIndex(({ apart }) => apart !== true)
  contestants.forEach(({ name, apart }, i) => {
    if (apart === true || samples[i].checksum === samples[first].checksum) return
    throw new Error(`${title}: ${name} read something else than ${contestants[first].name} (checksums ${samples[i].checksum} and ${samples[first].checksum})`)
  })
}

/** How many times as fast `mine` is as `against`; undefined where one of them did not run. Without `least` it is to be nothing. */
export function goal({ measured }: Race, work: string, mine: string, against: string, least?: number): Goal | undefined {
  const [own, other] = [mine, against].map((name) => measured.find((entry) => entry.name === name))
  if (own === undefined || other === undefined) return undefined
  const ratios = own.rates.map((rate, i) => rate / other.rates[i])
  const ratio = own.median / other.median
  return { work, against, goal: least === undefined ? '' : `${least}x`, ratio, low: Math.min(...ratios), high: Math.max(...ratios), holds: least === undefined || ratio >= least }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
