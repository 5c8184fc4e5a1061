/** `shoal doctor` beside a running agent, with a real engine, a real registry with accounts, and a disk that is full. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalAgent, type ShoalSite, shoalCommand, startSite } from '../support/shoal.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { htpasswdAuth, ROBOT } from '../support/token-service.ts';
import { requireTools } from '../support/tools.ts';

interface Finding {
  check: string;
  state: string;
  text: string;
}

requireTools(['root', 'dockerd', 'docker-registry'])('shoal doctor', () => {
  let [engine, registry, site, agent] = [] as unknown as [Dockerd, TestRegistry, ShoalSite, ShoalAgent];

  beforeAll(async () => {
    [engine, registry] = await Promise.all([startDockerd(), startRegistry({ auth: await htpasswdAuth() })]);
    site = await startSite({ registries: [] });
    agent = await site.startAgent({ name: 'web-1', engine: engine.address, cache: {} });
  }, 120_000);

  const settings = (more: object) => ({
    tracker: { url: site.url, token: 'shoal_agent_wrong' },
    ...{ exit: 'engine', engine: { address: engine.address }, peer: { port: 0 }, control: false },
    ...more,
  });
  const diagnose = async (config: object, env = {}): Promise<Finding[]> => {
    const file = join(await tempDir('doctor'), 'agent.yaml');
    writeFileSync(file, JSON.stringify(config));
    const { stdout } = await shoalCommand(['doctor', '--config', file, '--json'], env);
    return JSON.parse(stdout).findings;
  };

  it('finds nothing wrong beside an agent that runs', async () => {
    const { code, stdout } = await agent.local('doctor');
    expect(stdout).toMatch(/^agent +ok +web-1, version \S+, runs and has a session as agent$/m);
    expect(stdout).toMatch(/^engine +ok +Docker Engine \d+\.\d+\S* at unix:\S+, linux\/\w+, \w+ store$/m);
    expect(stdout).toMatch(/^tracker +ok +https:\S+ answers, is trusted, and takes the token$/m);
    expect(stdout).toMatch(/^ports +ok +\d+ for other agents is the agent's$/m);
    expect(stdout).toMatch(/^0 faults, /m);
    expect(code).toBe(0);
  });

  it('tells a registry that takes its account from one that does not', async () => {
    const { host, url } = registry;
    const registries = [{ host, url, username: ROBOT.username }];
    const variable = `SHOAL_REGISTRY_PASSWORD_${host.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    const found = async (given: string) =>
      (await diagnose(settings({ registries }), { [variable]: given })).find(({ check }) => check === 'registry');
    expect(await found(ROBOT.password)).toMatchObject({
      state: 'ok',
      text: `${host} answers, and takes the account it is given`,
    });
    const refused = await found('wrong-password');
    expect(refused).toMatchObject({ state: 'fault', text: `${host} refuses the account it is given` });
    expect(JSON.stringify(refused)).not.toContain('wrong-password');
  });

  it('finds a disk that is full, and that blobs would lie in memory', async () => {
    const dataDir = join(await tempDir('doctor-data'), 'data');
    mkdirSync(dataDir);
    const disk = await mountSmallDisk(dataDir, 16);
    await disk.fill();
    const findings = (await diagnose(settings({ dataDir }))).filter(({ check }) => check === 'disk');
    expect(findings).toMatchObject([
      { state: 'warning', text: expect.stringContaining('is on tmpfs') },
      { state: 'fault', text: `${dataDir} cannot be written (ENOSPC)` },
    ]);
  });

  it.each(['none', 'another'])('finds a tracker whose authority it was told wrongly: %s', async (told) => {
    const ca = join(await tempDir('doctor-ca'), 'ca.pem');
    writeFileSync(ca, selfSignedCertificate().cert);
    const tracker = { url: site.url, token: 'x', ...(told === 'another' && { ca }) };
    const findings = await diagnose(settings({ tracker }));
    expect(findings.find(({ check }) => check === 'tracker')).toMatchObject({
      state: 'fault',
      next: expect.stringContaining('not trusted'),
    });
  });
});
