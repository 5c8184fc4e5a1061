/**
 * A tar file as a FileTree: its headers are walked once by offset, the data is read in place.
 * Decides whether the file is a whole, plain tar. Does not decide whether it holds an image.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { RegistryError } from './errors.ts';
import { badTree, type FileTree, fileMark, readRange, systemCode } from './file-tree.ts';
import {
  parseLongName,
  parsePaxRecords,
  parseTarHeader,
  TAR_BLOCK_BYTES,
  type TarHeader,
  type TarOverrides,
} from './tar-header.ts';

const MAX_ENTRIES = 100_000;
const MAX_EXTENSION_BYTES = 1024 * 1024;
const MAX_LINKS = 8;

interface TarFile {
  offset: number;
  size: number;
}
type TarEntry = TarFile | { linkTo: string };

export interface TarTree extends FileTree {
  /** The first few paths, for an error that says what is in there instead. */
  somePaths(): string[];
}

/** Throws BAD_ARCHIVE: not there, compressed, no tar, or cut short. */
export async function openTarTree(file: string): Promise<TarTree> {
  const tree = { name: file, badCode: 'BAD_ARCHIVE' } as const;
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw badTree(tree, `cannot be read (${systemCode(cause)}).`, cause);
  });
  try {
    const mark = await fileMark(file);
    const entries = await walk({ handle, file, fileBytes: (await handle.stat()).size });
    return treeOver(handle, { file, entries, mark });
  } catch (error) {
    await handle.close();
    throw error instanceof RegistryError ? error : badTree(tree, `cannot be read (${systemCode(error)}).`, error);
  }
}

function treeOver(
  handle: FileHandle,
  { file, entries, mark }: { file: string; entries: Map<string, TarEntry>; mark: string },
): TarTree {
  const tree = { name: file, badCode: 'BAD_ARCHIVE' } as const;
  let closing: Promise<void> | undefined;
  return {
    ...tree,
    isCurrent: async () => (await fileMark(file)) === mark,
    somePaths: () => [...entries.keys()].slice(0, 5),
    sizeOf: async (path) => find(entries, path)?.size,
    async *read(path, { start, end }, signal) {
      const entry = find(entries, path);
      if (entry === undefined || end > entry.size) throw badTree(tree, `${path} has no ${end} bytes.`);
      const range = { start: entry.offset + start, end: entry.offset + end };
      yield* readRange(handle, range, { tree, signal, isClosed: () => closing !== undefined });
    },
    close() {
      closing ??= handle.close();
      return closing;
    },
  };
}

/** Old archives of `docker save` have layers that are links to other layers. */
function find(entries: Map<string, TarEntry>, path: string): TarFile | undefined {
  let at = normalPath(path);
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const entry = entries.get(at);
    if (entry === undefined || 'offset' in entry) return entry;
    at = entry.linkTo;
  }
  return undefined;
}

interface TarOnDisk {
  handle: FileHandle;
  file: string;
  fileBytes: number;
}

async function walk(tar: TarOnDisk): Promise<Map<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  let overrides: TarOverrides = {};
  for (let at = 0, headers = 0; ; headers += 1) {
    const header = await headerAt(tar, at);
    if (header === 'end') return entries;
    if (headers >= MAX_ENTRIES) throw bad(tar, `has more than ${MAX_ENTRIES} entries: this is no image.`);
    const isExtension = 'xgLK'.includes(header.type);
    const size = dataBytesOf(header, isExtension ? {} : overrides);
    const offset = at + TAR_BLOCK_BYTES;
    if (offset + size > tar.fileBytes) throw cutShort(tar, `"${header.path}" should end at byte ${offset + size}`);
    if (isExtension) {
      overrides = { ...overrides, ...(await extensionOf(tar, header, offset)) };
    } else {
      addEntry(entries, { ...header, ...overrides, size }, offset);
      overrides = {};
    }
    at = offset + Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
  }
}

/** Links, devices and folders have no data, whatever their size says (Go's archive/tar: isHeaderOnly). */
function dataBytesOf({ type, size }: TarHeader, overrides: TarOverrides): number {
  return '123456'.includes(type) ? 0 : (overrides.size ?? size);
}

async function headerAt(tar: TarOnDisk, at: number): Promise<TarHeader | 'end'> {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  const { bytesRead } = await tar.handle.read(block, 0, TAR_BLOCK_BYTES, at);
  if (at === 0) refuseWhatIsNoTar(tar, block.subarray(0, bytesRead));
  if (bytesRead < TAR_BLOCK_BYTES) throw cutShort(tar, `the mark of its end is missing after byte ${at}`);
  const header = parseTarHeader(block);
  if (header !== undefined) return header;
  throw bad(tar, at === 0 ? 'is no tar archive.' : `is damaged: no tar header at byte ${at}. Make it again.`);
}

async function extensionOf(tar: TarOnDisk, { type, size }: TarHeader, offset: number): Promise<TarOverrides> {
  if (type === 'g') return {};
  if (size > MAX_EXTENSION_BYTES) throw bad(tar, `is damaged: a tar extension of ${size} bytes at byte ${offset}.`);
  const data = Buffer.alloc(size);
  await tar.handle.read(data, 0, size, offset);
  if (type === 'L') return { path: parseLongName(data) };
  if (type === 'K') return { linkPath: parseLongName(data) };
  const records = parsePaxRecords(data);
  if (records === undefined) throw bad(tar, `is damaged: broken PAX records at byte ${offset}. Make it again.`);
  return records;
}

/** As when unpacking, a later entry replaces an earlier one of the same path. */
function addEntry(entries: Map<string, TarEntry>, header: TarHeader, offset: number): void {
  const path = normalPath(header.path);
  if (header.type === '0' || header.type === '7') entries.set(path, { offset, size: header.size });
  if (header.type === '1') entries.set(path, { linkTo: normalPath(header.linkPath) });
  if (header.type === '2') entries.set(path, { linkTo: normalPath(posix.join(posix.dirname(path), header.linkPath)) });
}

/** `./a/../b/` and Windows' `a\b` name what `b` and `a/b` name. */
function normalPath(path: string): string {
  return posix.normalize(path.replaceAll('\\', '/')).replace(/^\/+|\/+$/g, '');
}

const COMPRESSIONS: { name: string; tool: string; magic: number[] }[] = [
  { name: 'gzip', tool: 'gunzip', magic: [0x1f, 0x8b] },
  { name: 'zstd', tool: 'unzstd', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'xz', tool: 'unxz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: 'bzip2', tool: 'bunzip2', magic: [0x42, 0x5a, 0x68] },
];

function refuseWhatIsNoTar(tar: TarOnDisk, start: Buffer): void {
  if (start.length === 0) throw bad(tar, 'is empty.');
  const found = COMPRESSIONS.find(({ magic }) => magic.every((byte, index) => start[index] === byte));
  if (found === undefined) return;
  throw bad(
    tar,
    `is compressed with ${found.name}. Its blobs must be readable in place: unpack it with ${found.tool} first.`,
  );
}

function cutShort(tar: TarOnDisk, how: string): RegistryError {
  return bad(tar, `is cut short: ${how}, the file has ${tar.fileBytes} bytes. Copy or save it again.`);
}

function bad({ file }: TarOnDisk, what: string): RegistryError {
  return badTree({ name: file, badCode: 'BAD_ARCHIVE' }, what);
}
