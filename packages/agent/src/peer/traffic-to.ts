import type { Traffic } from '@shoal/policy';
import type { PeerConnection } from './peer-connection.ts';

/** What is sent on a connection, as the caps see it. */
export function trafficTo(connection: PeerConnection): Traffic {
  return { class: connection.peerClass, direction: 'upload', remote: connection.isRemote ? 'elsewhere' : 'zone' };
}
