import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { temporaryFolder } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { createBandwidth } from './bandwidth.ts';
import { openTrafficControl, type TrafficControlOptions } from './traffic-control.ts';
import type { Yielding } from './yielding.ts';

const MB = 1e6;
const UNLIMITED = { uploadBytesPerSecond: Number.POSITIVE_INFINITY, downloadBytesPerSecond: Number.POSITIVE_INFINITY };
/** A Monday. */
const MONDAY_NOON = Date.UTC(2026, 10, 23, 12);

function twinYielding(linkBytesPerSecond?: number) {
  const asked: unknown[] = [];
  const yielding: Yielding = {
    ...{ onGrants: () => {}, linkBytesPerSecond, measured: undefined, grants: undefined, interfaces: ['eth0'] },
    set: (settings) => void asked.push(settings),
    moves: vi.fn(),
    stop: () => {},
  };
  return { yielding, asked };
}

async function control(changes: Partial<TrafficControlOptions> = {}, link?: number) {
  const { yielding, asked } = twinYielding(link);
  const bandwidth = createBandwidth([], () => performance.now());
  const blocks: number[] = [];
  const options: TrafficControlOptions = {
    ...{ host: { name: 'web-1', labels: { env: 'prod' } }, limits: UNLIMITED, bandwidth, yielding },
    shares: { setCaps: () => {}, shareOf: () => 0.25 },
    ...{ dataDir: temporaryFolder(), logger: silent, wallNow: () => Date.now() },
    onBlockBytes: (blockBytes) => void blocks.push(blockBytes),
    ...changes,
  };
  const traffic = await openTrafficControl(options);
  onTestFinished(() => traffic.stop());
  const rate = (name: 'pull' | 'prewarm' = 'prewarm') =>
    bandwidth.rate({ class: name, direction: 'download', remote: 'elsewhere' }) * (1514 / 1448);
  return { traffic, bandwidth, yielding, asked, blocks, rate, dataDir: options.dataDir };
}

const policy = (rules: string, version = 1) => ({ version, text: `version: 1\ntimezone: UTC\nrules:\n${rules}` });
const capped = (rate: string, more = '') => `  - name: cap\n    limit: { per: host, download: ${rate} }\n${more}`;

beforeEach(() => void vi.useFakeTimers({ now: MONDAY_NOON }));
afterEach(() => void vi.useRealTimers());

