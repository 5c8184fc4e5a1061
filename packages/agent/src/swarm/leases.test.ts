import { Swarm, type SwarmEffect, type SwarmEvent } from '@shoal/swarm';
import { MAX_LEASE_PIECES } from '@shoal/tracker/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { blobOf, PIECE } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { expectWhole, member, startHost } from './host.testkit.ts';
import { swarmIdFor, testSwarms } from './swarms.testkit.ts';

/** What all state machines are told; `more` are effects that the named event has besides its own. */
function overhear(on?: SwarmEvent['type'], more: SwarmEffect[] = []): SwarmEvent[] {
  const events: SwarmEvent[] = [];
  const handle = Swarm.prototype.handle;
  const spy = vi.spyOn(Swarm.prototype, 'handle').mockImplementation(function (this: Swarm, event, now) {
    events.push(event);
    const effects = handle.call(this, event, now);
    return event.type === on ? [...effects, ...more] : effects;
  });
  onTestFinished(() => spy.mockRestore());
  return events;
}

describe('a link to another zone', () => {
  it('is told to be remote when the tracker says so of the neighbour', async () => {
    const blob = blobOf(2 * PIECE);
    const [near, far] = [
      await member(await startHost(), blob, { holds: 'all' }),
      await member(await startHost(), blob),
    ];
    const sink = await member(await startHost(), blob);
    const events = overhear();
    sink.runner.want([near.host.neighbour, { ...far.host.neighbour, remote: true }]);
    await expectWhole(sink, blob);
    const isRemote = (peerId: string) =>
      events.flatMap((event) =>
        event.type === 'connected' && event.canRequest && event.peer === peerId ? [event.remote ?? false] : [],
      );
    await until('both links', () => isRemote(far.host.identity.peerId).length > 0);
    expect(isRemote(near.host.identity.peerId)).toEqual([false]);
    expect(isRemote(far.host.identity.peerId)[0]).toBe(true);
  });
});

describe('leases', () => {
  it('are asked of the tracker in a message it takes, and its answer goes to the swarm it is for', async () => {
    const pieces = Array.from({ length: MAX_LEASE_PIECES + 2 }, (_, piece) => piece);
    const events = overhear('neighbours', [{ type: 'askLeases', pieces, shown: [1, MAX_LEASE_PIECES + 1] }]);
    const [kit, blob] = [await testSwarms(), blobOf(2 * PIECE)];
    void kit.swarms.fetch(blob.digest, { jobId: 'j' }).catch(() => {});
    await kit.joined(blob);
    const swarm = swarmIdFor(blob);
    expect(kit.saidOf('lease')).toEqual([
      { type: 'lease', swarm, pieces: pieces.slice(0, MAX_LEASE_PIECES), shown: [1] },
    ]);
    kit.swarms.leased({ type: 'leased', swarm, granted: [0], refused: [1] });
    expect(events).toContainEqual({ type: 'leases', granted: [0], refused: [1] });
  });

  it('for a swarm this host has left are nobody’s', async () => {
    const events = overhear();
    const { swarms } = await testSwarms();
    swarms.leased({ type: 'leased', swarm: '0'.repeat(40), granted: [0], refused: [] });
    expect(events).toEqual([]);
  });
});
