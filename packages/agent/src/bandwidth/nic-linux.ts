/**
 * Reads the counters of sysfs, synchronously: two small files an interface, which the kernel answers from memory. Which
 * interfaces those are is `nic-linux-detect.ts`.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NicCounters, NicOptions } from './nic-counters.ts';
import { type DetectedInterfaces, detectInterfaces } from './nic-linux-detect.ts';
import { createMissingNames } from './nic-names.ts';
import { createNicSum, type NicBytes } from './nic-sum.ts';

/** Detection looks at every interface of the host, also at hundreds of containers', and asks drivers for the speed. */
const DETECT_EVERY_MS = 10_000;

export function openLinuxCounters({ measure, now, logger, root = '/' }: NicOptions): NicCounters {
  const warnMissing = createMissingNames(logger);
  const sum = createNicSum();
  let detected: DetectedInterfaces = { names: [], linkBytesPerSecond: undefined, missing: [], there: [] };
  let detectAtMs = Number.NEGATIVE_INFINITY;

  const detect = (atMs: number): void => {
    detected = detectInterfaces(root, measure);
    detectAtMs = atMs + DETECT_EVERY_MS;
    warnMissing(detected.missing, detected.there);
  };

  const readAll = (): Map<string, NicBytes> => {
    const look = new Map<string, NicBytes>();
    for (const name of detected.names) {
      const bytes = readCounters(root, name);
      if (bytes !== undefined) look.set(name, bytes);
    }
    return look;
  };

  return {
    read() {
      const atMs = now();
      if (atMs >= detectAtMs) detect(atMs);
      let look = readAll();
      if (look.size < detected.names.length) {
        detect(atMs);
        look = readAll();
        // Who still fails waits for the next detection, or each read would be one.
        detected.names = [...look.keys()];
      }
      const bytes = sum.add(look);
      if (look.size === 0) return undefined;
      const { names, linkBytesPerSecond } = detected;
      return { ...bytes, linkBytesPerSecond, interfaces: [...names], atMs };
    },
    close() {},
  };
}

function readCounters(root: string, name: string): NicBytes | undefined {
  const folder = join(root, 'sys/class/net', name, 'statistics');
  try {
    const receivedBytes = Number.parseInt(readFileSync(join(folder, 'rx_bytes'), 'latin1'), 10);
    const sentBytes = Number.parseInt(readFileSync(join(folder, 'tx_bytes'), 'latin1'), 10);
    return receivedBytes >= 0 && sentBytes >= 0 ? { receivedBytes, sentBytes } : undefined;
  } catch {
    // Unplugged since it was detected.
    return undefined;
  }
}
