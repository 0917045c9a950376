import { defineConfig } from 'vitest/config'
import { mutantPlugin } from './properties/mutants/plugin.js'
import { TIMEOUT } from './properties/runs.js'

// What `npm run properties` runs: the same property files as in `npm test`, long, or with a deliberate fault in the source.
export default defineConfig({
  plugins: [mutantPlugin()],
  test: {
    include: ['properties/**/*.test.ts'],
    setupFiles: ['properties/mutants/setup.ts'],
    pool: 'forks',
    maxWorkers: Number(process.env.COPPICE_WORKERS ?? 2),
    testTimeout: TIMEOUT,
  },
})
