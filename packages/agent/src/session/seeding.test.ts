import { existsSync } from 'node:fs';
import type { ImageSource } from '@shoal/registry';
import type { TrackerMessageOf } from '@shoal/tracker/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blobOf, PIECE, type TestBlob } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { type TwinSource, type TwinSourceOptions, twinSource } from '../swarm/origin.testkit.ts';
import { type Answer, swarmIdFor, type TestSwarms, testSwarms } from '../swarm/swarms.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { createSeeding, type Seeding } from './seeding.ts';

interface TestSeeder extends TestSwarms {
  seeding: Seeding;
  source: TwinSource;
  opened: string[];
  order(blob: TestBlob, answer?: Answer): Promise<void>;
}

interface SeederOptions extends TwinSourceOptions {
  blobs?: { digest: string; bytes: Buffer }[];
  openSource?: ((registry: string) => Promise<ImageSource>) | null;
}

async function testSeeder(options: SeederOptions = {}): Promise<TestSeeder> {
  const kit = await testSwarms({ isSeeder: true });
  const source = twinSource(options.blobs ?? [], options);
  const opened: string[] = [];
  const open = async (registry: string) => {
    opened.push(registry);
    return source;
  };
  const { memory, downloads } = kit.host.context;
  const seeding = createSeeding({
    ...{ swarms: kit.swarms, memory, downloads, logger: silent, send: kit.send },
    openSource: options.openSource === null ? undefined : (options.openSource ?? open),
  });
  onTestFinished(() => seeding.stop());
  const order = (blob: TestBlob, answer: Answer = {}) => {
    const facts = kit.facts(blob, { hashes: Buffer.alloc(0), role: 'seeder', ...answer });
    const descriptor = { mediaType: 'application/octet-stream', digest: blob.digest, size: blob.size };
    const message: TrackerMessageOf<'seed'> = {
      ...{ type: 'seed', class: 'prewarm', source: { registry: 'registry.test', repository: 'team/a', descriptor } },
      ...facts,
    };
    return seeding.seed(message);
  };
  return { ...kit, seeding, source, opened, order };
}

/** What the tracker makes of it: overlaps are fine, a gap is ignored. */
function published(kit: TestSwarms): Buffer {
  let hashes = Buffer.alloc(0);
  for (const { first, hashes: text } of kit.saidOf('publish'))
    if (first * 32 <= hashes.length) {
      const run = Buffer.concat([hashes.subarray(0, first * 32), Buffer.from(text, 'base64')]);
      if (run.length > hashes.length) hashes = run;
    }
  return hashes;
}

describe('the order to seed', () => {
  it('reads the registry it names once, publishes all and tells that it is whole', async () => {
    const blob = blobOf(5 * PIECE + 1);
    const kit = await testSeeder({ blobs: [blob] });
    await kit.order(blob);
    await until('the whole blob', () => kit.saidOf('have').some(({ complete }) => complete));
    await until('the source to be closed', () => kit.source.closed === 1);
    expect([kit.opened, kit.source.reads]).toEqual([['registry.test'], [`${blob.digest}@0`]]);
    expect(published(kit).equals(blob.hashes)).toBe(true);
    expect(kit.seeding.originBytes).toBe(blob.size);
  });

  it('that comes again while it reads starts no second reading and says all again, as a lost session may have eaten it', async () => {
    const blob = blobOf(6 * PIECE);
    const gate = createGate();
    const kit = await testSeeder({
      ...{ blobs: [blob], chunkBytes: PIECE },
      beforeChunk: (position) => (position === 4 * PIECE ? gate.opened : undefined),
    });
    await kit.order(blob);
    await until('four pieces', () => kit.saidOf('publish').length === 4);
    const before = kit.saidOf('publish').at(-1)?.originBytes;
    kit.said.length = 0; // what was said in the meantime never arrived
    await kit.order(blob);
    expect(kit.saidOf('publish')).toMatchObject([{ first: 0, originBytes: before }]);
    expect(published(kit).equals(blob.hashes.subarray(0, 4 * 32))).toBe(true);
    gate.open();
    await until('the whole blob', () => kit.saidOf('have').some(({ complete }) => complete));
    expect(published(kit).equals(blob.hashes)).toBe(true);
    expect(kit.source.reads).toHaveLength(1);
    const counts = kit.saidOf('publish').map(({ originBytes }) => originBytes);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });

  it('for a blob that is here whole publishes it and reads nothing', async () => {
    const blob = blobOf(3 * PIECE);
    const kit = await testSeeder({ blobs: [blob] });
    await kit.order(blob);
    await until('the end', () => kit.source.closed === 1);
    kit.said.length = 0;
    await kit.order(blob);
    await until('the end', () => kit.source.closed === 2);
    expect(published(kit).equals(blob.hashes)).toBe(true);
    expect(kit.source.reads).toHaveLength(1);
    expect(kit.seeding.originBytes).toBe(blob.size);
  });
});

