/**
 * Metainfo of blobs whose piece hashes are all known. What is known in part lives in memory only.
 */
import type { Database } from './database.ts';

export interface BlobMetainfo {
  digest: string;
  size: number;
  pieceLength: number;
  /** n × 32 bytes. */
  hashes: Buffer;
}

export interface BlobStore {
  get(digest: string): BlobMetainfo | undefined;
  put(blob: BlobMetainfo): void;
  forget(digest: string): void;
}

const DAY_MS = 86_400_000;

export function createBlobStore(db: Database, now: () => number): BlobStore {
  const select = db.prepare<[string], BlobMetainfo & { usedAtMs: number }>(
    'SELECT digest, size, piece_length AS pieceLength, hashes, used_at AS usedAtMs FROM blobs WHERE digest = ?',
  );
  const use = db.prepare('UPDATE blobs SET used_at = ? WHERE digest = ?');
  const insert = db.prepare<BlobMetainfo & { usedAtMs: number }>(
    `INSERT INTO blobs (digest, size, piece_length, hashes, used_at)
     VALUES (@digest, @size, @pieceLength, @hashes, @usedAtMs) ON CONFLICT DO NOTHING`,
  );
  const remove = db.prepare('DELETE FROM blobs WHERE digest = ?');
  /** Once a day: a blob in use is asked for all the time. On a full disk it is asked for all the same. */
  const markUsed = (digest: string) => {
    try {
      use.run(now(), digest);
    } catch {}
  };
  return {
    get(digest) {
      const found = select.get(digest);
      if (found === undefined) return undefined;
      const { usedAtMs, ...blob } = found;
      if (now() - usedAtMs > DAY_MS) markUsed(digest);
      return blob;
    },
    put: ({ digest, size, pieceLength, hashes }) =>
      void insert.run({ digest, size, pieceLength, hashes, usedAtMs: now() }),
    forget: (digest) => void remove.run(digest),
  };
}
