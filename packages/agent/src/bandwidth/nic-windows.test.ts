import { type ChildProcessWithoutNullStreams, spawn as nodeSpawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createClock, createLog, createPowerShell } from './nic.testkit.ts';
import { type NicCounters, openNicCounters } from './nic-counters.ts';
import { COUNTER_SCRIPT } from './nic-windows.ts';

const EXPECTED_PATH = fileURLToPath(new URL('testdata/windows-counters.txt', import.meta.url));
const EXPECTED = readFileSync(EXPECTED_PATH, 'utf8').replaceAll('\n', '\r\n');
const [TITLE = '', FIRST = '', SECOND = ''] = EXPECTED.split(/(?<=\n)/);

function setup(measure?: string[]) {
  const clock = createClock();
  const { logger, lines } = createLog();
  const shell = createPowerShell();
  const counters = openNicCounters({ platform: 'win32', measure, now: clock.now, logger, spawn: shell.spawn });
  return { clock, lines, counters, ...shell };
}

/** How long after the end of the newest child the next one starts. */
function restartDelayMs({ counters, children, clock }: ReturnType<typeof setup>): number {
  const before = children.length;
  for (let waited = 0; ; waited += 500) {
    counters.read();
    if (children.length > before) return waited;
    clock.pass(500);
  }
}

it('the physical adapters are summed, with the link of those that are up', () => {
  const { clock, counters, children } = setup();
  expect(counters.read()).toBeUndefined();
  children[0]?.print(TITLE + FIRST);
  const before = counters.read()!;
  clock.pass(100);
  children[0]?.print(SECOND);
  const after = counters.read()!;
  expect(after).toMatchObject({ interfaces: ['Ethernet 1', 'Ethernet 2', 'Ethernet 3'], linkBytesPerSecond: 2.5e9 });
  expect(after.receivedBytes - before.receivedBytes).toBe(15_000_000);
  expect(after.sentBytes - before.sentBytes).toBe(3_000_000);
  expect(after.atMs - before.atMs).toBe(100);
});

it('names of the operator have no case; those that are not there are warned of once', () => {
  const { counters, children, lines } = setup(['vethernet (führung)', 'Team']);
  children[0]?.print(FIRST + SECOND);
  expect(counters.read()?.interfaces).toEqual(['vEthernet (Führung)']);
  expect(lines).toMatchObject([{ level: 40, event: 'nic missing', missing: ['Team'] }]);
});

it('without a physical adapter all that are up count', () => {
  const { counters, children } = setup();
  children[0]?.print(FIRST.replaceAll('"physical":true', '"physical":false'));
  expect(counters.read()?.interfaces).toEqual(['Ethernet 1', 'Ethernet 2', 'vEthernet (Führung)']);
});

it('garbage and half lines between the lines change nothing', () => {
  const { counters, children } = setup();
  children[0]?.print(`WARNUNG: etwas\r\n${FIRST.slice(0, 40)}`);
  children[0]?.print(FIRST.slice(40));
  expect(counters.read()?.interfaces).toHaveLength(3);
  expect(counters.read()?.receivedBytes).toBe(0);
});

it('a counter that was reset goes on from where it is', () => {
  const { counters, children } = setup();
  children[0]?.print(SECOND);
  const before = counters.read()!;
  children[0]?.print(FIRST + SECOND);
  expect(counters.read()!.receivedBytes - before.receivedBytes).toBe(15_000_000);
});

it('a reading that is old is none', () => {
  const { clock, counters, children } = setup();
  children[0]?.print(FIRST);
  clock.pass(3_000);
  expect(counters.read()).toBeDefined();
  clock.pass(1);
  expect(counters.read()).toBeUndefined();
});

it('a child that ends is started again, later each time up to a minute, and warned of once', () => {
  const test = setup();
  const delays: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    test.children.at(-1)?.complain('no such command\r\n');
    test.children.at(-1)?.end(1);
    expect(test.counters.read()).toBeUndefined();
    delays.push(restartDelayMs(test));
  }
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(test.lines).toMatchObject([{ level: 40, event: 'nic unknown', untrusted: 'no such command' }]);
});

