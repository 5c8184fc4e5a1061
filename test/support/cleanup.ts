/**
 * What a test file started or made, and its end, also when a test fails.
 *
 * Inside a test the end is the test's, else (hooks, top level, tests that run at the same time) the file's. Knows nothing
 * of what it cleans up.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished, TestRunner } from 'vitest';

type Cleanup = () => Promise<void> | void;

const pending: Cleanup[] = [];
const folders = new Set<string>();
const CLEANUP_TIMEOUT_MS = 60_000;

afterAll(async () => {
  for (let cleanup = pending.pop(); cleanup; cleanup = pending.pop()) await cleanup();
}, CLEANUP_TIMEOUT_MS);

process.on('exit', () => {
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // an engine that is still stopping holds it: a folder is left rather than an error raised while ending
    }
  }
});

/** Last in, first out. Runs once, also when the test fails. */
export function cleanUpAfter(cleanup: Cleanup): void {
  const test = TestRunner.getCurrentTest();
  // Of tests that run at the same time any may pass for the current one.
  if (test === undefined || test.concurrent) pending.push(cleanup);
  else onTestFinished(cleanup, CLEANUP_TIMEOUT_MS);
}

/** A folder of its own, short enough for a unix socket in it, removed afterwards. */
export async function tempDir(name = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `shoal-${name}-`));
  folders.add(folder);
  cleanUpAfter(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    folders.delete(folder);
  });
  return folder;
}
