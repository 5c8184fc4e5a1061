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
const PORT = '16881';
const WEBTORRENT = fileURLToPath(new URL('../../bench/webtorrent/', import.meta.url));
const logger = pino({ level: 'silent' });

/** How each program downloads `torrent` into `folder` and then seeds. */
const CLIENTS: { name: string; command(torrent: string, folder: string): [string, string[]] }[] = [
  {
    name: 'aria2c',
    command: (torrent, folder) => [
      'aria2c',
      [
        ...[
          '--dir',
          folder,
          '--listen-port',
          PORT,
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
    command: (torrent, folder) => [
      'transmission-cli',
      ['--download-dir', folder, '--config-dir', `${folder}.config`, '--port', PORT, '--no-portmap', torrent],
    ],
  },
  {
    name: 'webtorrent',
    command: (torrent, folder) => [process.execPath, [join(WEBTORRENT, 'client.mjs'), torrent, folder, PORT]],
  },
];

requireTools(['root', 'ip', 'aria2c', 'transmission-cli'])('a foreign client', () => {
  let other: OtherHost;
  let blob: { layout: string; digest: Digest };

  beforeAll(async () => {
    await run('npm', ['--prefix', WEBTORRENT, 'ci', '--ignore-scripts']);
    other = await startOtherHost();
    blob = await makeOneLayerImage();
  });

  it.each(CLIENTS)('$name downloads from agents, and seeds to an agent', async ({ command }) => {
    const site = await startSite(other.ours, blob.layout);
    const seeder = await site.start('seeder');
    const first = await site.start('first');
    expect((await site.distribute('first')).state).toBe('done');

    const folder = await tempDir('client');
    const torrent = join(folder, 'blob.torrent');
    await writeFile(torrent, await site.client.createTorrent({ digest: blob.digest, host: 'other' }));
    await mkdir(join(folder, 'files'));
    const client = other.start(...command(torrent, join(folder, 'files')));
    const name = blob.digest.replace(':', '-');
    await waitFor(
      () => `the download; the client says:\n${client.output.slice(-20).join('\n')}`,
      () => holds(join(folder, 'files', name), blob.digest),
      60_000,
    );

    await Promise.all([seeder.stop(), first.stop()]);
    const second = await site.start('second');
    const job = await site.distribute('second');
    expect(job).toMatchObject({ state: 'done', hosts: [{ images: [{ haveBytes: BLOB_BYTES }] }] });
    expect(job.hosts[0]?.images[0]?.feeders.map((feeder) => feeder.name).join()).toContain(`foreign ${other.theirs}`);
    await client.kill();
    await second.stop();
  });
});

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
  const start = async (name: string): Promise<Agent> => {
    const role = name === 'seeder' ? 'seeder' : 'agent';
    const agent = await startAgent({
      ...{ dataDir: join(dataDir, name), name, version, labels: {}, logger, openSource },
      tracker: { url: tracker.url, token: tracker.createToken(role, name) },
      peer: { host, port: 0, advertiseHost: host },
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
    for await (const view of client.watchJob(job.id, { signal: AbortSignal.timeout(120_000) })) job = view;
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
