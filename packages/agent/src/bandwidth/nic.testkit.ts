/** A clock by hand, a log to look into, a sysfs of a temporary folder, and a PowerShell that prints what a test says. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { SpawnChild } from './nic-counters.ts';

export function createClock(): { now(): number; pass(ms: number): void } {
  let nowMs = 5_000;
  return {
    now: () => nowMs,
    pass(ms) {
      nowMs += ms;
    },
  };
}

export interface LogLine {
  level: number;
  event: string;
  msg: string;
  missing?: string[];
  untrusted?: string;
}

export function createLog() {
  const lines: LogLine[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  return { logger, lines };
}

export interface FakeInterface {
  rx?: number | string;
  tx?: number;
  physical?: boolean;
  mbit?: number | string;
  operstate?: string;
  flags?: string;
  slaves?: string[];
  master?: string;
  lower?: string[];
  bridge?: boolean;
}

export function createSysfs() {
  const root = mkdtempSync(join(tmpdir(), 'shoal-nic-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const net = join(root, 'sys/class/net');
  const proc = join(root, 'proc/net');
  for (const folder of [net, proc]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(net, 'bonding_masters'), 'bond0\n');

  return {
    root,
    /** Writes over what was there of that name. */
    set(name: string, { rx = 0, tx = 0, mbit = -1, operstate = 'up', flags = '0x1003', ...rest }: FakeInterface) {
      const folder = join(net, name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(join(folder, 'statistics'), { recursive: true });
      const files = { 'statistics/rx_bytes': rx, 'statistics/tx_bytes': tx, speed: mbit, operstate, flags };
      for (const [file, value] of Object.entries(files)) writeFileSync(join(folder, file), `${value}\n`);
      if (rest.physical) mkdirSync(join(folder, 'device'));
      if (rest.bridge) mkdirSync(join(folder, 'bridge'));
      if (rest.slaves) {
        mkdirSync(join(folder, 'bonding'));
        writeFileSync(join(folder, 'bonding/slaves'), `${rest.slaves.join(' ')}\n`);
      }
      if (rest.master) symlinkSync(`../${rest.master}`, join(folder, 'master'));
      for (const lower of rest.lower ?? []) symlinkSync(`../${lower}`, join(folder, `lower_${lower}`));
    },
    remove: (name: string) => rmSync(join(net, name), { recursive: true }),
    routes: (file: 'route' | 'ipv6_route', text: string) => writeFileSync(join(proc, file), text),
  };
}

/** What `createPowerShell` started. `print` arrives at once. */
export interface FakeChild {
  print(text: string): void;
  complain(text: string): void;
  end(code: number): void;
  fail(error: Error): void;
  isKilled(): boolean;
  isStdinEnded(): boolean;
}

export function createPowerShell() {
  const children: FakeChild[] = [];
  const commands: { command: string; args: string[] }[] = [];
  const spawn: SpawnChild = (command, args) => {
    commands.push({ command, args });
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let isKilled = false;
    const kill = () => {
      isKilled = true;
      return true;
    };
    const child = Object.assign(new EventEmitter(), { stdin, stdout, stderr, kill });
    children.push({
      print: (text) => void stdout.emit('data', text),
      complain: (text) => void stderr.emit('data', text),
      end: (code) => void child.emit('close', code),
      fail: (error) => void child.emit('error', error),
      isKilled: () => isKilled,
      isStdinEnded: () => stdin.writableEnded,
    });
    return child as unknown as ChildProcessWithoutNullStreams;
  };
  return { spawn, children, commands };
}
