/**
 * The foreign clients of each blob as their announces show them. In memory: after a restart each comes back with its
 * next announce. Decides who is listed, how long, and how often they are to announce.
 */
import { type Clock, every } from '../clock.ts';

export interface ForeignClient {
  /** The address it announces from. */
  host: string;
  /** 0: it does not listen. */
  port: number;
  /** 40 hex digits. */
  peerId: string;
  passkeyId: string;
}

export interface ForeignClients {
  /** False when the blob has no room for one more. */
  heard(digest: string, client: ForeignClient): boolean;
  /** It says that it stops. */
  stopped(digest: string, client: ForeignClient): void;
  /** Whoever came with this passkey is forgotten. */
  revoked(passkeyId: string): void;
  of(digest: string): ForeignClient[];
  intervalSeconds(): number;
  stop(): void;
}

export const MAX_CLIENTS_A_SWARM = 200;
export const INTERVAL_SECONDS = 30;
export const BUSY_INTERVAL_SECONDS = 120;
/** With more clients than this they are asked to announce less often. */
export const BUSY_CLIENTS = 1000;
/** A client that lets so many intervals pass is gone. */
const INTERVALS_TO_LIVE = 2;
const SWEEP_MS = 5_000;

interface Listed extends ForeignClient {
  expiresAtMs: number;
}

/** `onChange`: hosts and ports of this blob's clients are not what they were. */
export function createForeignClients(clock: Clock, onChange: (digest: string) => void): ForeignClients {
  const byDigest = new Map<string, Map<string, Listed>>();

  const intervalSeconds = () => {
    let count = 0;
    for (const clients of byDigest.values()) count += clients.size;
    return count > BUSY_CLIENTS ? BUSY_INTERVAL_SECONDS : INTERVAL_SECONDS;
  };

  const remove = (digest: string, isGone: (client: Listed) => boolean) => {
    const clients = byDigest.get(digest) ?? new Map<string, Listed>();
    const gone = [...clients].filter(([, client]) => isGone(client));
    for (const [key] of gone) clients.delete(key);
    if (clients.size === 0) byDigest.delete(digest);
    if (gone.length > 0) onChange(digest);
  };
  const removeEverywhere = (isGone: (client: Listed) => boolean) => {
    for (const digest of [...byDigest.keys()]) remove(digest, isGone);
  };

  return {
    heard(digest, client) {
      const clients = byDigest.get(digest) ?? new Map<string, Listed>();
      const key = keyOf(client);
      const isNew = !clients.has(key);
      if (isNew && clients.size >= MAX_CLIENTS_A_SWARM) return false;
      byDigest.set(digest, clients);
      const listed = { ...client, expiresAtMs: 0 };
      clients.set(key, listed);
      // The interval it is about to be told: with itself counted.
      listed.expiresAtMs = clock.now() + INTERVALS_TO_LIVE * intervalSeconds() * 1000;
      if (isNew) onChange(digest);
      return true;
    },
    // Another may have taken over address and port since: the peer id must be the same, too.
    stopped: (digest, client) =>
      remove(digest, (listed) => keyOf(listed) === keyOf(client) && listed.peerId === client.peerId),
    revoked: (passkeyId) => removeEverywhere((client) => client.passkeyId === passkeyId),
    of: (digest) => [...(byDigest.get(digest)?.values() ?? [])],
    intervalSeconds,
    stop: every(clock, SWEEP_MS, () => {
      const nowMs = clock.now();
      removeEverywhere(({ expiresAtMs }) => expiresAtMs <= nowMs);
    }),
  };
}

/** A client that was started anew at its old place is the same one. */
function keyOf({ host, port }: ForeignClient): string {
  return `${host} ${port}`;
}
