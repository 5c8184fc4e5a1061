import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobPath, chainIds, digestOf, parseImageConfig, parseManifest, parseReference, planArchive } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openArchiveSource } from './archive-source.ts';
import { createImage, descriptorOf, REFERENCE, readAll } from './image.testkit.ts';
import { type TestEntry, tarOf } from './tar.testkit.ts';

const image = createImage();
const text = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

async function open(entries: TestEntry[]) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-archive-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.tar');
  await writeFile(file, tarOf(entries));
  const source = await openArchiveSource(file);
  onTestFinished(() => source.close());
  return source;
}

/** As Docker before 25 writes it: a folder a layer, the second layer a link to where it stands. */
function oldDockerSave(repoTags: string[] | null = ['registry.test/team/a:1'], layers = image.layerTars): TestEntry[] {
  const config = `${digestOf(image.config).slice(7)}.json`;
  return [
    { path: 'l1/', type: '5' },
    { path: 'l1/VERSION', data: text('1.0') },
    { path: 'l1/layer.tar', data: layers[0] },
    { path: 'real.tar', data: layers[1] },
    { path: 'l2/layer.tar', type: '2', linkPath: '../real.tar' },
    { path: config, data: image.config },
    {
      path: 'manifest.json',
      data: text([{ Config: config, RepoTags: repoTags, Layers: ['l1/layer.tar', 'l2/layer.tar'] }]),
    },
  ];
}

function ociArchive(annotations?: Record<string, string>): TestEntry[] {
  const { digest, manifest, config, layers, mediaType } = image;
  return [
    { path: 'oci-layout', data: text({ imageLayoutVersion: '1.0.0' }) },
    {
      path: 'index.json',
      data: text({ schemaVersion: 2, manifests: [{ mediaType, digest, size: manifest.length, annotations }] }),
    },
    ...[manifest, config, ...layers].map((data) => ({ path: blobPath(digestOf(data)), data })),
  ];
}

describe('an archive of docker save in the old form', () => {
  it('gets the manifest it would have in a registry, over its layers as they stand in the tar', async () => {
    const source = await open(oldDockerSave());
    const resolved = await source.resolve(REFERENCE);
    expect(resolved.digest).toBe(digestOf(resolved.bytes));
    const manifest = parseManifest(resolved.bytes, resolved.mediaType);
    if (manifest.kind !== 'manifest') throw new Error('expected a manifest');
    expect(manifest.config.digest).toBe(image.configDigest);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(image.layerTars.map(digestOf));
    const blobs = await Promise.all([manifest.config, ...manifest.layers].map((blob) => readAll(source, blob)));
    expect(blobs).toEqual([image.config, ...image.layerTars]);
    expect(await source.manifest('team/a', resolved.digest)).toEqual(resolved);
  });

  it('with compressed layers names them by the digest of the compressed bytes', async () => {
    const source = await open(oldDockerSave(undefined, image.layers));
    const resolved = await source.resolve(REFERENCE);
    const manifest = parseManifest(resolved.bytes, resolved.mediaType);
    const layers = manifest.kind === 'manifest' ? manifest.layers : [];
    expect(layers.map(({ digest, mediaType }) => [digest, mediaType])).toEqual(
      image.layers.map((bytes) => [digestOf(bytes), 'application/vnd.docker.image.rootfs.diff.tar.gzip']),
    );
  });

  it('answers to its names, short ones too, and to no other', async () => {
    const source = await open(oldDockerSave(['a:1', 'registry.test/team/a:2']));
    await source.resolve(parseReference('docker.io/library/a:1'));
    await source.resolve(parseReference('registry.test/team/a:2'));
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({
      code: 'UNKNOWN_MANIFEST',
      message: expect.stringMatching(/no image registry\.test\/team\/a:1 .* It holds docker\.io\/library\/a:1/),
    });
  });

  it('without a name answers to any', async () => {
    await expect((await open(oldDockerSave(null))).resolve(REFERENCE)).resolves.toBeDefined();
  });

  it('that lacks a layer, its config, or has too few layers is BAD_ARCHIVE', async () => {
    const entries = oldDockerSave();
    const without = (path: string) => entries.filter((entry) => !entry.path.startsWith(path));
    await expect(open(without('l1/layer.tar'))).rejects.toThrow(/lacks l1\/layer\.tar/);
    await expect(open(without(digestOf(image.config).slice(7)))).rejects.toThrow(/lacks .*\.json/);
    const one = [{ Config: entries[5]?.path, RepoTags: null, Layers: ['l1/layer.tar'] }];
    const tooFew = [...without('manifest.json'), { path: 'manifest.json', data: text(one) }];
    await expect(open(tooFew)).rejects.toMatchObject({
      code: 'BAD_ARCHIVE',
      message: expect.stringContaining('2 diffIDs but 1'),
    });
  });

  it.each(['{', '{}', '[{}]', '[null]', '[{"Config":"c","Layers":[1]}]'])(
    'with manifest.json %s is BAD_ARCHIVE',
    async (list) => {
      await expect(open([{ path: 'manifest.json', data: text(list) }])).rejects.toMatchObject({ code: 'BAD_ARCHIVE' });
    },
  );
});

