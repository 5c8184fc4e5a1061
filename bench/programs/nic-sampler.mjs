/*
 * Counts what a network card moves, from within its namespace. Argument: JSON { device, everyMs }. The order
 * { do: 'samples' } is answered with those since the last such order: [ms on the machine's clock, received, sent], bytes.
 */
import { openNicReader } from '../harness/nic-reader.mjs';
import { failed, obey, tell } from './line-protocol.mjs';

const { device, everyMs } = JSON.parse(process.argv[2] ?? '{}');

async function main() {
  const read = openNicReader(device);
  /** @type {import('../harness/windows.mjs').NicSample[]} */
  const samples = [];
  setInterval(() => samples.push(read()), everyMs);
  obey({ samples: () => tell('samples', { samples: samples.splice(0) }) });
  tell('ready');
}

main().catch(failed);
