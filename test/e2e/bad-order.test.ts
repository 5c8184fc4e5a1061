/**
 * Tokens, ports and archives that are wrong, and a seeder whose disk is full: what an operator reads, with which exit
 * code, and that the site goes on. All tests share one site, and most run at once.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { copyFile, rename, stat, truncate } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type FaultyRegistry, onBlob, startFaultyRegistry } from '../support/faulty-registry.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import {
  blobsOfSeeder,
  distributes,
  failed,
  hasNoToken,
  refused,
  refusedStart,
  reportOf,
} from '../support/operator.ts';
import { run } from '../support/process.ts';
import { type ShoalAgent, type ShoalSite, shoalCommand, startSite, waitForJob } from '../support/shoal.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { requireTools } from '../support/tools.ts';

const MIB = 1 << 20;
const HOLD_AT = 3 * MIB;
const ARCHIVES = 'archives.test';
const LAYOUTS = 'layouts.test';
const WRONG_TOKEN = `shoal_admin_${'x'.repeat(43)}`;

requireTools(['root', 'skopeo', 'static-busybox'])('a bad order', () => {
  let registry: FaultyRegistry;
  let site: ShoalSite;
  let agent: ShoalAgent;
  let archive: string;
  let layout: string;
  let env: { SHOAL_TRACKER: string; SHOAL_CA: string; SHOAL_TOKEN: string };
  let disk: SmallDisk;
  let images: TestImage[];

  beforeAll(async () => {
    registry = await startFaultyRegistry();
    images = await Promise.all([1, 2, 3].map(distinctImage));
    archive = join(await tempDir('archives'), 'images.tar');
    writeFileSync(archive, '');
    layout = join(dirname(archive), 'layout');
    await addToLayout(images[1] as TestImage, 'first');
    const { host, url } = registry;
    site = await startSite({
      registries: [
        { host, url },
        { host: ARCHIVES, archive },
        { host: LAYOUTS, layout },
      ],
    });
    agent = await site.startAgent({ name: 'web-1' });
    disk = await mountSmallDisk(await blobsOfSeeder(agent), 128);
    env = { SHOAL_TRACKER: site.url, SHOAL_CA: agentConfig().tracker.ca, SHOAL_TOKEN: WRONG_TOKEN };
  });

  const addToLayout = (image: TestImage, tag: string) =>
    run('skopeo', ['--insecure-policy', 'copy', `oci:${image.layout}`, `oci:${layout}:${tag}`]);
  const agentConfig = () =>
    JSON.parse(readFileSync(join(agent.dataDir, 'agent.yaml'), 'utf8')) as { tracker: { ca: string } };
  const withEnv =
    (change: Partial<typeof env>) =>
    (...args: string[]) =>
      shoalCommand(args, { ...env, ...change });

  describe.concurrent('an operator', () => {
    it('whose seeder has a full disk reads that it is the seeder; with room again the next job resumes', async () => {
      const image = images[0] as TestImage;
      const base = image.layers[0] as TestImage['layers'][0];
      let release = () => {};
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      const fault = onBlob(base.digest, () => ({ holdAt: HOLD_AT, until }));
      const { reference, asksFor } = registry.serve('team/full', { ...image, fault });
      const { id } = await site.client.createJob({ images: [reference] });
      const others = image.imageBytes - base.sizeBytes - image.config.bytes.length;
      await waitForJob(site, id, (job) => (reportOf(job)?.haveBytes ?? 0) > others + 2 * MIB);
      await disk.fill();
      release();
      const warned = await waitForJob(site, id, ({ warning }) => warning !== undefined);
      const { error } = await failed(site, await waitForJob(site, id, ({ state }) => state !== 'running'));
      await disk.empty();
      expect(error).toMatchObject({ code: 'DISK_FULL', retryable: true });
      expect(warned.warning).toMatch(/seeder.*the disk of the blob store is full/);

      const view = await distributes(site, reference, 'web-1');
      const readAgain = asksFor(base.digest).at(-1);
      expect(readAgain?.offset).toBeGreaterThan(2 * MIB);
      expect(view.originBytes).toBeLessThan(base.sizeBytes - 2 * MIB);
      expect(reportOf(view).resumedBytes).toBeGreaterThan(others + 2 * MIB);
      const folder = await blobsOfSeeder(agent);
      expect(error.text).toMatch(/free space and run the job again, what is verified is kept/);
      expect(error.text).toContain(folder);
      // The row is the one of a host whose own disk has room.
      expect(error.text.replace(folder, '')).toMatch(/seeder/);
    });

    it('whose tracker does not answer is told which address was tried', async () => {
      const error = await refused(withEnv({ SHOAL_TRACKER: 'https://127.0.0.1:1' }), ['prewarm', 'a:1']);
      expect(error).toMatchObject({ code: 'UNREACHABLE', source: 'shoal', retryable: true });
      expect(error.text).toMatch(/no answer from the tracker at https:\/\/127\.0\.0\.1:1.*Check the address/);
    });

    it('who does not trust the certificate of the tracker is told how to', async () => {
      const error = await refused(withEnv({ SHOAL_CA: '' }), ['prewarm', 'a:1']);
      expect(error).toMatchObject({ code: 'UNREACHABLE', source: 'shoal' });
      expect(error.text).toMatch(/certificate is not trusted: give the PEM .* with --ca or SHOAL_CA/);
    });

    it('without a token is told where one comes from', async () => {
      const error = await refused(withEnv({ SHOAL_TOKEN: '' }), ['prewarm', 'a:1'], 2);
      expect(error).toMatchObject({ code: 'NO_TOKEN', source: 'shoal' });
      expect(error.text).toMatch(/SHOAL_TOKEN or give --token-file; .*"shoal token create --role admin/);
    });

    it('with a wrong token is told so by the tracker', async () => {
      const error = await refused(withEnv({}), ['prewarm', 'a:1']);
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', source: 'tracker', retryable: false });
      expect(error.text).toMatch(/token is missing or unknown\. Give a token of this tracker .*"shoal token create"/);
    });

    it('with the token of a reader may look but not order', async () => {
      const { token } = await site.client.createToken({ role: 'reader', name: 'test reader' });
      const error = await refused(withEnv({ SHOAL_TOKEN: token }), ['prewarm', 'a:1']);
      expect(error).toMatchObject({ code: 'FORBIDDEN', source: 'tracker', retryable: false });
      expect(error.text).toMatch(/for the role reader, this is for admin\. Use a token of the role admin\./);
      expect(await withEnv({ SHOAL_TOKEN: token })('hosts')).toMatchObject({ code: 0 });
    });

    it('who names no host there is, or no job there is, is told how to list them', async () => {
      const noHosts = await refused(site.shoal, ['prewarm', 'a:1', '--hosts', 'db-*']);
      expect(noHosts).toMatchObject({ code: 'NO_HOSTS', source: 'tracker' });
      expect(noHosts.text).toMatch(/db-\*\. "shoal hosts" lists/);
      const noJob = await refused(site.shoal, ['job', 'no-such-job']);
      expect(noJob).toMatchObject({ code: 'UNKNOWN_JOB', source: 'tracker' });
      expect(noJob.text).toMatch(/no-such-job\. "shoal jobs" lists/);
    });
  });

  describe.concurrent('a daemon', () => {
    const startAgent = (change: object) => {
      const file = join(dirname(archive), `agent-${Math.random()}.yaml`);
      writeFileSync(file, JSON.stringify({ ...agentConfig(), dataDir: `${file}.data`, ...change }));
      return refusedStart('agent', file);
    };

    it('agent with a wrong join token, or one of a reader, exits with how to make one', async () => {
      const { token: reader } = await site.client.createToken({ role: 'reader', name: 'no agent' });
      for (const token of [WRONG_TOKEN.replace('admin', 'agent'), reader]) {
        const result = await startAgent({ tracker: { ...agentConfig().tracker, token } });
        expect(result.code).toBe(1);
        hasNoToken(result);
        expect(result.stderr).toMatch(/the tracker refused this agent: .*token/);
        expect(result.stderr).toMatch(/Make a join token .*"shoal token create --role agent --name NAME"/);
      }
    });

    it('agent whose port is taken, or whose folder is, exits with the setting to change', async () => {
      const port = await takenPort();
      const host = '127.0.0.1';
      const peer = await startAgent({ peer: { host, port } });
      expect(peer).toMatchObject({ code: 1, stderr: expect.stringMatching(/taken.*set peer\.port to a free/) });
      const control = await startAgent({ control: { host, port } });
      expect(control).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/taken.*set control\.port to a f/),
      });
      const folder = await startAgent({ dataDir: join(agent.dataDir, 'data') });
      expect(folder).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/Stop the other agent, or give this one/),
      });
    });

    it('tracker whose port is taken, or that of its seeder, exits with the setting to change', async () => {
      const port = await takenPort();
      const taken = { host: '127.0.0.1', port };
      const free = { host: '127.0.0.1', port: 0 };
      const start = (name: string, listen: object, peer: object) => {
        const file = join(dirname(archive), `${name}.yaml`);
        writeFileSync(file, JSON.stringify({ dataDir: `${file}.data`, insecure: true, listen, seeder: { peer } }));
        return refusedStart('tracker', file, '--seeder');
      };
      const own = await start('listen-taken', taken, free);
      expect(own).toMatchObject({ code: 1, stderr: expect.stringMatching(/taken.*; set listen\.port to a free port/) });
      const seeder = await start('seeder-taken', free, taken);
      expect(seeder).toMatchObject({ code: 1, stderr: expect.stringMatching(/taken.*set seeder\.peer\.port to a fr/) });
    });
  });

  describe('a tar as a source', () => {
    const reference = `${ARCHIVES}/team/saved:1`;

    it('that holds no image is refused, saying what it begins with', async () => {
      const tar = pack();
      tar.entry({ name: 'etc/passwd' }, 'root');
      tar.finalize();
      writeFileSync(archive, await buffer(tar));
      const error = await refusedArchive();
      expect(error.text).toMatch(/holds no image.*It begins with "etc\/passwd"\. Use docker save, not docker export/);
    });

    it('that cannot be read is not said to be a registry: it is a file on the disk of the tracker', async () => {
      writeFileSync(archive, 'no tar');
      expect((await refusedArchive()).source).toBe('tracker');
    });

    it('that is cut short is refused, and is read when it is whole', async () => {
      const whole = await saved(images[0] as TestImage);
      await copyFile(whole, archive);
      await truncate(archive, (await stat(whole)).size - 2 * MIB);
      expect((await refusedArchive()).text).toMatch(/is cut short: .* Copy or save it again\./);
      await rename(whole, archive);
      const { imageId } = reportOf(await distributes(site, reference, 'web-1'));
      expect(imageId).toBe(images[0]?.config.digest);
    });

    it('that was replaced is read anew', async () => {
      const next = await distinctImage(100);
      await rename(await saved(next), archive);
      expect(reportOf(await distributes(site, reference, 'web-1')).imageId).toBe(next.config.digest);
    });

    it('or a layout that gained an image is read anew', async () => {
      const [, first, second] = images as [TestImage, TestImage, TestImage];
      const order = async (tag: string) => reportOf(await distributes(site, `${LAYOUTS}/team/image:${tag}`, 'web-1'));
      expect((await order('first')).imageId).toBe(first.config.digest);
      await addToLayout(second, 'second');
      expect((await order('second')).imageId).toBe(second.config.digest);
    });

    const refusedArchive = async () => {
      const error = await refused(site.shoal, ['prewarm', reference]);
      expect(error).toMatchObject({ code: 'BAD_ARCHIVE', retryable: false });
      expect(error.text).toContain(archive);
      return error;
    };
    const saved = async (image: TestImage): Promise<string> => {
      const path = join(await tempDir('saved'), 'saved.tar');
      await run('skopeo', ['--insecure-policy', 'copy', `oci:${image.layout}`, `docker-archive:${path}:${reference}`]);
      return path;
    };
  });
});

/** Closed when the tests end. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpAfter(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** No two have a blob in common. */
function distinctImage(number: number): Promise<TestImage> {
  const line = `image ${number} of a bad order`;
  return makeImage({ line, baseBytes: 4 * MIB + number * 4096, middleBytes: MIB + number * 4096 });
}
