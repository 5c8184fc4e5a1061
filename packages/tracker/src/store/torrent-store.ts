/**
 * What a blob's torrent needs beyond its metainfo. Goes with the blob when that is forgotten.
 */
import type { Database } from './database.ts';

export interface TorrentRecord {
  digest: string;
  /** n × 20 bytes. */
  sha1: Buffer;
  /** 40 hex digits. */
  infoHash: string;
}

export interface TorrentStore {
  infoHashOf(digest: string): string | undefined;
  sha1Of(digest: string): Buffer | undefined;
  /** The blob must be in the store. False when it has a torrent already: the first one stays. */
  put(torrent: TorrentRecord): boolean;
}

export function createTorrentStore(db: Database): TorrentStore {
  const infoHash = db.prepare<[string], string>('SELECT info_hash FROM torrents WHERE digest = ?').pluck();
  const sha1 = db.prepare<[string], Buffer>('SELECT sha1 FROM torrents WHERE digest = ?').pluck();
  const insert = db.prepare<TorrentRecord>(
    'INSERT INTO torrents (digest, sha1, info_hash) VALUES (@digest, @sha1, @infoHash) ON CONFLICT DO NOTHING',
  );
  return {
    infoHashOf: (digest) => infoHash.get(digest) as string | undefined,
    sha1Of: (digest) => sha1.get(digest) as Buffer | undefined,
    put: (torrent) => insert.run(torrent).changes > 0,
  };
}
