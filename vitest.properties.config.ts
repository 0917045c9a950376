import { defineConfig } from 'vitest/config'

// The long run: the same property files as in `npm test`, with many more histories.
process.env.COPPICE_RUNS ??= '10000'

export default defineConfig({
  test: {
    include: ['properties/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 3_600_000,
  },
})
