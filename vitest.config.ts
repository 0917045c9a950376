import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'test', include: ['test/**/*.test.ts'] } },
      // With the modules of a worker for all of its files these take 51 s where they took 65.
      { extends: true, test: { name: 'properties', include: ['properties/**/*.test.ts'], isolate: false } },
    ],
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
