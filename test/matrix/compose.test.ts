/**
 * docker/compose.yaml and docker/compose.harbor.yaml as a whole, by the commands at their tops: Debian's docker-compose,
 * which is version 1, and an Engine with its usual networks in a network namespace. Images that would be pulled have
 * stand-ins under the same names. What version 2 does otherwise: test/repo/containers.test.ts.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobView } from '@shoal/tracker/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { type OtherHost, startOtherHost } from '../support/netns.ts';
import { makePackage } from '../support/package.ts';
import { run, startService } from '../support/process.ts';
import { pushImage, startRegistry } from '../support/registry.ts';
import { importRegistry, importRootFs } from '../support/root-fs.ts';
import { htpasswdAuth, ROBOT } from '../support/token-service.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Of a command: a job that cannot end is waited for without one. */
const LIMIT = '180s';
const COMPOSE = 'docker compose -f docker/compose.yaml';
/** Without a name for the seeder it does nothing at all. */
const COMPOSE_HARBOR = 'SHOAL_HOST=unused docker compose -f docker/compose.harbor.yaml';
const TOOLS = ['root', 'ip', 'nsenter', 'unshare', 'dockerd', 'docker', 'docker-compose', 'docker-registry', 'skopeo'];

requireTools([...TOOLS, 'static-busybox', 'ldd'])('the compose files', () => {
  let host: OtherHost;
  let engine: Dockerd;
  let image: TestImage;
  /** A folder as every host has it, and the host's /etc/shoal. */
  let tree: string;
  let settings: string;
  /** Nobody's logins. */
  let client: string;

  beforeAll(async () => {
    const etc = await tempDir('etc');
    client = await tempDir('client');
    settings = join(etc, 'shoal');
    tree = join(await tempDir('tree'), 'shoal');
    await chmod(etc, 0o755);
    host = await startOtherHost();
    [engine, image] = await Promise.all([
      startDockerd({ host: { network: host.network, etc } }),
      makeImage({ baseBytes: 24 << 20 }),
      makePackage('--tree', tree),
    ]);
    await importRegistry(engine, 'registry:2');
    await importRootFs(engine, 'debian:bookworm-slim');
    await importRootFs(engine, 'node:24-bookworm', { files: { '/shoal': tree } });
  });

  describe('compose.yaml', () => {
    it('runs the main job by its three commands', async () => {
      await load('team/built');
      const [up = '', push = '', job = ''] = await commandsOf('compose.yaml');
      cleanUpAfter(() => inShell(`${COMPOSE} down --volumes`).then(() => {}));
      await inShell(`${COMPOSE} build`);
      const started = performance.now();
      await inShell(up);
      await inShell(push.replace('IMAGE', 'team/built'));
      await engine.docker('image', 'rm', 'team/built', 'localhost:5000/team/app:1');
      await inShell(job);
      const seconds = (performance.now() - started) / 1000;
      process.stderr.write(`from "up" with built images to the end of the job: ${seconds.toFixed(1)} s\n`);
      expect(await engine.docker('run', '--rm', '--network', 'none', 'localhost:5000/team/app:1')).toBe(
        `${image.line}\n`,
      );
      expect(await jobs()).toMatchObject([{ state: 'done' }]);

      await inShell(`${COMPOSE} down --volumes`);
      await isEmpty();
    });
  });

  describe('compose.harbor.yaml', () => {
    let reference: string;
    let tracker: { url: string; ca: string };

    beforeAll(async () => {
      const certificate = selfSignedCertificate(host.theirs);
      const registry = await startRegistry({ tls: certificate, auth: await htpasswdAuth(), on: host });
      reference = `${registry.host}/team/app:1`;
      await pushImage(image.layout, reference, `${ROBOT.username}:${ROBOT.password}`);
      tracker = { url: `https://${host.theirs}:7600`, ca: join(settings, 'tracker.crt') };
      const sample = parse(await readFile(join(ROOT, 'docker/tracker.harbor.yaml'), 'utf8')) as TrackerSettings;
      const account = { host: registry.host, username: ROBOT.username, ca: '/etc/shoal/tracker.crt' };
      sample.registries = sample.registries.map((entry) => ({ ...entry, ...account }));
      await mkdir(settings);
      const files = {
        'tracker.crt': certificate.cert,
        'tracker.key': certificate.key,
        'harbor.password': ROBOT.password,
      };
      for (const [name, text] of Object.entries({ ...files, 'tracker.yaml': JSON.stringify(sample) }))
        await writeFile(join(settings, name), text);
    });

    it('runs a tracker that agents of other hosts join, and that reads a registry beside it', async () => {
      const [make = '', own = '', up = '', token = ''] = (await commandsOf('compose.harbor.yaml')).map((command) =>
        command.replaceAll('harbor.example.com', host.theirs),
      );
      cleanUpAfter(() => inShell(`${COMPOSE_HARBOR} down --volumes`).then(() => {}));
      for (const command of [make, own]) await inShell(command.replaceAll('/etc/shoal', settings));
      await inShell(up);
      // What its health check runs every half minute.
      const probe = '/opt/shoal/lib/node /opt/shoal/probe.mjs tracker';
      await waitFor('the tracker', () =>
        inTracker(probe).then(
          () => true,
          () => false,
        ),
      );
      const create = token.replace(/^.* exec tracker /, '');
      await startAgent((await inTracker(create)).trim());
      const admin = (await inTracker(create.replace('--role agent', '--role admin'))).trim();
      const env = { SHOAL_TRACKER: tracker.url, SHOAL_CA: tracker.ca, SHOAL_TOKEN: admin };
      const shoal = (...args: string[]) =>
        run('timeout', [LIMIT, join(tree, 'bin/shoal'), ...args], { env: { ...process.env, ...env } });
      await waitFor('the agent', async () => (await shoal('hosts')).includes('outside'));
      const job = JSON.parse(await shoal('prewarm', reference, '--wait', '--json')) as JobView;
      expect(job.hosts.map(({ name, state }) => `${name} ${state}`)).toEqual(['outside ready']);

      await inShell(`${COMPOSE_HARBOR} down --volumes`);
      await isEmpty();
    });

    /** Nobody types here: -T. */
    function inTracker(command: string): Promise<string> {
      return inShell(`${COMPOSE_HARBOR} exec -T tracker ${command}`);
    }

    /** On this machine, which to that host is another one. */
    async function startAgent(token: string): Promise<void> {
      const folder = await tempDir('outside');
      const config = {
        ...{ name: 'outside', dataDir: join(folder, 'data'), exit: 'cache', control: false },
        tracker: { ...tracker, token },
        peer: { host: host.ours, port: 0 },
      };
      await writeFile(join(folder, 'agent.yaml'), JSON.stringify(config));
      const agent = startService(join(tree, 'bin/shoal'), ['agent', '--config', join(folder, 'agent.yaml')]);
      await agent.line(/ready: peers on port/);
    }
  });

  it('and stack.yaml are of the schema of compose files, and what is not is refused', async () => {
    await inShell('docker compose -f docker/stack.yaml config --quiet');
    const wrong = join(await tempDir('stack'), 'stack.yaml');
    const text = await readFile(join(ROOT, 'docker/stack.yaml'), 'utf8');
    await writeFile(wrong, text.replace('mode: global', 'modes: global'));
    await expect(inShell(`docker compose -f ${wrong} config --quiet`)).rejects.toThrow(/modes/);
  });

  async function load(name: string): Promise<void> {
    const archive = join(await tempDir('archive'), 'image.tar');
    await run('skopeo', [
      '--insecure-policy',
      'copy',
      `oci:${image.layout}`,
      `docker-archive:${archive}:${name}:latest`,
    ]);
    await engine.docker('load', '--input', archive);
  }

  /** What a file's head tells people to do. */
  async function commandsOf(file: string): Promise<string[]> {
    const text = await readFile(join(ROOT, 'docker', file), 'utf8');
    return [...text.matchAll(/^# {3}(.*)$/gm)].map(([, command = '']) => command);
  }

  /** As a person at that host, with version 1's name of the command. */
  function inShell(command: string): Promise<string> {
    const classic = { DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
    const env = { ...process.env, ...classic, DOCKER_HOST: engine.address, DOCKER_CONFIG: client };
    return run(
      'timeout',
      [LIMIT, 'sh', '-ec', `cd "${ROOT}"; ${command.replaceAll('docker compose', 'docker-compose')}`],
      { env },
    );
  }

  async function jobs(): Promise<JobView[]> {
    const shoal = 'SHOAL_TOKEN=$(cat /var/lib/shoal/admin.token) shoal jobs --json --tracker http://127.0.0.1:7600';
    return JSON.parse(await inShell(`${COMPOSE} exec -T tracker sh -c '${shoal}'`)) as JobView[];
  }

  async function isEmpty(): Promise<void> {
    expect(await engine.docker('ps', '--all', '--quiet')).toBe('');
    expect(await engine.docker('volume', 'ls', '--quiet')).toBe('');
    expect((await engine.docker('network', 'ls', '--format', '{{.Name}}')).trim().split('\n').sort()).toEqual([
      ...['bridge', 'host', 'none'],
    ]);
  }
});

interface TrackerSettings {
  registries: { host: string }[];
}
