/** Blobs that come in while they are sent: from the swarm, straight from the registry, or first one and then the other. */
import { describe, expect, it } from 'vitest';
import type { BlobStore } from '../store/blob-store.ts';
import { blobOf, fill } from '../store/store.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { type Handler, serveRange } from './proxy.testkit.ts';
import { ALICE, BLOB, guarded, PATH, proxyTo, serveBlob } from './proxy-to.testkit.ts';

describe('a blob that is on its way', () => {
  const pieces = (all: number[]) => (store: BlobStore) => fill(store, BLOB, all);

  it('is sent as it comes, in order, with none of it from the registry', async () => {
    const { registry, store, swarms, ask } = await proxyTo(guarded, {}, { opens: pieces([0, 3]) });
    const answer = ask(PATH, ALICE);
    await until('the wait for the second piece', () => swarms.reading.includes(1));
    for (const piece of [4, 2, 1]) await fill(store, BLOB, [piece]);
    const { status, headers, bytes } = await answer;
    expect([status, headers['shoal-source'], bytes.equals(BLOB.bytes)]).toEqual([200, 'swarm', true]);
    expect(registry.asked).toEqual([]); // the tracker asked it
    expect(swarms.asked).toEqual([{ registry: 'harbor.test', repository: 'team/app', ...ALICE }]);
    expect(swarms.signals[0]?.aborted).toBe(true); // nobody waits any more
  });

  it('is one fetch for fifty clients, each with its own right', async () => {
    const { registry, store, swarms, proxy, ask } = await proxyTo(guarded, {}, { opens: pieces([0]) });
    const first = ask(PATH, ALICE);
    await until('the first', () => proxy.running().length === 1);
    const others = Array.from({ length: 49 }, () => ask(PATH, ALICE));
    const stranger = await ask(PATH);
    await until('all', () => proxy.running()[0]?.clients === 50);
    expect(proxy.running()).toMatchObject([{ digest: BLOB.digest, registry: 'harbor.test', source: 'swarm' }]);
    await fill(store, BLOB);
    const answers = await Promise.all([first, ...others]);
    expect(answers.every(({ bytes }) => bytes.equals(BLOB.bytes))).toBe(true);
    expect([stranger.status, swarms.asked.length]).toEqual([401, 1]);
    expect(registry.asked.filter((line) => line.startsWith('GET'))).toEqual([`GET ${PATH}`]); // the stranger’s
  });

  it('is one fetch for the ranges that containerd asks for side by side', async () => {
    const { registry, store, swarms, proxy, ask } = await proxyTo(guarded, {}, { opens: pieces([0]) });
    const part = 75_000;
    const ranges = [0, 1, 2, 3].map((at) =>
      ask(PATH, { ...ALICE, range: `bytes=${at * part}-${(at + 1) * part - 1}` }),
    );
    await until('all', () => proxy.running()[0]?.clients === 4);
    for (const piece of [4, 2, 3, 1]) await fill(store, BLOB, [piece]);
    const answers = await Promise.all(ranges);
    expect(answers.map(({ status }) => status)).toEqual([206, 206, 206, 206]);
    expect(Buffer.concat(answers.map(({ bytes }) => bytes)).equals(BLOB.bytes)).toBe(true);
    expect([swarms.asked.length, registry.asked.filter((line) => line.startsWith('GET'))]).toEqual([1, []]);
  });

  it('goes on from the registry, once for all, at the piece that does not come', async () => {
    const waits = { pieceMs: 20 };
    const { registry, swarms, ask, sentBytes } = await proxyTo(serveBlob, {}, { opens: pieces([0, 1, 4]), waits });
    const answers = await Promise.all([ask(PATH), ask(PATH), ask(PATH)]);
    expect(answers.every(({ status, bytes }) => status === 200 && bytes.equals(BLOB.bytes))).toBe(true);
    const gets = registry.requests.filter(({ method }) => method === 'GET');
    expect(gets.map(({ headers }) => headers.range)).toEqual(['bytes=131072-262143']);
    expect(sentBytes.registry).toBeGreaterThan(0);
    expect(swarms.offered).toEqual([BLOB.digest]);
  });

  it('is waited for as long as the cap needs for a piece', async () => {
    const waits = { pieceMs: 20 };
    const capped = await proxyTo(serveBlob, {}, { opens: pieces([0]), waits, bytesPerSecond: 10_000 });
    const answer = capped.ask(PATH);
    await until('the wait', () => capped.swarms.reading.includes(1));
    const free = await proxyTo(serveBlob, {}, { opens: pieces([0]), waits });
    await free.ask(PATH); // began later and has waited its 20 ms
    expect(capped.proxy.running()).toMatchObject([{ source: 'swarm', clients: 1 }]);
    await fill(capped.store, BLOB);
    expect((await answer).bytes.equals(BLOB.bytes)).toBe(true);
    expect(capped.registry.asked).toEqual([]);
  });

  it('goes on by each client’s own request when the registry’s bytes are wrong', async () => {
    const wrong: Handler = (request, response) => serveRange(request, response, Buffer.alloc(BLOB.size));
    const { ask, swarms } = await proxyTo(wrong, {}, { opens: pieces([0]), waits: { pieceMs: 20 } });
    const { bytes } = await ask(PATH);
    expect([bytes.length, bytes.equals(BLOB.bytes), swarms.offered]).toEqual([BLOB.size, false, []]);
  });

  it('goes on from the registry when it is given up', async () => {
    const { store, proxy, ask } = await proxyTo(serveBlob, {}, { opens: pieces([0]) });
    const answer = ask(PATH);
    await until('the pull', () => proxy.running().length === 1);
    await store.remove(BLOB.digest);
    expect((await answer).bytes.equals(BLOB.bytes)).toBe(true);
  });
});

