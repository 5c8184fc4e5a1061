/*
 * Which tests there are and how they run. `unit` stands beside the source; `integration` crosses packages and holds the
 * repository's rules; `e2e` runs real daemons one file at a time; `matrix` is the long one of `npm run test:e2e`.
 */
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

/** Real daemons share this machine's ports, disks and clock: one file at a time. */
const REAL = {
  fileParallelism: false,
  testTimeout: 10 * MINUTE_MS,
  hookTimeout: 5 * MINUTE_MS,
  teardownTimeout: MINUTE_MS,
};

export default defineConfig({
  test: {
    // `matrix` may be empty.
    passWithNoTests: true,
    // CI must run everything: one forgotten `.only` would hide the rest.
    allowOnly: false,
    // It says at every start that its defaults are for tests.
    onConsoleLog: (text) => !text.includes('oidc-provider '),
    projects: [
      { test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/repo/**/*.test.ts'],
          testTimeout: MINUTE_MS,
          hookTimeout: MINUTE_MS,
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...REAL } },
      { test: { name: 'matrix', include: ['test/matrix/**/*.test.ts'], ...REAL } },
    ],
  },
});
