/**
 * Which images hosts said they have, as of the last job that brought them; what an engine lost since is not known here.
 */
import type { Database } from './database.ts';

export interface HostImage {
  peerId: string;
  /** With the registry: `harbor.example.com/win/servercore`. */
  repository: string;
  reference: string;
  /** Of the manifest. */
  digest: string;
  /** Windows images: `10.0.14393.5717`. */
  osVersion: string | null;
  readyAtMs: number;
}

export interface HostImageStore {
  save(image: HostImage): void;
  ofHost(peerId: string): HostImage[];
  byReference(reference: string): HostImage[];
  /** Of each host the latest. */
  latestOf(repository: string): HostImage[];
  forget(peerId: string): void;
}

export function createHostImageStore(db: Database): HostImageStore {
  const columns = `peer_id AS peerId, repository, reference, digest, os_version AS osVersion, ready_at AS readyAtMs`;
  const upsert = db.prepare<HostImage>(
    `INSERT INTO host_images (peer_id, repository, reference, digest, os_version, ready_at)
     VALUES (@peerId, @repository, @reference, @digest, @osVersion, @readyAtMs)
     ON CONFLICT (peer_id, reference) DO UPDATE SET digest = excluded.digest, os_version = excluded.os_version,
       ready_at = excluded.ready_at`,
  );
  const ofHost = db.prepare<[string], HostImage>(`SELECT ${columns} FROM host_images WHERE peer_id = ?`);
  const byReference = db.prepare<[string], HostImage>(`SELECT ${columns} FROM host_images WHERE reference = ?`);
  const byRepository = db.prepare<[string], HostImage>(
    `SELECT ${columns} FROM host_images WHERE repository = ? ORDER BY ready_at`,
  );
  const forget = db.prepare('DELETE FROM host_images WHERE peer_id = ?');
  return {
    save: (image) => void upsert.run(image),
    ofHost: (peerId) => ofHost.all(peerId),
    byReference: (reference) => byReference.all(reference),
    latestOf: (repository) => [...new Map(byRepository.all(repository).map((image) => [image.peerId, image])).values()],
    forget: (peerId) => void forget.run(peerId),
  };
}
