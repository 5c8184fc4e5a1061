/**
 * Answers a foreign client's announce: admits it by its passkey, remembers it, names it members to connect to.
 * Decides every reason for which it is turned away. The address is the one it came from, whatever `ip` it claims.
 */
import { type Announce, encodeAnnounceAnswer, encodeAnnounceFailure, parseAnnounce } from '@shoal/wire';
import { plainAddress } from '../session/hello.ts';
import type { Presence } from '../session/presence.ts';
import type { PasskeyStore } from '../store/passkey-store.ts';
import { choosePeers } from './choose-peers.ts';
import type { ForeignClients } from './foreign-clients.ts';
import type { SwarmOf } from './swarm-of.ts';
import type { Torrents } from './torrents.ts';

export interface AnnounceRequest {
  passkey: string;
  /** What stands behind the question mark, undecoded. */
  query: string;
  remoteAddress: string;
}

export interface AnnounceDeskDeps {
  passkeys: PasskeyStore;
  torrents: Pick<Torrents, 'infoHashOf'>;
  clients: ForeignClients;
  presence: Presence;
  swarmOf: SwarmOf;
  random: () => number;
}

/** Bencoded, whatever comes. */
export type AnnounceDesk = (request: AnnounceRequest) => Buffer;

export function createAnnounceDesk({ passkeys, torrents, clients, ...deps }: AnnounceDeskDeps): AnnounceDesk {
  return ({ passkey, query, remoteAddress }) => {
    const admitted = passkeys.find(passkey);
    if (!admitted) return encodeAnnounceFailure('unknown passkey: ask for a new .torrent file');
    const { digest, id: passkeyId } = admitted;
    const parsed = parseAnnounce(query);
    if (!parsed.ok) return encodeAnnounceFailure(`malformed announce: ${parsed.reason}`);
    const { announce } = parsed;
    if (announce.infoHash !== torrents.infoHashOf(digest)) {
      return encodeAnnounceFailure('this passkey is not for this torrent: ask for a new .torrent file');
    }
    const client = { host: plainAddress(remoteAddress), port: announce.port, peerId: announce.peerId, passkeyId };
    if (announce.event === 'stopped') clients.stopped(digest, client);
    else if (!clients.heard(digest, client)) return encodeAnnounceFailure('too many clients for this blob: come later');
    const peers = announce.event === 'stopped' ? [] : peersFor(digest, client, { ...announce, ...deps });
    return encodeAnnounceAnswer({ intervalSeconds: clients.intervalSeconds(), peers, compact: announce.compact });
  };
}

type PeersDeps = Announce & Pick<AnnounceDeskDeps, 'presence' | 'swarmOf' | 'random'>;

function peersFor(digest: string, asker: { host: string; port: number; peerId: string }, deps: PeersDeps) {
  const { presence, swarmOf, compact, numwant, random } = deps;
  const members = [...(swarmOf(digest)?.members.keys() ?? [])].flatMap((peerId) => presence.get(peerId) ?? []);
  return choosePeers(members, { asker, compact, numwant, random });
}
