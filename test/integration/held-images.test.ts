/** Images held by a tag of Shoal's own in a real Docker Engine: what prunes them, and what does not. */
import { join } from 'node:path';
import { parseReference } from '@shoal/oci';
import { pino } from 'pino';
import { beforeAll, expect, it } from 'vitest';
import {
  createArrivingImages,
  createEngineClient,
  type EngineClient,
  type HeldImages,
  nameOf,
  openHeldImages,
} from '../../packages/agent/src/engine/index.ts';
import { createEngineExit, type ImageExit } from '../../packages/agent/src/job/image-exit.ts';
import { parseJobImage } from '../../packages/agent/src/job/job-image.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, makeVariant, type TestImage } from '../support/image.ts';
import { requireTools } from '../support/tools.ts';

const NAME = 'registry.example:5000/win/servercore:ltsc2022';
const NOON = 1_000_000;
const MIB = 1024 * 1024;
const nobody = () => false;

requireTools(['root', 'dockerd', 'docker', 'static-busybox'])(
  'a base image whose tag moves on every month',
  () => {
    let dockerd: Dockerd;
    let engine: EngineClient;
    let held: HeldImages;
    let exit: ImageExit;
    let [first, second, third]: TestImage[] = [];

    beforeAll(async () => {
      [dockerd, first] = await Promise.all([startDockerd(), makeImage({ baseBytes: 2 * MIB, middleBytes: MIB })]);
      [second, third] = [await makeVariant(first, 'month two'), await makeVariant(first, 'month three')];
      engine = createEngineClient({ address: dockerd.address });
      cleanUpAfter(() => engine.close());
      const logger = pino({ level: 'silent' });
      held = await openHeldImages(join(await tempDir('held'), 'held.json'), engine, logger);
      exit = createEngineExit(engine, held, createArrivingImages(engine, logger));
    }, 120_000);

    const load = async (image: TestImage | undefined, keepUntilMs: number): Promise<void> => {
      if (image === undefined) throw new Error('no image');
      const data = ({ bytes, digest }: { bytes: Buffer; digest: string }) => ({
        digest,
        data: bytes.toString('base64'),
      });
      const { manifest, config } = image;
      const jobImage = { reference: NAME, manifest: { mediaType: manifest.mediaType, ...data(manifest) } };
      const parsed = parseJobImage({ ...jobImage, config: data(config) });
      expect(parsed.reference).toEqual(parseReference(NAME));
      const signal = new AbortController().signal;
      await exit.handOver(parsed, image.readBlob, { signal, keepUntilMs, onProgress() {} });
    };
    const prune = () => dockerd.docker('image', 'prune', '--force');
    const isThere = async (image: TestImage | undefined) =>
      (await engine.findImage(image?.config.digest ?? '')) !== undefined;

    it('without keepUntil dangles and is pruned', async () => {
      await load(first, 0);
      await load(second, 0);
      await prune();
      expect([await isThere(first), await isThere(second)]).toEqual([false, true]);
      expect(held.list()).toEqual([]);
    });

    it('with keepUntil is held by a tag that an operator understands, and not pruned', async () => {
      await load(first, NOON);
      expect(held.list().map(nameOf)).toEqual([
        `shoal.local/held/win/servercore:${first?.config.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`,
      ]);
      await load(second, 0);
      await prune();
      expect([await isThere(first), await isThere(second)]).toEqual([true, true]);
      expect(await dockerd.docker('run', '--rm', '--network', 'none', nameOf(held.list()[0]!))).toBe(
        `${first?.line}\n`,
      );
    });

    it('is not let go before its time, nor while an open job names it', async () => {
      await held.round(NOON - 1, nobody);
      await held.round(NOON, (digest) => digest === first?.manifest.digest);
      await prune();
      expect(await isThere(first)).toBe(true);
    });

    it('stays after its time while a container uses it, which is told apart from a failure', async () => {
      const id = (await dockerd.docker('create', '--network', 'none', nameOf(held.list()[0]!))).trim();
      await held.round(NOON, nobody);
      expect([await isThere(first), held.list().length]).toEqual([true, 1]);
      await dockerd.docker('rm', id);
    });

    it('goes after its time, and what the next images stand on stays', async () => {
      await held.round(NOON, nobody);
      await prune();
      expect([await isThere(first), await isThere(second), held.list()]).toEqual([false, true, []]);
      expect(await dockerd.docker('run', '--rm', '--network', 'none', NAME)).toBe(`${second?.line}\n`);
    });

    it('that is the current one keeps its own name when it is let go', async () => {
      await load(third, NOON);
      await held.round(NOON, nobody);
      expect((await engine.findImage(NAME))?.repoTags).toEqual([NAME]);
      expect((await engine.findImage(NAME))?.imageId).toBe(third?.config.digest);
    });
  },
  60_000,
);
