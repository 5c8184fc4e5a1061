/**
 * Blobs that are read and hashed before any host asks for them, so that the first one does not wait.
 * Decides how many at once and when one is ready. Who reads it is seeding.ts's, as for any other blob.
 */
import pLimit from 'p-limit';
import type { SeedSource } from '../client/session-messages.ts';
import type { SessionError } from '../client/shapes.ts';
import { allHashesKnown, type Swarm } from './swarm.ts';

export interface AheadBlob {
  source: SeedSource;
  /** The job its bytes count for; empty when it is nobody's. */
  jobId: string;
}

export interface AheadDesk {
  /** Resolves when somebody holds the blob and its hashes are known; rejects when it is given up. */
  read(blob: AheadBlob): Promise<void>;
  /** To be called after whatever may have made the swarm whole. */
  changed(swarm: Swarm): void;
  /** The swarm is gone. */
  dropped(swarm: Swarm, error: SessionError): void;
  /** What has not begun will not begin. */
  stop(): void;
}

/** What is read side by side takes each other's bandwidth: the first one is not to wait for all. */
const MOST_AT_ONCE = 4;

/** `open` opens the swarm, marks it as wanted ahead and names a seeder. */
export function createAhead(open: (blob: AheadBlob) => Swarm): AheadDesk {
  const limit = pLimit(MOST_AT_ONCE);
  const waiting = new Map<string, { resolve(): void; reject(error: Error): void }[]>();
  const settle = (swarm: Swarm, error?: SessionError) => {
    swarm.isWantedAhead = false;
    const all = waiting.get(swarm.id) ?? [];
    waiting.delete(swarm.id);
    for (const { resolve, reject } of all) error ? reject(Object.assign(new Error(error.text), error)) : resolve();
  };
  const changed = (swarm: Swarm) => {
    if (swarm.isWantedAhead && isHeld(swarm)) settle(swarm);
  };
  return {
    read: (blob) =>
      limit(
        () =>
          new Promise<void>((resolve, reject) => {
            const swarm = open(blob);
            waiting.set(swarm.id, [...(waiting.get(swarm.id) ?? []), { resolve, reject }]);
            changed(swarm);
          }),
      ),
    changed,
    dropped: (swarm, error) => settle(swarm, error),
    stop: () => limit.clearQueue(),
  };
}

function isHeld(swarm: Swarm): boolean {
  return allHashesKnown(swarm) && [...swarm.members.values()].some(({ complete }) => complete);
}
