/** What the fleet has moved since the tracker started, from what each agent says it moved since its own start. */
import { NOTHING_MOVED, type Traffic } from '../client/shapes.ts';

export interface MovedBytes {
  add(peerId: string, now: Traffic): void;
  readonly sums: Traffic;
}

const KEYS = ['sentBytes', 'receivedBytes', 'remoteBytes', 'originBytes'] as const;

export function createMovedBytes(): MovedBytes {
  const last = new Map<string, Traffic>();
  const sums: Traffic = { ...NOTHING_MOVED };
  return {
    sums,
    add(peerId, now) {
      const before = last.get(peerId);
      last.set(peerId, now);
      // What it moved before this tracker began is not ours to count.
      if (before === undefined) return;
      // An agent that was started anew counts from zero.
      for (const key of KEYS) sums[key] += now[key] >= before[key] ? now[key] - before[key] : now[key];
    },
  };
}
