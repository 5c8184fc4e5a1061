/*
 * One transfer, measured from outside: speed, CPU and peak memory of those who receive and those who send.
 *
 * The same clock for every program. CPU counts from the order to start. Speed counts from the first megabyte on the
 * loopback interface, so that no program pays for a timer it waits for before it connects or unchokes; nothing else
 * should use the loopback meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, loopbackBytes, peakRssMB, resetPeakRss } from './proc.mjs';

/**
 * @typedef {object} Sample
 * @property {number} MBs 10^6 bytes a second, from the first byte to complete and verified
 * @property {number} secondsToFirstByte from the order to start
 * @property {number} receiveCpuPerGB CPU seconds for 10^9 bytes, whole process
 * @property {number} sendCpuPerGB all senders together
 * @property {number} receiverPeakRssMB
 * @property {number} senderPeakRssMB of the largest sender
 * @typedef {object} Transfer
 * @property {number} bytes
 * @property {number} receiver pid
 * @property {readonly number[]} senders pids
 * @property {() => Promise<unknown>} run gives the order to start, resolves when the receiver has all of it, verified
 */

const WATCH_MS = 2;
const FIRST_BYTES = 1_000_000;

/** @param {Transfer} transfer @returns {Promise<Sample>} */
export async function measure({ bytes, receiver, senders, run }) {
  for (const pid of [receiver, ...senders]) resetPeakRss(pid);
  const receiverBefore = cpuSeconds([receiver]);
  const sendersBefore = cpuSeconds(senders);
  const startedAt = performance.now();
  const firstByte = watchFirstByte(startedAt);
  try {
    await run();
  } finally {
    firstByte.stop();
  }
  const endedAt = performance.now();
  const gigabytes = bytes / 1e9;
  return {
    MBs: bytes / 1e3 / (endedAt - firstByte.at()),
    secondsToFirstByte: (firstByte.at() - startedAt) / 1e3,
    receiveCpuPerGB: (cpuSeconds([receiver]) - receiverBefore) / gigabytes,
    sendCpuPerGB: (cpuSeconds(senders) - sendersBefore) / gigabytes,
    receiverPeakRssMB: peakRssMB(receiver),
    senderPeakRssMB: Math.max(...senders.map(peakRssMB)),
  };
}

/** @param {number} startedAt */
function watchFirstByte(startedAt) {
  const before = loopbackBytes();
  let at = startedAt;
  let watching = true;
  void (async () => {
    while (watching && loopbackBytes() - before < FIRST_BYTES) {
      at = performance.now();
      await delay(WATCH_MS);
    }
  })();
  return {
    at: () => at,
    stop() {
      watching = false;
    },
  };
}
