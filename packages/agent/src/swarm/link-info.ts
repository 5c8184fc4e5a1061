/** What the core learns of a new connection. */
import type { LinkInfo } from '@shoal/swarm';
import type { Neighbour } from '@shoal/tracker/client';
import type { AdmittedPeer } from '../peer/admission.ts';
import { foreignPeerId, type PeerConnection } from '../peer/peer-connection.ts';

/** Up to here all is asked of a new peer at once. */
const SMALL_BLOB_BYTES = 4 * 1024 * 1024;
/** Requests a foreign client keeps waiting when it does not say: what clients take each other to keep. */
const MAX_REQUESTS = 250;

export function shoalLink(
  { id, direction }: PeerConnection,
  peer: AdmittedPeer,
  { neighbour, blobBytes }: { neighbour: Neighbour | undefined; blobBytes: number },
): LinkInfo {
  return {
    link: id,
    peer: peer.peerId,
    canRequest: direction === 'out',
    canServe: direction === 'in',
    // A seeder that was not asked to read this blob holds it like any other; it still counts what is out.
    remoteIsSeeder: peer.ticketRole === 'seeder' || neighbour?.role === 'seeder',
    remote: neighbour?.remote,
    blockBytes: peer.blockBytes,
    // All of a small blob in one round trip; what one peer has no room for is asked of another.
    ...(blobBytes <= SMALL_BLOB_BYTES && { firstBytes: blobBytes }),
    choked: false,
    tellsHashes: peer.hashesId !== undefined,
  };
}

/** One connection serves both ways, whoever dialled, and the other side chokes. */
export function foreignLink({ id }: PeerConnection, { peerId, blockBytes }: AdmittedPeer): LinkInfo {
  const both = { canRequest: true, canServe: true, remoteIsSeeder: false };
  return { link: id, peer: peerId, blockBytes, ...both, choked: true, maxRequests: MAX_REQUESTS };
}

/** Candidates to dial are told apart by port, too. */
export function foreignId({ host, port }: { host: string; port: number }): string {
  return `${foreignPeerId(host)}:${port}`;
}
