import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Two cores: more workers only make the real peers compete with the tests.
    maxWorkers: 2,
    pool: 'forks',
    coverage: { provider: 'v8', include: ['src/**'] },
  },
});
