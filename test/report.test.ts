/** What `npm run properties` makes of its results. */
import { expect, it } from 'vitest'
import type { Ran } from '../properties/report.js'
import { isGood, reportOf, textOf } from '../properties/report.js'
import { parseOptions } from '../properties/run/options.js'

const ran: Ran = {
  command: 'npm run properties', seed: 1, seconds: 60, source: 'abc', interrupted: false,
  run: { exitCode: 0, died: undefined, hung: undefined, tally: [{ property: 'crashes', counts: { 'crash images': 7 } }], results: [{ file: 'a.test.ts', tests: 2, skipped: 0, seconds: 1, failures: [] }] },
  matrix: { files: ['a.test.ts'], seconds: 9, unsound: [], rows: [{ name: 'no-sync', breaks: 'nothing is synced', seconds: 1, caught: true, verdicts: { 'a.test.ts': 'failed' } }] },
}

it('a run in which all properties pass and every mutant is caught is good, and says what was tried', () => {
  const report = reportOf(ran)
  expect(isGood(report)).toBe(true)
  expect(textOf(report)).toContain('| crash images | 7 |')
  expect(textOf(report)).toContain('1 of 1 were caught')
})

it('a mutant that nothing catches, a file that cannot tell, and a property that fails are each no good', () => {
  const { run, matrix } = ran as Required<Ran> & { run: object; matrix: object }
  const bad: Ran[] = [
    { ...ran, matrix: { ...matrix, rows: [{ ...matrix.rows[0], caught: false, verdicts: { 'a.test.ts': 'passed' } }] } },
    { ...ran, matrix: { ...matrix, unsound: ['b.test.ts'] } },
    { ...ran, run: { ...run, results: [{ ...run.results[0], failures: [{ test: 'holds', message: 'it does not' }] }] } },
    { ...ran, run: { ...run, exitCode: 1 } },
  ]
  for (const one of bad) expect(isGood(reportOf(one))).toBe(false)
  expect(textOf(reportOf(bad[0]))).toContain('no property catches no-sync')
})

it('a report is written of whole runs only', () => {
  expect(parseOptions(['--report'])).toMatchObject({ report: true, histories: true, mutants: true })
  expect(parseOptions(['--report', '--no-histories'])).toMatchObject({ report: true, histories: false })
  for (const part of [['--only', 'damage'], ['--mutant', 'no-sync'], ['--scale', '0.1']]) expect(() => parseOptions(['--report', ...part])).toThrow('--report is for whole runs')
})
