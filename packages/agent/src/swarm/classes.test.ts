import { decodeClass, SHOAL_CLASS_ID, type TrafficClass } from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import type { PeerConnection } from '../peer/peer-connection.ts';
import { blobOf, fill, PIECE, type TestBlob } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { type HostOptions, member, startHost, type TwinPeer, twinPeer } from './host.testkit.ts';
import { swarmIdFor, type TestSwarms, testSwarms } from './swarms.testkit.ts';

const MIB = 1024 * 1024;

function classesSaid({ events }: TwinPeer): (TrafficClass | undefined)[] {
  return events.flatMap((event) => {
    if (event.type !== 'extended' || event.id !== SHOAL_CLASS_ID) return [];
    const said = decodeClass(event.payload);
    return [said.ok ? said.class : undefined];
  });
}

describe('the class of a download', () => {
  it('is told to each uploader before the first request, and whenever it changes', async () => {
    const blob = blobOf(4 * PIECE);
    const sink = await member(await startHost(), blob);
    const twin = await twinPeer({ pieces: blob.pieces });
    sink.runner.setClass('pull');
    sink.runner.want([twin.neighbour]);
    await until('a request', () => twin.events.some(({ type }) => type === 'request'));
    expect(twin.events.map(({ type }) => type).indexOf('extended')).toBe(0);
    sink.runner.setClass('prewarm');
    sink.runner.setClass('prewarm');
    sink.runner.setClass('pull');
    await until('the changes', () => classesSaid(twin).length >= 3);
    expect(classesSaid(twin)).toEqual(['pull', 'prewarm', 'pull']);
  });

  it('is known at the uploader from what its link said last', async () => {
    const blob = blobOf(4 * PIECE);
    const opened: PeerConnection[] = [];
    const source = await member(await startHost({ uploadBytesPerSecond: 0 }), blob, { holds: 'all' });
    const { runner } = source;
    source.host.handlers.set(runner.swarmId, proxyOf(runner, opened));
    const sink = await member(await startHost(), blob);
    sink.runner.want([source.host.neighbour]);
    await until('the link', () => opened.length === 1);
    expect(opened[0]?.peerClass).toBe('prewarm');
    sink.runner.setClass('pull');
    await until('the class', () => opened[0]?.peerClass === 'pull');
  });

  it('that nobody knows closes the link', async () => {
    const blob = blobOf(4 * PIECE);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const twin = await member(await startHost(), blob);
    source.host.handlers.set(source.runner.swarmId, source.runner);
    twin.runner.onOpen = (connection) =>
      connection.send({ type: 'extended', id: SHOAL_CLASS_ID, payload: Buffer.of(9) });
    twin.runner.want([source.host.neighbour]);
    await until('the end', () => source.host.peers.closeReasons.get('bad class') === 1);
  });

  it('is that of the most urgent of all who wait', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    const abort = new AbortController();
    void kit.swarms.fetch(blob.digest, { jobId: 'warm', class: 'prewarm' }).catch(() => {});
    await kit.joined(blob);
    const classNow = () => kit.swarms.runner(swarmIdFor(blob))?.trafficClass;
    expect(classNow()).toBe('prewarm');
    const pull = kit.swarms.fetch(blob.digest, { jobId: 'pull', class: 'pull' }, abort.signal);
    expect(classNow()).toBe('pull');
    abort.abort(new Error('gave up'));
    await expect(pull).rejects.toThrow('gave up');
    expect(classNow()).toBe('prewarm');
  });

  it('is there when the swarm opens, whoever asked first', async () => {
    const kit = await testSwarms();
    const blob = blobOf(PIECE);
    for (const as of ['prewarm', 'pull'] as const)
      void kit.swarms.fetch(blob.digest, { jobId: as, class: as }).catch(() => {});
    await kit.joined(blob);
    expect(kit.swarms.runner(swarmIdFor(blob))?.trafficClass).toBe('pull');
  });
});

describe('a pull beside a pre-warm between the same two hosts', () => {
  const warm = blobOf(96 * MIB, { mark: 'warm', pieceLength: MIB });
  const small = blobOf(16 * MIB, { mark: 'small', pieceLength: MIB });

  /** Bytes of the pre-warm that came while the other blob did, as a share of that blob. */
  async function besideWarm(as: TrafficClass, caps: HostOptions): Promise<number> {
    const [source, sink] = [await testSwarms(caps), await testSwarms(caps)];
    for (const blob of [warm, small]) await holding(source, blob);
    const neighbours = [source.host.neighbour];
    void sink.swarms.fetch(warm.digest, { jobId: 'warm', class: 'prewarm' }).catch(() => {});
    await sink.joined(warm, { neighbours });
    const warmed = (): number => sink.host.store.get(warm.digest)?.bytesHeld() ?? 0;
    await until('the pre-warm to be under way', () => warmed() > 4 * MIB);
    const before = warmed();
    const fetched = sink.swarms.fetch(small.digest, { jobId: 'other', class: as });
    await sink.joined(small, { neighbours });
    await fetched;
    expect(sink.host.store.get(warm.digest)?.complete).toBe(false);
    return (warmed() - before) / small.size;
  }

  it.each([
    ['the uploader’s', { uploadBytesPerSecond: 32 * MIB }],
    ['its own', { downloadBytesPerSecond: 32 * MIB }],
  ])('has nearly all of %s cap; as a pre-warm it would have half', async (_whose, cap) => {
    const caps = { ...cap, blockBytes: 128 * 1024 };
    const beside = await besideWarm('prewarm', caps);
    const before = await besideWarm('pull', caps);
    expect(beside).toBeGreaterThan(0.6);
    expect(before).toBeLessThan(0.35);
    expect(before).toBeGreaterThan(0);
  });
});

async function holding(kit: TestSwarms, blob: TestBlob): Promise<void> {
  await fill(kit.host.store, blob);
  await kit.joined(blob, { request: 0, role: 'holder' });
}

/** The same handler, which keeps the connections that were opened. */
function proxyOf<T extends { onOpen(connection: PeerConnection): void }>(handler: T, opened: PeerConnection[]): T {
  return new Proxy(handler, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name === 'onOpen')
        return (connection: PeerConnection) => {
          opened.push(connection);
          target.onOpen(connection);
        };
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
