import { parseReference, planArchive } from '@shoal/oci';
import { extract } from 'tar-stream';
import { expect, it } from 'vitest';
import { archiveSizeBytes, writeArchive } from './archive-writer.ts';
import { inChunks, smallImage } from './fake-engine.testkit.ts';
import { tarHeader } from './tar-format.ts';

const image = smallImage(parseReference('team/a:1'), ['base', 'x'.repeat(700), 'top']);
const entries = planArchive({ ...image, config: image.config.bytes, presentChains: new Set() });

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every file tar-stream finds, with its text. */
async function untar(archive: Buffer): Promise<[string, string][]> {
  const files: [string, string][] = [];
  const tar = extract();
  tar.end(archive);
  for await (const entry of tar)
    files.push([entry.header.name, (await collect(entry as AsyncIterable<Uint8Array>)).toString()]);
  return files;
}

it('another reader finds every entry in order with its bytes', async () => {
  const files = await untar(await collect(writeArchive(entries, image.readBlob)));
  expect(files.map(([name]) => name)).toEqual(entries.map(({ path }) => path));
  for (const { digest, bytes } of image.layers) {
    expect(files.find(([name]) => name.endsWith(digest.slice(7)))?.[1]).toBe(bytes.toString());
  }
});

it('the length is known before the first byte', async () => {
  expect((await collect(writeArchive(entries, image.readBlob))).length).toBe(archiveSizeBytes(entries));
});

it('one image makes the same archive every time', async () => {
  const [one, two] = await Promise.all([
    collect(writeArchive(entries, image.readBlob)),
    collect(writeArchive(entries, image.readBlob)),
  ]);
  expect(one.equals(two)).toBe(true);
});

it('a wrong blob ends the archive before manifest.json', async () => {
  const chunks: Uint8Array[] = [];
  const write = async () => {
    for await (const chunk of writeArchive(entries, (digest) =>
      digest === image.layers[1]?.digest ? inChunks(Buffer.alloc(700)) : image.readBlob(digest),
    )) {
      chunks.push(chunk);
    }
  };
  await expect(write()).rejects.toMatchObject({ code: 'BLOB_DIGEST_MISMATCH', digest: image.layers[1]?.digest });
  expect(Buffer.concat(chunks).includes('manifest.json')).toBe(false);
});

it('when the reader stops, the source of the blob is closed', async () => {
  let closed = false;
  async function* source() {
    try {
      for (;;) yield Buffer.alloc(1);
    } finally {
      closed = true;
    }
  }
  for await (const chunk of writeArchive(entries, source)) if (chunk.length === 1) break;
  expect(closed).toBe(true);
});

it.each([8 * 2 ** 30 - 1, 8 * 2 ** 30, 20 * 2 ** 30 + 7])(
  'a file of %d bytes has its size in the header',
  async (sizeBytes) => {
    const tar = extract();
    const header = new Promise<{ name: string; size?: number }>((resolve) => tar.on('entry', resolve));
    tar.write(tarHeader({ path: 'blobs/sha256/big', sizeBytes }));
    expect(await header).toMatchObject({ name: 'blobs/sha256/big', size: sizeBytes });
  },
);

it('a path too long for ustar is kept whole', async () => {
  const path = `blobs/sha512/${'a'.repeat(128)}`;
  const bytes = Buffer.from('text');
  expect(await untar(await collect(writeArchive([{ path, size: 4, bytes }], image.readBlob)))).toEqual([
    [path, 'text'],
  ]);
});
