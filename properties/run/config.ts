/** How `npm run properties` runs the property files: as their own configuration says, in an order of its own. */
import { mergeConfig } from 'vitest/config'
import properties from '../../vitest.properties.config.js'
import { LongestFirst } from './order.js'

export default mergeConfig(properties, { test: { sequence: { sequencer: LongestFirst } } })
