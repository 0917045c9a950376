import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'properties/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['text-summary', 'text'],
      thresholds: {
        'src/tree/**': { lines: 95 },
        'src/pager/**': { lines: 95 },
        'src/page/**': { lines: 95 },
      },
    },
  },
})
