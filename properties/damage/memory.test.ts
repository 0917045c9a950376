/** The limit of memory is of the process in which files are opened, not of the one that began it. */
import { expect, it } from 'vitest'
import { buildChildren } from '../../test/child/build.js'
import { Runner } from './runner.js'

const build = buildChildren()

it('the peak of a process that opens damaged files is its own, however large the one is that began it', async () => {
  const large = Buffer.alloc(450 * 2 ** 20, 1)
  const { failures, peak } = await new Runner(build, 1).run(0, 1)
  expect(failures).toEqual([])
  expect(peak).toBeGreaterThan(40)
  expect(peak).toBeLessThan(large.length / 2 ** 20)
})
