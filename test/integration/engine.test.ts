/** The docker loader against a real Docker Engine: what it sends, what the engine then holds, what it refuses. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf, parseReference } from '@shoal/oci';
import { pino } from 'pino';
import { beforeAll, expect, it } from 'vitest';
import {
  createArrivingImages,
  createEngineClient,
  type EngineClient,
  type LoadProgress,
  loadImage,
  missingLayers,
  writeArchiveFile,
} from '../../packages/agent/src/engine/index.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, makeVariant, type TestImage } from '../support/image.ts';
import { requireTools } from '../support/tools.ts';

const SMALL = 64 * 1024;
const NAME_A = 'registry.example:5000/team/a:1';
const NAME_B = 'registry.example:5000/team/b:1';
const referenceA = parseReference(NAME_A);
const referenceB = parseReference(NAME_B);

requireTools(['root', 'dockerd', 'docker', 'static-busybox'])(
  'docker loader with a real engine',
  () => {
    let dockerd: Dockerd;
    let engine: EngineClient;
    let imageA: TestImage;
    let imageB: TestImage;

    beforeAll(async () => {
      [dockerd, imageA] = await Promise.all([startDockerd(), makeImage()]);
      imageB = await makeVariant(imageA);
      engine = createEngineClient({ address: dockerd.address });
      cleanUpAfter(() => engine.close());
    }, 120_000);

    it('tells version, store and platform of the engine', async () => {
      const [version, arch] = (await dockerd.docker('version', '--format', '{{.Server.Version}} {{.Server.Arch}}'))
        .trim()
        .split(' ');
      expect(await engine.info()).toMatchObject({ version, architecture: arch, store: 'classic', os: 'linux' });
    });

    it('a blob that ends early is never loaded, and the engine takes the image afterwards', async () => {
      const base = imageA.layers[0]?.digest;
      const short = (digest: Digest) => (digest === base ? firstHalf(imageA, digest) : imageA.readBlob(digest));
      const loading = loadImage(engine, { ...imageA, reference: referenceA, readBlob: short });
      await expect(loading).rejects.toMatchObject({ code: 'BLOB_SIZE_MISMATCH', digest: base });
      expect(await dockerd.docker('images', '--all', '--quiet')).toBe('');
    });

    it('a blob with a wrong byte is never loaded', async () => {
      const base = imageA.layers[0]?.digest;
      const spoilt = (digest: Digest) => (digest === base ? oneBitWrong(imageA, digest) : imageA.readBlob(digest));
      const loading = loadImage(engine, { ...imageA, reference: referenceA, readBlob: spoilt });
      await expect(loading).rejects.toMatchObject({ code: 'BLOB_DIGEST_MISMATCH', digest: base });
      expect(await engine.findImage(NAME_A)).toBeUndefined();
    });

    it('an empty engine gets the whole image, whose ID is the config digest and which runs', async () => {
      expect(await missingLayers(engine, imageA)).toHaveLength(3);
      const progress: LoadProgress[] = [];
      const loaded = await loadImage(engine, {
        ...imageA,
        reference: referenceA,
        onProgress: (step) => progress.push(step),
      });
      expect(loaded).toMatchObject({
        imageId: imageA.config.digest,
        sentLayers: imageA.layers.map(({ digest }) => digest),
      });
      expect(loaded.archiveBytes).toBeGreaterThan(200 << 20);
      expect(progress.findLast(({ kind }) => kind === 'sent')).toMatchObject({ archiveBytes: loaded.archiveBytes });
      expect(progress.filter(({ kind }) => kind === 'layer')).not.toHaveLength(0);
      expect(await engine.findImage(NAME_A)).toEqual({ imageId: imageA.config.digest, repoTags: [NAME_A] });
      expect(await dockerd.docker('run', '--rm', '--network', 'none', NAME_A)).toBe(`${imageA.line}\n`);
    });

    it('an image that is there already costs nothing', async () => {
      const loaded = await loadImage(engine, { ...imageA, reference: referenceA, readBlob: neverRead });
      expect(loaded).toEqual({ imageId: imageA.config.digest, archiveBytes: 0, sentLayers: [] });
    });

    it('an image that shares its base moves only the changed layer', async () => {
      const changed = imageB.layers[2];
      expect(await missingLayers(engine, imageB)).toMatchObject([{ digest: changed?.digest }]);
      const loaded = await loadImage(engine, { ...imageB, reference: referenceB });
      expect(loaded).toMatchObject({ imageId: imageB.config.digest, sentLayers: [changed?.digest] });
      expect(loaded.archiveBytes).toBeGreaterThan(changed?.sizeBytes ?? 0);
      expect(loaded.archiveBytes).toBeLessThan((changed?.sizeBytes ?? 0) + SMALL);
      expect(await dockerd.docker('run', '--rm', '--network', 'none', NAME_B)).toBe(`${imageB.line}\n`);
    });

    it('a known image under another name is sent without layers', async () => {
      const loaded = await loadImage(engine, { ...imageA, reference: parseReference('other:2'), readBlob: neverRead });
      expect(loaded).toMatchObject({ imageId: imageA.config.digest, sentLayers: [] });
      expect(loaded.archiveBytes).toBeLessThan(SMALL);
      expect((await engine.findImage('other:2'))?.repoTags.toSorted()).toEqual(['other:2', NAME_A].toSorted());
    });

    it('a layer that is not what the config says is refused in the words of the engine', async () => {
      const wrong = withWrongDiffId(imageB);
      const loading = loadImage(engine, { ...wrong, reference: parseReference('wrong:1'), readBlob: imageB.readBlob });
      await expect(loading).rejects.toMatchObject({
        code: 'LOAD_REFUSED',
        engineText: expect.stringContaining('invalid diffID'),
      });
      expect(await engine.findImage('wrong:1')).toBeUndefined();
    });

    it('when the base vanishes between the look and the load, the whole image is sent', async () => {
      const late: EngineClient = {
        ...engine,
        presentChains: async (signal) => {
          const chains = await engine.presentChains(signal);
          await dockerd.docker('image', 'rm', 'other:2', NAME_A, NAME_B);
          return chains;
        },
      };
      const loaded = await loadImage(late, { ...imageB, reference: parseReference('back:1') });
      expect(loaded.sentLayers).toHaveLength(3);
      expect(loaded.imageId).toBe(imageB.config.digest);
    });

    it('layers are taken in one by one while the others come, and the image then needs the last one only', async () => {
      const images = (await dockerd.docker('images', '--all', '--quiet')).trim().split('\n');
      await dockerd.docker('image', 'rm', '--force', ...images);
      const arriving = createArrivingImages(engine, pino({ level: 'silent' }));
      const arrived = { ...imageA, reference: referenceA };
      const [first, ...others] = imageA.layers.map(({ digest }) => digest);
      const options = { readBlob: imageA.readBlob, signal: AbortSignal.timeout(60_000) };
      for (const next of others) expect(await arriving.takeIn(arrived, next, options)).toBeGreaterThan(0);
      expect(await engine.names()).toEqual([expect.stringMatching(/^shoal\.local\/arriving\/team\/a:[0-9a-f]{12}-2$/)]);
      expect(first && (await missingLayers(engine, imageA))[0]?.digest).toBe(first);
      const loaded = await loadImage(engine, arrived);
      expect(loaded).toMatchObject({ imageId: imageA.config.digest, sentLayers: others.slice(-1) });
      await arriving.end(arrived);
      expect(await engine.names()).toEqual([NAME_A]);
      expect(await dockerd.docker('images', '--all', '--quiet', '--no-trunc')).toBe(`${imageA.config.digest}\n`);
      expect(await dockerd.docker('run', '--rm', '--network', 'none', NAME_A)).toBe(`${imageA.line}\n`);
    });

    it('an archive file is what docker load takes', async () => {
      const path = join(await tempDir('archive'), 'a.tar');
      const written = await writeArchiveFile(path, { ...imageA, reference: referenceA });
      expect((await stat(path)).size).toBe(written.archiveBytes);
      expect(await dockerd.docker('load', '--input', path)).toContain(`Loaded image: ${NAME_A}`);
      expect((await engine.findImage(NAME_A))?.imageId).toBe(imageA.config.digest);
    });

    it('an engine that dies in the middle of a load is reported as down', async () => {
      const other = await startDockerd();
      const client = createEngineClient({ address: other.address });
      cleanUpAfter(() => client.close());
      const killing = async function* (digest: Digest) {
        for await (const chunk of imageA.readBlob(digest)) {
          yield chunk;
          await other.kill();
        }
      };
      const loading = loadImage(client, { ...imageA, reference: referenceA, readBlob: killing });
      await expect(loading).rejects.toMatchObject({ code: 'ENGINE_DOWN', retryable: true });
      await expect(client.info()).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
    }, 60_000);
  },
  120_000,
);

async function* firstHalf(image: TestImage, digest: Digest): AsyncGenerator<Uint8Array> {
  const half = (image.layers.find((layer) => layer.digest === digest)?.sizeBytes ?? 0) / 2;
  let passed = 0;
  for await (const chunk of image.readBlob(digest)) {
    yield chunk;
    passed += chunk.length;
    if (passed >= half) return;
  }
}

async function* oneBitWrong(image: TestImage, digest: Digest): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of image.readBlob(digest)) {
    if (first) chunk[chunk.length - 1] = (chunk.at(-1) ?? 0) ^ 1;
    first = false;
    yield chunk;
  }
}

function neverRead(digest: Digest): never {
  throw new Error(`${digest} was read`);
}

/** The last layer keeps its blob but is said to unpack to the middle one. */
function withWrongDiffId(image: TestImage): Pick<TestImage, 'manifest' | 'config'> {
  const config = JSON.parse(image.config.bytes.toString()) as { rootfs: { diff_ids: (string | undefined)[] } };
  config.rootfs.diff_ids[2] = config.rootfs.diff_ids[1];
  const configBytes = Buffer.from(JSON.stringify(config));
  const manifest = JSON.parse(image.manifest.bytes.toString()) as { config: object };
  manifest.config = { ...manifest.config, digest: digestOf(configBytes), size: configBytes.length };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return {
    config: { bytes: configBytes, digest: digestOf(configBytes) },
    manifest: { ...image.manifest, bytes, digest: digestOf(bytes) },
  };
}
