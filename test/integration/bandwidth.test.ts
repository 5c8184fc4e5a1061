/** The bandwidth policy on real agents: what is applied at the tracker limits them at once, and they keep it. */
import { describe, expect, it } from 'vitest';
import { agentWith } from '../../packages/agent/src/agent.testkit.ts';
import { blobOf, temporaryFolder } from '../../packages/agent/src/store/store.testkit.ts';
import { until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

const MIB = 1024 * 1024;

const policy = (download: string): string => `version: 1
rules:
  - name: everyone
    limit: { per: host, download: ${download} }
  - name: people wait
    match: { class: pull }
    limit: { per: host, download: 80 MB/s }
`;

describe('a bandwidth policy', () => {
  it('freezes a running job, shows its rule, and lets it go on when it is taken back', async () => {
    const { client, join } = await site([blobOf(12 * MIB, { mark: 'policy' })]);
    await join('seeder', 's');
    const host = await join('agent', 'a');
    await client.applyPolicy(policy('0'));
    await until('the policy', () => host.status().limits.policyVersion === 1);
    expect(host.status().limits.rates.prewarm.download).toEqual({ bytesPerSecond: 0, rule: 'everyone' });
    const job = await client.createJob({ images: ['registry.test/team/app:1'], hosts: ['a'] });
    await until('the job to begin', () => host.status().blobs.length > 0);
    await client.applyPolicy(policy('90 MB/s'));
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    const { rates } = host.status().limits;
    expect(rates.pull.download).toEqual({ bytesPerSecond: 80e6, rule: 'people wait' });
    expect(rates.prewarm.download).toEqual({ bytesPerSecond: 90e6, rule: 'everyone' });
  });

  it('is kept by an agent that starts while its tracker is away', async () => {
    const { client, join, restart, url } = await site([blobOf(1)]);
    const dataDir = temporaryFolder();
    const host = await join('agent', 'a', { dataDir });
    await client.applyPolicy(policy('10 MB/s'));
    await until('the policy', () => host.status().limits.policyVersion === 1);
    await host.stop();
    await restart(async () => {
      const again = await agentWith({ name: 'a', dataDir, tracker: { url, token: 'shoal_agent_any' } });
      expect(again.status().limits).toMatchObject({
        policyVersion: 1,
        rates: { seed: { download: { bytesPerSecond: 10e6, rule: 'everyone' } } },
      });
    });
  });

  it('with a cap that hosts share gives each a part by its demand, never more than the whole', async () => {
    const { client, join } = await site([blobOf(24 * MIB, { mark: 'shared cap' })]);
    await client.applyPolicy(`version: 1
rules:
  - name: racks
    limit: { per: zone, ingress: 400 MB/s }
  - name: fleet
    limit: { per: fleet, download: 60 MB/s }
`);
    await join('seeder', 's');
    const names = ['a', 'b', 'c'];
    const hosts = await Promise.all(names.map((name) => join('agent', name, { labels: { zone: 'z' } })));
    await until('their shares', () => hosts.every((host) => host.status().limits.shared.length === 2));
    const job = await client.createJob({ images: ['registry.test/team/app:1'], hosts: names });
    const sums: number[] = [];
    const partsOf = (rule: string): number[] =>
      hosts.map((host) => host.status().limits.shared.find((cap) => cap.rule === rule)?.part ?? 0);
    const looking = setInterval(() => {
      for (const rule of ['racks', 'fleet']) sums.push(partsOf(rule).reduce((sum, part) => sum + part, 0));
    }, 10);
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    clearInterval(looking);
    expect(Math.max(...sums)).toBeLessThanOrEqual(1 + 1e-9);
    expect(Math.max(...sums)).toBeGreaterThan(0.5);
  });
});
