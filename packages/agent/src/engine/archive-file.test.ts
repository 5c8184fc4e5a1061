import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, parseReference } from '@shoal/oci';
import { expect, it, onTestFinished } from 'vitest';
import { writeArchiveFile } from './archive-file.ts';
import { inChunks, smallImage } from './fake-engine.testkit.ts';

const image = smallImage(parseReference('team/a:1'), ['the base', 'the top']);

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-archive-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

it('the file is whole, under its name only, and its length and hash are told', async () => {
  const path = await folder();
  const written = await writeArchiveFile(join(path, 'a.tar'), image);
  const bytes = await readFile(join(path, 'a.tar'));
  expect(written).toEqual({ archiveBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  expect(await readdir(path)).toEqual(['a.tar']);
});

it('an archive written again takes the place of the old one', async () => {
  const path = join(await folder(), 'a.tar');
  await writeFile(path, 'old');
  const { archiveBytes } = await writeArchiveFile(path, image);
  expect((await readFile(path)).length).toBe(archiveBytes);
});

it('a wrong blob leaves no file, and the old one as it was', async () => {
  const path = await folder();
  await writeFile(join(path, 'a.tar'), 'old');
  const wrong = { ...image, readBlob: () => inChunks(Buffer.from('The base')) };
  await expect(writeArchiveFile(join(path, 'a.tar'), wrong)).rejects.toMatchObject({ code: 'BLOB_DIGEST_MISMATCH' });
  expect(await readdir(path)).toEqual(['a.tar']);
  expect(await readFile(join(path, 'a.tar'), 'utf8')).toBe('old');
});

it('an archive larger than the free space is refused before a byte is read', async () => {
  const path = await folder();
  const manifest = JSON.parse(Buffer.from(image.manifest.bytes).toString());
  manifest.layers[0].size = 2 ** 52;
  const bytes = Buffer.from(JSON.stringify(manifest));
  const reads: string[] = [];
  const huge = {
    ...image,
    manifest: { ...image.manifest, bytes, digest: digestOf(bytes) },
    readBlob: (digest: string) => inChunks(Buffer.from(digest).subarray(reads.push(digest))),
  };
  await expect(writeArchiveFile(join(path, 'a.tar'), huge)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(reads).toEqual([]);
  expect(await readdir(path)).toEqual([]);
});

it('a folder that is not there is named', async () => {
  const path = join(await folder(), 'nowhere', 'a.tar');
  await expect(writeArchiveFile(path, image)).rejects.toMatchObject({
    code: 'ARCHIVE_FAILED',
    message: expect.stringContaining(path),
  });
});

it('a cancelled archive leaves no file', async () => {
  const path = await folder();
  const stop = new AbortController();
  const request = { ...image, signal: stop.signal, onProgress: () => stop.abort() };
  await expect(writeArchiveFile(join(path, 'a.tar'), request)).rejects.toMatchObject({ code: 'ABORTED' });
  expect(await readdir(path)).toEqual([]);
});

it('an error of files the source reads is not taken for one of the archive', async () => {
  const failing = { ...image, readBlob: () => missingFile() };
  await expect(writeArchiveFile(join(await folder(), 'a.tar'), failing)).rejects.toMatchObject({ code: 'ENOENT' });
});

async function* missingFile(): AsyncGenerator<Uint8Array> {
  yield await readFile(join(tmpdir(), 'shoal-no-such-file'));
}
