/*
 * The limit of a link: a token bucket (tc-tbf(8)) on what an interface sends. Headers down to Ethernet's count, as on a
 * real port, so that of a cap 1448/1514 is left for payload.
 */

/** Of a full TCP segment with timestamps: what carries payload, of what is on the wire. */
export const PAYLOAD_SHARE = 1448 / 1514;

/** Longest wait in the queue; what would wait longer is dropped, which is how TCP learns of the limit. */
const QUEUE_MS = 50;
/**
 * Bytes sent at once after silence. Short, and never less than what the kernel hands over as one packet: a smaller
 * bucket has it cut up, with a timer for each part, and 17 hosts on two cores then measure `tc` (half of all CPU).
 */
const BURST_MS = 4;
const LEAST_BURST_BYTES = 68 * 1024;

/** @param {string} device @param {number} bytesPerSecond */
export function limitLine(device, bytesPerSecond) {
  const burst = Math.max(LEAST_BURST_BYTES, Math.round((bytesPerSecond * BURST_MS) / 1000));
  const rate = `${Math.round(bytesPerSecond * 8)}bit`;
  return `qdisc add dev ${device} root tbf rate ${rate} burst ${burst} latency ${QUEUE_MS}ms`;
}

/** Bytes an interface with a limit has sent, headers included. @param {import('./namespace.mjs').Namespace} namespace @param {string} device */
export function limitedBytes(namespace, device) {
  // The queue's own counter: the interface's counts the headers of a packet that is cut up later only once.
  const queues = /** @type {{ kind: string, bytes: number }[]} */ (namespace.readTc(['qdisc', 'show', 'dev', device]));
  return queues.find(({ kind }) => kind === 'tbf')?.bytes ?? Number.NaN;
}
