import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { blobPath, type Digest, digestOf, parseReference } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collect, createImage, descriptorOf, REFERENCE, readAll, type TestImage } from './image.testkit.ts';
import { openLayoutSource } from './layout-source.ts';

const first = createImage({ mark: 'a' });
const second = createImage({ mark: 'b' });
type Annotations = Record<string, string>;

async function write(folder: string, path: string, content: Buffer | string): Promise<void> {
  const file = join(folder, ...path.split('/'));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

async function folderOf(images: [TestImage, Annotations?][]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-layout-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await write(folder, 'oci-layout', '{"imageLayoutVersion": "1.0.0"}');
  const manifests = images.map(([{ digest, manifest, mediaType }, annotations]) => ({
    mediaType,
    digest,
    size: manifest.length,
    annotations,
  }));
  await write(folder, 'index.json', JSON.stringify({ schemaVersion: 2, manifests }));
  for (const [{ manifest, config, layers }] of images) {
    for (const bytes of [manifest, config, ...layers]) await write(folder, blobPath(digestOf(bytes)), bytes);
  }
  return folder;
}

const open = async (...images: [TestImage, Annotations?][]) => openLayoutSource(await folderOf(images));
const CONTAINERD = 'io.containerd.image.name';
const OCI = 'org.opencontainers.image.ref.name';

describe('an OCI layout', () => {
  it('with one image that has no name gives it for any reference', async () => {
    const source = await open([first]);
    expect(await source.resolve(REFERENCE)).toEqual({
      digest: first.digest,
      mediaType: first.mediaType,
      bytes: first.manifest,
    });
  });

  it('finds an image by full name, whichever annotation has it', async () => {
    const source = await open(
      [first, { [CONTAINERD]: 'registry.test/team/a:1', [OCI]: '1' }],
      [second, { [OCI]: 'registry.test/team/b:1' }],
    );
    expect((await source.resolve(REFERENCE)).digest).toBe(first.digest);
    expect((await source.resolve(parseReference('registry.test/team/b:1'))).digest).toBe(second.digest);
  });

  it('finds an image by its bare tag', async () => {
    const source = await open([first, { [OCI]: '1' }], [second, { [OCI]: '2' }]);
    expect((await source.resolve(parseReference('registry.test/team/a:2'))).digest).toBe(second.digest);
  });

  it('does not take another repository’s image for its tag', async () => {
    const source = await open([first, { [CONTAINERD]: 'registry.test/other/x:1', [OCI]: '1' }]);
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'UNKNOWN_MANIFEST' });
  });

  it('does not guess between images without names', async () => {
    const source = await open([first], [second]);
    await expect(source.resolve(REFERENCE)).rejects.toThrow(new RegExp(`It holds ${first.digest}, ${second.digest}`));
  });

  it('finds any image by digest', async () => {
    const source = await open([first, { [OCI]: '1' }], [second]);
    const byDigest = parseReference(`registry.test/team/a@${second.digest}`);
    expect((await source.resolve(byDigest)).bytes).toEqual(second.manifest);
    expect((await source.manifest('team/a', second.digest)).mediaType).toBe(second.mediaType);
    await expect(source.manifest('team/a', digestOf(Buffer.from('x')))).rejects.toMatchObject({
      code: 'UNKNOWN_MANIFEST',
    });
  });

  it('gives blobs whole and from an offset', async () => {
    const source = await open([first]);
    const [layer] = first.layers as [Buffer];
    expect(await readAll(source, descriptorOf(layer))).toEqual(layer);
    expect(await readAll(source, descriptorOf(layer), 7)).toEqual(layer.subarray(7));
    await expect(readAll(source, descriptorOf(Buffer.from('x')))).rejects.toMatchObject({ code: 'UNKNOWN_BLOB' });
    await expect(
      readAll(source, { ...descriptorOf(layer), digest: '../../index.json' as Digest }),
    ).rejects.toMatchObject({
      code: 'INVALID_NAME',
    });
  });

  it('whose blob is shorter than the manifest says is BAD_LAYOUT', async () => {
    const folder = await folderOf([[first]]);
    const [layer] = first.layers as [Buffer];
    await truncate(join(folder, ...blobPath(digestOf(layer)).split('/')), 5);
    const source = await openLayoutSource(folder);
    await expect(readAll(source, descriptorOf(layer))).rejects.toMatchObject({ code: 'BAD_LAYOUT' });
  });

  it('whose manifest was changed is DIGEST_MISMATCH', async () => {
    const folder = await folderOf([[first]]);
    await write(folder, blobPath(first.digest), second.manifest);
    await expect((await openLayoutSource(folder)).resolve(REFERENCE)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  it('stops its readers by the signal and when it is closed', async () => {
    const source = await open([first]);
    const blob = descriptorOf(first.layers[0] as Buffer);
    const stopped = collect(source.readBlob('team/a', blob, { signal: AbortSignal.abort() }));
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    await source.close();
    await expect(readAll(source, blob)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('a folder that is no OCI layout is BAD_LAYOUT', () => {
  const refuse = async (files: Record<string, string>, message: RegExp) => {
    const folder = await mkdtemp(join(tmpdir(), 'shoal-layout-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [path, content] of Object.entries(files)) await write(folder, path, content);
    const opening = openLayoutSource(folder);
    await expect(opening).rejects.toMatchObject({ code: 'BAD_LAYOUT', message: expect.stringMatching(message) });
  };
  const marker = '{"imageLayoutVersion":"1.0.0"}';

  it('and the error says what is missing or wrong', async () => {
    await refuse({}, /no file oci-layout/);
    await refuse({ 'oci-layout': '{"imageLayoutVersion":"9"}' }, /no version 1/);
    await refuse({ 'oci-layout': marker }, /no index\.json/);
    await refuse({ 'oci-layout': marker, 'index.json': '{' }, /index\.json cannot be used/);
    await refuse({ 'oci-layout': marker, 'index.json': first.manifest.toString() }, /index\.json/);
  });
});
