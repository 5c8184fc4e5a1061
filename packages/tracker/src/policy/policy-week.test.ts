import { expect, it } from 'vitest';
import { createManualClock } from '../clock.testkit.ts';
import { startTracker } from '../tracker.testkit.ts';

const TEXT = `version: 1
timezone: Asia/Shanghai
rules:
  - { name: office, when: "mon-fri 08:00-20:00", limit: { per: host, download: 80 Mbit/s } }
  - { name: lab, match: { zone: lab }, limit: { per: host, download: 8 Mbit/s } }
`;

it('the week of a host is by the hour on the policy’s clock', async () => {
  // A Thursday, 01:30 in Shanghai of the Friday.
  const kit = await startTracker({ clock: createManualClock(Date.UTC(2026, 0, 1, 17, 30)) });
  await expect(kit.client.policyWeek()).rejects.toMatchObject({ code: 'NO_POLICY' });
  await kit.client.applyPolicy(TEXT);
  const week = await kit.client.policyWeek();
  expect(week).toMatchObject({ host: '', timezone: 'Asia/Shanghai', nowHour: 4 * 24 + 1.5 });
  expect(week.stretches.slice(0, 2)).toEqual([
    { fromHour: 0, toHour: 8, limits: { pull: {}, prewarm: {}, seed: {} } },
    {
      fromHour: 8,
      toHour: 20,
      limits: expect.objectContaining({ pull: { download: { bytesPerSecond: 1e7, rule: 'office' } } }),
    },
  ]);
  expect(week.stretches.at(-1)?.toHour).toBe(7 * 24);
  await kit.agent('l', { labels: { zone: 'lab' } });
  const lab = await kit.client.policyWeek('l');
  expect(lab.stretches).toHaveLength(1);
  expect(lab.stretches[0]?.limits.seed.download).toEqual({ bytesPerSecond: 1e6, rule: 'lab' });
  await expect(kit.client.policyWeek('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_HOST' });
});
