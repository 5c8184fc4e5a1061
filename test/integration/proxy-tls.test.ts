/**
 * The proxy for engines that ask for a registry by its own name: through HTTPS_PROXY, or because the name leads to this
 * host. Real docker-registry behind TLS, real dockerd.
 */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { NOWHERE } from '../../packages/agent/src/agent.testkit.ts';
import { type Agent, type AgentOptions, startAgent } from '../../packages/agent/src/agent.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { freePort } from '../support/port.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const SMALL = 300 * 1024;
/** No DNS knows it: whoever gets anything from it came through the proxy. */
const HARBOR = 'harbor.shoal.test';

requireTools(['root', 'docker-registry', 'skopeo', 'dockerd', 'docker', 'static-busybox', 'unshare'])(
  'an engine that asks for a registry by its name',
  () => {
    const { key, cert } = selfSignedCertificate(HARBOR);
    let registry: TestRegistry;
    let image: TestImage;

    beforeAll(async () => {
      [registry, image] = await Promise.all([
        startRegistry({ tls: { key, cert } }),
        makeImage({ baseBytes: SMALL, middleBytes: SMALL }),
      ]);
      await pushImage(image.layout, `${registry.host}/team/app:1`);
    }, 60_000);

    async function agentWith(
      proxy: Partial<NonNullable<AgentOptions['proxy']>>,
      logger = silent,
    ): Promise<Agent & { ca: string }> {
      const agent = await startAgent({
        ...{ dataDir: await tempDir('agent'), name: 'web-1', version: '1.2.3', labels: {}, logger },
        ...{ tracker: NOWHERE, peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
        limits: { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY },
        proxy: { host: '127.0.0.1', port: 0, registries: [], ...proxy },
      });
      cleanUpAfter(() => agent.stop());
      return { ...agent, ca: await readFile(agent.status().proxy?.certFile ?? '', 'utf8') };
    }

    describe('through HTTPS_PROXY', () => {
      const envFor = (agent: Agent) => ({ HTTPS_PROXY: `http://127.0.0.1:${agent.proxyPort}`, NO_PROXY: '' });

      it('pulls and runs it unchanged', async () => {
        const agent = await agentWith({ registries: [{ host: HARBOR, address: registry.host, ca: cert }] });
        const dockerd = await startDockerd({ env: envFor(agent), authorities: { [HARBOR]: agent.ca } });
        const name = `${HARBOR}/team/app:1`;
        await dockerd.docker('pull', '--quiet', name);
        const digests = await dockerd.docker('image', 'inspect', '--format', '{{.Id}} {{.RepoDigests}}', name);
        expect(digests.trim()).toBe(`${image.config.digest} [${HARBOR}/team/app@${image.manifest.digest}]`);
        expect((await dockerd.docker('run', '--rm', '--network', 'none', name)).trim()).toBe(image.line);
        expect(agent.status().proxy?.sentBytes.registry).toBeGreaterThan(2 * SMALL);
        await dockerd.stop();
      });

      it('is told when the registry’s certificate is not trusted; nothing is skipped', async () => {
        const agent = await agentWith({ registries: [{ host: HARBOR, address: registry.host }] });
        const before = registry.accessLog().length;
        const dockerd = await startDockerd({ env: envFor(agent), authorities: { [HARBOR]: agent.ca } });
        await expect(dockerd.docker('pull', `${HARBOR}/team/app:1`)).rejects.toThrow(/certificate is not trusted/);
        expect(registry.accessLog()).toHaveLength(before);
        await dockerd.stop();
      });

      it('that does not trust the agent’s authority pulls nothing, and the log says what to do', async () => {
        const lines: string[] = [];
        const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
        const agent = await agentWith({ registries: [{ host: HARBOR, address: registry.host, ca: cert }] }, logger);
        const before = registry.accessLog().length;
        const dockerd = await startDockerd({ env: envFor(agent) });
        await expect(dockerd.docker('pull', `${HARBOR}/team/app:1`)).rejects.toThrow(/unknown authority/);
        await waitFor('the log', () => lines.some((line) => line.includes('certs.d/<registry>/ca.crt')));
        expect(lines.find((line) => line.includes('proxy not trusted'))).toContain('proxy-ca.crt');
        expect(registry.accessLog()).toHaveLength(before);
        await dockerd.stop();
      });

      it('is told what to do when others are not let through', async () => {
        const agent = await agentWith({ tunnelOthers: false });
        const dockerd = await startDockerd({ env: envFor(agent) });
        await expect(dockerd.docker('pull', `${HARBOR}/team/app:1`)).rejects.toThrow(
          `${HARBOR}:443 is no registry of this proxy: add it to registries in agent.yaml`,
        );
        await dockerd.stop();
      });
    });

    it('under a name that leads to this host, the stand-in answers, and asks the registry at its address', async () => {
      const port = await freePort();
      const host = `${HARBOR}:${port}`;
      const agent = await agentWith({
        registries: [{ host, address: registry.host, ca: cert }],
        tls: { host: '127.0.0.1', port },
      });
      const dockerd = await startDockerd({ authorities: { [host]: agent.ca }, loopbackNames: [HARBOR] });
      const name = `${host}/team/app:1`;
      await dockerd.docker('pull', '--quiet', name);
      expect((await dockerd.docker('image', 'inspect', '--format', '{{.Id}}', name)).trim()).toBe(image.config.digest);
      expect(agent.status().proxy?.sentBytes.registry).toBeGreaterThan(2 * SMALL);
      await dockerd.stop();
    });
  },
  180_000,
);
