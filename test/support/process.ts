/**
 * Programs started by tests: run to their end, or kept as a service and stopped by process id.
 *
 * A service gets SIGTERM when this process dies, however it dies (setpriv, where there is one). Nothing is ever ended by
 * name, and nothing that was not started here.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { cleanUpAfter } from './cleanup.ts';

export interface Service {
  pid: number;
  /** Lines of stdout and stderr so far. */
  output: readonly string[];
  /** The first line, past or to come, that matches; rejects when the program ends or time is up. */
  line(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** SIGTERM, and SIGKILL after a grace time; resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL at once: a crash. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill();
});

const SETPRIV = '/usr/bin/setpriv';
const START_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 20_000;
const MAX_OUTPUT_BYTES = 16 << 20;
const ERROR_TAIL_LINES = 15;

/** Resolves with stdout; rejects with the program's stderr in the message. */
export async function run(command: string, args: string[], options: { env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { ...options, maxBuffer: MAX_OUTPUT_BYTES });
    return stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${stderr.trim() || message}`, { cause: error });
  }
}

/** Starts a program that stays; it is stopped after the test or file that called. */
export function startService(command: string, args: string[], options: { env?: NodeJS.ProcessEnv } = {}): Service {
  const child = spawnTied(command, args, options.env);
  const output: string[] = [];
  const watchers = new Set<() => void>();
  const notify = () => {
    for (const watcher of watchers) watcher();
  };
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => output.push(String(error)));
    child.once('close', () => resolve());
  });
  running.add(child);
  void ended.then(() => {
    running.delete(child);
    notify();
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      notify();
    });
  }
  const service: Service = {
    pid: child.pid ?? 0,
    output,
    line: (pattern, timeoutMs = START_TIMEOUT_MS) => {
      const find = () => output.map((line) => line.match(pattern)).find((match) => match !== null);
      return watchFor({
        find,
        watchers,
        isGone: () => hasEnded(child),
        describe: () => `${command}: no line ${pattern}`,
        output,
        timeoutMs,
      });
    },
    stop: () => end(child, ended, 'SIGTERM'),
    kill: () => end(child, ended, 'SIGKILL'),
  };
  cleanUpAfter(service.stop);
  return service;
}

function spawnTied(command: string, args: string[], env: NodeJS.ProcessEnv | undefined): ChildProcess {
  const options = { stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } };
  if (!existsSync(SETPRIV)) return spawn(command, args, options);
  return spawn(SETPRIV, ['--pdeathsig', 'TERM', '--', command, ...args], options);
}

interface Watch<T> {
  find: () => T | undefined;
  watchers: Set<() => void>;
  isGone: () => boolean;
  describe: () => string;
  output: readonly string[];
  timeoutMs: number;
}

function watchFor<T>(watch: Watch<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      clearTimeout(timer);
      watch.watchers.delete(look);
      settle();
    };
    const fail = (why: string) => {
      const tail = watch.output.slice(-ERROR_TAIL_LINES).join('\n');
      done(() => reject(new Error(`${watch.describe()} (${why})\n${tail}`)));
    };
    const look = () => {
      const found = watch.find();
      if (found !== undefined) done(() => resolve(found));
      else if (watch.isGone()) fail('it has ended');
    };
    const timer = setTimeout(() => fail(`waited ${watch.timeoutMs} ms`), watch.timeoutMs);
    watch.watchers.add(look);
    look();
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return ended;
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await ended;
  clearTimeout(killer);
}
