/**
 * Shoal's own programs in a test: a tracker with its embedded seeder, agents, and the `shoal`
 * command of an operator, all as processes of their own and over TLS.
 */

import { execFile } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostView, JobView } from '@shoal/tracker/client';
import { createTrackerClient, type TrackerClient } from '@shoal/tracker/client';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { tempDir } from './cleanup.ts';
import { freePort } from './port.ts';
import { type Service, startService } from './process.ts';
import { waitFor } from './wait.ts';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface ShoalSite {
  url: string;
  client: TrackerClient;
  /** Runs `shoal …` as an operator with an admin token. */
  shoal(...args: string[]): Promise<CommandResult>;
  startAgent(options: AgentSettings): Promise<ShoalAgent>;
  hosts(): Promise<HostView[]>;
  tracker: Service;
  /** Where the tracker's database lies, and its tracker.yaml. */
  dataDir: string;
  config: string;
  /** Starts the tracker again, after it was stopped or killed, with its seeder. */
  restartTracker(): Promise<void>;
}

export interface AgentSettings {
  name: string;
  /** `unix://…` of its engine; without one it keeps images in its cache. */
  engine?: string;
  /** Upload and download, e.g. `30 MB/s`. */
  cap?: string;
  labels?: Record<string, string>;
  /** Instead of a good join token. */
  token?: string;
  /** Has a registry proxy on this port. */
  proxy?: { port: number; registries: { host: string; url: string }[] };
  /** As in agent.yaml; it then has a control API, too. */
  cache?: { budget?: string; keep?: string };
}

export interface ShoalAgent {
  service: Service;
  dataDir: string;
  /** Runs `shoal …` on its host: a verb that asks its control API. */
  local(...args: string[]): Promise<CommandResult>;
  /** The same agent again: same data folder, name and settings. */
  start(): Promise<ShoalAgent>;
}

export interface SiteOptions {
  registries: { host: string; url?: string; layout?: string; archive?: string }[];
  cap?: string;
  /** Default: a free one. */
  port?: number;
  /** Default: a certificate of its own. */
  tls?: { key: string; cert: string };
  /** More keys of tracker.yaml. */
  tracker?: object;
}

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/shoal.js', import.meta.url));
const READY_MS = 30_000;

/** Runs `shoal …` to its end, whatever its exit code. */
export function shoalCommand(args: string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

/** A tracker with a seeder beside it. */
export async function startSite(options: SiteOptions): Promise<ShoalSite> {
  const folder = await tempDir('site');
  const { key, cert } = options.tls ?? selfSignedCertificate();
  const [keyFile, certFile] = [join(folder, 'tracker.key'), join(folder, 'tracker.crt')];
  await writeFile(keyFile, key, { mode: 0o600 });
  await writeFile(certFile, cert);
  const dataDir = join(folder, 'tracker');
  const cap = options.cap ?? 'unlimited';
  const config = await writeConfig(folder, 'tracker.yaml', {
    dataDir,
    listen: { host: '127.0.0.1', port: options.port ?? (await freePort()) },
    tls: { cert: certFile, key: keyFile },
    registries: options.registries,
    seeder: {
      dataDir: join(folder, 'seeder'),
      peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
      limits: { upload: cap, download: cap },
    },
    ...options.tracker,
  });
  const newToken = async (role: string): Promise<string> => {
    const made = await shoalCommand([
      'token',
      'create',
      '--role',
      role,
      '--name',
      `test ${role}`,
      '--data-dir',
      dataDir,
      '--json',
    ]);
    if (made.code !== 0) throw new Error(made.stderr);
    return (JSON.parse(made.stdout) as { token: string }).token;
  };
  const admin = await newToken('admin');
  const startTracker = async () => {
    const service = startService(process.execPath, [COMMAND, 'tracker', '--config', config, '--seeder']);
    const [url] = await service.line(/https:\/\/127\.0\.0\.1:\d+/, READY_MS);
    return { service, url };
  };
  const { service: tracker, url } = await startTracker();
  const client = createTrackerClient({ url, token: admin, ca: cert });
  const env = { SHOAL_TRACKER: url, SHOAL_TOKEN: admin, SHOAL_CA: certFile };
  const site: ShoalSite = {
    ...{ url, client, tracker, dataDir, config },
    async restartTracker() {
      site.tracker = (await startTracker()).service;
      await isOnline(site, (host) => host.role === 'seeder');
    },
    shoal: (...args) => shoalCommand(args, env),
    hosts: () => client.hosts(),
    async startAgent(settings) {
      const token = settings.token ?? (await newToken('agent'));
      return startAgent(site, settings, { tracker: { url, token, ca: certFile } });
    },
  };
  await isOnline(site, (host) => host.role === 'seeder');
  return site;
}

async function startAgent(site: ShoalSite, settings: AgentSettings, door: object): Promise<ShoalAgent> {
  const { name, engine, proxy, cache, labels, cap = 'unlimited' } = settings;
  const dataDir = await tempDir(name);
  const config = await writeConfig(dataDir, 'agent.yaml', {
    name,
    dataDir: join(dataDir, 'data'),
    ...door,
    peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
    control: cache === undefined ? false : { port: 0 },
    ...(cache && { cache }),
    ...(labels === undefined ? {} : { labels }),
    limits: { upload: cap, download: cap },
    ...(proxy === undefined ? {} : { proxy: { enabled: true, port: proxy.port }, registries: proxy.registries }),
    ...(engine === undefined ? { exit: 'cache' } : { exit: 'engine', engine: { address: engine } }),
  });
  const start = async (): Promise<ShoalAgent> => {
    const service = startService(process.execPath, [COMMAND, 'agent', '--config', config]);
    if (settings.token === undefined) await isOnline(site, (host) => host.name === name);
    const local = async (...args: string[]): Promise<CommandResult> => {
      const [, port = ''] = await service.line(/control API on port (\d+)/);
      return shoalCommand([...args, '--config', config, '--control-port', port]);
    };
    return { service, dataDir, local, start };
  };
  return start();
}

async function isOnline(site: ShoalSite, wanted: (host: HostView) => boolean): Promise<void> {
  await waitFor(
    'an agent to come online',
    async () => (await site.hosts()).some((host) => wanted(host) && host.online),
    READY_MS,
  );
}

async function writeConfig(folder: string, name: string, config: object): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(config)); // JSON is YAML
  return path;
}

/** So many bytes of a layer are on the agent's disk. */
export async function layerIsComing({ dataDir }: ShoalAgent, bytes: number): Promise<void> {
  const blobs = join(dataDir, 'data', 'blobs');
  await waitFor(`${bytes} bytes of a layer`, async () => {
    const files = await readdir(blobs).catch(() => []);
    const blobFiles = files.filter((file) => file.endsWith('.blob'));
    const states = await Promise.all(blobFiles.map((file) => stat(join(blobs, file))));
    return states.some(({ blocks }) => blocks * 512 > bytes);
  });
}

/** The job as it is when `until` holds. */
export async function waitForJob(site: ShoalSite, id: string, until: (job: JobView) => boolean): Promise<JobView> {
  return waitFor(
    `job ${id}`,
    async () => {
      const job = await site.client.job(id);
      return until(job) ? job : undefined;
    },
    120_000,
  );
}
