import { chainIds, type DiffId, parseReference } from '@shoal/oci';
import { expect, it, onTestFinished } from 'vitest';
import { createEngineClient, type EngineClient } from './engine-client.ts';
import { type FakeEngine, inChunks, smallImage, startFakeEngine } from './fake-engine.testkit.ts';
import { loadImage, missingLayers } from './load-image.ts';

const image = smallImage(parseReference('team/a:1'), ['the base', 'the middle', 'the top']);
const diffIds = image.layers.map((layer) => layer.diffId as DiffId);
const loaded = { Id: image.config.digest, RepoTags: ['team/a:1'], RootFS: { Layers: diffIds } };
const baseOnly = { Id: `sha256:${'b'.repeat(64)}`, RepoTags: ['base:1'], RootFS: { Layers: diffIds.slice(0, 1) } };
const layerPaths = image.layers.map(({ digest }) => `blobs/sha256/${digest.slice(7)}`);

function connect(engine: FakeEngine): EngineClient {
  const client = createEngineClient({ address: engine.address });
  onTestFinished(() => client.close());
  return client;
}

function takes(engine: FakeEngine): object[] {
  engine.images.push(loaded);
  return [{ stream: 'Loaded image: team/a:1\n' }];
}

const layersIn = (archive: string[] | undefined) => archive?.filter((path) => layerPaths.includes(path));

it('an engine that lacks the base says so once, and the second archive is full', async () => {
  const engine = await startFakeEngine({
    images: [baseOnly],
    onLoad: (self) =>
      self.archives.length === 1
        ? [{ errorDetail: { message: `open /tmp/import/${layerPaths[0]}: no such file or directory` } }]
        : takes(self),
  });
  const result = await loadImage(connect(engine), image);
  expect(engine.archives.map(layersIn)).toEqual([layerPaths.slice(1), layerPaths]);
  expect(result).toMatchObject({ imageId: image.config.digest, sentLayers: image.layers.map(({ digest }) => digest) });
});

it.each([
  'open C:\\ProgramData\\docker\\tmp\\docker-import-1\\blobs\\sha256\\1: The system cannot find the file specified.',
  'content digest sha256:12: not found',
])('a layer missing in the words of another engine is understood: %s', async (message) => {
  const engine = await startFakeEngine({
    images: [baseOnly],
    onLoad: (self) => (self.archives.length === 1 ? [{ errorDetail: { message } }] : takes(self)),
  });
  await loadImage(connect(engine), image);
  expect(engine.archives).toHaveLength(2);
});

it('a full archive that is refused is not sent again', async () => {
  const engine = await startFakeEngine({
    onLoad: () => [{ errorDetail: { message: 'open x: no such file or directory' } }],
  });
  await expect(loadImage(connect(engine), image)).rejects.toMatchObject({ code: 'LOAD_REFUSED' });
  expect(engine.archives).toHaveLength(1);
});

it('a thin archive refused for another reason is not sent again', async () => {
  const engine = await startFakeEngine({
    images: [baseOnly],
    onLoad: () => [{ errorDetail: { message: 'invalid diffID for layer 1' } }],
  });
  await expect(loadImage(connect(engine), image)).rejects.toMatchObject({
    code: 'LOAD_REFUSED',
    engineText: 'invalid diffID for layer 1',
  });
  expect(engine.archives).toHaveLength(1);
});

it('in a containerd store the image ID is the digest of the manifest', async () => {
  const engine = await startFakeEngine({
    store: 'containerd',
    onLoad: (self) => {
      self.images.push({ ...loaded, Id: image.manifest.digest });
      return [];
    },
  });
  expect(await loadImage(connect(engine), image)).toMatchObject({ imageId: image.manifest.digest });
});

it('an engine that says yes but shows nothing has not loaded the image', async () => {
  const engine = await startFakeEngine({ onLoad: () => [{ stream: 'Loaded image: team/a:1' }] });
  await expect(loadImage(connect(engine), image)).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
});

it('an engine that shows another image under the name has not loaded it', async () => {
  const engine = await startFakeEngine({
    onLoad: (self) => {
      self.images.push({ ...loaded, Id: `sha256:${'e'.repeat(64)}` });
      return [];
    },
  });
  await expect(loadImage(connect(engine), image)).rejects.toMatchObject({
    code: 'IMAGE_MISMATCH',
    message: expect.stringContaining(image.config.digest),
  });
});

it('a blob with wrong bytes breaks the upload off, and its error is the one reported', async () => {
  const engine = await startFakeEngine();
  const wrong = { ...image, readBlob: () => inChunks(Buffer.from('The base')) };
  await expect(loadImage(connect(engine), wrong)).rejects.toMatchObject({
    code: 'BLOB_DIGEST_MISMATCH',
    digest: image.layers[0]?.digest,
  });
  expect(engine.archives).toEqual([]);
});

it('an error of the source of blobs is reported as it is', async () => {
  const failure = new Error('no peer has it');
  const engine = await startFakeEngine();
  const failing = {
    ...image,
    // biome-ignore lint/correctness/useYield: a source that fails at once
    readBlob: async function* (): AsyncGenerator<Uint8Array> {
      throw failure;
    },
  };
  await expect(loadImage(connect(engine), failing)).rejects.toBe(failure);
});

it('parts that are not what their digests say never reach the engine', async () => {
  const engine = await startFakeEngine();
  const other = smallImage(image.reference, ['another']);
  for (const parts of [
    { ...image, config: { ...image.config, bytes: other.config.bytes } },
    { ...image, manifest: { ...image.manifest, bytes: other.manifest.bytes } },
    { ...image, config: other.config },
  ]) {
    await expect(loadImage(connect(engine), parts)).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
  }
  expect(engine.requests).toEqual([]);
});

it('an image without a tag is known by its ID', async () => {
  const byDigest = {
    ...image,
    reference: { registry: 'docker.io', repository: 'team/a', digest: image.manifest.digest },
  };
  const engine = await startFakeEngine({ onLoad: takes });
  expect(await loadImage(connect(engine), byDigest)).toMatchObject({ imageId: image.config.digest });
  expect(await loadImage(connect(engine), byDigest)).toMatchObject({ archiveBytes: 0 });
});

it('layers to fetch are those whose chain is absent, a repeated one once', async () => {
  const repeated = smallImage(image.reference, ['the base', 'again', 'again']);
  const engine = await startFakeEngine({ images: [baseOnly] });
  expect(chainIds(diffIds.slice(0, 1))).toHaveLength(1);
  expect((await missingLayers(connect(engine), repeated)).map(({ digest }) => digest)).toEqual([
    repeated.layers[1]?.digest,
  ]);
});
