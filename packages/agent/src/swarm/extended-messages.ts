/**
 * What peers say beside BitTorrent's own messages: an agent the class of its requests and piece hashes, a foreign client
 * how many requests it keeps.
 */
import {
  decodeClass,
  decodeExtendedHandshake,
  decodeHashes,
  EXTENDED_HANDSHAKE_ID,
  encodeClass,
  encodeHashAsk,
  encodeHashRuns,
  type HashesMessage,
  type HashRun,
  SHOAL_CLASS_ID,
  SHOAL_HASHES_ID,
  type TrafficClass,
  type WireMessage,
} from '@shoal/wire';
import type { PeerConnection } from '../peer/peer-connection.ts';

export interface Heard {
  class?: TrafficClass;
  maxRequests?: number;
  hashes?: HashesMessage;
}

/** Closes the connection when it makes no sense; passes over what it does not know. */
export function hearExtended(connection: PeerConnection, { id, payload }: { id: number; payload: Uint8Array }): Heard {
  if (connection.peer?.foreign !== undefined)
    return id === EXTENDED_HANDSHAKE_ID ? hearForeign(connection, payload) : {};
  if (id === SHOAL_HASHES_ID) return hearHashes(connection, payload);
  if (id !== SHOAL_CLASS_ID) return {};
  const said = decodeClass(payload);
  if (said.ok) return { class: said.class };
  connection.close(said.reason);
  return {};
}

function hearHashes(connection: PeerConnection, payload: Uint8Array): Heard {
  const said = decodeHashes(payload);
  if (said.ok) return { hashes: said.message };
  connection.close(said.reason);
  return {};
}

/** Of a foreign client's extended handshake only the requests it keeps waiting are of interest. */
function hearForeign(connection: PeerConnection, payload: Uint8Array): Heard {
  const result = decodeExtendedHandshake(payload);
  if (!result.ok) {
    connection.close(result.reason);
    return {};
  }
  const { reqq } = result.handshake;
  // Transmission 3.00 turns away the last of those it names.
  return reqq === undefined ? {} : { maxRequests: Math.max(1, reqq - 1) };
}

/** The downloader says it; an older agent has no id for it. */
export function classMessages({ direction, peer }: PeerConnection, trafficClass: TrafficClass): WireMessage[] {
  if (direction === 'in' || peer?.classId === undefined) return [];
  return [{ type: 'extended', id: peer.classId, payload: encodeClass(trafficClass) }];
}

/** An older agent has no id for it, and is not asked. */
export function hashAsk({ peer }: PeerConnection, first: number): WireMessage[] {
  return peer?.hashesId === undefined ? [] : [{ type: 'extended', id: peer.hashesId, payload: encodeHashAsk(first) }];
}

/** `runs` undefined: it was told too much already, and is closed. */
export function hashAnswer(connection: PeerConnection, runs: readonly HashRun[] | undefined): WireMessage[] {
  const id = connection.peer?.hashesId;
  if (runs === undefined) connection.close('asks for hashes without end');
  if (id === undefined || runs === undefined || runs.length === 0) return [];
  return [{ type: 'extended', id, payload: encodeHashRuns(runs) }];
}
