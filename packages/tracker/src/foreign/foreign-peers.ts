/**
 * The tracker's side of foreign BitTorrent clients, put together: torrents and passkeys, announces, and what the
 * swarms' members are told of it. There is one only when `foreignPeers` is on.
 */
import type { Logger } from 'pino';
import type { PasskeyView } from '../client/api-schemas.ts';
import type { AgentMessageOf, TrackerMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { PasskeyStore } from '../store/passkey-store.ts';
import type { TorrentStore } from '../store/torrent-store.ts';
import type { Swarm } from '../swarms/swarm.ts';
import type { SwarmWatcher } from '../swarms/watcher.ts';
import { type AnnounceDesk, createAnnounceDesk } from './announce-desk.ts';
import { createForeignClients } from './foreign-clients.ts';
import { createForeignFanout } from './foreign-fanout.ts';
import { createSha1Desk } from './sha1-desk.ts';
import type { SwarmOf } from './swarm-of.ts';
import { createTorrents } from './torrents.ts';

export interface ForeignPeers {
  watcher: SwarmWatcher;
  /** Throws BAD_MESSAGE: the session ends. */
  sha1Hashes(session: AgentSession, message: AgentMessageOf<'sha1Hashes'>): void;
  /** The bytes of a .torrent with a passkey of its own. Throws UNKNOWN_BLOB, NO_COMPLETE_MEMBER, NO_SHA1_ANSWER. */
  createTorrent(order: TorrentOrder): Promise<Buffer>;
  announce: AnnounceDesk;
  passkeys(): PasskeyView[];
  /** Its clients are forgotten at once. False when there is none with this id. */
  revokePasskey(id: string): boolean;
  stop(): void;
}

export interface TorrentOrder {
  digest: string;
  /** The name of the host the client will run on. */
  host: string;
  /** Where that client reaches the tracker: `https://tracker.example:7600`. */
  baseUrl: string;
}

export interface ForeignPeersDeps {
  presence: Presence;
  blobs: BlobStore;
  torrentStore: TorrentStore;
  passkeyStore: PasskeyStore;
  swarmSecret: Uint8Array;
  swarmOf: SwarmOf;
  clock: Clock;
  random: () => number;
  log: Logger;
}

export function createForeignPeers(deps: ForeignPeersDeps): ForeignPeers {
  const { presence, blobs, torrentStore, passkeyStore, swarmSecret, swarmOf, clock, random, log } = deps;
  const desk = createSha1Desk(presence, clock);
  const torrents = createTorrents({ blobs, store: torrentStore, desk, swarmSecret, swarmOf });
  const clients = createForeignClients(clock, (digest) => fanout.changed(digest));
  const messageFor = (swarm: Swarm): TrackerMessageOf<'foreign'> | undefined => {
    const infoHash = torrents.infoHashOf(swarm.digest);
    const peers = clients.of(swarm.digest).map(({ host, port }) => ({ host, port }));
    return infoHash === undefined ? undefined : { type: 'foreign', swarm: swarm.id, infoHash, peers };
  };
  const fanout = createForeignFanout({ presence, clock, swarmOf, messageFor });
  return {
    watcher: {
      entered(swarm, session) {
        const message = messageFor(swarm);
        if (message) session.send(message);
      },
      left: desk.lost,
      dropped(swarm) {
        fanout.drop(swarm.digest);
        desk.drop(swarm);
      },
    },
    sha1Hashes: desk.answered,
    async createTorrent({ digest, host, baseUrl }) {
      // From now on members must know the info hash: the client may come at any time.
      if (await torrents.prepare(digest)) fanout.changed(digest);
      const passkey = passkeyStore.create(digest, host, clock.now());
      log.info({ digest, foreign: host }, 'torrent handed out');
      return torrents.encode(digest, `${baseUrl}/announce/${passkey}`);
    },
    announce: createAnnounceDesk({ passkeys: passkeyStore, torrents, clients, presence, swarmOf, random }),
    passkeys: () =>
      passkeyStore.list().map(({ createdAtMs, ...passkey }) => ({
        ...passkey,
        createdAt: new Date(createdAtMs).toISOString(),
        clients: clients
          .of(passkey.digest)
          .filter(({ passkeyId }) => passkeyId === passkey.id)
          .map(({ host, port }) => ({ host, port })),
      })),
    revokePasskey(id) {
      const revoked = passkeyStore.revoke(id);
      if (revoked) clients.revoked(id);
      return revoked;
    },
    stop: clients.stop,
  };
}
