import { existsSync } from 'node:fs';
import type { SessionError } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { blobOf, contentOf, PIECE, workersWith } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { arrive, swarmIdFor, type TestSwarms, testSwarms } from './swarms.testkit.ts';

const WRONG: SessionError = { code: 'DIGEST_MISMATCH', text: 'the registry holds wrong bytes', retryable: false };

/** A settled promise's state without waiting for one that is open. */
function stateOf(promise: Promise<unknown>): Promise<string> {
  return Promise.race([
    promise.then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    ),
    new Promise<string>((resolve) => setImmediate(() => resolve('open'))),
  ]);
}

describe('fetching a blob', () => {
  it('joins once, however many wait for it, and all get it', async () => {
    const kit = await testSwarms();
    const blob = blobOf(2 * PIECE);
    const fetches = [kit.swarms.fetch(blob.digest, { jobId: 'j1' }), kit.swarms.fetch(blob.digest, { jobId: 'j2' })];
    expect(kit.saidOf('join')).toMatchObject([{ digest: blob.digest, jobId: 'j1' }]);
    await kit.joined(blob);
    await arrive(kit, blob);
    await Promise.all(fetches);
    expect(kit.saidOf('have').at(-1)).toMatchObject({ pieces: 2, complete: true });
  });

  it('that is whole on disk asks nobody', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    const first = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    await kit.joined(blob);
    await arrive(kit, blob);
    await first;
    await kit.swarms.fetch(blob.digest, { jobId: 'j2' });
    expect(kit.saidOf('join')).toHaveLength(1);
  });

  it('of an empty blob is done when the tracker has answered', async () => {
    const kit = await testSwarms();
    const blob = blobOf(0);
    const fetch = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    expect(await stateOf(fetch)).toBe('open');
    await kit.joined(blob);
    await fetch;
    expect(kit.saidOf('have')).toMatchObject([{ pieces: 0, complete: true }]);
    expect(await contentOf(kit.host.store.get(blob.digest)!)).toHaveLength(0);
  });

  it('over real connections ends with the blob, from a neighbour named in the answer or later', async () => {
    const [source, early, late] = [await testSwarms(), await testSwarms(), await testSwarms()];
    const blob = blobOf(6 * PIECE + 1);
    await holding(source, blob);
    const fetches = [early.swarms.fetch(blob.digest, { jobId: 'j' }), late.swarms.fetch(blob.digest, { jobId: 'j' })];
    await early.joined(blob, { neighbours: [source.host.neighbour] });
    await late.joined(blob);
    late.swarms.neighbours({ type: 'neighbours', swarm: swarmIdFor(blob), neighbours: [source.host.neighbour] });
    await Promise.all(fetches);
    expect((await contentOf(late.host.store.get(blob.digest)!)).equals(blob.bytes)).toBe(true);
  });

  it('goes by the hashes as the tracker pushes them', async () => {
    const [source, sink] = [await testSwarms(), await testSwarms()];
    const blob = blobOf(3 * PIECE);
    await holding(source, blob);
    const fetch = sink.swarms.fetch(blob.digest, { jobId: 'j' });
    await sink.joined(blob, { hashes: Buffer.alloc(0), neighbours: [source.host.neighbour] });
    const swarm = swarmIdFor(blob);
    sink.swarms.hashes({ type: 'hashes', swarm, first: 0, hashes: blob.hashes.subarray(0, 32).toString('base64') });
    await until('the first piece', () => sink.host.store.get(blob.digest)?.held.count === 1);
    sink.swarms.hashes({ type: 'hashes', swarm, first: 1, hashes: blob.hashes.subarray(32).toString('base64') });
    await fetch;
  });

  it('that the tracker refuses fails with the tracker’s words, and may be tried again', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    const fetch = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    const error = { code: 'FORBIDDEN_BLOB', text: 'no job of this host names it', retryable: false };
    kit.swarms.joinRefused({ type: 'joinRefused', request: kit.saidOf('join')[0]!.request, error });
    await expect(fetch).rejects.toMatchObject({ code: 'FORBIDDEN_BLOB', message: error.text, retryable: false });
    void kit.swarms.fetch(blob.digest, { jobId: 'j' }).catch(() => {});
    expect(kit.saidOf('join')).toHaveLength(2);
  });

  it('whose file cannot be made fails, and only it', async () => {
    const kit = await testSwarms();
    const [huge, small] = [{ ...blobOf(1), size: 2 ** 52, pieceLength: 2 ** 40 }, blobOf(PIECE)];
    const fetches = [kit.swarms.fetch(huge.digest, { jobId: 'j' }), kit.swarms.fetch(small.digest, { jobId: 'j' })];
    await kit.joined(huge);
    await expect(fetches[0]).rejects.toMatchObject({ code: 'DISK_FULL' });
    await kit.joined(small);
    await arrive(kit, small);
    await fetches[1];
  });

  it('whose disk fills up fails with DISK_FULL, keeps what is verified, and goes on when fetched again', async () => {
    let full = true;
    const workers = workersWith((task) => {
      if (full && task.position >= 2 * PIECE) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    const [source, sink] = [await testSwarms(), await testSwarms({ workers })];
    const blob = blobOf(4 * PIECE);
    await holding(source, blob);
    const answer = { neighbours: [source.host.neighbour] };
    const fetch = sink.swarms.fetch(blob.digest, { jobId: 'j' });
    await sink.joined(blob, answer);
    await expect(fetch).rejects.toMatchObject({ code: 'DISK_FULL' });
    full = false;
    const again = sink.swarms.fetch(blob.digest, { jobId: 'j' });
    await sink.joined(blob, answer);
    await again;
    expect((await contentOf(sink.host.store.get(blob.digest)!)).equals(blob.bytes)).toBe(true);
  });
});

