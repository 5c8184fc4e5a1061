import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Announce, encodeAnnounceAnswer, encodeAnnounceFailure, parseAnnounce } from './announce.ts';
import { decodeBencoding } from './bencoding.ts';

const INFO_HASH = '00ff2b20267e80c3a94142434445464748494a4b';
const PEER_ID = Buffer.from('-XX0001-0123456789ab').toString('hex');

const percent = (hex: string) => hex.replace(/../g, '%$&');

function queryOf(changes: Record<string, string | undefined> = {}): string {
  const values = { info_hash: percent(INFO_HASH), peer_id: percent(PEER_ID), port: '6881', ...changes };
  return Object.entries(values)
    .flatMap(([key, value]) => (value === undefined ? [] : `${key}=${value}`))
    .join('&');
}

function parsed(query: string): Announce {
  const result = parseAnnounce(query);
  if (!result.ok) throw new Error(result.reason);
  return result.announce;
}

describe('an announce', () => {
  it('is read with everything a client says', () => {
    const query = queryOf({ uploaded: '1', downloaded: '2', left: '3', event: 'started', compact: '0', numwant: '80' });
    expect(parsed(query)).toEqual({
      ...{ infoHash: INFO_HASH, peerId: PEER_ID, port: 6881, uploadedBytes: 1, downloadedBytes: 2, leftBytes: 3 },
      ...{ event: 'started', compact: false, numwant: 80 },
    });
  });

  it('is read with the least a client must say', () => {
    expect(parsed(queryOf())).toEqual({
      ...{ infoHash: INFO_HASH, peerId: PEER_ID, port: 6881, uploadedBytes: 0, downloadedBytes: 0, compact: true },
    });
  });

  it('as aria2, transmission and webtorrent write it', () => {
    const aria2 =
      'info_hash=%00%FF%2B%20%26~%80%C3%A9ABCDEFGHIJK&peer_id=A2-1-37-0-%94%E2%0E%1C%99Y%B3%08%F3%11&uploaded=0' +
      '&downloaded=0&left=1000000&compact=1&key=%94%E2&numwant=50&no_peer_id=1&port=6998&event=started' +
      '&supportcrypto=1';
    expect(parsed(aria2)).toMatchObject({ infoHash: INFO_HASH, port: 6998, event: 'started', compact: true });
    const transmission =
      'info_hash=%00%ff%2b%20%26~%80%c3%a9ABCDEFGHIJK&peer_id=-TR4000-0123456789ab&port=51413&uploaded=0&downloaded=0' +
      '&left=18446744073709551615&numwant=80&key=6b3c&compact=1&supportcrypto=1';
    const { infoHash, leftBytes } = parsed(transmission);
    expect([infoHash, leftBytes]).toEqual([INFO_HASH, undefined]);
  });

  it('takes any 20 bytes as an id', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (id) => {
        const hex = Buffer.from(id).toString('hex');
        expect(parsed(queryOf({ info_hash: percent(hex) })).infoHash).toBe(hex);
      }),
    );
  });

  it('ignores what it does not know, takes the first of two, and reads no form encoding', () => {
    const query = `x&=&${queryOf({ event: 'paused', numwant: '-1', left: '1e3' })}&port=1&info_hash=zz`;
    const announce = parsed(query);
    expect(announce).toMatchObject({ infoHash: INFO_HASH, port: 6881 });
    expect(announce).not.toHaveProperty('event');
    expect(announce).not.toHaveProperty('numwant');
    expect(announce).not.toHaveProperty('leftBytes');
    expect(parsed(queryOf({ info_hash: '+'.repeat(20) })).infoHash).toBe('2b'.repeat(20));
  });

  it.each([
    ['nothing', ''],
    ['no info_hash', queryOf({ info_hash: undefined })],
    ['19 bytes of info_hash', queryOf({ info_hash: 'x'.repeat(19) })],
    ['characters that are no bytes', queryOf({ info_hash: 'ł'.repeat(20) })],
    ['hex in place of bytes', queryOf({ info_hash: INFO_HASH })],
    ['a long peer_id', queryOf({ peer_id: 'x'.repeat(21) })],
    ['no port', queryOf({ port: undefined })],
    ['a port beyond the last', queryOf({ port: '65536' })],
    ['a port that is no number', queryOf({ port: '0x50' })],
    ['a query without end', `${queryOf()}&x=${'y'.repeat(2048)}`],
  ])('with %s is refused', (_what, query) => {
    expect(parseAnnounce(query)).toEqual({ ok: false, reason: expect.any(String) });
  });

  it('never throws', () => {
    const sign = fc.constantFrom('%', '&', '=', '+', 'a', '0', 'info_hash', 'port', '%zz', '%0', '%e2', '\u0000', 'ł');
    fc.assert(
      fc.property(fc.array(sign, { maxLength: 60 }), (signs) => {
        expect(parseAnnounce(signs.join(''))).toHaveProperty('ok');
      }),
    );
  });
});

describe('the answer', () => {
  const peers = [
    { host: '10.1.2.3', port: 7610, peerId: PEER_ID },
    { host: '2001:db8::1', port: 256 },
    { host: 'node-7.example', port: 7610 },
  ];

  it('is compact: six bytes a peer, eighteen with IPv6, names left out', () => {
    const answer = encodeAnnounceAnswer({ intervalSeconds: 30, peers, compact: true });
    const peers6 = Buffer.from('20010db8000000000000000000000001' + '0100', 'hex');
    expect(answer).toEqual(
      Buffer.concat([
        Buffer.from('d8:intervali30e5:peers6:'),
        Buffer.of(10, 1, 2, 3, 0x1d, 0xba),
        Buffer.from('6:peers618:'),
        peers6,
        Buffer.from('e'),
      ]),
    );
  });

  it('has an empty list for nobody', () => {
    const nobody = { intervalSeconds: 120, peers: [] };
    expect(String(encodeAnnounceAnswer({ ...nobody, compact: true }))).toBe('d8:intervali120e5:peers0:e');
    expect(String(encodeAnnounceAnswer({ ...nobody, compact: false }))).toBe('d8:intervali120e5:peerslee');
  });

  it('is a list of dictionaries for who asks for it, names included', () => {
    const answer = encodeAnnounceAnswer({ intervalSeconds: 30, peers, compact: false });
    const bytes = (text: string) => new Uint8Array(Buffer.from(text));
    expect(decodeBencoding(answer)).toEqual({
      interval: 30,
      peers: [
        { ip: bytes('10.1.2.3'), 'peer id': new Uint8Array(Buffer.from(PEER_ID, 'hex')), port: 7610 },
        { ip: bytes('2001:db8::1'), port: 256 },
        { ip: bytes('node-7.example'), port: 7610 },
      ],
    });
  });

  it('says what went wrong in words', () => {
    expect(String(encodeAnnounceFailure('no'))).toBe('d14:failure reason2:noe');
  });
});
