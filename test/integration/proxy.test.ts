/** The registry proxy and the programs that pull through it: skopeo, dockerd, podman, containerd, each with its own way to find it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { NOWHERE } from '../../packages/agent/src/agent.testkit.ts';
import { type Agent, startAgent } from '../../packages/agent/src/agent.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { startContainerd } from '../support/containerd.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { startPodman } from '../support/podman.ts';
import { run } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';

const SMALL = 300 * 1024;
/** Nobody answers to it: what comes under this name came through the proxy. */
const HARBOR = 'harbor.example.com';

requireTools([
  'root',
  'docker-registry',
  'skopeo',
  'dockerd',
  'docker',
  'containerd',
  'ctr',
  'podman',
  'static-busybox',
])(
  'pulling through the proxy',
  () => {
    let registry: TestRegistry;
    let image: TestImage;
    let agent: Agent;
    let place: string;

    beforeAll(async () => {
      [registry, image] = await Promise.all([startRegistry(), makeImage({ baseBytes: SMALL, middleBytes: SMALL })]);
      await pushImage(image.layout, `${registry.host}/team/app:1`);
      const registries = [{ host: HARBOR, url: registry.url }];
      agent = await startAgent({
        ...{ dataDir: await tempDir('agent'), name: 'web-1', version: '1.2.3', labels: {}, logger: silent },
        ...{ tracker: NOWHERE, peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
        limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
        proxy: { host: '127.0.0.1', port: 0, registries, default: HARBOR },
      });
      cleanUpAfter(() => agent.stop());
      place = `127.0.0.1:${agent.proxyPort}`;
    }, 60_000);

    it.each([['team/app:1'], [`${HARBOR}/team/app:1`]])('skopeo has localhost/%s byte for byte', async (name) => {
      const folder = join(await tempDir('skopeo'), 'dir');
      await run('skopeo', [
        '--insecure-policy',
        'copy',
        '--src-tls-verify=false',
        `docker://${place}/${name}`,
        `dir:${folder}`,
      ]);
      const digest = (await run('skopeo', ['manifest-digest', join(folder, 'manifest.json')])).trim();
      expect(digest).toBe(image.manifest.digest);
    });

    it('skopeo finds it as a mirror in registries.conf', async () => {
      const folder = await tempDir('skopeo');
      const conf = join(folder, 'registries.conf');
      const mirror = `[[registry.mirror]]\nlocation = "${place}/${HARBOR}"\ninsecure = true\n`;
      await writeFile(conf, `[[registry]]\nprefix = "${HARBOR}"\nlocation = "${HARBOR}"\n${mirror}`);
      const flags = ['--registries-conf', conf, '--insecure-policy'];
      const before = registry.accessLog().length;
      await run('skopeo', [...flags, 'copy', `docker://${HARBOR}/team/app:1`, `dir:${join(folder, 'dir')}`]);
      expect(registry.accessLog().length).toBeGreaterThan(before);
    });

    it.each([['team/app:1'], [`${HARBOR}/team/app:1`]])('dockerd pulls and runs localhost/%s', async (name) => {
      const dockerd: Dockerd = await startDockerd();
      await dockerd.docker('pull', '--quiet', `${place}/${name}`);
      expect((await dockerd.docker('run', '--rm', '--network', 'none', `${place}/${name}`)).trim()).toBe(image.line);
      await dockerd.stop();
    });

    it.each([['team/app:1'], [`${HARBOR}/team/app:1`]])('podman pulls localhost/%s', async (name) => {
      const podman = await startPodman();
      await podman(['pull', '--quiet', '--tls-verify=false', `${place}/${name}`]);
      const id = await podman(['image', 'inspect', '--format', '{{.Id}}', `${place}/${name}`]);
      expect(`sha256:${id.trim()}`).toBe(image.config.digest);
    });

    it('podman finds it as a mirror in registries.conf, under the name of the registry', async () => {
      const conf = join(await tempDir('conf'), 'registries.conf');
      const mirror = `[[registry.mirror]]\nlocation = "${place}/${HARBOR}"\ninsecure = true\n`;
      await writeFile(conf, `[[registry]]\nprefix = "${HARBOR}"\nlocation = "${HARBOR}"\n${mirror}`);
      const podman = await startPodman({ env: { CONTAINERS_REGISTRIES_CONF: conf } });
      const sentBytes = () => Object.values(agent.status().proxy?.sentBytes ?? {}).reduce((sum, some) => sum + some, 0);
      const sent = sentBytes();
      await podman(['pull', '--quiet', `${HARBOR}/team/app:1`]);
      const format = '{{.Id}} {{.Digest}} {{.RepoTags}}';
      expect((await podman(['image', 'inspect', '--format', format, `${HARBOR}/team/app:1`])).trim()).toBe(
        `${image.config.digest.slice(7)} ${image.manifest.digest} [${HARBOR}/team/app:1]`,
      );
      expect(sentBytes()).toBeGreaterThan(sent + 2 * SMALL);
    });

    it('containerd finds it by hosts.toml', async () => {
      const folder = await tempDir('containerd');
      const hosts = join(folder, 'certs.d', HARBOR);
      await mkdir(hosts, { recursive: true });
      const mirror = `[host."http://${place}"]\n  capabilities = ["pull", "resolve"]\n`;
      await writeFile(join(hosts, 'hosts.toml'), `server = "https://${HARBOR}"\n${mirror}`);
      const { ctr, stop } = await startContainerd();
      const name = `${HARBOR}/team/app:1`;
      await ctr('images', 'pull', '--snapshotter', 'native', '--hosts-dir', join(folder, 'certs.d'), name);
      expect(await ctr('images', 'list', `name==${name}`)).toContain(image.manifest.digest);
      await stop();
    });
  },
  180_000,
);
