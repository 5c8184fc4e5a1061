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

export function createBlobStore(db: Database): BlobStore {
  const select = db.prepare<[string], BlobMetainfo>(
    'SELECT digest, size, piece_length AS pieceLength, hashes FROM blobs WHERE digest = ?',
  );
  const insert = db.prepare<BlobMetainfo>(
    `INSERT INTO blobs (digest, size, piece_length, hashes)
     VALUES (@digest, @size, @pieceLength, @hashes) ON CONFLICT DO NOTHING`,
  );
  const remove = db.prepare('DELETE FROM blobs WHERE digest = ?');
  return {
    get: (digest) => select.get(digest),
    put: (blob) => void insert.run(blob),
    forget: (digest) => void remove.run(digest),
  };
}
