/** Private images of several registries under the proxy's own name: real dockerd, podman and docker-registry, with logins. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { beforeAll, expect, it } from 'vitest';
import { NOWHERE } from '../../packages/agent/src/agent.testkit.ts';
import { type Agent, startAgent } from '../../packages/agent/src/agent.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { startContainerd } from '../support/containerd.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { startPodman } from '../support/podman.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { htpasswdAuth, ROBOT, startTokenService } from '../support/token-service.ts';
import { requireTools } from '../support/tools.ts';

const SMALL = 300 * 1024;
/** Nobody answers to these names: what comes under them came through the proxy. */
const BASIC = 'basic.example.com';
const BEARER = 'bearer.example.com';
const OPEN = 'open.example.com';
const ACCOUNT = `${ROBOT.username}:${ROBOT.password}`;

requireTools([
  'root',
  'docker-registry',
  'skopeo',
  'dockerd',
  'docker',
  'podman',
  'ctr',
  'containerd',
  'static-busybox',
])(
  'a login at the proxy',
  () => {
    let image: TestImage;
    let registries: Record<string, TestRegistry>;
    let tokens: Awaited<ReturnType<typeof startTokenService>>;
    let agent: Agent;
    let place: string;
    let dockerd: Dockerd;
    const log: string[] = [];

    const agentFor = async (hosts: string[]): Promise<Agent> => {
      const logger = pino({ level: 'trace' }, { write: (line) => void log.push(line) });
      const started = await startAgent({
        ...{ dataDir: await tempDir('agent'), name: 'web-1', version: '1.2.3', labels: {}, logger },
        ...{ tracker: NOWHERE, peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
        limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
        proxy: { host: '127.0.0.1', port: 0, registries: hosts.map((host) => ({ host, url: registries[host]?.url })) },
      });
      cleanUpAfter(() => started.stop());
      return started;
    };

    beforeAll(async () => {
      tokens = await startTokenService();
      const [basic, bearer, open, made, engine] = await Promise.all([
        startRegistry({ auth: await htpasswdAuth() }),
        startRegistry({ auth: tokens.auth }),
        startRegistry(),
        makeImage({ baseBytes: SMALL, middleBytes: SMALL }),
        startDockerd(),
      ]);
      [image, dockerd] = [made, engine];
      registries = { [BASIC]: basic, [BEARER]: bearer, [OPEN]: open };
      const push = ({ host }: TestRegistry, account?: string) => pushImage(image.layout, `${host}/team/app:1`, account);
      await Promise.all([push(basic, ACCOUNT), push(bearer, ACCOUNT), push(open)]);
      agent = await agentFor([BASIC, BEARER, OPEN]);
      place = `127.0.0.1:${agent.proxyPort}`;
    }, 90_000);

    const login = (password: string, at = place) =>
      dockerd.docker('login', '--username', ROBOT.username, '--password', password, at);
    /** Pulls it anew. */
    const pull = async (name: string) => {
      await dockerd.docker('pull', '--quiet', name);
      const id = await dockerd.docker('image', 'inspect', '--format', '{{.Id}}', name);
      await dockerd.docker('image', 'rm', '--force', name);
      expect(id.trim()).toBe(image.config.digest);
    };

    it.each([BASIC, BEARER])(
      'is what docker needs for private images of %s, and one with a wrong password is refused',
      async (host) => {
        const name = `${place}/${host}/team/app:1`;
        await expect(pull(name)).rejects.toThrow(/unauthorized|no basic auth|denied/);
        await login(ROBOT.password);
        await pull(name);
        await login('wrong-password'); // nobody can tell yet whose account it is
        await expect(pull(name)).rejects.toThrow(/unauthorized|incorrect username or password/);
        await dockerd.docker('logout', place);
      },
    );

    it('is no condition for a registry that asks for none, and the account is not what it wants to hear', async () => {
      await pull(`${place}/${OPEN}/team/app:1`);
      await login(ROBOT.password);
      await pull(`${place}/${OPEN}/team/app:1`);
      await dockerd.docker('logout', place);
    });

    it('asks the registry’s own token service, by the registry’s own names', () => {
      const asked = tokens.asked().filter((url) => url?.includes('pull&') || url?.endsWith('pull'));
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.every((url) => url?.includes('scope=repository%3Ateam%2Fapp%3Apull'))).toBe(true);
    });

    it.each([BASIC, BEARER])('is checked at once where %s is the only registry', async (host) => {
      const only = await agentFor([host]);
      const at = `127.0.0.1:${only.proxyPort}`;
      await expect(login('wrong-password', at)).rejects.toThrow(/unauthorized|incorrect username or password/);
      expect(await login(ROBOT.password, at)).toContain('Login Succeeded');
      await pull(`${at}/team/app:1`);
      await pull(`${at}/${host}/team/app:1`);
    });

    it.each([BASIC, BEARER])('is one for each registry with podman, whose mirror of %s needs it', async (host) => {
      const conf = join(await tempDir('conf'), 'registries.conf');
      const mirror = `[[registry.mirror]]\nlocation = "${place}/${host}"\ninsecure = true\n`;
      await writeFile(conf, `[[registry]]\nprefix = "${host}"\nlocation = "${host}"\n${mirror}`);
      const podman = await startPodman({ env: { CONTAINERS_REGISTRIES_CONF: conf } });
      await expect(podman(['pull', '--quiet', `${host}/team/app:1`])).rejects.toThrow(
        /nauthorized|no such host|denied/,
      );
      const account = ['--username', ROBOT.username, '--password', ROBOT.password];
      await podman(['login', '--tls-verify=false', ...account, `${place}/${host}`]);
      await podman(['pull', '--quiet', `${host}/team/app:1`]);
      const id = await podman(['image', 'inspect', '--format', '{{.Id}}', `${host}/team/app:1`]);
      expect(`sha256:${id.trim()}`).toBe(image.config.digest);
    });

    it.each([BASIC, BEARER])('comes from ctr with the pull, in %s’s own words', async (host) => {
      const { ctr, stop } = await startContainerd();
      const name = `${place}/${host}/team/app:1`;
      await ctr('images', 'pull', '--snapshotter', 'native', '--plain-http', '--user', ACCOUNT, name);
      expect(await ctr('images', 'list', `name==${name}`)).toContain(image.manifest.digest);
      await stop();
    });

    it('stands in no log', () => {
      const secrets = [ROBOT.password, Buffer.from(ACCOUNT).toString('base64'), 'wrong-password', 'shoal.'];
      expect(log.length).toBeGreaterThan(0);
      for (const secret of secrets) expect(log.join('\n')).not.toContain(secret);
    });
  },
  180_000,
);