describe('the limits in force', () => {
  it('are the least of the host’s own and the policy’s, with the name of the one that set it', async () => {
    const { traffic, rate } = await control({ limits: { ...UNLIMITED, downloadBytesPerSecond: 20 * MB } });
    expect(rate()).toBeCloseTo(20 * MB);
    await traffic.setPolicy(policy(capped('10 MB/s', '    match: { class: prewarm }\n')));
    expect([rate('prewarm'), rate('pull')].map(Math.round)).toEqual([10 * MB, 20 * MB]);
    expect(traffic.inForce().rates).toMatchObject({
      prewarm: { download: { rule: 'cap' } },
      pull: { download: { rule: 'limits of agent.yaml' }, upload: null },
    });
  });

  it('change when a window opens and when it closes', async () => {
    const { traffic, rate } = await control();
    await traffic.setPolicy(policy(capped('10 MB/s', '    when: mon 12:01-12:03\n')));
    expect(rate()).toBe(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(60_000);
    expect(rate()).toBeCloseTo(10 * MB);
    vi.advanceTimersByTime(120_000);
    expect(rate()).toBe(Number.POSITIVE_INFINITY);
  });

  it('follow a clock that is set', async () => {
    const { traffic, rate } = await control();
    await traffic.setPolicy(policy(capped('10 MB/s', '    when: mon 20:00-22:00\n')));
    vi.setSystemTime(MONDAY_NOON + 9 * 3_600_000);
    vi.advanceTimersByTime(30_000);
    expect(rate()).toBeCloseTo(10 * MB);
  });

  it('count a part of the link, and say which rules they cannot count while nobody knows it', async () => {
    const known = await control({}, 125 * MB);
    await known.traffic.setPolicy(policy(capped('40%')));
    expect(known.rate()).toBeCloseTo(50 * MB);
    const unknown = await control();
    await unknown.traffic.setPolicy(policy(capped('40%')));
    expect([unknown.rate(), unknown.traffic.inForce().unknownLink]).toEqual([Number.POSITIVE_INFINITY, ['cap']]);
  });

  it('hold this host’s part of what hosts share', async () => {
    const { traffic, rate } = await control();
    await traffic.setPolicy(policy('  - name: racks\n    limit: { per: zone, ingress: 100 MB/s }\n'));
    expect(rate()).toBeCloseTo(25 * MB);
    expect(traffic.inForce().shared).toMatchObject([{ per: 'zone', rule: 'racks', part: 0.25 }]);
  });

  it('hold what business traffic leaves free, as soon as that changes', async () => {
    const { traffic, bandwidth, yielding, asked, rate } = await control({}, 25 * MB);
    await traffic.setPolicy(policy('  - name: room\n    yield: { keep-free: 30% }\n'));
    expect(asked.at(-1)).toMatchObject({ keepFree: 0.3, reactWithinMs: 250 });
    expect(bandwidth.aheadMs).toBe(100);
    yielding.onGrants({ download: 5 * MB, upload: 2 * MB });
    expect(rate()).toBeCloseTo(5 * MB);
    expect(traffic.inForce().rates.pull.upload).toEqual({ rule: 'room', bytesPerSecond: 2 * MB });
    bandwidth.take({ class: 'pull', direction: 'download', remote: 'elsewhere' }, 1);
    expect(yielding.moves).toHaveBeenCalledOnce();
    yielding.onGrants(undefined);
    expect(rate()).toBe(Number.POSITIVE_INFINITY);
  });

  it('decide how long a block may be: 10 ms of the rate, and short ones where room must be left', async () => {
    const { traffic, blocks } = await control({}, 25 * MB);
    expect(blocks).toEqual([256 * 1024]);
    await traffic.setPolicy(policy(capped('5 MB/s'), 1));
    await traffic.setPolicy(policy('  - name: room\n    yield: { keep-free: 30% }\n', 2));
    expect(blocks).toEqual([256 * 1024, 32 * 1024, 16 * 1024]);
  });
});

describe('the kept policy', () => {
  it('holds after a start without a tracker', async () => {
    const { traffic, dataDir } = await control();
    await traffic.setPolicy(policy(capped('10 MB/s'), 7));
    const { traffic: again, rate } = await control({ dataDir });
    expect([again.inForce().policyVersion, Math.round(rate())]).toEqual([7, 10 * MB]);
  });

  it('stays when the tracker sends one that this agent does not understand', async () => {
    const { traffic, dataDir, rate } = await control();
    await traffic.setPolicy(policy(capped('10 MB/s'), 7));
    await traffic.setPolicy({ version: 8, text: 'version: 2\nrules: []\n' });
    expect([traffic.inForce().policyVersion, Math.round(rate())]).toEqual([7, 10 * MB]);
    expect(JSON.parse(readFileSync(join(dataDir, 'policy.json'), 'utf8'))).toMatchObject({ version: 7 });
  });

  it('that is damaged counts as none', async () => {
    const dataDir = temporaryFolder();
    writeFileSync(join(dataDir, 'policy.json'), '{"version":');
    const { traffic } = await control({ dataDir });
    expect(traffic.inForce().policyVersion).toBe(0);
  });

  it('ends when the tracker has none any more', async () => {
    const { traffic, rate } = await control();
    await traffic.setPolicy(policy(capped('10 MB/s'), 7));
    await traffic.setPolicy({ version: 0, text: '' });
    expect(rate()).toBe(Number.POSITIVE_INFINITY);
  });
});
