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

it('gives the hash of a blob to who waits for it, after those that are being checked, until it is aborted', async () => {
  const store = await testStore();
  const [first, second] = [blobOf(20_000_000, { pieceLength: 1 << 20 }), blobOf(9_000_000, { mark: 'b' })];
  const files = [await fill(store, first), await fill(store, second)];
  const check = createBackgroundCheck({ onWrong() {}, pauseMs: 0 });
  for (const file of files) check.add(file);
  const abort = new AbortController();
  let hashed = 0;
  const onBytes = (bytes: number) => {
    hashed += bytes;
    abort.abort(new Error('enough'));
  };
  await expect(check.digestOf(files[0]!, { onBytes, signal: abort.signal })).rejects.toThrow('enough');
  expect(hashed).toBe(8 * 1024 * 1024);
  const { signal } = new AbortController();
  expect(`sha256:${await check.digestOf(files[1]!, { onBytes() {}, signal })}`).toBe(second.digest);
});
