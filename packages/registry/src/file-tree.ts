/**
 * Files by slash-separated path, whether they stand in a folder or inside a tar: what the readers of layouts and
 * archives work on. Decides how bytes are read and how a failure is worded, not what the files mean.
 */
import { type FileHandle, stat } from 'node:fs/promises';
import { abortedError, RegistryError } from './errors.ts';

export interface FileTree {
  /** The path the operator gave. */
  readonly name: string;
  readonly badCode: 'BAD_ARCHIVE' | 'BAD_LAYOUT';
  /** Undefined when there is no such file. */
  sizeOf(path: string): Promise<number | undefined>;
  /** Bytes `start ≤ at < end`; throws `badCode` when the file is shorter. */
  read(path: string, range: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** False when what lies at the path is another than when it was opened. */
  isCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** Changes when a file is replaced or written. */
export async function fileMark(path: string): Promise<string> {
  const mark = await stat(path).catch(() => undefined);
  return mark === undefined ? '' : [mark.ino, mark.size, mark.mtimeMs].join(' ');
}

export interface ByteRange {
  start: number;
  end: number;
}

/** A range outside the blob is the caller's mistake. */
export function checkRange({ size }: { size: number }, { start, end }: ByteRange): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= size) return;
  throw new RangeError(`the bytes from ${start} to ${end} are outside a blob of ${size} bytes`);
}

const CHUNK_BYTES = 256 * 1024;

export function badTree(tree: Pick<FileTree, 'name' | 'badCode'>, what: string, cause?: unknown): RegistryError {
  return new RegistryError(tree.badCode, `${tree.name}: ${what}`, cause === undefined ? {} : { cause });
}

/** A small file as a whole; undefined when there is none. */
export async function readWhole(tree: FileTree, path: string, maxBytes: number): Promise<Buffer | undefined> {
  const size = await tree.sizeOf(path);
  if (size === undefined) return undefined;
  if (size > maxBytes) throw badTree(tree, `${path} has ${size} bytes; at most ${maxBytes} are accepted.`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of tree.read(path, { start: 0, end: size })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface RangeReading {
  tree: Pick<FileTree, 'name' | 'badCode'>;
  signal?: AbortSignal | undefined;
  /** Asked before every read: a closed source stops its readers. */
  isClosed: () => boolean;
}

/** Every chunk has memory of its own: the reader may keep it. */
export async function* readRange(
  handle: FileHandle,
  { start, end }: ByteRange,
  { tree, signal, isClosed }: RangeReading,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    if (signal?.aborted || isClosed()) throw abortedError(`${tree.name}: reading a blob`, signal?.reason);
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch((cause: unknown) => {
      throw badTree(tree, `cannot be read at byte ${at} (${systemCode(cause)}).`, cause);
    });
    if (bytesRead === 0) throw badTree(tree, `became shorter while it was read: it ends at byte ${at}.`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** `ENOENT`, `EACCES`, … */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
}
