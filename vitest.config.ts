import { defineConfig } from 'vitest/config';

const minute = 60_000;

export default defineConfig({
  test: {
    reporters: ['default', './test/support/totals.ts'],
    projects: [
      // A small machine that is busy takes its time.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: minute / 2 } },
      {
        test: {
          name: 'emulator',
          include: ['test/emulator/**/*.test.ts', 'test/reconcile/**/*.test.ts'],
          testTimeout: minute,
          hookTimeout: minute,
        },
      },
      {
        // Each file starts control planes and operators of its own, so two files at once would only fight for two cores.
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 2 * minute,
          hookTimeout: 3 * minute,
          fileParallelism: false,
        },
      },
    ],
  },
});
