/*
 * The announce of BEP 3: a foreign client's query string to values, and the bencoded answer (BEP 23 and BEP 7 compact).
 * Decides what is well formed. The `ip` a client claims is not read: the tracker knows where it came from.
 */
import { addressBytes } from './address.ts';
import { type BencodeInput, encodeBencoding } from './bencoding.ts';

export const MAX_ANNOUNCE_QUERY_CHARS = 2048;
const ID_BYTES = 20;
const EVENTS = ['started', 'stopped', 'completed'] as const;

export type AnnounceEvent = (typeof EVENTS)[number];

export interface Announce {
  /** 40 hex digits each. */
  infoHash: string;
  peerId: string;
  /** 0: the client does not listen. */
  port: number;
  uploadedBytes: number;
  downloadedBytes: number;
  /** Undefined when the client does not say. */
  leftBytes?: number;
  /** Undefined: a regular one; events we do not know count as that. */
  event?: AnnounceEvent;
  /** False only when the client asks for it: BEP 23 lets a tracker prefer the compact form. */
  compact: boolean;
  /** Peers wanted; undefined leaves it to the tracker. */
  numwant?: number;
}

export type AnnounceResult = { ok: true; announce: Announce } | { ok: false; reason: string };

export interface AnnouncedPeer {
  /** An IP address; a name only reaches clients that take no compact form. */
  host: string;
  port: number;
  /** 40 hex digits; only in the form that is not compact. */
  peerId?: string;
}

export interface AnnounceAnswer {
  intervalSeconds: number;
  peers: readonly AnnouncedPeer[];
  compact: boolean;
}

/** `query` is what stands behind the question mark, undecoded: ids are bytes, not UTF-8. Never throws. */
export function parseAnnounce(query: string): AnnounceResult {
  if (query.length > MAX_ANNOUNCE_QUERY_CHARS) return refuse('the query is too long');
  const values = readPairs(query);
  const infoHash = readId(values.get('info_hash'));
  if (infoHash === undefined) return refuse('info_hash is not 20 bytes');
  const peerId = readId(values.get('peer_id'));
  if (peerId === undefined) return refuse('peer_id is not 20 bytes');
  const port = readNumber(values.get('port'));
  if (port === undefined || port > 65_535) return refuse('port is not a port');
  const announce: Announce = {
    ...{ infoHash, peerId, port },
    uploadedBytes: readNumber(values.get('uploaded')) ?? 0,
    downloadedBytes: readNumber(values.get('downloaded')) ?? 0,
    compact: values.get('compact') !== '0',
  };
  const leftBytes = readNumber(values.get('left'));
  if (leftBytes !== undefined) announce.leftBytes = leftBytes;
  const event = EVENTS.find((known) => known === values.get('event'));
  if (event !== undefined) announce.event = event;
  const numwant = readNumber(values.get('numwant'));
  if (numwant !== undefined) announce.numwant = numwant;
  return { ok: true, announce };
}

export function encodeAnnounceAnswer({ intervalSeconds, peers, compact }: AnnounceAnswer): Buffer {
  const lists = compact ? compactLists(peers) : { peers: peers.map(dictionaryOf) };
  return encodeBencoding({ interval: intervalSeconds, ...lists });
}

/** BEP 3: with a failure reason no other key is needed; clients show it to their user. */
export function encodeAnnounceFailure(reason: string): Buffer {
  return encodeBencoding({ 'failure reason': reason });
}

/** `peers` is there also when empty: clients take its absence for a fault. Names have no compact form. */
function compactLists(peers: readonly AnnouncedPeer[]): { peers: Buffer; peers6?: Buffer } {
  const entries = peers.flatMap(({ host, port }) => {
    const address = addressBytes(host);
    return address ? [Buffer.concat([address, Buffer.of(port >> 8, port & 0xff)])] : [];
  });
  const ipv4 = entries.filter(({ length }) => length === 6);
  const ipv6 = entries.filter(({ length }) => length === 18);
  return { peers: Buffer.concat(ipv4), ...(ipv6.length > 0 && { peers6: Buffer.concat(ipv6) }) };
}

function dictionaryOf({ host, port, peerId }: AnnouncedPeer): Record<string, BencodeInput | undefined> {
  return { ip: host, 'peer id': peerId === undefined ? undefined : Buffer.from(peerId, 'hex'), port };
}

/** Values as latin1 text: one character a byte. Of a key that comes twice the first counts. */
function readPairs(query: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const pair of query.split('&')) {
    const split = pair.indexOf('=');
    const key = split < 0 ? pair : pair.slice(0, split);
    if (!values.has(key)) values.set(key, split < 0 ? '' : percentDecode(pair.slice(split + 1)));
  }
  return values;
}

/** RFC 3986: a plus is a plus. A percent sign without two hex digits stands for itself. */
function percentDecode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function readId(value: string | undefined): string | undefined {
  // A character beyond latin1 cannot come out of a request line; written as a byte it would pass for another.
  if (value?.length !== ID_BYTES || /[^\0-\xff]/.test(value)) return undefined;
  return Buffer.from(value, 'latin1').toString('hex');
}

/** A count that no safe integer holds is as good as none: clients say 2⁶⁴−1 for what they do not know. */
function readNumber(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,20}$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function refuse(reason: string): AnnounceResult {
  return { ok: false, reason };
}