/** The host holds the whole blob and serves it. */
async function holding(kit: TestSwarms, blob: ReturnType<typeof blobOf>): Promise<void> {
  await kit.joined(blob, { request: 0, role: 'holder' });
  await arrive(kit, blob);
}

describe('an answer that comes twice', () => {
  it('is one swarm with the later ticket', async () => {
    const kit = await testSwarms();
    const blob = blobOf(2 * PIECE);
    const fetch = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    await kit.joined(blob, { role: 'holder' });
    const runner = kit.swarms.runnerOf(blob.digest);
    const before = runner?.ticket();
    await kit.joined(blob, { hashes: blob.hashes.subarray(0, 32) });
    expect(kit.swarms.runners).toEqual([runner]);
    expect(runner?.ticket()).not.toBe(before);
    expect(runner?.blob.hashCount).toBe(2);
    await arrive(kit, blob);
    await fetch;
  });

  it('to `cached` before that to a join still fetches', async () => {
    const [source, sink] = [await testSwarms(), await testSwarms()];
    const blob = blobOf(2 * PIECE);
    await holding(source, blob);
    const fetch = sink.swarms.fetch(blob.digest, { jobId: 'j' });
    await sink.joined(blob, { request: 0, role: 'holder' });
    expect(sink.swarms.runner(swarmIdFor(blob))?.blob.complete).toBe(false);
    await sink.joined(blob, { neighbours: [source.host.neighbour] });
    await fetch;
  });
});

describe('after a lost session', () => {
  it('the store is told and every open fetch joins again; the old answer’s number counts no more', async () => {
    const kit = await testSwarms();
    const [held, open] = [blobOf(2 * PIECE, { mark: 'h' }), blobOf(PIECE, { mark: 'o' })];
    await holding(kit, held);
    const fetch = kit.swarms.fetch(open.digest, { jobId: 'j' });
    const [first] = kit.saidOf('join');
    kit.swarms.sayAll();
    expect(kit.saidOf('cached')).toMatchObject([{ blobs: [{ digest: held.digest, pieces: 2, complete: true }] }]);
    expect(kit.saidOf('join')).toMatchObject([{ digest: open.digest }, { digest: open.digest, jobId: 'j' }]);
    kit.swarms.joinRefused({ type: 'joinRefused', request: first!.request, error: WRONG });
    expect(await stateOf(fetch)).toBe('open');
    await kit.joined(open);
    await arrive(kit, open);
    await fetch;
  });

  it('in the middle of a blob the swarm goes on without the tracker, and tells how far it is when it is back', async () => {
    const [source, sink] = [await testSwarms(), await testSwarms()];
    const blob = blobOf(8 * PIECE);
    await holding(source, blob);
    const fetch = sink.swarms.fetch(blob.digest, { jobId: 'j' });
    await sink.joined(blob, { neighbours: [source.host.neighbour] });
    await fetch;
    sink.said.length = 0;
    sink.swarms.sayAll();
    await sink.joined(blob, { request: 0, role: 'holder' });
    expect(sink.said).toMatchObject([
      { type: 'cached', blobs: [{ pieces: 8, complete: true }] },
      { type: 'have', pieces: 8, complete: true },
    ]);
  });

  it('nothing is said of an empty store', async () => {
    const kit = await testSwarms();
    kit.swarms.sayAll();
    expect(kit.said).toEqual([]);
  });
});

describe('progress', () => {
  it('is told when it changed, and not again', async () => {
    const kit = await testSwarms();
    const blob = blobOf(3 * PIECE);
    void kit.swarms.fetch(blob.digest, { jobId: 'j' }).catch(() => {});
    await kit.joined(blob);
    await arrive(kit, blob, [1]);
    kit.swarms.reportHave();
    kit.swarms.reportHave();
    expect(kit.saidOf('have')).toMatchObject([{ pieces: 0 }, { pieces: 1, complete: false }]);
  });
});

