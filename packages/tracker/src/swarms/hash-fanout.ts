/**
 * Sends new piece hashes to the members of a swarm, batched: at once, then at most ten times a second, to many members
 * less often, the last ones at once again: a small blob has no more, and would wait for nothing.
 * Each member gets what it has not been sent yet, in order and without gaps.
 */
import type { TrackerMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import type { Presence } from '../session/presence.ts';
import { createThrottle, type Throttle } from '../throttle.ts';
import { knownHashes, type Swarm } from './swarm.ts';

export const FANOUT_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 1000;
/** The tracker's share of one core for it stays the same from here on. */
const SENDS_A_SECOND = 10_000;

export interface HashFanout {
  changed(swarm: Swarm): void;
  /** The swarm is gone. */
  drop(swarm: Swarm): void;
}

export function createHashFanout(presence: Presence, clock: Clock): HashFanout {
  const throttles = new Map<string, Throttle>();
  return {
    changed(swarm) {
      if (swarm.known === swarm.pieceCount) return sendNew(swarm, presence);
      let throttle = throttles.get(swarm.id);
      if (!throttle) {
        throttle = createThrottle(
          clock,
          () => intervalOf(swarm),
          () => sendNew(swarm, presence),
        );
        throttles.set(swarm.id, throttle);
      }
      throttle.call();
    },
    drop(swarm) {
      throttles.get(swarm.id)?.stop();
      throttles.delete(swarm.id);
    },
  };
}

function intervalOf({ members }: Swarm): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(FANOUT_INTERVAL_MS, (members.size * 1000) / SENDS_A_SECOND));
}

function sendNew(swarm: Swarm, presence: Presence): void {
  // Most members stand at the same place: their message is made once.
  const texts = new Map<number, Buffer>();
  for (const member of swarm.members.values()) {
    const first = member.hashesSent;
    if (first >= swarm.known || (member.role === 'seeder' && !swarm.seeding.shared)) continue; // it knows its own
    let text = texts.get(first);
    if (text === undefined) {
      const hashes = knownHashes(swarm, first).toString('base64');
      const message = { type: 'hashes', swarm: swarm.id, first, hashes } satisfies TrackerMessageOf<'hashes'>;
      text = Buffer.from(JSON.stringify(message));
      texts.set(first, text);
    }
    presence.get(member.peerId)?.sendText(text);
    member.hashesSent = swarm.known;
  }
}
