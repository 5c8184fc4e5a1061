/**
 * Debian's docker-registry as the origin of a test, with what its access log says.
 *
 * One process on a free loopback port, storage in a folder of its own; with a certificate it speaks TLS.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from './cleanup.ts';
import type { OtherHost } from './netns.ts';
import { run, startService } from './process.ts';
import { findProgram } from './tools.ts';

export interface AccessLine {
  method: string;
  path: string;
  status: number;
  /** Length of the body; a HEAD has one here, although nothing of it is sent. */
  bytes: number;
}

export interface TestRegistry {
  /** `127.0.0.1:port`, or of the host it is on: the registry part of references. */
  host: string;
  url: string;
  /** Folder of the blobs, for tests that spoil one. */
  storage: string;
  /** A line stands here a moment after its answer has ended. */
  accessLog(): AccessLine[];
  stop(): Promise<void>;
}

/** Where the registry tells of pushes. */
export interface Notified {
  url: string;
  authorization: string;
  /** Of the authority that the address is trusted by. */
  caFile: string;
}

export interface RegistrySettings {
  tls?: { key: string; cert: string };
  /** The section of that name in its config. */
  auth?: object;
  notified?: Notified;
  /** Where it runs and listens instead of on loopback; this machine reaches it all the same. */
  on?: OtherHost;
}

export async function startRegistry({ tls, auth, notified, on }: RegistrySettings = {}): Promise<TestRegistry> {
  const folder = await tempDir('registry');
  const storage = join(folder, 'storage');
  const address = on?.theirs ?? '127.0.0.1';
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: `${address}:0`, secret: 'test', ...(tls && { tls: await tlsFiles(folder, tls) }) },
    ...(auth && { auth }),
    ...(notified && { notifications: { endpoints: [endpointOf(notified)] } }),
  };
  const configPath = join(folder, 'config.yml');
  await writeFile(configPath, JSON.stringify(config)); // JSON is YAML
  const start = on?.start ?? startService;
  const service = start(findProgram('docker-registry') ?? 'docker-registry', ['serve', configPath], {
    env: notified && { SSL_CERT_FILE: notified.caFile },
  });
  const [, port] = await service.line(/listening on [\d.]+:(\d+)/);
  const host = `${address}:${port}`;
  return {
    host,
    url: `${tls ? 'https' : 'http'}://${host}`,
    storage,
    accessLog: () => service.output.flatMap(parseAccessLine),
    stop: service.stop,
  };
}

/** It tries again twice a second until it is answered. */
function endpointOf({ url, authorization }: Notified) {
  const headers = { Authorization: [authorization] };
  return { name: 'shoal', url, headers, timeout: '2s', threshold: 1, backoff: '500ms' };
}

async function tlsFiles(folder: string, { key, cert }: { key: string; cert: string }) {
  const [certificate, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  await writeFile(certificate, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  return { certificate, key: keyFile };
}

/** Pushes an OCI layout folder under `reference` (`host/repository:tag`), byte for byte; `account`: `name:password`. */
export async function pushImage(layout: string, reference: string, account?: string): Promise<void> {
  const flags = ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--preserve-digests'];
  if (account !== undefined) flags.push('--dest-creds', account);
  await run('skopeo', [...flags, `oci:${layout}`, `docker://${reference}`]);
}

/** Apache's combined log format. */
function parseAccessLine(line: string): AccessLine[] {
  const match = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) (\d+)/.exec(line);
  if (!match) return [];
  const [, method = '', path = '', status, bytes] = match;
  return [{ method, path, status: Number(status), bytes: Number(bytes) }];
}