describe('an OCI archive', () => {
  it('gives its own manifest and blobs', async () => {
    const source = await open(ociArchive({ 'org.opencontainers.image.ref.name': '1' }));
    const { digest, mediaType, bytes } = await source.resolve(REFERENCE);
    expect({ digest, mediaType, bytes }).toEqual({
      digest: image.digest,
      mediaType: image.mediaType,
      bytes: image.manifest,
    });
    const [layer] = image.layers as [Buffer];
    expect(await readAll(source, descriptorOf(layer), 3)).toEqual(layer.subarray(3));
  });

  it('wins over a manifest.json beside it, so that digests are those of the registry', async () => {
    const source = await open([
      ...oldDockerSave(),
      ...ociArchive({ 'io.containerd.image.name': 'registry.test/team/a:1' }),
    ]);
    expect((await source.resolve(REFERENCE)).digest).toBe(image.digest);
  });

  it('as we hand it to engines ourselves is a source again', async () => {
    const { manifest, mediaType, config } = image;
    const blobs = new Map(image.layers.map((bytes) => [digestOf(bytes), bytes]));
    const entries = planArchive({
      reference: REFERENCE,
      manifest: { bytes: manifest, mediaType },
      config,
      presentChains: new Set(),
    });
    const source = await open(
      entries.map((entry) => ({
        path: entry.path,
        data: 'bytes' in entry ? Buffer.from(entry.bytes) : blobs.get(entry.blob),
      })),
    );
    expect((await source.resolve(REFERENCE)).digest).toBe(image.digest);
  });

  it('that is thin gives what it has, and UNKNOWN_BLOB for the rest', async () => {
    const { manifest, mediaType, config } = image;
    const [base] = chainIds(parseImageConfig(config).diffIds);
    const presentChains = new Set(base ? [base] : []);
    const entries = planArchive({
      reference: REFERENCE,
      manifest: { bytes: manifest, mediaType },
      config,
      presentChains,
    });
    const [bottom, top] = image.layers as [Buffer, Buffer];
    const source = await open(
      entries.map((entry) => ({ path: entry.path, data: 'bytes' in entry ? Buffer.from(entry.bytes) : top })),
    );
    await expect(readAll(source, descriptorOf(top))).resolves.toEqual(top);
    await expect(readAll(source, descriptorOf(bottom))).rejects.toMatchObject({ code: 'UNKNOWN_BLOB' });
  });
});

it('a tar that is no image is BAD_ARCHIVE and says what it begins with', async () => {
  await expect(open([{ path: 'etc/passwd', data: text('x') }])).rejects.toMatchObject({
    code: 'BAD_ARCHIVE',
    message: expect.stringMatching(/holds no image.*"etc\/passwd".*docker save, not docker export/),
  });
  await expect(open([])).rejects.toThrow(/It is empty/);
});
