/**
 * The torrents there are: made once a blob, kept with its metainfo, encoded anew for each announce URL.
 * Decides what makes up the info hash: all of it is stable, or the clients of old files would be locked out.
 */
import { encodeTorrent, type Torrent, torrentSaltOf } from '@shoal/wire';
import { TrackerError } from '../errors.ts';
import type { BlobMetainfo, BlobStore } from '../store/blob-store.ts';
import type { TorrentStore } from '../store/torrent-store.ts';
import { type Sha1Desk, WHAT_TO_DO } from './sha1-desk.ts';
import type { SwarmOf } from './swarm-of.ts';

export interface Torrents {
  /** Throws UNKNOWN_BLOB, NO_COMPLETE_MEMBER, NO_SHA1_ANSWER. True when it was not there before. */
  prepare(digest: string): Promise<boolean>;
  /** Of a blob that was prepared. */
  encode(digest: string, announce: string): Buffer;
  /** 40 hex digits; undefined when the blob has no torrent. */
  infoHashOf(digest: string): string | undefined;
}

export interface TorrentsDeps {
  blobs: BlobStore;
  store: TorrentStore;
  desk: Sha1Desk;
  swarmSecret: Uint8Array;
  swarmOf: SwarmOf;
}

export function createTorrents({ blobs, store, desk, swarmSecret, swarmOf }: TorrentsDeps): Torrents {
  const encode = (blob: BlobMetainfo, sha1: Uint8Array, announce: string): Torrent => {
    const { digest, size: length, pieceLength } = blob;
    // A colon is no part of a file's name on Windows.
    const name = digest.replace(':', '-');
    const salt = torrentSaltOf(swarmSecret, digest);
    return encodeTorrent({ name, length, pieceLength, sha1, salt, announce, comment: digest });
  };
  return {
    async prepare(digest) {
      if (store.infoHashOf(digest) !== undefined) return false;
      const swarm = swarmOf(digest);
      const blob = blobs.get(digest);
      if (!blob && !swarm) throw new TrackerError('UNKNOWN_BLOB', `${digest}: ${WHAT_TO_DO}`);
      if (!blob || !swarm) throw new TrackerError('NO_COMPLETE_MEMBER', `${digest}: ${WHAT_TO_DO}`);
      const sha1 = await desk.ask(swarm);
      return store.put({ digest, sha1, infoHash: encode(blob, sha1, '').infoHash });
    },
    encode(digest, announce) {
      const [blob, sha1] = [blobs.get(digest), store.sha1Of(digest)];
      if (!blob || !sha1) throw new TrackerError('UNKNOWN_BLOB', digest);
      return encode(blob, sha1, announce).bytes;
    },
    infoHashOf: store.infoHashOf,
  };
}
