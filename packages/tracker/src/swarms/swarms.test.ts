import { importRawPublicKey, verifyTicket } from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import type { SessionError } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { createMemorySource, imageIn, layerDigest } from '../memory-source.testkit.ts';
import { hashesOf, startTracker, type TestTracker } from '../tracker.testkit.ts';

const SIZE = 1_000_000; // four pieces of 256 KiB
const PIECES = 4;
const BLOB = layerDigest('base');
const IMAGE = 'registry.test/team/app:1';
const BROKEN: SessionError = { code: 'DIGEST_MISMATCH', text: 'these are not the bytes', retryable: false };

/** What hosts are told: it did not happen on their side. */
const bySeeder = (error: SessionError): SessionError => ({ ...error, text: `the seeder s: ${error.text}` });

async function fleet(options: Parameters<typeof startTracker>[0] = {}) {
  const source = createMemorySource();
  source.tag('team/app:1', imageIn(source, { layers: [{ name: 'base', size: SIZE }] }));
  return await startTracker({ source, ...options });
}

/** A job for these hosts; each has taken its `job` message. */
async function order(kit: TestTracker, ...agents: { next(type: 'job'): Promise<unknown> }[]): Promise<string> {
  const { id } = await kit.client.createJob({ images: [IMAGE] });
  for (const agent of agents) await agent.next('job');
  return id;
}

describe('joining', () => {
  it('is refused for a blob that no job of the host names', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const jobId = await order(kit, agent);
    const stranger = await kit.agent('stranger');
    stranger.send({ type: 'join', request: 7, digest: BLOB, jobId });
    expect(await stranger.next('joinRefused')).toMatchObject({ request: 7, error: { code: 'FORBIDDEN_BLOB' } });
    agent.send({ type: 'join', request: 8, digest: layerDigest('other'), jobId });
    expect(await agent.next('joinRefused')).toMatchObject({ request: 8, error: { code: 'FORBIDDEN_BLOB' } });
  });

  it('answers with the swarm and a ticket that names the agent', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const joined = await agent.join(BLOB, await order(kit, agent));
    expect(joined).toMatchObject({ digest: BLOB, size: SIZE, pieceLength: 262_144, hashes: '', neighbours: [] });
    expect(joined.swarm).not.toContain(BLOB.slice(7, 20));
    const verdict = verifyTicket(joined.ticket, trackerKey(kit), {
      swarm: joined.swarm,
      nowSeconds: Date.now() / 1000,
    });
    expect(verdict).toMatchObject({ ok: true, claims: { agent: agent.peerId, role: 'leecher' } });
  });

  it('makes agents neighbours: the newcomer at once, the others by push', async () => {
    const kit = await fleet();
    const [first, second] = [await kit.agent('first'), await kit.agent('second')];
    const jobId = await order(kit, first, second);
    await first.join(BLOB, jobId);
    const joined = await second.join(BLOB, jobId);
    expect(joined.neighbours).toEqual([
      { peerId: first.peerId, name: 'first', host: '127.0.0.1', port: 7610, role: 'agent' },
    ]);
    expect((await first.next('neighbours')).neighbours).toMatchObject([{ peerId: second.peerId }]);
  });
});

describe('a neighbour that is refused', () => {
  it('is replaced by another, and is not named again', async () => {
    const kit = await fleet();
    const agents = await Promise.all(Array.from({ length: 80 }, (_, at) => kit.agent(`a${at}`)));
    const jobId = await order(kit, ...agents);
    for (const agent of agents) await agent.join(BLOB, jobId);
    const newcomer = await kit.agent('newcomer');
    const { swarm, neighbours } = await newcomer.join(BLOB, await order(kit, newcomer));
    const known = neighbours.map(({ peerId }) => peerId);
    const refuse = async (peers: string[]) => {
      newcomer.send({ type: 'replace', swarm, peers });
      return (await newcomer.next('neighbours')).neighbours.map(({ peerId }) => peerId);
    };
    const [bad = '', ...others] = known;
    const instead = await refuse([bad]);
    expect([instead.length, known.includes(instead[0] ?? bad)]).toEqual([1, false]);
    expect(await refuse([bad, ...others])).not.toContain(bad);
  });

  it('is no matter of who is no member', async () => {
    const kit = await fleet();
    const [agent, stranger] = [await kit.agent('a'), await kit.agent('stranger')];
    const { swarm } = await agent.join(BLOB, await order(kit, agent));
    stranger.send({ type: 'replace', swarm, peers: [agent.peerId] });
    await stranger.settled();
    expect(stranger.inbox.filter(({ type }) => type === 'neighbours')).toEqual([]);
  });
});

