import { describe, expect, it } from 'vitest';
import { startTracker } from '../tracker.testkit.ts';

const policy = (rate: string): string => `version: 1
rules:
  - name: everyone
    limit: { per: host, download: ${rate} }
`;

describe('a bandwidth policy', () => {
  it('that is applied reaches every agent that is here, and those that come later', async () => {
    const { client, agent } = await startTracker();
    const early = await agent('early');
    expect(await early.policy(0)).toEqual({ type: 'policy', version: 0, text: '' });
    const text = policy('10 MB/s');
    expect(await client.applyPolicy(text)).toMatchObject({ version: 1, text, appliedBy: 'test' });
    const late = await agent('late');
    for (const one of [early, late]) expect((await one.policy(1)).text).toBe(text);
  });

  it('keeps its history, is the same after a restart, and an old one comes back as a new version', async () => {
    const kit = await startTracker();
    await expect(kit.client.policy()).rejects.toMatchObject({ code: 'NO_POLICY' });
    await kit.client.applyPolicy(policy('10 MB/s'));
    await kit.client.applyPolicy(policy('20 MB/s'));
    await kit.restart();
    const host = await kit.agent('a');
    expect((await host.policy(2)).text).toBe(policy('20 MB/s'));
    expect((await kit.client.policy()).text).toBe(policy('20 MB/s'));
    expect(await kit.client.rollbackPolicy(1)).toMatchObject({ version: 3, text: policy('10 MB/s') });
    expect((await kit.client.policyVersions()).map(({ version }) => version)).toEqual([3, 2, 1]);
    expect((await kit.client.policy(2)).text).toBe(policy('20 MB/s'));
    await expect(kit.client.rollbackPolicy(9)).rejects.toMatchObject({ code: 'UNKNOWN_POLICY' });
  });

  it('that is in force already is no new version', async () => {
    const { client } = await startTracker();
    await client.applyPolicy(policy('10 MB/s'));
    expect((await client.applyPolicy(policy('10 MB/s'))).version).toBe(1);
  });

  it('with faults is refused with all of them and their places, and the old one stays', async () => {
    const { client, agent } = await startTracker();
    await client.applyPolicy(policy('10 MB/s'));
    const host = await agent('a');
    const wrong = client.applyPolicy(policy('10 XB/s').replace('per: host', 'per: galaxy'));
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_POLICY', status: 422 });
    await expect(wrong).rejects.toThrow(/bandwidth.yaml:4:\d+ /);
    expect((await client.policy()).version).toBe(1);
    await host.settled();
    expect(host.policies.map(({ version }) => version)).toEqual([1]);
  });
});
