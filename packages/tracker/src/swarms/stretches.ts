/**
 * Which of several seeders reads which stretch of a cold blob from the registry, so that none is read
 * twice. Pure. Stretches go out in order, for hashes are known as a prefix; the last one is the lead's,
 * who holds it back until the digest is right. What a lost seeder had read is most likely out among the
 * hosts: the lead goes over it at the end and reads what did not reach it.
 */
import type { Stretch } from '../client/session-messages.ts';

export interface Stretches {
  /** The next one for this seeder; undefined when there is none for it. */
  take(peerId: string, isLead: boolean): Stretch | undefined;
  /** Handed to this seeder and not read yet. */
  openOf(peerId: string): number;
  /** The seeder published the hash of this piece: a stretch is read with its last one. */
  published(peerId: string, piece: number): void;
  /** The seeder is gone. */
  release(peerId: string): void;
}

interface State {
  stretch: Stretch;
  owner: string | undefined;
  state: 'fresh' | 'open' | 'read' | 'doubtful';
}

/** Long enough that asking costs little, short enough that a prefix of hashes soon closes. */
const STRETCH_BYTES = 16 * 1024 * 1024;
/** A smaller blob is read by one seeder. */
const LEAST_STRETCHES = 3;

/** Undefined for a blob too small to share. */
export function createStretches(blob: { pieceCount: number; pieceLength: number }): Stretches | undefined {
  const length = Math.max(1, Math.floor(STRETCH_BYTES / blob.pieceLength));
  const states: State[] = [];
  for (let first = 0; first < blob.pieceCount; first += length) {
    const stretch = { first, count: Math.min(length, blob.pieceCount - first) };
    states.push({ stretch, owner: undefined, state: 'fresh' });
  }
  if (states.length < LEAST_STRETCHES) return undefined;
  const last = states.at(-1);
  return {
    take(peerId, isLead) {
      const fresh = states.find((candidate) => candidate.state === 'fresh' && (isLead || candidate !== last));
      const next = fresh ?? (isLead ? states.find(({ state }) => state === 'doubtful') : undefined);
      if (next === undefined) return undefined;
      Object.assign(next, { owner: peerId, state: 'open' });
      return next.stretch;
    },
    openOf: (peerId) => states.filter(({ owner, state }) => owner === peerId && state === 'open').length,
    published(peerId, piece) {
      const found = states[Math.floor(piece / length)];
      if (found?.owner !== peerId || found.state !== 'open') return;
      if (piece === found.stretch.first + found.stretch.count - 1) found.state = 'read';
    },
    release(peerId) {
      for (const own of states.filter(({ owner }) => owner === peerId))
        Object.assign(own, { owner: undefined, state: own.state === 'read' ? 'doubtful' : 'fresh' });
    },
  };
}