describe('a blob that no swarm brings', () => {
  it.each([
    ['the tracker is away', { away: true }],
    ['no seeder is online', { refusal: 'NO_SEEDER' }],
  ])('because %s is read once for all, in pieces, and kept', async (_title, kit) => {
    const { registry, store, swarms, ask } = await proxyTo(serveBlob, {}, { ...kit, waits: { jitterMs: 1 } });
    const answers = await Promise.all([ask(PATH, ALICE), ask(PATH, ALICE), ask(PATH, ALICE)]);
    expect(answers.every(({ bytes }) => bytes.equals(BLOB.bytes))).toBe(true);
    expect(answers[0]?.headers['shoal-source']).toBe('registry');
    const gets = registry.requests.filter(({ method }) => method === 'GET');
    expect(gets.map(({ headers }) => [headers.range, headers.authorization])).toEqual([
      ['bytes=0-299999', 'Bearer alice'],
    ]);
    expect([store.get(BLOB.digest)?.complete, swarms.offered]).toEqual([true, [BLOB.digest]]);
  });

  it('is refused in the registry’s words when the registry refuses it to the tracker', async () => {
    const { registry, ask } = await proxyTo(guarded, {}, { refusal: 'PULL_REFUSED' });
    expect([(await ask(PATH)).status, registry.asked]).toEqual([401, [`GET ${PATH}`]]);
  });

  it('comes for those who wait when the first one leaves before anything is there', async () => {
    const heads: (() => void)[] = [];
    const slow: Handler = (request, response) =>
      request.method === 'HEAD' ? void heads.push(() => serveBlob(request, response)) : serveBlob(request, response);
    const { registry, ask, leave } = await proxyTo(slow, {}, { away: true, waits: { jitterMs: 1 } });
    const first = leave(PATH);
    await until('the first', () => heads.length === 1);
    const second = ask(PATH);
    await until('the right of the second', () => heads.length === 2);
    heads[1]?.();
    await until('the second to wait', () => registry.asked.length === 2);
    first();
    await ask('/v2/'); // the proxy has seen it go
    heads[0]?.();
    expect((await second).bytes.equals(BLOB.bytes)).toBe(true);
  });

  it('passes through when the disk is full', async () => {
    const { registry, ask } = await proxyTo(serveBlob, {}, { away: true, diskIsFull: true, waits: { jitterMs: 1 } });
    const { headers, bytes } = await ask(PATH);
    expect([headers['shoal-source'], bytes.equals(BLOB.bytes)]).toEqual(['registry', true]);
    expect(registry.asked).toEqual([`HEAD ${PATH}`, `GET ${PATH}`]);
  });

  it('comes from the registry when the tracker does not answer in time', async () => {
    const { ask } = await proxyTo(serveBlob, {}, { silent: true, waits: { joinMs: 20, jitterMs: 1 } });
    expect((await ask(PATH)).bytes.equals(BLOB.bytes)).toBe(true);
  });

  it('goes on from where a cut client comes back, and is kept as a whole', async () => {
    const large = blobOf(1_000_000); // four pieces
    const path = `/v2/team/app/blobs/${large.digest}`;
    const serve: Handler = (request, response) => serveRange(request, response, large.bytes);
    const { store, spoilt, ask } = await proxyTo(serve, {}, { away: true, waits: { jitterMs: 1 } });
    const rest = await ask(path, { range: 'bytes=600000-' });
    expect([rest.status, rest.bytes.equals(large.bytes.subarray(600_000))]).toEqual([206, true]);
    await until('the whole', () => store.get(large.digest)?.complete === true);
    await until('its hashes', () => store.get(large.digest)?.hashCount === 4);
    const again = await ask(path);
    expect([again.headers['shoal-source'], again.bytes.equals(large.bytes), spoilt]).toEqual(['cache', true, []]);
  });
});

it('more than two thousand bodies at a time are refused so that engines try again, though all come at once', async () => {
  const small = blobOf(1000);
  const path = `/v2/team/app/blobs/${small.digest}`;
  const letIn = createGate();
  const opens = (place: BlobStore) => letIn.opened.then(() => fill(place, small));
  const serve: Handler = (request, response) => serveRange(request, response, small.bytes);
  const { ask } = await proxyTo(serve, {}, { opens, waits: { joinMs: 60_000 } });
  let refused = 0;
  const answers = Array.from({ length: 2148 }, async () => {
    const { status } = await ask(path);
    if (status === 503) refused++;
    return status;
  });
  await until('the refusals', () => refused === 100); // while all others wait for the tracker
  letIn.open();
  const statuses = await Promise.all(answers);
  expect(statuses.filter((status) => status === 200)).toHaveLength(2048);
  expect((await ask(path)).status).toBe(200);
}, 60_000);
