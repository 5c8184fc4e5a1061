/**
 * The exit for hosts without an engine: a complete `docker load` archive in a file.
 *
 * The file appears under its name only when it is whole, verified and on the disk. Does not clean up older archives.
 */

import { createHash } from 'node:crypto';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { removeFile, renameFile } from '../store/replace-file.ts';
import { archiveSizeBytes, type ReadBlob, writeArchive } from './archive-writer.ts';
import { EngineError, systemCode, throwIfAborted } from './errors.ts';
import { type ImageParts, planEntries } from './image-parts.ts';

export interface ArchiveRequest extends ImageParts {
  readBlob: ReadBlob;
  signal?: AbortSignal;
  onProgress?: (archiveBytes: number) => void;
}

export interface WrittenArchive {
  archiveBytes: number;
  /** Hex, of the whole file. */
  sha256: string;
}

/** Rejects with EngineError (DISK_FULL, ARCHIVE_FAILED …) or with what `readBlob` threw; then no file is left. */
export async function writeArchiveFile(path: string, request: ArchiveRequest): Promise<WrittenArchive> {
  const entries = planEntries(request, new Set());
  const partPath = `${path}.part`;
  await onDisk(path, () => checkFreeSpace(path, archiveSizeBytes(entries)));
  try {
    const written = await writePart(partPath, writeArchive(entries, request.readBlob), request);
    await onDisk(path, () => renameWhole(partPath, path));
    return written;
  } catch (error) {
    await removeFile(partPath).catch(() => undefined); // the error to report is the first one
    throw error;
  }
}

async function checkFreeSpace(path: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize >= neededBytes) return;
  throw new EngineError('DISK_FULL', `${path} needs ${neededBytes} bytes, ${bavail * bsize} are free`);
}

async function writePart(
  partPath: string,
  archive: AsyncIterable<Uint8Array>,
  { signal, onProgress }: ArchiveRequest,
): Promise<WrittenArchive> {
  const hash = createHash('sha256');
  const file = await onDisk(partPath, () => open(partPath, 'w'));
  let archiveBytes = 0;
  try {
    for await (const chunk of archive) {
      throwIfAborted(signal);
      hash.update(chunk);
      await onDisk(partPath, () => writeAll(file, chunk));
      archiveBytes += chunk.length;
      onProgress?.(archiveBytes);
    }
    await onDisk(partPath, () => file.sync());
  } finally {
    await file.close();
  }
  return { archiveBytes, sha256: hash.digest('hex') };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done);
    done += bytesWritten;
  }
}

async function renameWhole(from: string, to: string): Promise<void> {
  await renameFile(from, to);
  await syncFolder(dirname(to));
}

/** Makes the new name survive a power cut. NTFS keeps its own journal, and Windows opens no folder. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** The source of the blobs reads files too; only what this file does is put in these words. */
async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const code = systemCode(error);
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    if (full) throw new EngineError('DISK_FULL', `${path}; free space and try again`, { cause: error });
    throw new EngineError('ARCHIVE_FAILED', `${path} (${code}); see that the folder exists and may be written`, {
      cause: error,
    });
  }
}