describe('a failed reading', () => {
  it('of a cut source is told as the registry said it, keeps what came, and goes on from there', async () => {
    const blob = blobOf(6 * PIECE);
    const error = Object.assign(new Error('the registry hung up at 40%'), { code: 'CUT', retryable: true });
    const cut = { afterBytes: 3 * PIECE, error };
    const options: SeederOptions = { blobs: [blob], chunkBytes: PIECE, cut };
    const kit = await testSeeder(options);
    await kit.order(blob);
    const [failure] = await kit.heard('seedFailed');
    expect(failure).toEqual({
      ...{ type: 'seedFailed', swarm: swarmIdFor(blob) },
      error: { code: 'CUT', text: error.message, retryable: true },
    });
    expect(kit.host.store.get(blob.digest)?.held.count).toBe(3);
    await kit.order(blob);
    await until('the whole blob', () => kit.saidOf('have').some(({ complete }) => complete));
    expect(kit.source.reads).toEqual([`${blob.digest}@0`, `${blob.digest}@${3 * PIECE}`]);
    expect(kit.seeding.originBytes).toBe(blob.size);
  });

  it('of wrong bytes is DIGEST_MISMATCH, not to be retried, and the blob is dropped from disk', async () => {
    const blob = blobOf(3 * PIECE);
    const kit = await testSeeder({ blobs: [{ digest: blob.digest, bytes: Buffer.alloc(blob.size, 1) }] });
    await kit.order(blob);
    const path = kit.host.store.get(blob.digest)?.path ?? '';
    const [failure] = await kit.heard('seedFailed');
    expect(failure?.error).toMatchObject({ code: 'DIGEST_MISMATCH', retryable: false });
    expect([kit.host.store.list(), kit.swarms.runners, existsSync(path)]).toEqual([[], [], false]);
    expect(kit.saidOf('have').some(({ complete }) => complete)).toBe(false);
  });

  it('without a source for the registry names it', async () => {
    const kit = await testSeeder({ openSource: null });
    await kit.order(blobOf(1));
    const [failure] = await kit.heard('seedFailed');
    expect(failure?.error).toMatchObject({ code: 'NO_SOURCE', text: expect.stringContaining('registry.test') });
  });

  it('of a source that cannot be opened is told in its words', async () => {
    const refused = Object.assign(new Error('no entry for registry.test'), {
      code: 'UNKNOWN_REGISTRY',
      retryable: false,
    });
    const kit = await testSeeder({ openSource: () => Promise.reject(refused) });
    await kit.order(blobOf(1));
    const [failure] = await kit.heard('seedFailed');
    expect(failure?.error).toEqual({ code: 'UNKNOWN_REGISTRY', text: refused.message, retryable: false });
  });

  it('for want of disk is DISK_FULL, before anything is read', async () => {
    const kit = await testSeeder();
    await kit.order({ ...blobOf(1), size: 2 ** 52, pieceLength: 2 ** 40 });
    const [failure] = await kit.heard('seedFailed');
    expect([failure?.error.code, failure?.error.retryable, kit.opened]).toEqual(['DISK_FULL', true, []]);
  });

  it('by a stop of the agent is told to nobody', async () => {
    const blob = blobOf(3 * PIECE);
    const gate = createGate();
    const kit = await testSeeder({ blobs: [blob], beforeChunk: () => gate.opened });
    await kit.order(blob);
    kit.seeding.stop();
    gate.open();
    await until('the source to be closed', () => kit.source.closed === 1);
    expect(kit.saidOf('seedFailed')).toEqual([]);
  });
});
