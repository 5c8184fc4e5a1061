/**
 * The blobs of one agent, by digest: found again at start, one `BlobFile` each. One agent a folder,
 * by a lock file that names its process. Decides no eviction yet.
 */
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestHex } from '@shoal/oci';
import { AgentError, toStoreError } from '../errors.ts';
import { type BlobFacts, BlobFile, mapPath } from './blob-file.ts';
import { decodePieceMap } from './piece-map.ts';
import type { PieceWorkers } from './piece-workers.ts';
import { retryWhileHeld } from './replace-file.ts';

export interface BlobStore {
  get(digest: Digest): BlobFile | undefined;
  list(): BlobFile[];
  /** The blob as it is on disk, or a new one. Throws BLOB_CONFLICT when the facts differ. */
  open(facts: BlobFacts): Promise<BlobFile>;
  remove(digest: Digest): Promise<void>;
  close(): Promise<void>;
}

export async function openBlobStore(folder: string, workers: PieceWorkers): Promise<BlobStore> {
  const blobs = new Map<Digest, BlobFile>();
  const opening = new Map<Digest, Promise<BlobFile>>();
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw toStoreError(error, folder);
  });
  const unlock = await lockFolder(folder);
  try {
    await findBlobs(folder, workers, (blob) => blobs.set(blob.digest, blob));
  } catch (error) {
    await Promise.all([...blobs.values()].map((blob) => blob.close()));
    await unlock();
    throw toStoreError(error, folder);
  }

  /** Bytes of blobs that are being created: they are in no list yet. */
  let creatingBytes = 0;
  const create = async (facts: BlobFacts): Promise<BlobFile> => {
    const promisedBytes = [...blobs.values()].reduce((sum, blob) => sum + blob.size - blob.bytesHeld(), creatingBytes);
    creatingBytes += facts.size;
    try {
      const path = join(folder, `${digestHex(facts.digest)}.blob`);
      const blob = await BlobFile.create(path, facts, { workers, promisedBytes });
      blobs.set(facts.digest, blob);
      return blob;
    } finally {
      creatingBytes -= facts.size;
    }
  };
  return {
    get: (digest) => blobs.get(digest),
    list: () => [...blobs.values()],
    async open(facts) {
      const known = blobs.get(facts.digest) ?? opening.get(facts.digest);
      if (known !== undefined) return sameFacts(await known, facts);
      const started = create(facts).finally(() => opening.delete(facts.digest));
      opening.set(facts.digest, started);
      return started;
    },
    async remove(digest) {
      const blob = blobs.get(digest);
      blobs.delete(digest);
      await blob?.remove();
    },
    async close() {
      await Promise.all([...blobs.values()].map((blob) => blob.close()));
      await unlock();
    },
  };
}

function sameFacts(blob: BlobFile, facts: BlobFacts): BlobFile {
  if (blob.size === facts.size && blob.pieceLength === facts.pieceLength) return blob;
  throw new AgentError(
    'BLOB_CONFLICT',
    `${facts.digest} is on disk with ${blob.size} bytes in pieces of ${blob.pieceLength}, the tracker says ${facts.size} and ${facts.pieceLength}`,
  );
}

async function findBlobs(folder: string, workers: PieceWorkers, onFound: (blob: BlobFile) => void): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.blob')) continue;
    const path = join(folder, name);
    const bytes = await readFile(mapPath(path)).catch(() => undefined);
    const map = bytes === undefined ? undefined : decodePieceMap(bytes);
    // Without a map nothing in the file can be believed.
    if (map !== undefined && `${digestHex(map.digest)}.blob` === name) onFound(await BlobFile.open(path, map, workers));
    else for (const useless of [path, mapPath(path)]) await retryWhileHeld(() => rm(useless, { force: true }));
  }
}

async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toStoreError(error, path);
      const owner = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isAlive(owner))
        throw new AgentError(
          'STORE_BUSY',
          `${folder} is used by process ${owner}; give each agent a data folder of its own`,
        );
      await rm(path, { force: true });
    }
  }
  throw new AgentError('STORE_BUSY', `${folder} is being taken by another agent`);
}

/** A lock of this very process id is left from before a reboot or container restart. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
