/**
 * Which members a foreign client hears of. Pure, and one pass over the members.
 */
import { isIP } from 'node:net';
import type { AnnouncedPeer } from '@shoal/wire';

export const MAX_PEERS = 50;

export interface PeerChoice {
  /** Never named to itself. */
  asker: { host: string; port: number; peerId: string };
  /** A client that takes no compact form can be told names, too. */
  compact: boolean;
  numwant: number | undefined;
  random: () => number;
}

/** A fair sample: each member that can be told is as likely as the others (reservoir sampling). */
export function choosePeers(members: Iterable<Required<AnnouncedPeer>>, choice: PeerChoice): AnnouncedPeer[] {
  const { asker, compact, numwant = MAX_PEERS, random } = choice;
  const wanted = Math.min(numwant, MAX_PEERS);
  const chosen: AnnouncedPeer[] = [];
  let seen = 0;
  for (const member of members) {
    const { host, port, peerId } = member;
    if ((host === asker.host && port === asker.port) || peerId === asker.peerId) continue;
    if (compact && isIP(host) === 0) continue;
    const place = chosen.length < wanted ? chosen.length : Math.floor(random() * (seen + 1));
    seen += 1;
    if (place < wanted) chosen[place] = { host, port, peerId };
  }
  return chosen;
}
