import { RUN } from './layout.js'

/** A run of pages that a free delta speaks of: from now on free, or from now on taken. */
export interface Run {
  start: number
  length: number
  freed: boolean
}

/** Writes runs[from..to) at byte `at`. */
export function writeRuns(view: DataView, at: number, runs: readonly Run[], from: number, to: number): void {
  for (let i = from; i < to; i++, at += RUN.SIZE) {
    view.setUint32(at + RUN.START, runs[i].start, true)
    view.setUint32(at + RUN.LENGTH, runs[i].freed ? (runs[i].length | RUN.FREED) >>> 0 : runs[i].length, true)
  }
}

export function readRuns(view: DataView, at: number, count: number): Run[] {
  const runs: Run[] = []
  for (let i = 0; i < count; i++, at += RUN.SIZE) {
    const length = view.getUint32(at + RUN.LENGTH, true)
    runs.push({ start: view.getUint32(at + RUN.START, true), length: (length & ~RUN.FREED) >>> 0, freed: (length & RUN.FREED) !== 0 })
  }
  return runs
}
