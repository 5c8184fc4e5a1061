import { expect, it } from 'vitest';
import { createClock, createLog, createSysfs } from './nic.testkit.ts';
import { openNicCounters } from './nic-counters.ts';

function setup(measure?: string[]) {
  const sysfs = createSysfs();
  const clock = createClock();
  const { logger, lines } = createLog();
  const open = () => openNicCounters({ platform: 'linux', measure, now: clock.now, logger, root: sysfs.root });
  return { sysfs, clock, lines, open };
}

it('a reading grows by what the interface moved, with its time and its link', () => {
  const { sysfs, clock, open } = setup();
  sysfs.set('eth0', { physical: true, rx: 1000, tx: 500, mbit: 10_000 });
  const counters = open();
  const before = counters.read()!;
  sysfs.set('eth0', { physical: true, rx: 1300, tx: 550, mbit: 10_000 });
  clock.pass(100);
  const after = counters.read()!;
  expect(after.receivedBytes - before.receivedBytes).toBe(300);
  expect(after.sentBytes - before.sentBytes).toBe(50);
  expect(after.atMs - before.atMs).toBe(100);
  expect(after).toMatchObject({ interfaces: ['eth0'], linkBytesPerSecond: 1.25e9 });
});

it('nothing is known without an interface, and an interface that comes is found within ten seconds', () => {
  const { sysfs, clock, open } = setup();
  const counters = open();
  expect(counters.read()).toBeUndefined();
  sysfs.set('eth0', { physical: true });
  clock.pass(9_999);
  expect(counters.read()).toBeUndefined();
  clock.pass(1);
  expect(counters.read()?.interfaces).toEqual(['eth0']);
});

it('an interface that comes or goes changes the list and is no jump', () => {
  const { sysfs, clock, open } = setup();
  sysfs.set('eth0', { physical: true, rx: 1e12 });
  const counters = open();
  const first = counters.read()!;
  sysfs.set('eth1', { physical: true, rx: 1e13 });
  clock.pass(10_000);
  const both = counters.read()!;
  expect([both.interfaces, both.receivedBytes - first.receivedBytes]).toEqual([['eth0', 'eth1'], 0]);
  sysfs.remove('eth0');
  sysfs.set('eth1', { physical: true, rx: 1e13 + 7 });
  // At once: a read that fails does not wait for the ten seconds.
  clock.pass(100);
  const last = counters.read()!;
  expect([last.interfaces, last.receivedBytes - both.receivedBytes]).toEqual([['eth1'], 7]);
});

it('a counter that was reset goes on from where it is', () => {
  const { sysfs, open } = setup();
  sysfs.set('eth0', { physical: true, rx: 5000 });
  const counters = open();
  const before = counters.read()!.receivedBytes;
  for (const rx of [100, 140]) {
    sysfs.set('eth0', { physical: true, rx });
    counters.read();
  }
  expect(counters.read()!.receivedBytes - before).toBe(40);
});

it('an interface whose counters cannot be read is left out, the others are read', () => {
  const { sysfs, open } = setup();
  sysfs.set('eth0', { physical: true });
  sysfs.set('eth1', { physical: true, rx: '' });
  expect(open().read()?.interfaces).toEqual(['eth0']);
});

it('names that are not there are warned of once, with those there are', () => {
  const { sysfs, clock, lines, open } = setup(['eth1', 'eht0', '../../etc']);
  for (const name of ['eth0', 'eth1']) sysfs.set(name, { physical: true });
  const counters = open();
  expect(counters.read()?.interfaces).toEqual(['eth1']);
  clock.pass(10_000);
  counters.read();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 40, missing: ['eht0', '../../etc'] });
  expect(lines[0]?.msg).toContain('there are eth0, eth1');
});

it.runIf(process.platform === 'linux')('reads this machine', () => {
  const { logger } = createLog();
  const counters = openNicCounters({ platform: 'linux', now: () => performance.now(), logger });
  const [first, second] = [counters.read(), counters.read()];
  // A sandbox may have no network at all.
  if (first === undefined || second === undefined) return;
  expect(first.interfaces).not.toContain('lo');
  expect(second.receivedBytes).toBeGreaterThanOrEqual(first.receivedBytes);
  expect(second.atMs).toBeGreaterThanOrEqual(first.atMs);
});

it('an unsupported platform knows nothing and says so once', () => {
  const { logger, lines } = createLog();
  const counters = openNicCounters({ platform: 'darwin', now: createClock().now, logger });
  expect([counters.read(), counters.read()]).toEqual([undefined, undefined]);
  counters.close();
  expect(lines).toMatchObject([{ level: 30, event: 'nic unsupported' }]);
});
