/** A bar of progress on `stderr`, with rate and time left, where that is a terminal. */
import cliProgress from 'cli-progress'
import type { Terminal } from '../command.js'
import { counted, jsonLine, number } from '../format.js'

/** Goes on with the work, and is ended with it. */
export interface Progress {
  /** `done` counts towards the total, `entries` is what is shown. */
  update(done: number, entries: number): void
  end(): void
}

const QUIET: Progress = { update: () => undefined, end: () => undefined }

/** Begins to show progress; `total` is undefined where nobody knows how much will come. */
export function startProgress(terminal: Terminal, shown: boolean, total: number | undefined): Progress {
  if (!shown || !terminal.interactive) return QUIET
  const began = performance.now()
  const format = total === undefined ? '{entries} entries, {rate}/s, {duration_formatted}' : '{bar} {percentage}% | {entries} entries, {rate}/s | {eta_formatted} left'
  const bar = new cliProgress.SingleBar({ format, formatTime: timeOf, stream: terminal.stderr, clearOnComplete: true, etaBuffer: 50, fps: 5, barsize: 24 }, cliProgress.Presets.shades_classic)
  bar.start(Math.max(total ?? 1, 1), 0, { entries: '0', rate: '0' })
  return {
    update(done, entries) {
      bar.update(total === undefined ? 0 : Math.min(done, total), { entries: number(entries), rate: rateOf(entries, began) })
    },
    end: () => bar.stop(),
  }
}

/** The library gives the time left in letters where it does not know it yet. */
function timeOf(seconds: number, options: cliProgress.Options, step: number): string {
  return Number.isFinite(seconds) ? cliProgress.Format.TimeFormat(seconds, options, step) : '?'
}

function rateOf(entries: number, began: number): string {
  return number(Math.round(entries / Math.max(0.001, secondsSince(began))))
}

/** Such as `1,000 entries in 0.5 s, 2,000/s`. */
export function throughput(entries: number, began: number): string {
  return `${counted(entries, 'entry', 'entries')} in ${secondsSince(began).toFixed(1)} s, ${rateOf(entries, began)}/s`
}

/** The same for other programs. */
export function throughputJson(entries: number, began: number): string {
  return jsonLine({ entries, seconds: Number(secondsSince(began).toFixed(3)) })
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000
}
