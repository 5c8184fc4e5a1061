/**
 * Passes bytes between a client and some host, both ways, until both have ended. Does not know what they say, and does
 * not count for the bandwidth policy: it is not our traffic.
 */
import { connect, type Socket } from 'node:net';
import { bareHost, type Place } from './place.ts';

export interface TunnelOptions {
  connectTimeoutMs?: number;
  /** Of silence in both directions. */
  idleMs?: number;
  /** At once. */
  most?: number;
}

export interface Tunnels {
  /** Resolves when the host is reached, with what lets the bytes flow. Rejects when it is not. */
  reach(place: Place): Promise<(client: Socket) => void>;
  close(): void;
}

/** A host that is reached by its name may have several addresses, each tried for a part of this. */
const CONNECT_MS = 10_000;
const IDLE_MS = 30 * 60_000;
const MOST = 256;

export function createTunnels({
  connectTimeoutMs = CONNECT_MS,
  idleMs = IDLE_MS,
  most = MOST,
}: TunnelOptions = {}): Tunnels {
  const remotes = new Set<Socket>();
  return {
    async reach(place) {
      if (remotes.size >= most) throw new Error(`${most} tunnels are open, and no more may be`);
      const remote = connect({ host: bareHost(place.host), port: place.port, allowHalfOpen: true });
      remotes.add(remote);
      remote.once('close', () => remotes.delete(remote));
      await connected(remote, connectTimeoutMs);
      remote.setTimeout(idleMs, () => remote.destroy());
      return (client) => join(client, remote);
    },
    close() {
      for (const remote of remotes) remote.destroy();
    },
  };
}

function connected(remote: Socket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    remote.setTimeout(timeoutMs, () => remote.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    remote.once('error', reject);
    remote.once('connect', () => resolve());
  });
}

/** An end in one direction is passed on and leaves the other open; a failure ends both. */
function join(client: Socket, remote: Socket): void {
  if (client.destroyed) return void remote.destroy(); // it did not wait
  for (const [one, other] of [
    [client, remote],
    [remote, client],
  ] as const) {
    one.pipe(other);
    // A plain end would look to the other side as if that had been all.
    one.on('error', () => other.resetAndDestroy());
    // Unless both directions have ended: then what is under way to the other still arrives.
    one.once('close', () => {
      if (!one.readableEnded || !one.writableFinished) other.resetAndDestroy();
    });
  }
}
