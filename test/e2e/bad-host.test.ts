/**
 * Hosts, engines, settings and commands that are wrong: an operator gets one clear error, what was verified is kept,
 * and the same order succeeds when the cause is gone. All tests share one site.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startFakeEngine } from '../../packages/agent/src/engine/fake-engine.testkit.ts';
import { tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { type FaultyRegistry, onBlob, startFaultyRegistry } from '../support/faulty-registry.ts';
import { blobFile, makeImage, type TestImage } from '../support/image.ts';
import { blobsOf, blobsOfSeeder, distributes, failed, fails, reportOf } from '../support/operator.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalAgent, type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1 << 20;
const HOLD_AT = 3 * MIB;

requireTools(['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox'])('a bad host', () => {
  let registry: TestRegistry;
  let faulty: FaultyRegistry;
  let engines: Dockerd[];
  let engineLink: string;
  let site: ShoalSite;
  let onEngine: ShoalAgent;
  let onCache: ShoalAgent;

  beforeAll(async () => {
    [registry, faulty, ...engines] = await Promise.all([
      startRegistry(),
      startFaultyRegistry(),
      startDockerd(),
      startDockerd(),
    ]);
    site = await startSite({ registries: [registry, faulty].map(({ host, url }) => ({ host, url })) });
    // An address that can lead to another engine: an engine that comes back.
    engineLink = join(await tempDir('engine'), 'engine.sock');
    pointTo(engines[0] as Dockerd);
    [onEngine, onCache] = await Promise.all([
      site.startAgent({ name: 'engine-1', engine: `unix://${engineLink}` }),
      site.startAgent({ name: 'cache-1' }),
    ]);
  });

  const pointTo = ({ socket }: Dockerd) => {
    symlinkSync(socket, `${engineLink}.new`);
    renameSync(`${engineLink}.new`, engineLink);
  };

  /** Serves an image whose base stops in the middle until `release`, orders it and waits until some of it is there. */
  const orderAndHold = async (number: number, host: string, spoiled = false) => {
    const image = await distinctImage(number);
    const base = image.layers[0] as TestImage['layers'][0];
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { manifest, layout } = image;
    const wrong = new Map([[String(base.digest), spoil(readFileSync(blobFile(layout, base.digest)))]]);
    const repository = faulty.serve(`team/held-${number}`, {
      ...{ manifest, layout },
      fault: onBlob(base.digest, () => ({ holdAt: HOLD_AT, until })),
      ...(spoiled ? { spoiled: wrong } : {}),
    });
    const { reference } = repository;
    const ordered = await site.client.createJob({ images: [reference], hosts: [host] });
    const others = image.layers.slice(1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await waitForJob(site, ordered.id, (job) => (reportOf(job)?.haveBytes ?? 0) > others + 2 * MIB);
    const end = () => waitForJob(site, ordered.id, ({ state }) => state !== 'running');
    return { image, base, repository, reference, release, end };
  };

  describe('bytes that do not match their digest', () => {
    it('fail the job, nobody keeps any of them, and the repaired blob is distributed', async () => {
      const image = await distinctImage(1);
      const reference = `${registry.host}/team/spoiled:1`;
      await pushImage(image.layout, reference);
      const { digest } = image.layers[0] as TestImage['layers'][0];
      const hex = digest.slice('sha256:'.length);
      const file = join(registry.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
      const good = readFileSync(file);
      writeFileSync(file, spoil(good));
      const hosts = ['engine-1', 'cache-1'];
      const failures = await Promise.all(hosts.map((host) => fails(site, reference, host)));
      for (const { error } of failures) {
        expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', retryable: false });
        expect(error.text).toMatch(/push the image again/);
        for (const part of [digest, registry.host]) expect(error.text).toContain(part);
      }
      const folders = [blobsOf(onEngine), blobsOf(onCache), await blobsOfSeeder(onCache)];
      const kept = () => folders.flatMap((folder) => readdirSync(folder)).filter((name) => name.startsWith(hex));
      await waitFor('the wrong blob to go', () => kept().length === 0);
      expect(await engines[0]?.docker('image', 'ls', '--quiet')).toBe('');

      writeFileSync(file, good);
      await Promise.all(hosts.map((host) => distributes(site, reference, host)));
      expect(await engines[0]?.docker('run', '--rm', '--network', 'none', reference)).toBe(`${image.line}\n`);
    });

    it('are not kept by a host that was away when they were found out', async () => {
      const away = await site.startAgent({ name: 'away-1' });
      const { base, repository, reference, release, end } = await orderAndHold(2, 'away-1', true);
      const blob = join(blobsOf(away), `${base.digest.slice(7)}.blob`);
      await waitFor('pieces to be claimed on disk', () => existsSync(`${blob}.map`));
      await away.service.kill();
      release();
      expect(await end()).toMatchObject({ state: 'failed', hosts: [{ error: { code: 'DIGEST_MISMATCH' } }] });
      repository.becomes({});
      await away.start();
      await distributes(site, reference, 'away-1');
      expect(createHash('sha256').update(readFileSync(blob)).digest('hex')).toBe(base.digest.slice(7));
    });
  });

  describe('an engine', () => {
    it('that is down fails the job with where it was looked for; what was fetched is loaded when it is back', async () => {
      const { image, reference, release, end } = await orderAndHold(3, 'engine-1');
      await engines[0]?.kill();
      release();
      const { error } = await failed(site, await end());
      expect(error).toMatchObject({ code: 'ENGINE_DOWN', retryable: true });
      expect(error.text).toMatch(
        /nothing listens at unix:.*\(ECONNREFUSED\); see that the engine runs, then try again/,
      );
      expect(error.text).toContain(engineLink);
      expect((await fails(site, reference, 'engine-1')).error.code).toBe('ENGINE_DOWN');

      pointTo(engines[1] as Dockerd);
      const view = await distributes(site, reference, 'engine-1');
      const { wantedBytes, resumedBytes, peerBytes } = reportOf(view);
      expect({ wantedBytes, resumedBytes, peerBytes }).toEqual({
        wantedBytes: image.imageBytes - image.config.bytes.length,
        resumedBytes: wantedBytes,
        peerBytes: 0,
      });
      expect(await engines[1]?.docker('run', '--rm', '--network', 'none', reference)).toBe(`${image.line}\n`);
    });

    it('that refuses the image is quoted; what was fetched is kept', async () => {
      const image = await distinctImage(4);
      const { reference } = faulty.serve('team/refused', image);
      const words = 'open /var/lib/docker/overlay2: operation not permitted by the plugin';
      let refuses = true;
      const engine = await startFakeEngine({
        onLoad: ({ images }) => {
          if (refuses) return [{ stream: 'Loading layer' }, { errorDetail: { message: words }, error: words }];
          images.push({ Id: image.config.digest, RepoTags: [reference] });
          return [{ stream: `Loaded image: ${reference}` }];
        },
      });
      await site.startAgent({ name: 'refused-1', engine: engine.address });
      const { error } = await fails(site, reference, 'refused-1');
      expect(error.code).toBe('LOAD_REFUSED');
      expect(error.text).toBe(`the Docker Engine refused the image: it said: ${words}`);

      refuses = false;
      const { exit, resumedBytes, wantedBytes, peerBytes } = reportOf(await distributes(site, reference, 'refused-1'));
      expect({ exit, resumedBytes, peerBytes }).toEqual({ exit: 'engine', resumedBytes: wantedBytes, peerBytes: 0 });
    });
  });

  it('bytes that rot on the disk of a host are found out as they leave it, and the next job fetches them anew', async () => {
    const image = await distinctImage(7);
    const { reference } = faulty.serve('team/rotten', image);
    let refuses = true;
    const engine = await startFakeEngine({
      onLoad: ({ images }) => {
        if (!refuses) images.push({ Id: image.config.digest, RepoTags: [reference] });
        return [refuses ? { errorDetail: { message: 'not yet' } } : { stream: `Loaded image: ${reference}` }];
      },
    });
    const agent = await site.startAgent({ name: 'rotten-1', engine: engine.address });
    await fails(site, reference, 'rotten-1');
    refuses = false;
    const [base] = image.layers;
    const blob = join(blobsOf(agent), `${base?.digest.slice(7)}.blob`);
    writeFileSync(blob, spoil(readFileSync(blob)));
    const { error } = await fails(site, reference, 'rotten-1');
    expect(error).toMatchObject({ code: 'BLOB_DIGEST_MISMATCH', retryable: true });
    expect(error.text).toContain(base?.digest);
    expect(engine.archives).toHaveLength(1);
    await distributes(site, reference, 'rotten-1');
  });

  describe('a full disk', () => {
    it('in the middle fails the job; with room again the next one resumes', async () => {
      const agent = await site.startAgent({ name: 'full-1' });
      const disk = await mountSmallDisk(blobsOf(agent), 128);
      const { reference, release, end } = await orderAndHold(5, 'full-1');
      await disk.fill();
      release();
      const { error } = await failed(site, await end());
      expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(error.text).toContain(blobsOf(agent));
      expect(error.text).toMatch(/free space and run the job again, what is verified is kept/);

      await disk.empty();
      const { wantedBytes, resumedBytes, peerBytes } = reportOf(await distributes(site, reference, 'full-1'));
      expect(resumedBytes).toBeGreaterThan(2 * MIB);
      expect(resumedBytes + peerBytes).toBe(wantedBytes);
    });

    it('from the start fails the job before a byte is fetched, saying how much is needed', async () => {
      const agent = await site.startAgent({ name: 'full-2' });
      const disk = await mountSmallDisk(blobsOf(agent), 32);
      const image = await distinctImage(6);
      const { reference } = faulty.serve('team/full', image);
      const { error, report } = await fails(site, reference, 'full-2');
      expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(error.text).toContain(`${blobsOf(agent)} has 32 MiB free`);
      expect(error.text).toMatch(/free space and run the job again/);
      expect(report.peerBytes).toBe(0);
      await disk.resize(128);
      await distributes(site, reference, 'full-2');
    });
  });
});

/** One bit is another one. */
function spoil(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  wrong.writeUInt8(wrong.readUInt8(MIB) ^ 1, MIB);
  return wrong;
}

/** No two have a blob in common. */
function distinctImage(number: number): Promise<TestImage> {
  const line = `image ${number} of a bad host`;
  return makeImage({ line, baseBytes: 4 * MIB + number * 4096, middleBytes: MIB + number * 4096 });
}
