/* The counters of a network card in this namespace, headers down to Ethernet's included. Reads only. */
import { openSync, readSync } from 'node:fs';
import { machineMs } from './machine-clock.mjs';

const LONGEST = 32;

/** @param {string} device @returns {() => import('./windows.mjs').NicSample} */
export function openNicReader(device) {
  const [received, sent] = ['rx_bytes', 'tx_bytes'].map((name) =>
    openSync(`/sys/class/net/${device}/statistics/${name}`, 'r'),
  );
  const buffer = Buffer.alloc(LONGEST);
  const read = (/** @type {number | undefined} */ file = -1) =>
    Number.parseInt(buffer.toString('latin1', 0, readSync(file, buffer, 0, LONGEST, 0)), 10);
  return () => [machineMs(), read(received), read(sent)];
}
