/**
 * Tells the members of a swarm which foreign clients there are: the whole list at every change, at once and then at
 * most ten times a second.
 */
import type { TrackerMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import type { Presence } from '../session/presence.ts';
import type { Swarm } from '../swarms/swarm.ts';
import { createThrottle, type Throttle } from '../throttle.ts';
import type { SwarmOf } from './swarm-of.ts';

export const FOREIGN_INTERVAL_MS = 100;

export interface ForeignFanout {
  changed(digest: string): void;
  /** The swarm is gone. */
  drop(digest: string): void;
}

export interface ForeignFanoutDeps {
  presence: Presence;
  clock: Clock;
  swarmOf: SwarmOf;
  /** Undefined when the blob has no torrent. */
  messageFor(swarm: Swarm): TrackerMessageOf<'foreign'> | undefined;
}

export function createForeignFanout({ presence, clock, swarmOf, messageFor }: ForeignFanoutDeps): ForeignFanout {
  const throttles = new Map<string, Throttle>();

  const sendAll = (digest: string) => {
    const swarm = swarmOf(digest);
    const message = swarm && messageFor(swarm);
    if (!message) return;
    const text = JSON.stringify(message);
    for (const peerId of swarm.members.keys()) presence.get(peerId)?.sendText(text);
  };

  return {
    changed(digest) {
      if (!swarmOf(digest)) return; // who comes is told then
      const throttle = throttles.get(digest) ?? createThrottle(clock, FOREIGN_INTERVAL_MS, () => sendAll(digest));
      throttles.set(digest, throttle);
      throttle.call();
    },
    drop(digest) {
      throttles.get(digest)?.stop();
      throttles.delete(digest);
    },
  };
}
