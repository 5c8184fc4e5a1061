/**
 * The images of docker/Dockerfile, built and run by a real Engine: the main job between their containers. Nothing is
 * pulled: their base is this machine's, and the build stage finds its folder made. Containers are in the host's network,
 * as the Engine of these tests has no other.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTrackerClient, type TrackerClient } from '@shoal/tracker/client';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { makePackage } from '../support/package.ts';
import { freePort } from '../support/port.ts';
import { run } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { importRootFs } from '../support/root-fs.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = 'shoal-test/base';
const TOOLS = ['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox', 'ldd'];

interface Compose {
  services: Record<string, { command?: string[]; entrypoint?: string[]; environment?: Record<string, string> }>;
}

requireTools(TOOLS)('the images', () => {
  let registry: TestRegistry;
  let engine: Dockerd;
  let image: TestImage;
  let compose: Compose;
  let client: TrackerClient;
  let url: string;
  let reference: string;

  beforeAll(async () => {
    const tree = join(await tempDir('tree'), 'shoal');
    [registry, engine, image] = await Promise.all([startRegistry(), startDockerd(), makeImage({ baseBytes: 8 << 20 })]);
    reference = `${registry.host}/team/app:1`;
    await pushImage(image.layout, reference);
    await makePackage('--tree', tree);
    await importRootFs(engine, BASE);
    await importRootFs(engine, 'shoal-test/build', { '/shoal': tree });
    compose = parse(await readFile(join(ROOT, 'docker/compose.yaml'), 'utf8'), { merge: true }) as Compose;
    for (const target of ['tracker', 'agent']) await build(target);
    await startTracker();
  });

  it('add less than 80 MB compressed to their base', async () => {
    const size = async (name: string) => gzippedBytes(await saved(name));
    const added = (await size('shoal-agent')) - (await size(BASE));
    process.stderr.write(`the agent's image above its base: ${(added / 1e6).toFixed(1)} MB\n`);
    expect(added).toBeLessThan(80e6);
  });

  it('run the tracker without the rights of root', async () => {
    expect(
      (await engine.docker('run', '--rm', '--network', 'none', '--entrypoint', 'id', 'shoal-tracker')).trim(),
    ).toMatch(/^uid=7600 gid=7600/);
  });

  it('carry an image from the registry into the Engine, as compose.yaml has them', async () => {
    const names = ['agent-1', 'agent-2'];
    for (const name of names) await startAgent(name);
    await waitFor('the agents', async () => (await client.hosts()).filter(({ online }) => online).length === 3);
    for (const name of ['tracker', ...names]) await isHealthy(name);
    const { entrypoint = [] } = compose.services.job ?? {};
    const job = ['--volumes-from', 'tracker', '--env', `SHOAL_TRACKER=${url}`, '--entrypoint', entrypoint[0] ?? ''];
    // A $ is doubled for compose alone.
    const rest = entrypoint.slice(1).map((word) => word.replaceAll('$$', '$'));
    await engine.docker('run', '--rm', '--network', 'host', ...job, 'shoal-tracker', ...rest, reference);
    expect(await engine.docker('run', '--rm', '--network', 'none', reference)).toBe(`${image.line}\n`);
    const [view] = await client.jobs();
    expect((await client.job(view?.id ?? '')).hosts.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
      'agent-1 ready',
      'agent-2 ready',
    ]);
  });

  it('are unhealthy when nobody answers', async () => {
    const args = ['--rm', '--network', 'none', '--entrypoint', '/opt/shoal/lib/node', 'shoal-agent'];
    await expect(engine.docker('run', ...args, '/opt/shoal/probe.mjs', 'agent')).rejects.toThrow();
  });

  /** The classic builder: BuildKit's is a program of its own, which Debian's Engine does not bring. */
  async function build(target: string): Promise<void> {
    const from = ['--build-arg', `BASE=${BASE}`, '--build-arg', 'BUILD=shoal-test/build', '--network', 'none'];
    const env = { ...process.env, DOCKER_HOST: engine.address, DOCKER_BUILDKIT: '0' };
    const file = ['--file', join(ROOT, 'docker/Dockerfile'), '--target', target, '--tag', `shoal-${target}`];
    await run('docker', ['build', '--quiet', ...file, ...from, ROOT], { env });
  }

  async function startTracker(): Promise<void> {
    const [port, seederPort, folder] = [await freePort(), await freePort(), await tempDir('etc')];
    url = `http://127.0.0.1:${port}`;
    const settings = join(folder, 'tracker.yaml');
    await writeFile(settings, JSON.stringify({ registries: [{ host: registry.host, url: registry.url }] }), {
      mode: 0o644,
    });
    await engine.docker('volume', 'create', 'tokens');
    await engine.docker('volume', 'create', 'tracker');
    const { tokens, tracker } = compose.services;
    const volumes = ['--volume', 'tracker:/var/lib/shoal', '--volume', 'tokens:/run/shoal'];
    const [shell = '', ...flags] = tokens?.entrypoint ?? [];
    const making = ['--network', 'none', '--entrypoint', shell, 'shoal-tracker', ...flags, ...(tokens?.command ?? [])];
    await engine.docker('run', '--rm', ...volumes, ...making);
    await start('tracker', {
      image: 'shoal-tracker',
      volumes: ['tracker:/var/lib/shoal', `${settings}:/etc/shoal/tracker.yaml:ro`],
      env: {
        ...{ ...tracker?.environment, SHOAL_LISTEN_HOST: '127.0.0.1', SHOAL_LISTEN_PORT: String(port) },
        ...{ SHOAL_SEEDER_PEER_HOST: '127.0.0.1', SHOAL_SEEDER_PEER_PORT: String(seederPort) },
      },
      command: tracker?.command ?? [],
    });
    const admin = [
      'run',
      '--rm',
      '--volumes-from',
      'tracker',
      '--entrypoint',
      'cat',
      '--network',
      'none',
      'shoal-tracker',
    ];
    const token = (await engine.docker(...admin, '/var/lib/shoal/admin.token')).trim();
    client = createTrackerClient({ url, token });
    cleanUpAfter(() => client.close());
    await waitFor('the tracker', () =>
      client.status().then(
        () => true,
        () => false,
      ),
    );
  }

  async function startAgent(name: string): Promise<void> {
    const [peerPort, controlPort] = [await freePort(), await freePort()];
    const socket = name === 'agent-1' ? [`${engine.socket}:/var/run/docker.sock`] : [];
    const loopback = { SHOAL_PEER_HOST: '127.0.0.1', SHOAL_PEER_ADVERTISE_HOST: '127.0.0.1' };
    await start(name, {
      image: 'shoal-agent',
      volumes: ['tokens:/run/shoal:ro', ...socket],
      env: {
        ...{ ...compose.services[name]?.environment, ...loopback, SHOAL_TRACKER_URL: url },
        ...{ SHOAL_PEER_PORT: String(peerPort), SHOAL_CONTROL_PORT: String(controlPort) },
      },
      command: [],
    });
  }

  async function start(name: string, container: Container): Promise<void> {
    const volumes = container.volumes.flatMap((volume) => ['--volume', volume]);
    const env = Object.entries(container.env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const flags = ['--detach', '--name', name, '--network', 'host', '--health-interval', '1s', ...volumes, ...env];
    await engine.docker('run', ...flags, container.image, ...container.command);
    cleanUpAfter(async () => {
      await engine.docker('rm', '--force', '--volumes', name).catch(() => {});
    });
  }

  async function isHealthy(name: string): Promise<void> {
    const look = () => engine.docker('inspect', '--format', '{{.State.Health.Status}}', name);
    await waitFor(`${name} to be healthy`, async () => (await look()).trim() === 'healthy', 60_000);
  }

  async function saved(name: string): Promise<string> {
    const file = join(await tempDir('saved'), 'image.tar');
    await engine.docker('save', '--output', file, name);
    return file;
  }
});

interface Container {
  image: string;
  volumes: string[];
  env: Record<string, string>;
  command: string[];
}

async function gzippedBytes(file: string): Promise<number> {
  await run('gzip', [file]);
  return (await stat(`${file}.gz`)).size;
}
