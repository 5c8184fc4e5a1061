/**
 * Foreign BitTorrent clients, the real programs on a host of their own: each downloads a blob from
 * agents by a torrent of the tracker, and then is the only source for a new agent.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Agent, startAgent } from '@shoal/agent';
import { type Digest, digestOf } from '@shoal/oci';
import { openLayoutSource } from '@shoal/registry';
import { createTracker } from '@shoal/tracker';
import { createTrackerClient, type JobView } from '@shoal/tracker/client';
import { pino } from 'pino';
import { beforeAll, expect, it } from 'vitest';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type OtherHost, startOtherHost } from '../support/netns.ts';
import { run } from '../support/process.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const BLOB_BYTES = 256 * 1024 * 1024;
const REFERENCE = 'registry.test/team/one:1';
const DOWNLOAD_MS = 120_000;
const WEBTORRENT = fileURLToPath(new URL('../../bench/webtorrent/', import.meta.url));
const logger = pino({ level: 'silent' });

interface Where {
  port: string;
  torrent: string;
  folder: string;
  config: string;
}

/** How each program downloads `torrent` into `folder` and then seeds; `config` is a folder for its settings. */
const CLIENTS: { name: string; port: string; settings?: object; command(where: Where): [string, string[]] }[] = [
  {
    name: 'aria2c',
    port: '16881',
    command: ({ port, torrent, folder }) => [
      'aria2c',
      [
        ...[
          '--dir',
          folder,
          '--listen-port',
          port,
          '--seed-ratio=0.0',
          '--file-allocation=none',
          '--summary-interval=0',
        ],
        ...['--enable-dht=false', '--enable-peer-exchange=false', '--bt-enable-lpd=false', torrent],
      ],
    ],
  },
  {
    name: 'transmission-cli',
    port: '16882',
    // 3.00 tries µTP first and never gives up on a peer without it (transmission/transmission#4897).
    settings: { 'utp-enabled': false },
    command: ({ port, torrent, folder, config }) => [
      'transmission-cli',
      ['--download-dir', folder, '--config-dir', config, '--port', port, '--no-portmap', torrent],
    ],
  },
  {
    name: 'webtorrent',
    port: '16883',
    command: ({ port, torrent, folder }) => [process.execPath, [join(WEBTORRENT, 'client.mjs'), torrent, folder, port]],
  },
];

requireTools(['root', 'ip', 'aria2c', 'transmission-cli'])('a foreign client', () => {
  let other: OtherHost;
  let blob: { layout: string; digest: Digest };

  beforeAll(async () => {
    [other, blob] = await Promise.all([startOtherHost(), makeOneLayerImage(), installWebtorrent()]);
  });

  it.concurrent.each(CLIENTS)(
    '$name downloads from agents, and seeds to an agent',
    async ({ command, settings, port }) => {
      const site = await startSite(other.ours, blob.layout);
      const [seeder, first] = await Promise.all([site.start('seeder', other.ours), site.start('first', other.ours)]);
      expect((await site.distribute('first')).state).toBe('done');

      const work = await tempDir('client');
      const where = {
        port,
        torrent: join(work, 'blob.torrent'),
        folder: join(work, 'files'),
        config: join(work, 'config'),
      };
      await writeFile(where.torrent, await site.client.createTorrent({ digest: blob.digest, host: 'other' }));
      await Promise.all([mkdir(where.folder), mkdir(where.config)]);
      if (settings !== undefined) await writeFile(join(where.config, 'settings.json'), JSON.stringify(settings));
      const client = other.start(...command(where));
      const path = join(where.folder, blob.digest.replace(':', '-'));
      const closings = () => JSON.stringify([seeder, first].map((agent) => agent.status().closeReasons));
      await waitFor(
        () => `the download; closed: ${closings()}; the client says:\n${client.output.slice(-20).join('\n')}`,
        () => holds(path, blob.digest),
        DOWNLOAD_MS,
      );

      await Promise.all([seeder.stop(), first.stop()]);
      // Transmission remembers by address alone who has it all, and as a seed turns those away.
      const second = await site.start('second', other.alsoOurs);
      const job = await site.distribute('second');
      expect(job).toMatchObject({ state: 'done', hosts: [{ images: [{ haveBytes: BLOB_BYTES }] }] });
      expect(job.hosts[0]?.images[0]?.feeders.map((feeder) => feeder.name).join()).toContain(`foreign ${other.theirs}`);
      // Some announce that they stop and wait for the answer: nothing here depends on it.
      await client.kill();
      await second.stop();
    },
  );
});

/** From the lock file, unless what is there is of this lock file. */
async function installWebtorrent(): Promise<void> {
  const [wanted, installed] = await Promise.all(
    ['package-lock.json', 'node_modules/.package-lock.json'].map((name) =>
      stat(join(WEBTORRENT, name)).catch(() => undefined),
    ),
  );
  if (wanted && installed && installed.mtimeMs >= wanted.mtimeMs) return;
  await run('npm', ['--prefix', WEBTORRENT, 'ci', '--ignore-scripts']);
}

/** The right SHA-256 of a file that may not be there or whole yet. */
async function holds(path: string, digest: Digest): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== BLOB_BYTES) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}` === digest;
}

async function startSite(host: string, layout: string) {
  const dataDir = await tempDir('site');
  const version = '0.0.0';
  const openSource = () => openLayoutSource(layout);
  const tracker = await createTracker({
    ...{ dataDir: join(dataDir, 'tracker'), host, port: 0, insecure: true, openSource, logger, version },
    foreignPeers: true,
  });
  const client = createTrackerClient({ url: tracker.url, token: tracker.createToken('admin', 'test') });
  cleanUpAfter(() => client.close());
  cleanUpAfter(() => tracker.stop());
  const start = async (name: string, peerHost: string): Promise<Agent> => {
    const role = name === 'seeder' ? 'seeder' : 'agent';
    const agent = await startAgent({
      ...{ dataDir: join(dataDir, name), name, version, labels: {}, logger, openSource },
      tracker: { url: tracker.url, token: tracker.createToken(role, name) },
      peer: { host: peerHost, port: 0, advertiseHost: peerHost },
      control: undefined,
      limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
      exit: { kind: 'cache' },
    });
    cleanUpAfter(() => agent.stop());
    await waitFor(name, async () => (await client.hosts()).some((known) => known.name === name && known.online));
    return agent;
  };
  const distribute = async (name: string): Promise<JobView> => {
    let job = await client.createJob({ images: [REFERENCE], hosts: [name] });
    for await (const view of client.watchJob(job.id, { signal: AbortSignal.timeout(DOWNLOAD_MS) })) job = view;
    return job;
  };
  return { client, start, distribute };
}

async function makeOneLayerImage(): Promise<{ layout: string; digest: Digest }> {
  const layout = await tempDir('layout');
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16)).update(Buffer.alloc(BLOB_BYTES));
  const layer = await put('application/vnd.oci.image.layer.v1.tar', noise);
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = await put(
    'application/vnd.oci.image.config.v1+json',
    json({ os: 'linux', architecture: 'amd64', rootfs }),
  );
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await put(type, json({ schemaVersion: 2, mediaType: type, config, layers: [layer] }));
  await writeFile(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [manifest] }));
  await writeFile(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  return { layout, digest: layer.digest };
}
