/** A real tracker on loopback with one image in memory, and agents that report what a test tells them. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { parseDigest } from '@shoal/oci';
import { type ImageSource, RegistryError } from '@shoal/registry';
import { createTracker, type Tracker } from '@shoal/tracker';
import { connectSession, type ImageReport, type Session, type TrackerMessageOf } from '@shoal/tracker/client';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './cli.testkit.ts';

export const TEST_IMAGE = 'registry.test/team/app:1';
const LAYER_BYTES = 1_000_000;

export interface TestTracker {
  tracker: Tracker;
  dataDir: string;
  /** SHOAL_TRACKER and SHOAL_TOKEN of an admin. */
  env: Record<string, string>;
  /** Joins and answers every job with this report; without one it stays silent. */
  agent(name: string, report?: Partial<ImageReport>): Promise<Session>;
}

export async function startTestTracker(): Promise<TestTracker> {
  const dataDir = join(temporaryFolder(), 'tracker');
  const tracker = await createTracker({
    ...{ dataDir, host: '127.0.0.1', port: 0, insecure: true, version: '1.2.3' },
    openSource: async () => oneImageSource(),
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => tracker.stop());
  return {
    tracker,
    dataDir,
    env: { SHOAL_TRACKER: tracker.url, SHOAL_TOKEN: tracker.createToken('admin', 'test') },
    agent: (name, report) => joinAgent(tracker, name, report),
  };
}

function joinAgent(tracker: Tracker, name: string, report: Partial<ImageReport> | undefined): Promise<Session> {
  const platform = { os: 'linux', architecture: 'amd64' };
  return new Promise((resolve, reject) => {
    const answer = ({ jobId, images }: TrackerMessageOf<'job'>) => {
      if (report === undefined) return;
      session.send({ type: 'report', jobId, images: images.map(({ reference }) => reportOf(reference, report)) });
    };
    const session = connectSession({
      url: tracker.url,
      token: tracker.createToken('agent', name),
      privateKey: generateKeyPairSync('ed25519').privateKey,
      hello: () => ({ version: '1.2.3', name, peerPort: 7610, labels: { zone: 'a' }, platform, engine: null }),
      onMessage: (message) => {
        if (message.type === 'welcome') resolve(session);
        if (message.type === 'job') answer(message);
      },
      onState: (state, error) => {
        if (state === 'refused') reject(new Error(error?.text));
      },
    });
    onTestFinished(() => session.close());
  });
}

export function reportOf(reference: string, changes: Partial<ImageReport> = {}): ImageReport {
  return {
    ...{ reference, state: 'ready', imageBytes: LAYER_BYTES, wantedBytes: LAYER_BYTES, haveBytes: LAYER_BYTES },
    ...{ peerBytes: LAYER_BYTES, resumedBytes: 0, archiveBytes: LAYER_BYTES, feeders: [] },
    ...changes,
  };
}

function oneImageSource(): ImageSource {
  const config = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf('diff')] } }),
  );
  const prefix = 'application/vnd.oci.image';
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${prefix}.manifest.v1+json`,
      config: { mediaType: `${prefix}.config.v1+json`, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: `${prefix}.layer.v1.tar+gzip`, digest: digestOf('layer'), size: LAYER_BYTES }],
    }),
  );
  const manifest = { digest: parseDigest(digestOf(bytes)), mediaType: `${prefix}.manifest.v1+json`, bytes };
  return {
    name: 'memory',
    resolve: async (reference) => {
      if (reference.tag === '1') return manifest;
      throw new RegistryError('UNKNOWN_MANIFEST', 'there is no such image; check its name and tag.', {
        registryText: 'manifest unknown',
      });
    },
    manifest: async () => manifest,
    readBlob: async function* () {
      yield config;
    },
    close: async () => {},
  };
}

function digestOf(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
