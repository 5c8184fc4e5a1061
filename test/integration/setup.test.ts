/**
 * `shoal setup` as a command on a host with files of its own, and the programs it is for: each reads what was written and
 * pulls through the proxy of a real agent.
 */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { NOWHERE } from '../../packages/agent/src/agent.testkit.ts';
import { type Agent, startAgent } from '../../packages/agent/src/agent.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { startPodman } from '../support/podman.ts';
import { run } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type CommandResult, shoalCommand } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';

const SMALL = 300 * 1024;
/** No DNS knows it: what comes under this name came through the proxy. */
const HARBOR = 'harbor.shoal.test';
const HUB_MIRROR = 'https://mirror.shoal.test';
const OLD_DAEMON_JSON = `{\n    "debug": true,\n    "registry-mirrors": ["${HUB_MIRROR}"]\n}\n`;

requireTools(['root', 'docker-registry', 'skopeo', 'podman', 'dockerd', 'docker', 'containerd', 'ctr', 'unshare'])(
  'after shoal setup',
  () => {
    let registry: TestRegistry;
    let image: TestImage;
    let agent: Agent;
    let host: Awaited<ReturnType<typeof hostWithAgent>>;

    beforeAll(async () => {
      [registry, image] = await Promise.all([startRegistry(), makeImage({ baseBytes: SMALL, middleBytes: SMALL })]);
      await pushImage(image.layout, `${registry.host}/team/app:1`);
      const registries = [HARBOR, 'docker.io'].map((name) => ({ host: name, url: registry.url }));
      agent = await startAgent({
        ...{ dataDir: await tempDir('agent'), name: 'web-1', version: '1.2.3', labels: {}, logger: silent },
        ...{ tracker: NOWHERE, peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
        limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
        proxy: { host: '127.0.0.1', port: 0, registries, default: 'docker.io' },
      });
      cleanUpAfter(() => agent.stop());
    }, 60_000);

    beforeEach(async () => {
      host = await hostWithAgent({ port: agent.proxyPort, registries: [{ host: HARBOR }, { host: 'docker.io' }] });
    });

    /** What the registry sent through the proxy while it ran. */
    async function sentDuring(work: () => Promise<unknown>): Promise<number> {
      const sent = () => Object.values(agent.status().proxy?.sentBytes ?? {}).reduce((sum, bytes) => sum + bytes, 0);
      const before = sent();
      await work();
      return sent() - before;
    }

    it('every file is back byte for byte after an undo', async () => {
      await host.put('/etc/docker/daemon.json', OLD_DAEMON_JSON);
      await host.put('/etc/containerd/config.toml', 'version = 2\n# mine\n');
      await host.put(`/etc/containerd/certs.d/${HARBOR}/hosts.toml`, '[host."https://other.shoal.test"]\n');
      const before = await host.tree();
      for (const program of ['docker', 'containerd', 'podman']) {
        expect((await host.setup(program, '--dry-run')).stdout).toMatch(/^--- .+\n\+\+\+ \/etc\//);
        expect(await host.setup(program, '--dry-run')).toEqual(await host.setup(program, '--dry-run'));
      }
      expect(await host.tree()).toEqual(before);
      for (const program of ['docker', 'containerd', 'podman']) {
        expect((await host.setup(program)).stdout).toMatch(/: written/);
        const written = await host.tree();
        expect((await host.setup(program)).stdout).toMatch(/^(.+: already there\n)+$/);
        expect(await host.tree()).toEqual(written);
      }
      expect((await host.setup('--undo')).stdout).toMatch(/^(.+: (restored|removed)\n)+$/);
      expect(await host.tree()).toEqual(before);
    });

    it('dockerd has Docker Hub through it: docker pull team/app:1 without a host', async () => {
      await host.put('/etc/docker/daemon.json', OLD_DAEMON_JSON);
      await host.setup('docker', '--registries', 'docker.io');
      const dockerd = await startDockerd({ config: await host.read('/etc/docker/daemon.json') });
      const mirrors = await dockerd.docker('info', '--format', '{{json .RegistryConfig.Mirrors}}');
      expect(JSON.parse(mirrors)).toEqual([`http://127.0.0.1:${agent.proxyPort}/`, `${HUB_MIRROR}/`]);
      const sent = await sentDuring(() => dockerd.docker('pull', '--quiet', 'team/app:1'));
      expect(sent).toBeGreaterThan(2 * SMALL);
      const id = await dockerd.docker('image', 'inspect', '--format', '{{.Id}}', 'team/app:1');
      expect(id.trim()).toBe(image.config.digest);
      await dockerd.stop();
    });

    it('dockerd starts, and asks the proxy for a registry by its name', async () => {
      const proxy = await recordingProxy();
      const version = /(\d+\.\d+\.\d+)/.exec(await run('dockerd', ['--version']))?.[1] ?? '';
      await host.setup('docker', '--proxy-port', String(proxy.port), '--engine-version', version);
      const config = await host.read('/etc/docker/daemon.json');
      const dropIn = await host.read('/etc/systemd/system/docker.service.d/shoal.conf').catch(() => '');
      const [, url] = /^Environment="HTTPS_PROXY=(.*)"$/m.exec(dropIn) ?? [];
      expect(url === undefined).toBe(Number(version.split('.')[0]) >= 23);
      const dockerd = await startDockerd({ config, env: { HTTPS_PROXY: url, NO_PROXY: '' } });
      await expect(dockerd.docker('pull', `${HARBOR}/team/app:1`)).rejects.toThrow(/Teapot/);
      expect(proxy.asked).toContain(`CONNECT ${HARBOR}:443 HTTP/1.1`);
      await dockerd.stop();
    });

    it('podman has a registry through it', async () => {
      await host.setup('podman');
      const place = '/etc/containers/registries.conf.d';
      const podman = await startPodman({ folders: { [place]: host.at(place) } });
      for (const name of [HARBOR, 'docker.io']) {
        const sent = await sentDuring(() => podman(['pull', '--quiet', `${name}/team/app:1`]));
        expect(sent).toBeGreaterThan(name === HARBOR ? 2 * SMALL : 0); // layers of the first are here
        const id = await podman(['image', 'inspect', '--format', '{{.Id}}', `${name}/team/app:1`]);
        expect(`sha256:${id.trim()}`).toBe(image.config.digest);
      }
    });

    it('skopeo has a registry through it', async () => {
      await host.setup('podman');
      const conf = host.at('/etc/containers/registries.conf.d/shoal.conf');
      const flags = ['--registries-conf', conf, '--insecure-policy', 'copy'];
      const to = `dir:${join(await tempDir('skopeo'), 'dir')}`;
      expect(await sentDuring(() => run('skopeo', [...flags, `docker://${HARBOR}/team/app:1`, to]))).toBeGreaterThan(
        2 * SMALL,
      );
    });

    it('containerd has a registry through it, also from a file of somebody else', async () => {
      const other = '[host."http://127.0.0.1:9"]\n  capabilities = ["pull", "resolve"]\n';
      await host.put(`/etc/containerd/certs.d/${HARBOR}/hosts.toml`, other);
      await host.setup('containerd');
      const containerd = await startContainerd();
      const pull = ['images', 'pull', '--snapshotter', 'native', '--hosts-dir', host.at('/etc/containerd/certs.d')];
      const sent = await sentDuring(() => containerd.ctr(...pull, `${HARBOR}/team/app:1`));
      expect(sent).toBeGreaterThan(2 * SMALL);
      await containerd.ctr(...pull, 'docker.io/team/app:1'); // the layers are here; the tag came through the proxy
      for (const name of [HARBOR, 'docker.io'])
        expect(await containerd.ctr('images', 'list', `name==${name}/team/app:1`)).toContain(image.manifest.digest);
      await containerd.stop();
    });

    it('containerd takes the settings it had none of, and its CRI plugin reads hosts.toml then', async () => {
      await host.setup('containerd');
      const config = host.at('/etc/containerd/config.toml');
      const dump = await run('containerd', ['--config', config, 'config', 'dump']);
      expect(dump).toMatch(/registry\]\n\s+config_path = ["']\/etc\/containerd\/certs\.d["']/);
    });
  },
  180_000,
);

/** Files of a host, below a root of their own, and the command on it; its agent has started once. */
async function hostWithAgent({ port, registries }: { port: number | undefined; registries: object[] }) {
  const [root, folder] = await Promise.all([tempDir('root'), tempDir('host')]);
  const config = join(folder, 'agent.yaml');
  await writeFile(config, JSON.stringify({ dataDir: folder, proxy: { enabled: true, port }, registries }));
  await writeFile(join(folder, 'proxy-ca.crt'), '-----BEGIN CERTIFICATE-----\n');
  const at = (path: string) => join(root, path);
  return {
    at,
    read: (path: string) => readFile(at(path), 'utf8'),
    async put(path: string, text: string) {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), text);
    },
    /** Everything there is, files with mode and content. */
    async tree() {
      const names = (await readdir(root, { recursive: true })).sort();
      return Promise.all(
        names.map(async (name) => {
          const { mode } = await stat(at(name));
          return [name, mode, await readFile(at(name), 'latin1').catch(() => 'a folder')];
        }),
      );
    },
    async setup(...args: string[]): Promise<CommandResult> {
      const result = await shoalCommand(['setup', ...args, '--config', config, '--root', root]);
      expect(result, result.stderr).toMatchObject({ code: 0 });
      return result;
    },
  };
}

/** Says no to everybody, in words that a client repeats, and remembers what was asked. */
async function recordingProxy(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      asked.push(bytes.toString('latin1').split('\r\n')[0] ?? '');
      socket.end("HTTP/1.1 418 I'm a Teapot\r\ncontent-length: 0\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpAfter(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: (server.address() as { port: number }).port, asked };
}
