/* Whether the links carry what their limit says: one plain TCP transfer from a host to another. */
import { fileURLToPath } from 'node:url';
import { startChild } from '../harness/child.mjs';
import { inPlace } from './place.mjs';
import { PAYLOAD_SHARE } from './shaping.mjs';

const PROGRAM = fileURLToPath(new URL('../programs/tcp-transfer.mjs', import.meta.url));
const SECONDS = 2;

/**
 * Share of what the limit leaves for payload; 1 is all of it.
 * @param {{ from: import('./network.mjs').Place, to: import('./network.mjs').Place, bytesPerSecond: number }} link
 */
export async function checkLink({ from, to, bytesPerSecond }) {
  const start = (/** @type {import('./network.mjs').Place} */ place, /** @type {object} */ argument) =>
    startChild(...inPlace(place, process.execPath, [PROGRAM, JSON.stringify(argument)]));
  const sink = start(to, { listen: to.address });
  const { port } = await sink.next('ready');
  const source = start(from, { connect: to.address, port, bytes: Math.round(bytesPerSecond * SECONDS) });
  try {
    const { bytes, seconds } = await sink.next('received');
    return bytes / seconds / (bytesPerSecond * PAYLOAD_SHARE);
  } finally {
    await source.stop();
    await sink.stop();
  }
}
