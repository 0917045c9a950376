/** What a property has found once stays mended (the histories are in regressions.ts). */
import { describe, it } from 'vitest'
import { REGRESSIONS } from './regressions.js'
import { TIMEOUT } from './runs.js'
import { tally } from './tally.js'

describe('never again', () => {
  it.each(REGRESSIONS)('$found', async ({ replay }) => {
    await replay()
    tally('regressions', { regressions: 1 })
  }, TIMEOUT)
})
