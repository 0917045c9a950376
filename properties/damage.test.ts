/**
 * Damage: files that were valid are damaged in every way there is, opened in a process of their own, read,
 * checked, written to, copied, closed and opened again.
 *
 * 1. Where checksums tell the damage, every answer is right or an error of damage (COPPICE_CORRUPT, and
 *    COPPICE_NOT_A_DATABASE or COPPICE_VERSION when opened): I1, I3, I5, I6, I7, I9, I12, I16, I20 and I25.
 * 2. No commit is passed over that a meta slot knows to be durable, or a page of the journal behind it (I24, I26, I29, I30).
 * 3. Where checksums were made right again, up to the meta page: every answer is data or such an error. Where
 *    `check` finds nothing wrong (I2, I4, I8, I11, I13 to I15, I17 to I19, I21, I22), the store is a sorted map
 *    in every answer, takes writes, and `check` finds nothing wrong after those.
 * 4. A read that meets damage is damage that `check` finds.
 * 5. A file that is refused, or opened for reading, is not changed.
 * 6. No other exception, no hang, no end of the process, and no memory out of proportion to the file.
 */
import { expect, it } from 'vitest'
import { buildChildren } from '../test/child/build.js'
import { KINDS } from './damage/cases.js'
import { describeFailure, Runner } from './damage/runner.js'
import { runs, SEED, TIMEOUT } from './runs.js'
import { tally } from './tally.js'

const build = buildChildren()
const only = process.env.COPPICE_CASE
const from = only === undefined ? 0 : Number(only)
const files = only === undefined ? runs(500, 102_000) : 1

it('a damaged file gives right answers or errors of damage, whatever is wrong with it', { timeout: TIMEOUT }, async () => {
  const { counts, failures, peak } = await new Runner(build, SEED).run(from, from + files)
  if (failures.length > 0) throw new Error(failures.map((failure) => describeFailure(failure, SEED)).join('\n\n'))
  const of = (outcome: string) => counts[outcome] ?? 0
  expect(of('refused when opened') + of('errors when read') + of('all right')).toBe(files)
  if (only !== undefined) return
  // What never happens proves nothing.
  const met = KINDS.filter((kind) => of(`kind ${kind}`) > 0)
  expect(met.length).toBeGreaterThanOrEqual(files < 700 ? KINDS.length / 2 : KINDS.length)
  for (const outcome of ['refused when opened', 'errors when read', 'all right']) expect(of(outcome), outcome).toBeGreaterThan(files / 20)
  tally('damage', {
    'damaged files': files,
    'kinds of mutation': met.length,
    'files refused when opened': of('refused when opened'),
    'files with errors when read': of('errors when read'),
    'files read right': of('all right'),
    'MiB of memory at the peak': Math.round(peak),
  })
})
