/**
 * How much the properties try, and with which seed.
 *
 * `npm test` runs them short and with the same seed every time; `npm run properties` runs them long, with a new
 * seed that it prints. COPPICE_SEED chooses the seed of either.
 */

/** True in the long run. */
export const LONG = process.env.COPPICE_RUN === 'long'

/** Where every random choice comes from. */
export const SEED = Number(process.env.COPPICE_SEED ?? 20261121)

/** Milliseconds that a test may take. With a deliberate fault the runner of the mutants decides what hangs. */
export const TIMEOUT = LONG || process.env.COPPICE_MUTANT !== undefined ? 3_600_000 : 120_000

/** Of the short and the long number of runs the one that is meant; COPPICE_SCALE makes either larger or smaller. */
export function runs(short: number, long: number): number {
  return Math.max(1, Math.round((LONG ? long : short) * Number(process.env.COPPICE_SCALE ?? 1)))
}

/**
 * What every property is checked with. A failure is shrunk for no longer than leaves time to report it, and under
 * a deliberate fault not at all: there it is enough to know that there is one.
 */
export const LIMITS = {
  seed: SEED,
  interruptAfterTimeLimit: 0.9 * TIMEOUT,
  markInterruptAsFailure: true,
  endOnFailure: process.env.COPPICE_MUTANT !== undefined,
}
