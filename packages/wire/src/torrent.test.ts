import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeBencoding } from './bencoding.ts';
import { swarmIdOf } from './keys.ts';
import { encodeTorrent, type TorrentFields, torrentSaltOf } from './torrent.ts';

const PIECE = 262_144;
const FIELDS: TorrentFields = {
  name: 'layer',
  length: PIECE + 1,
  pieceLength: PIECE,
  sha1: Buffer.concat([Buffer.alloc(20, 1), Buffer.alloc(20, 0xff)]),
  salt: Buffer.alloc(32, 9),
  announce: 'http://tracker.test:7600/announce/key',
};

describe('a torrent', () => {
  it('is what BEP 3 says, byte for byte, with the private flag and the salt', () => {
    const { bytes, infoHash } = encodeTorrent({ ...FIELDS, comment: 'ours' });
    const info = Buffer.concat([
      Buffer.from(`d6:lengthi${PIECE + 1}e4:name5:layer12:piece lengthi${PIECE}e6:pieces40:`),
      FIELDS.sha1,
      Buffer.from('7:privatei1e4:salt32:'),
      FIELDS.salt,
      Buffer.from('e'),
    ]);
    const head = Buffer.from(`d8:announce37:${FIELDS.announce}7:comment4:ours4:info`);
    expect(bytes).toEqual(Buffer.concat([head, info, Buffer.from('e')]));
    expect(infoHash).toBe(createHash('sha1').update(info).digest('hex'));
  });

  it('is well formed also with a name beyond ASCII', () => {
    const { bytes } = encodeTorrent({ ...FIELDS, name: 'schön', comment: undefined });
    const { info } = decodeBencoding(bytes) as { info: { name: Uint8Array } };
    expect(Buffer.from(info.name).toString()).toBe('schön');
  });

  it('has an info hash that follows from the salt and not from who announces where', () => {
    const { infoHash } = encodeTorrent(FIELDS);
    expect(encodeTorrent({ ...FIELDS, announce: 'http://other/', comment: 'x' }).infoHash).toBe(infoHash);
    expect(encodeTorrent({ ...FIELDS, salt: Buffer.alloc(32, 8) }).infoHash).not.toBe(infoHash);
  });

  it.each([0, 20, 39, 41, 60])('is not made of %i bytes of hashes for two pieces', (length) => {
    expect(() => encodeTorrent({ ...FIELDS, sha1: Buffer.alloc(length) })).toThrow(TypeError);
  });
});

describe('the salt', () => {
  const secret = Buffer.alloc(32, 3);
  const digest = `sha256:${'a'.repeat(64)}`;

  it('is the same for a digest, another for another secret, and tells nothing of the swarm id', () => {
    const salt = torrentSaltOf(secret, digest);
    expect(salt).toHaveLength(32);
    expect(torrentSaltOf(secret, digest)).toEqual(salt);
    expect(torrentSaltOf(Buffer.alloc(32, 4), digest)).not.toEqual(salt);
    expect(salt.toString('hex')).not.toContain(swarmIdOf(secret, digest));
  });
});
