import { readFileSync } from 'node:fs';
import { type Digest, digestOf } from '@shoal/oci';
import type { AgentMessageOf } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { SWARM } from '../peer/peer.testkit.ts';
import { blobOf, contentOf, PIECE, type TestBlob, workersWith } from '../store/store.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { type HostOptions, type Member, member, startHost } from './host.testkit.ts';
import { type TwinSource, type TwinSourceOptions, twinSource } from './origin.testkit.ts';
import { OriginReader } from './origin-reader.ts';

type Publish = AgentMessageOf<'publish'>;

interface Reading {
  seeder: Member;
  source: TwinSource;
  published: Publish[];
  originBytes: number;
  reader?: OriginReader;
  run(signal?: AbortSignal): Promise<void>;
}

interface ReadingOptions extends TwinSourceOptions, HostOptions {
  holds?: number[];
  /** What the registry gives under the digest. */
  bytes?: Buffer;
  role?: 'lead' | 'helper';
  /** Default: all of it. */
  stretches?: { first: number; count: number }[];
  isAlone?: () => boolean;
}

async function reading(blob: TestBlob, options: ReadingOptions = {}): Promise<Reading> {
  const host = await startHost(options);
  const seeder = await member(host, blob, { role: 'seeder', holds: options.holds ?? [], hashless: !options.holds });
  return readingOf(seeder, blob, options);
}

function readingOf(seeder: Member, blob: TestBlob, options: ReadingOptions = {}): Reading {
  const { memory, downloads } = seeder.host.context;
  const source = twinSource([{ digest: blob.digest, bytes: options.bytes ?? blob.bytes }], options);
  const descriptor = { mediaType: 'application/octet-stream', digest: blob.digest, size: blob.size };
  const self: Reading = {
    ...{ seeder, source, published: [], originBytes: 0 },
    run(signal = new AbortController().signal) {
      const reader = new OriginReader({
        ...{ runner: seeder.runner, class: 'prewarm', memory, downloads, signal },
        ...(options.isAlone && { isAlone: options.isAlone }),
        seed: { registry: 'registry.test', repository: 'team/a', descriptor },
        send: (message) => void self.published.push(message as Publish),
        onBytes: (bytes) => {
          self.originBytes += bytes;
        },
      });
      self.reader = reader;
      if (options.role !== 'helper') reader.lead();
      for (const stretch of options.stretches ?? [{ first: 0, count: blob.pieces }]) reader.read(stretch);
      return reader.run(source);
    },
  };
  return self;
}

/** The hashes as the tracker puts them together: a run that leaves a gap is ignored. */
function known(published: Publish[]): Buffer {
  let hashes = Buffer.alloc(0);
  for (const { first, hashes: text } of published)
    if (first * 32 <= hashes.length)
      hashes = Buffer.concat([hashes.subarray(0, first * 32), Buffer.from(text, 'base64')]);
  return hashes;
}