function trackerKey(kit: TestTracker) {
  const key = kit.trackerKey;
  if (!key) throw new Error('no agent was welcomed yet');
  return importRawPublicKey(Buffer.from(key, 'base64url'));
}

describe('seeding', () => {
  it('names one seeder, with the place to read the blob', async () => {
    const kit = await fleet();
    const seeders = [await kit.agent('s1', { role: 'seeder' }), await kit.agent('s2', { role: 'seeder' })];
    const agents = [await kit.agent('a'), await kit.agent('b')];
    const jobId = await order(kit, ...agents);
    for (const agent of agents) await agent.join(BLOB, jobId);
    const seed = await Promise.race(seeders.map((seeder) => seeder.next('seed')));
    expect(seed).toMatchObject({
      ...{ digest: BLOB, size: SIZE, hashes: '' },
      source: { registry: 'registry.test', repository: 'team/app', descriptor: { digest: BLOB, size: SIZE } },
    });
    for (const seeder of seeders) await seeder.settled();
    expect(seeders.flatMap(({ inbox }) => inbox).filter(({ type }) => type === 'seed')).toEqual([]);
  });

  it('passes hashes on as they come, in order, and gives a late joiner the known prefix', async () => {
    const { kit, seeder, agent, swarm, jobId } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 1), originBytes: 262_144 });
    expect(await agent.next('hashes')).toEqual({ type: 'hashes', swarm, first: 0, hashes: hashesOf(0, 1) });
    seeder.send({ type: 'publish', swarm, first: 1, hashes: hashesOf(1, 1), originBytes: 524_288 });
    expect(await agent.next('hashes')).toEqual({ type: 'hashes', swarm, first: 1, hashes: hashesOf(1, 1) });
    const late = await kit.agent('late');
    const second = await kit.client.createJob({ images: [IMAGE], hosts: ['late'] });
    expect((await late.join(BLOB, second.id)).hashes).toBe(hashesOf(0, 2));
    seeder.send({ type: 'publish', swarm, first: 2, hashes: hashesOf(2, 2), originBytes: SIZE });
    expect(await late.next('hashes')).toMatchObject({ first: 2, hashes: hashesOf(2, 2) });
    expect(await agent.next('hashes')).toMatchObject({ first: 2, hashes: hashesOf(2, 2) });
    const { originBytes, images } = await kit.client.job(jobId);
    const documents = originBytes - SIZE;
    expect(documents).toBeGreaterThan(0);
    expect(documents).toBeLessThan(2000);
    expect(images[0]?.imageBytes).toBeGreaterThan(SIZE);
  });

  it('sends hashes that come fast in one batch', async () => {
    const clock = createManualClock();
    const { seeder, agent, swarm } = await seeding({ clock });
    for (let first = 0; first < PIECES; first++) {
      seeder.send({ type: 'publish', swarm, first, hashes: hashesOf(first, 1), originBytes: 0 });
    }
    await seeder.settled();
    expect(await agent.next('hashes')).toMatchObject({ first: 0, hashes: hashesOf(0, 1) });
    clock.advance(100);
    expect(await agent.next('hashes')).toMatchObject({ first: 1, hashes: hashesOf(1, 3) });
  });

  it('ends the session of an agent that publishes without the role', async () => {
    const { agent, swarm } = await seeding();
    agent.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 1), originBytes: 0 });
    expect(await agent.state('refused')).toMatchObject({ code: 'FORBIDDEN_ROLE' });
  });

  it('ends the session of a seeder that publishes more hashes than there are pieces', async () => {
    const { seeder, swarm } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, PIECES + 1), originBytes: 0 });
    expect(await seeder.state('disconnected')).toMatchObject({ code: 'BAD_MESSAGE' });
  });

  it('names another seeder, with the hashes known so far, when one is lost', async () => {
    const { kit, seeder, agent, swarm } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 2), originBytes: 0 });
    await agent.next('hashes');
    const other = await kit.agent('other', { role: 'seeder' });
    await seeder.close();
    expect(await other.next('seed')).toMatchObject({ swarm, hashes: hashesOf(0, 2) });
    other.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 3), originBytes: 0 });
    expect(await agent.next('hashes')).toMatchObject({ first: 2, hashes: hashesOf(2, 1) });
  });

  it('waits for a seeder, warning those who watch, when none is online', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const jobId = await order(kit, agent);
    await agent.join(BLOB, jobId);
    const waiting = await kit.client.job(jobId);
    expect(waiting).toMatchObject({ state: 'running', warning: expect.stringMatching(/^no seeder online/) });
    const seeder = await kit.agent('s', { role: 'seeder' });
    await seeder.next('seed');
    expect((await kit.client.job(jobId)).warning).toBeUndefined();
  });

  it('is not needed when a member has the whole blob, until that member leaves', async () => {
    const { kit, seeder, agent, swarm } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, PIECES), originBytes: 0 });
    await agent.next('hashes');
    agent.send({ type: 'have', swarm, pieces: PIECES, complete: true });
    await agent.settled();
    await seeder.close();
    const next = await kit.agent('next', { role: 'seeder' });
    const late = await kit.agent('late');
    const { id } = await kit.client.createJob({ images: [IMAGE], hosts: ['late'] });
    await late.join(BLOB, id);
    await next.settled();
    expect(next.inbox).toEqual([]);
    await agent.close();
    expect(await next.next('seed')).toMatchObject({ swarm, hashes: hashesOf(0, PIECES) });
  });

  it('is tried again, later each time, while the failure may pass', async () => {
    const clock = createManualClock();
    const { kit, seeder, agent, swarm, jobId } = await seeding({ clock });
    const error = { code: 'REGISTRY_FAILED', text: 'the registry said 503', retryable: true };
    for (const delayMs of [2_000, 5_000, 10_000]) {
      // What it holds from before it tells again: that is no progress.
      seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 1), originBytes: 262_144 });
      seeder.send({ type: 'seedFailed', swarm, error });
      await seeder.settled();
      expect((await kit.client.job(jobId)).warning).toContain('the registry said 503');
      clock.advance(delayMs - 1);
      await seeder.settled();
      expect(seeder.inbox).toEqual([]);
      clock.advance(1);
      await seeder.next('seed');
    }
    seeder.send({ type: 'seedFailed', swarm, error });
    expect(await agent.next('retract')).toMatchObject({ swarm, digest: BLOB, error: bySeeder(error) });
  });

  it('is done also by a seeder that is a host of the job itself, and tried again when that fails', async () => {
    const clock = createManualClock();
    const kit = await fleet({ clock });
    const seeder = await kit.agent('s', { role: 'seeder' });
    const { id } = await kit.client.createJob({ images: [IMAGE], hosts: ['s'] });
    const { swarm } = await seeder.join(BLOB, id);
    await seeder.next('seed');
    const error = { code: 'CUT', text: 'cut', retryable: true };
    seeder.send({ type: 'seedFailed', swarm, error });
    await seeder.settled();
    clock.advance(2_000);
    expect(await seeder.next('seed')).toMatchObject({ swarm });
  });

  it('retracts a blob whose bytes are wrong and fails the images that need it', async () => {
    const { kit, seeder, agent, swarm, jobId } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, PIECES), originBytes: SIZE });
    await agent.next('hashes');
    seeder.send({ type: 'seedFailed', swarm, error: BROKEN });
    expect(await agent.next('retract')).toMatchObject({ swarm, digest: BLOB, error: bySeeder(BROKEN) });
    expect(await agent.next('jobClosed')).toMatchObject({ jobId, reason: 'done' });
    const job = await kit.client.job(jobId);
    expect(job).toMatchObject({
      state: 'failed',
      hosts: [{ state: 'failed', error: bySeeder(BROKEN), images: [{ state: 'failed' }] }],
    });
    const again = await kit.client.createJob({ images: [IMAGE] });
    expect((await agent.join(BLOB, again.id)).hashes).toBe('');
  });
});

