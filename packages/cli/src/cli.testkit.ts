/** Runs verbs in process: streams collected, environment empty, time by hand. And folders that go away. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io } from './output/io.ts';
import { runShoal } from './program.ts';

export interface TestIo extends Io {
  exitCode(): number;
  out: string;
  err: string;
  /** What `now()` says. */
  nowMs: number;
  /** Sends the stop signal to whoever listens. */
  stop(): void;
}

export interface TestIoOptions {
  env?: Record<string, string>;
  cwd?: string;
  platform?: NodeJS.Platform;
}

export function testIo({ env = {}, cwd = temporaryFolder(), platform = 'linux' }: TestIoOptions = {}): TestIo {
  const handlers = new Set<() => void>();
  let exitCode = 0;
  const io: TestIo = {
    ...{ out: '', err: '', nowMs: 0, cwd, terminal: undefined },
    // Not the machine's own: a Shoal may be installed there.
    host: { platform, env, hostName: 'host-1', configDir: join(cwd, 'etc') },
    stdout: (text) => {
      io.out += text;
    },
    log: (line) => io.stdout(line),
    stderr: (text) => {
      io.err += text;
    },
    now: () => io.nowMs,
    date: () => Date.now(),
    delay: async () => {},
    onStopSignal: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    setExitCode: (code) => {
      exitCode = code;
    },
    exitCode: () => exitCode,
    stop: () => {
      for (const handler of [...handlers]) handler();
    },
  };
  return io;
}

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export async function run(args: readonly string[], options: TestIoOptions = {}): Promise<Ran> {
  const io = testIo(options);
  const code = await runShoal(args, io);
  return { code, out: io.out, err: io.err };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Returns the file's path. */
export function fileIn(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}