describe('reading the origin', () => {
  it.each([
    ['one byte', 1],
    ['one piece', PIECE],
    ['a multiple of the piece length', 5 * PIECE],
    ['a piece and a byte', PIECE + 1],
    ['many pieces and a rest', 20 * PIECE + 7],
  ])('of %s stores every piece, publishes every hash in order and completes', async (_title, size) => {
    const blob = blobOf(size);
    const { seeder, published, run, ...rest } = await reading(blob);
    await run();
    await seeder.completed;
    expect((await contentOf(seeder.runner.blob)).equals(blob.bytes)).toBe(true);
    expect(published.map(({ first }) => first)).toEqual(Array.from({ length: blob.pieces }, (_, piece) => piece));
    expect(known(published).equals(blob.hashes)).toBe(true);
    expect(published.every(({ swarm }) => swarm === SWARM)).toBe(true);
    expect(rest.source.reads).toEqual([`${blob.digest}@0`]);
  });

  it.each([1, 100, PIECE, PIECE + 1, 3 * PIECE])(
    'does not care how the bytes are cut: chunks of %i',
    async (chunkBytes) => {
      const blob = blobOf(chunkBytes < 10 ? 2000 : 4 * PIECE + 3, { pieceLength: chunkBytes < 10 ? 512 : PIECE });
      const { seeder, published, run } = await reading(blob, { chunkBytes });
      await run();
      expect((await contentOf(seeder.runner.blob)).equals(blob.bytes)).toBe(true);
      expect(known(published).equals(blob.hashes)).toBe(true);
    },
  );

  it('publishes in order and keeps every hash when a later piece is hashed first', async () => {
    const blob = blobOf(4 * PIECE);
    const gate = createGate();
    const workers = workersWith(async (task) => {
      if (task.position === 0) await gate.opened;
      else if (task.position === 2 * PIECE) gate.open();
    });
    const { seeder, published, run } = await reading(blob, { workers });
    await run();
    expect(published.map(({ first }) => first)).toEqual([0, 1, 2, 3]);
    expect(seeder.runner.blob.hashes.equals(blob.hashes)).toBe(true);
    expect(seeder.runner.blob.complete).toBe(true);
  });

  it('counts bytes that only grow, up to the size of the blob', async () => {
    const blob = blobOf(6 * PIECE + 1);
    const self = await reading(blob);
    await self.run();
    const counts = self.published.map(({ originBytes }) => originBytes);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect([counts.at(-1), self.originBytes]).toEqual([blob.size, blob.size]);
  });

  it('of an empty blob reads nothing and is complete', async () => {
    const blob = blobOf(0);
    const { seeder, source, published, run } = await reading(blob);
    await run();
    expect([seeder.runner.blob.complete, source.reads, published]).toEqual([true, [], []]);
  });

  it('lets peers receive while it goes on', async () => {
    const blob = blobOf(8 * PIECE);
    const gate = createGate();
    const { seeder, run } = await reading(blob, { beforeChunk: (at) => (at > 4 * PIECE ? gate.opened : undefined) });
    const sink = await member(await startHost(), blob);
    const running = run();
    sink.runner.want([{ ...seeder.host.neighbour, role: 'seeder' }]);
    while (sink.runner.blob.held.count < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(seeder.runner.blob.complete).toBe(false);
    gate.open();
    await running;
    await sink.completed;
    expect((await contentOf(sink.runner.blob)).equals(blob.bytes)).toBe(true);
  });
});

describe('what is held already', () => {
  it('from the start on is published and not read again', async () => {
    const blob = blobOf(6 * PIECE);
    const self = await reading(blob, { holds: [0, 1, 2] });
    await self.run();
    expect(self.source.reads).toEqual([`${blob.digest}@${3 * PIECE}`]);
    expect(known(self.published).equals(blob.hashes)).toBe(true);
    expect([self.originBytes, self.seeder.runner.blob.complete]).toEqual([3 * PIECE, true]);
  });

  it('behind a gap is not read again either', async () => {
    const blob = blobOf(6 * PIECE);
    const self = await reading(blob, { holds: [0, 4] });
    await self.run();
    expect(self.source.reads).toEqual([`${blob.digest}@${PIECE}`, `${blob.digest}@${5 * PIECE}`]);
    expect(self.originBytes).toBe(4 * PIECE);
    expect((await contentOf(self.seeder.runner.blob)).equals(blob.bytes)).toBe(true);
  });

  it('as a whole blob is only published', async () => {
    const blob = blobOf(3 * PIECE);
    const self = await reading(blob, { holds: [0, 1, 2] });
    await self.run();
    expect([self.source.reads, known(self.published).equals(blob.hashes)]).toEqual([[], true]);
  });

  it('after a cut goes on where it stopped, and the origin is read once', async () => {
    const blob = blobOf(10 * PIECE);
    const error = Object.assign(new Error('the registry hung up'), { code: 'CUT', retryable: true });
    const first = await reading(blob, { chunkBytes: PIECE / 2, cut: { afterBytes: 6.5 * PIECE, error } });
    await expect(first.run()).rejects.toBe(error);
    expect(first.seeder.runner.blob.held.count).toBe(6);
    const second = readingOf(first.seeder, blob);
    await second.run();
    expect(second.source.reads).toEqual([`${blob.digest}@${6 * PIECE}`]);
    expect((await contentOf(first.seeder.runner.blob)).equals(blob.bytes)).toBe(true);
    expect(known([...first.published, ...second.published]).equals(blob.hashes)).toBe(true);
  });
});

describe('wrong bytes of the registry', () => {
  it.each([1, 3, 9])('(%i pieces) are a mismatch before the last piece: nobody can complete', async (pieces) => {
    const blob = blobOf(pieces * PIECE);
    const bytes = Buffer.from(blob.bytes).fill(7, blob.size - 10);
    const { seeder, published, run } = await reading(blob, { bytes });
    await expect(run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', retryable: false });
    expect(seeder.runner.blob.complete).toBe(false);
    expect(seeder.runner.blob.held.has(pieces - 1)).toBe(false);
    expect(published.map(({ first }) => first)).toEqual(Array.from({ length: pieces - 1 }, (_, piece) => piece));
  });

  it('say which registry and what digest came', async () => {
    const blob = blobOf(10);
    const bytes = Buffer.alloc(10, 1);
    const { run } = await reading(blob, { bytes });
    await expect(run()).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`registry.test.*${(digestOf(bytes) as string).slice(7)}`)),
    });
  });

  it('of an empty blob are a mismatch too', async () => {
    const blob = { ...blobOf(0), digest: digestOf(Buffer.from('x')) as Digest };
    await expect((await reading(blob)).run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('that differ from those read before are a mismatch and do not reach the disk', async () => {
    const blob = blobOf(3 * PIECE);
    const bytes = Buffer.from(blob.bytes).fill(7, PIECE, 2 * PIECE);
    const { seeder, run } = await reading(blob, { holds: [0], bytes });
    await expect(run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(
      readFileSync(seeder.runner.blob.path)
        .subarray(PIECE, 2 * PIECE)
        .equals(Buffer.alloc(PIECE)),
    ).toBe(true);
  });
});

it('an aborted reading ends with the abort, not with a complete blob', async () => {
  const blob = blobOf(8 * PIECE);
  const abort = new AbortController();
  const { seeder, run } = await reading(blob, { beforeChunk: (at) => void (at > 3 * PIECE && abort.abort()) });
  await expect(run(abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
  expect(seeder.runner.blob.complete).toBe(false);
});

it('a full disk ends the reading with DISK_FULL', async () => {
  const blob = blobOf(8 * PIECE);
  const workers = workersWith((task) => {
    if (task.position === 2 * PIECE) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  });
  const { run } = await reading(blob, { workers });
  await expect(run()).rejects.toMatchObject({ code: 'DISK_FULL' });
});

describe('a reading that is shared', () => {
  const stretches = { helper: { first: 2, count: 2 }, lead: { first: 4, count: 2 } };

  it('by a helper stores and publishes its stretches, and ends when it is released', async () => {
    const blob = blobOf(6 * PIECE);
    const self = await reading(blob, { role: 'helper', stretches: [stretches.helper] });
    const running = self.run();
    await until('two pieces', () => self.published.length === 2);
    expect(self.published.map(({ first }) => first)).toEqual([2, 3]);
    expect([...self.seeder.runner.blob.held]).toEqual([2, 3]);
    self.reader?.release();
    await running;
    expect(self.source.reads).toEqual([`${blob.digest}@${2 * PIECE}`]);
  });

  it('by the lead holds the last piece back until all others came through the swarm and the digest is right', async () => {
    const blob = blobOf(6 * PIECE);
    const peer = await member(await startHost(), blob, { holds: [0, 1, 2, 3] });
    const self = await reading(blob, { stretches: [stretches.lead] });
    const running = self.run();
    await until('its first piece', () => self.published.length === 1);
    self.seeder.runner.addHashes(0, blob.hashes.subarray(0, 4 * 32));
    expect(self.seeder.runner.blob.held.has(5)).toBe(false);
    self.seeder.runner.want([peer.host.neighbour]);
    await running;
    expect(self.seeder.runner.blob.complete).toBe(true);
    expect(self.published.map(({ first }) => first)).toEqual([4, 5]);
    expect(self.originBytes).toBe(2 * PIECE);
  });

  it.each([
    ['lead', 4 * PIECE],
    ['helper', 0],
  ] as const)('is read on without the tracker by who leads: as %s', async (role, readAlone) => {
    const blob = blobOf(6 * PIECE);
    let isAlone = false;
    const self = await reading(blob, { role, stretches: [stretches.helper], isAlone: () => isAlone });
    const running = self.run();
    await until('its stretch', () => self.published.length === 2);
    isAlone = true;
    self.reader?.lookAgain();
    if (role === 'helper') self.reader?.release();
    await running;
    expect(self.originBytes).toBe(2 * PIECE + readAlone);
    expect(self.seeder.runner.blob.complete).toBe(role === 'lead');
  });
});
