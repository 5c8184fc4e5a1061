/**
 * All that a verb has of the world outside: streams, environment, signals. One seam, so that tests run verbs in
 * process. Decides nothing.
 */
import { hostname } from 'node:os';
import type { HostDefaults } from '../config/defaults.ts';
import { guardOutput } from './output-guard.ts';

export interface Io {
  /** The result, as it is. */
  stdout(text: string): void;
  /** A line of a daemon's log, on stdout. From the first one on, what cannot be written is dropped. */
  log(line: string): void;
  /** Progress and errors, as they are. */
  stderr(text: string): void;
  /** Where bars are drawn; undefined when stderr is no terminal. */
  terminal: NodeJS.WriteStream | undefined;
  host: HostDefaults;
  cwd: string;
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch. */
  date(): number;
  delay(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls back at a stop signal (SIGINT, SIGTERM, SIGHUP, on Windows SIGBREAK) until the returned function is called. A second signal ends the process. */
  onStopSignal(handler: () => void): () => void;
  /** For results that were printed although they are failures. */
  setExitCode(code: number): void;
}

const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'];

/** `exitCode()` is what `setExitCode` was told last. */
export function processIo(): Io & { exitCode(): number } {
  let exitCode = 0;
  const stderr = (text: string) => void process.stderr.write(text);
  const becomesLog = guardOutput({
    ...{ stdout: process.stdout, stderr: process.stderr },
    say: stderr,
    exit: (code) => process.exit(code),
  });
  return {
    stdout: (text) => void process.stdout.write(text),
    log: (line) => {
      becomesLog();
      process.stdout.write(line);
    },
    stderr,
    terminal: process.stderr.isTTY ? process.stderr : undefined,
    host: { platform: process.platform, env: process.env, hostName: hostname() },
    cwd: process.cwd(),
    now: () => performance.now(),
    date: () => Date.now(),
    delay,
    onStopSignal,
    setExitCode: (code) => {
      exitCode = code;
    },
    exitCode: () => exitCode,
  };
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

function onStopSignal(handler: () => void): () => void {
  let signals = 0;
  const listener = () => {
    if (++signals === 1) handler();
    else process.exit(1);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener);
  };
}
