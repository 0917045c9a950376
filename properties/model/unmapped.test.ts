/** The invariants of ../model.test.ts on the layers without a map. */
import { describe } from 'vitest'
import { describeFollowing, describeGathering, describeLayer, describePiling, shareOfRuns } from './suite.js'

describe('the store does what a sorted map does', () => {
  describeFollowing({ name: 'memory', memory: true, mapper: undefined }, shareOfRuns(1))
  describeGathering({ name: 'memory', memory: true, mapper: undefined }, shareOfRuns(0.1))
  describePiling({ name: 'plain', memory: false, mapper: false }, shareOfRuns(0.1))
  describeLayer({ name: 'plain', memory: false, mapper: false }, shareOfRuns(0.35))
  describeLayer({ name: 'memory', memory: true, mapper: undefined }, shareOfRuns(0.3))
})
