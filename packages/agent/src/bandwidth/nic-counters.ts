/**
 * What the network cards of this host moved, of everybody on it: the governor's input. Decides whose counters are read
 * on which platform; which interfaces count and how they are read is the platform's file. Does not know our own bytes.
 *
 * Counters are doubles: above 2^53 (9 PB, eight days of a full 100 Gbit/s) they are rounded by at most 2048 bytes.
 */

import type { ChildProcessWithoutNullStreams, SpawnOptionsWithoutStdio } from 'node:child_process';
import type { Logger } from 'pino';
import { openLinuxCounters } from './nic-linux.ts';
import { openWindowsCounters } from './nic-windows.ts';

export interface NicReading {
  /** Since any moment; sums of all interfaces. Goes down only when the counters were opened anew. */
  receivedBytes: number;
  sentBytes: number;
  /** Of all measured together, one direction; undefined when one that is up does not tell. */
  linkBytesPerSecond: number | undefined;
  /** Names, for people, sorted. Another list is another sum: begin anew with it. */
  interfaces: string[];
  /** Monotonic ms when it was taken. */
  atMs: number;
}

export interface NicCounters {
  /** The newest. Undefined while nothing is known, and again when the source fell silent. Drives restarts: keep calling. */
  read(): NicReading | undefined;
  close(): void;
}

export type SpawnChild = (
  command: string,
  args: string[],
  options: SpawnOptionsWithoutStdio,
) => ChildProcessWithoutNullStreams;

export interface NicOptions {
  platform: NodeJS.Platform;
  /** Names given by the operator; default: detected. */
  measure?: readonly string[];
  /** Monotonic ms. */
  now(): number;
  logger: Logger;
  /** Where `sys` and `proc` are, for tests. */
  root?: string;
  /** For tests. */
  spawn?: SpawnChild;
}

export function openNicCounters(options: NicOptions): NicCounters {
  if (options.platform === 'linux') return openLinuxCounters(options);
  if (options.platform === 'win32') return openWindowsCounters(options);
  options.logger.info(
    { event: 'nic unsupported', platform: options.platform },
    'network counters are read on Linux and Windows only; business traffic is not seen here',
  );
  return { read: () => undefined, close: () => {} };
}