describe('agents that hold blobs', () => {
  it('become holders of blobs the tracker knows', async () => {
    const { kit, seeder, agent, swarm } = await seeding();
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, PIECES), originBytes: 0 });
    await agent.next('hashes');
    const holder = await kit.agent('holder');
    holder.send({
      type: 'cached',
      blobs: [
        { digest: BLOB, size: SIZE, pieces: PIECES, complete: true },
        { digest: layerDigest('unknown'), size: 5, pieces: 1, complete: true },
      ],
    });
    const joined = await holder.next('joined');
    expect(joined).toMatchObject({ request: 0, digest: BLOB, hashes: hashesOf(0, PIECES), neighbours: [] });
    const verdict = verifyTicket(joined.ticket, trackerKey(kit), { swarm, nowSeconds: Date.now() / 1000 });
    expect(verdict).toMatchObject({ claims: { role: 'holder' } });
    expect((await agent.next('neighbours')).neighbours).toMatchObject([{ name: 'holder' }]);
    await holder.settled();
    expect(holder.inbox.filter(({ type }) => type === 'joined')).toEqual([]);
  });

  it('serve a blob that gets its swarm only later', async () => {
    const kit = await fleet();
    const holder = await kit.agent('holder', { role: 'seeder' });
    holder.send({ type: 'cached', blobs: [{ digest: BLOB, size: SIZE, pieces: PIECES, complete: true }] });
    const other = await kit.agent('other', { role: 'seeder' });
    await holder.settled();
    const agent = await kit.agent('a');
    await agent.join(BLOB, await order(kit, agent));
    await holder.next('joined');
    await holder.next('seed');
    await other.settled();
    expect(other.inbox).toEqual([]);
  });

  it('that say a blob is gone again are none of its swarm', async () => {
    const kit = await fleet();
    const holder = await kit.agent('holder');
    for (const pieces of [PIECES, 0])
      holder.send({ type: 'cached', blobs: [{ digest: BLOB, size: SIZE, pieces, complete: pieces > 0 }] });
    await holder.settled();
    const agent = await kit.agent('a');
    expect((await agent.join(BLOB, await order(kit, agent))).neighbours).toEqual([]);
    await holder.settled();
    expect(holder.inbox.filter(({ type }) => type === 'joined')).toEqual([]);
  });
});

