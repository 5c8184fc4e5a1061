import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createBackgroundCheck } from './background-check.ts';
import { blobOf, dataPath, fill, temporaryFolder, testStore } from './store.testkit.ts';

it('finds the blob whose bytes are not its digest, and lets the right one be', async () => {
  const folder = temporaryFolder();
  const store = await testStore(folder);
  const [right, wrong] = [blobOf(300_000), blobOf(200_000)];
  const files = [await fill(store, right), await fill(store, wrong)];
  const bytes = readFileSync(dataPath(folder, wrong.digest));
  bytes[150_000] = (bytes[150_000] ?? 0) ^ 1;
  writeFileSync(dataPath(folder, wrong.digest), bytes);

  const found: string[] = [];
  const check = createBackgroundCheck({ onWrong: (blob) => found.push(blob.digest), pauseMs: 0 });
  for (const file of files) check.add(file);
  await check.idle();
  expect(found).toEqual([wrong.digest]);
});

it('leaves a blob that was removed in the middle alone', async () => {
  const store = await testStore();
  const file = await fill(store, blobOf(3_000_000));
  const found: string[] = [];
  const check = createBackgroundCheck({ onWrong: (blob) => found.push(blob.digest), pauseMs: 0 });
  check.add(file);
  await store.remove(file.digest);
  await check.idle();
  expect(found).toEqual([]);
});
