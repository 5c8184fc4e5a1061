/** Time that passes only by waiting, and every wait on record. */
import type { RegistryDependencies } from './retry.ts';

export interface VirtualTime extends RegistryDependencies {
  waitsMs: number[];
  advance(ms: number): void;
}

export function createVirtualTime(startMs = Date.UTC(2026, 10, 23)): VirtualTime {
  let nowMs = startMs;
  const waitsMs: number[] = [];
  return {
    waitsMs,
    advance: (ms) => {
      nowMs += ms;
    },
    nowMs: () => nowMs,
    random: () => 1,
    wait: async (delayMs, signal) => {
      signal?.throwIfAborted();
      waitsMs.push(delayMs);
      nowMs += delayMs;
    },
  };
}