describe('tickets', () => {
  it('are renewed long before they end, as holder once the job is over', async () => {
    const clock = createManualClock();
    const { kit, agent, swarm, jobId } = await seeding({ clock });
    const roleAfter = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) {
        // A heartbeat in between: the test's clock runs faster than the line.
        await agent.settled();
        clock.advance(15_000);
        for (let beat = 0; beat < 3; beat++) {
          await agent.settled();
          clock.advance(15_000);
        }
      }
      const { ticket } = await agent.next('ticket');
      const nowSeconds = clock.now() / 1000;
      const verdict = verifyTicket(ticket, trackerKey(kit), { swarm, nowSeconds });
      if (!verdict.ok) throw new Error(verdict.reason);
      expect(verdict.claims.expiresAtSeconds - nowSeconds).toBeGreaterThan(30 * 60);
      return verdict.claims.role;
    };
    expect(await roleAfter(27)).toBe('leecher');
    await kit.client.actOnJob(jobId, 'cancel');
    expect(await roleAfter(27)).toBe('holder');
  });
});

/** One job, one agent that joined, one seeder that was named. */
async function seeding(options: Parameters<typeof startTracker>[0] = {}) {
  const kit = await fleet(options);
  const seeder = await kit.agent('s', { role: 'seeder' });
  const agent = await kit.agent('a');
  const jobId = await order(kit, agent);
  const { swarm } = await agent.join(BLOB, jobId);
  await seeder.next('seed');
  expect((await agent.next('neighbours')).neighbours).toMatchObject([{ name: 's', role: 'seeder' }]);
  return { kit, seeder, agent, swarm, jobId };
}