describe('a retracted blob', () => {
  it('is gone from memory and disk, its peers are left, and who waits for it gets the error', async () => {
    const [source, kit] = [await testSwarms(), await testSwarms()];
    const blob = blobOf(3 * PIECE);
    await holding(source, blob);
    const fetch = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    await kit.joined(blob, { hashes: blob.hashes.subarray(0, 64), neighbours: [source.host.neighbour] });
    await until('two pieces', () => kit.host.store.get(blob.digest)?.held.count === 2);
    const { path } = kit.host.store.get(blob.digest)!;
    await kit.swarms.retract({ type: 'retract', swarm: swarmIdFor(blob), digest: blob.digest, error: WRONG });
    await expect(fetch).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', retryable: false });
    expect([existsSync(path), kit.host.store.list(), kit.swarms.runners]).toEqual([false, [], []]);
    await until('the connections to end', () => kit.host.peers.connectionCount === 0);
  });

  it('that is not here does no harm', async () => {
    const kit = await testSwarms();
    const blob = blobOf(1);
    await kit.swarms.retract({ type: 'retract', swarm: swarmIdFor(blob), digest: blob.digest, error: WRONG });
  });

  it('may be fetched again', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    void kit.swarms.fetch(blob.digest, { jobId: 'j' }).catch(() => {});
    await kit.joined(blob);
    await arrive(kit, blob);
    await kit.swarms.retract({ type: 'retract', swarm: swarmIdFor(blob), digest: blob.digest, error: WRONG });
    const fetch = kit.swarms.fetch(blob.digest, { jobId: 'j' });
    await kit.joined(blob);
    await arrive(kit, blob);
    await fetch;
  });
});

describe('a fetch nobody waits for any more', () => {
  it('goes on while another job still waits', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    const abort = new AbortController();
    const given = kit.swarms.fetch(blob.digest, { jobId: 'j1' }, abort.signal);
    const kept = kit.swarms.fetch(blob.digest, { jobId: 'j2' });
    abort.abort(new Error('closed'));
    await expect(given).rejects.toThrow('closed');
    await kit.joined(blob);
    await arrive(kit, blob);
    await kept;
  });

  it('stops asking its peers, keeps what is there, and goes on when fetched again', async () => {
    const [source, sink] = [await testSwarms({ uploadBytesPerSecond: 20 * PIECE }), await testSwarms()];
    const blob = blobOf(20 * PIECE);
    await holding(source, blob);
    const abort = new AbortController();
    const fetch = sink.swarms.fetch(blob.digest, { jobId: 'j' }, abort.signal);
    await sink.joined(blob, { neighbours: [source.host.neighbour] });
    await until('two pieces', () => (sink.host.store.get(blob.digest)?.held.count ?? 0) >= 2);
    abort.abort(new Error('closed'));
    await expect(fetch).rejects.toThrow('closed');
    await until('the peers to be left', () => sink.host.peers.connectionCount === 0);
    expect(sink.host.store.get(blob.digest)?.complete).toBe(false);
    sink.swarms.sayAll();
    expect(sink.saidOf('join')).toHaveLength(1);
    const again = sink.swarms.fetch(blob.digest, { jobId: 'j2' });
    await sink.joined(blob, { neighbours: [source.host.neighbour] });
    await again;
  });
});

it('stopping ends every fetch', async () => {
  const kit = await testSwarms();
  const fetch = kit.swarms.fetch(blobOf(1).digest, { jobId: 'j' });
  kit.swarms.stop();
  await expect(fetch).rejects.toMatchObject({ code: 'ABORTED' });
});

describe('a blob that is dropped', () => {
  it('leaves its swarm; without one what was said of it is taken back', async () => {
    const kit = await testSwarms();
    const [inSwarm, alone] = [blobOf(2 * PIECE), blobOf(PIECE, { mark: 'alone' })];
    await kit.joined(inSwarm, { request: 0, role: 'holder' });
    await kit.host.store.open(alone);
    await kit.swarms.forget(inSwarm.digest);
    await kit.swarms.forget(alone.digest);
    await kit.swarms.forget(alone.digest);
    expect(kit.said.filter(({ type }) => type === 'leave')).toEqual([{ type: 'leave', swarm: swarmIdFor(inSwarm) }]);
    expect(kit.saidOf('cached')).toEqual([
      { type: 'cached', blobs: [{ digest: alone.digest, size: alone.size, pieces: 0, complete: false }] },
    ]);
    expect([kit.host.store.list(), kit.swarms.runners]).toEqual([[], []]);
  });

  it('is not begun anew by the answer to what was said of it before', async () => {
    const kit = await testSwarms();
    const blob = blobOf(2 * PIECE);
    await kit.swarms.joined({
      ...{ type: 'joined', request: 0, neighbours: [] },
      ...kit.facts(blob, { role: 'holder' }),
    });
    expect(kit.said).toEqual([{ type: 'leave', swarm: swarmIdFor(blob) }]);
    expect(kit.host.store.list()).toEqual([]);
  });
});
