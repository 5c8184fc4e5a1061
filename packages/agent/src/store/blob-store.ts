/**
 * The blobs of one agent, by digest: found again at start, one `BlobFile` each. One agent a folder,
 * by a lock file that names its process. Decides no eviction: `cache/` does.
 */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestHex } from '@shoal/oci';
import { AgentError, toStoreError } from '../errors.ts';
import { type BlobFacts, BlobFile, mapPath, removeFiles } from './blob-file.ts';
import { decodePieceMap } from './piece-map.ts';
import type { PieceWorkers } from './piece-workers.ts';
import { removeFile } from './replace-file.ts';

export interface BlobStore {
  get(digest: Digest): BlobFile | undefined;
  list(): BlobFile[];
  /** The blob as it is on disk, or a new one. Throws BLOB_CONFLICT when the facts differ. */
  open(facts: BlobFacts): Promise<BlobFile>;
  /** It is in no list at once. Rejects when its files cannot be deleted now: `removeLeftovers` tries again. */
  remove(digest: Digest): Promise<void>;
  /** Deletes what another program held open. Resolves with the bytes that it still holds. */
  removeLeftovers(): Promise<number>;
  close(): Promise<void>;
}

export interface BlobStoreOptions {
  /** Asked before a blob is begun, with the bytes of all that are being begun. */
  makeRoom?(wantedBytes: number): Promise<void>;
}

export async function openBlobStore(
  folder: string,
  workers: PieceWorkers,
  { makeRoom }: BlobStoreOptions = {},
): Promise<BlobStore> {
  const blobs = new Map<Digest, BlobFile>();
  const opening = new Map<Digest, Promise<BlobFile>>();
  /** A blob that is begun again must not lose its file to the end of the one before. */
  const removing = new Map<Digest, Promise<void>>();
  /** Bytes by path of the data file. */
  const leftovers = new Map<string, number>();
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

  /** Sizes of blobs that are being begun, in their order: they are in no list yet. */
  const beginning = new Map<Digest, number>();
  const create = async (facts: BlobFacts): Promise<BlobFile> => {
    beginning.set(facts.digest, facts.size);
    try {
      await removing.get(facts.digest)?.catch(() => {});
      await makeRoom?.(sumOf(beginning.values()));
      const path = join(folder, `${digestHex(facts.digest)}.blob`);
      leftovers.delete(path);
      const digests = [...beginning.keys()];
      const ahead = digests.slice(0, digests.indexOf(facts.digest)).map((digest) => beginning.get(digest) ?? 0);
      const promisedBytes = sumOf(ahead) + sumOf([...blobs.values()].map((blob) => blob.size - blob.bytesHeld()));
      const blob = await BlobFile.create(path, facts, { workers, promisedBytes });
      blobs.set(facts.digest, blob);
      return blob;
    } finally {
      beginning.delete(facts.digest);
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
      if (blob === undefined) return removing.get(digest);
      blobs.delete(digest);
      const removal = blob.remove().catch((error: unknown) => {
        leftovers.set(blob.path, blob.bytesHeld());
        throw toStoreError(error, blob.path);
      });
      removing.set(digest, removal);
      await removal.finally(() => removing.delete(digest));
    },
    async removeLeftovers() {
      for (const path of leftovers.keys())
        await removeFiles(path).then(
          () => leftovers.delete(path),
          () => {}, // still held
        );
      return sumOf(leftovers.values());
    },
    async close() {
      await Promise.all([...blobs.values()].map((blob) => blob.close()));
      await unlock();
    },
  };
}

function sumOf(sizes: Iterable<number>): number {
  let sum = 0;
  for (const size of sizes) sum += size;
  return sum;
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
    else await removeFiles(path);
  }
}

async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => removeFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toStoreError(error, path);
      const owner = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isAlive(owner))
        throw new AgentError(
          'STORE_BUSY',
          `${folder} is used by process ${owner}; give each agent a data folder of its own`,
        );
      await removeFile(path);
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