it('a child that lived for a minute is started again soon, and its end is told again', () => {
  const test = setup();
  for (const _ of [1, 2]) {
    test.children.at(-1)?.end(1);
    restartDelayMs(test);
  }
  // It prints, or it would be taken for a dead one.
  for (let second = 0; second < 60; second += 1) {
    test.children.at(-1)?.print(FIRST);
    test.clock.pass(1_000);
    test.counters.read();
  }
  test.children.at(-1)?.end(1);
  expect(restartDelayMs(test)).toBe(1_000);
  expect(test.lines).toHaveLength(2);
});

it('a child that cannot be started is tried again', () => {
  const test = setup();
  // Both come for one failure.
  test.children[0]?.fail(new Error('ENOENT'));
  test.children[0]?.end(-2);
  expect(restartDelayMs(test)).toBe(1_000);
  expect(test.lines).toMatchObject([{ untrusted: 'ENOENT' }]);
});

it('a spawn that throws is tried again', () => {
  const clock = createClock();
  let calls = 0;
  const spawn = () => {
    calls += 1;
    throw new Error('EPERM');
  };
  const counters = openNicCounters({ platform: 'win32', now: clock.now, logger: createLog().logger, spawn });
  clock.pass(1_000);
  expect(counters.read()).toBeUndefined();
  expect(calls).toBe(2);
});

it('a child that prints nothing it should is replaced, and what it says later does not count', () => {
  const test = setup();
  test.clock.pass(30_000);
  test.children[0]?.print('garbage\n');
  test.counters.read();
  expect(test.children[0]?.isKilled()).toBe(true);
  test.children[0]?.print(FIRST);
  expect(test.counters.read()).toBeUndefined();
  expect(restartDelayMs(test)).toBe(1_000);
});

it('close ends the child and starts no other', () => {
  const { clock, counters, children, lines } = setup();
  children[0]?.print(FIRST);
  counters.close();
  expect([children[0]?.isKilled(), children[0]?.isStdinEnded()]).toEqual([true, true]);
  children[0]?.end(0);
  clock.pass(60_000);
  expect(counters.read()).toBeUndefined();
  expect([children.length, lines.length]).toEqual([1, 0]);
});

it('PowerShell is started by its whole path, without a profile, and the script outlives the command line', () => {
  const { commands } = setup();
  expect(commands[0]?.command).toMatch(/^[A-Z]:\\.*\\powershell\.exe$/i);
  expect(commands[0]?.args).toEqual(
    expect.arrayContaining(['-NoProfile', '-NonInteractive', '-Command', COUNTER_SCRIPT]),
  );
  expect(COUNTER_SCRIPT).not.toContain('"');
});

/** Prints the expected lines for as long as its stdin is open, its letters cut in two. */
const STAND_IN = `
const bytes = require('node:fs').readFileSync(process.argv[1]);
const cut = bytes.indexOf('ü') + 1;
const print = () => process.stdout.write(bytes.subarray(0, cut), () => process.stdout.write(bytes.subarray(cut)));
const timer = setInterval(print, 20);
process.stdin.on('end', () => clearInterval(timer)).resume();
`;

function openWithProcess() {
  const children: ChildProcessWithoutNullStreams[] = [];
  const counters = openNicCounters({
    platform: 'win32',
    measure: ['vEthernet (Führung)'],
    now: () => performance.now(),
    logger: createLog().logger,
    spawn: (_command, _args, options) => {
      const child = nodeSpawn(process.execPath, ['-e', STAND_IN, EXPECTED_PATH], options);
      children.push(child);
      return child;
    },
  });
  onTestFinished(() => counters.close());
  return { counters, child: children[0]! };
}

async function untilRead(counters: NicCounters, child: ChildProcessWithoutNullStreams) {
  for (;;) {
    await once(child.stdout, 'data');
    const reading = counters.read();
    if (reading !== undefined) return reading;
  }
}

it('a real process: its lines are read, and close ends it', async () => {
  const { counters, child } = openWithProcess();
  expect((await untilRead(counters, child)).interfaces).toEqual(['vEthernet (Führung)']);
  const closed = once(child, 'close');
  counters.close();
  await closed;
  expect(counters.read()).toBeUndefined();
});

it('a real process ends by itself when the agent is gone', async () => {
  const { counters, child } = openWithProcess();
  await untilRead(counters, child);
  const closed = once(child, 'close');
  child.stdin.end();
  expect((await closed)[0]).toBe(0);
});
