/*
 * A huge blob from one Shoal agent to another, onto a disk: does it go through, how fast, and with how much memory.
 * `cold`: the seeder computes (in place of a registry), hashes and writes it while the receiver already gets it.
 * `warm`: the seeder has it. The origin is generated and takes no room; seeder and receiver keep a copy each.
 */
import path from 'node:path';
import { formatBytes } from './harness/bytes.mjs';
import { judge } from './harness/goals.mjs';
import { measure } from './harness/measure.mjs';
import { medians, roundedAll } from './harness/median.mjs';
import { waitUntilIdle } from './harness/proc.mjs';
import { cell, formatTable } from './harness/table.mjs';
import { openDiskFolder } from './harness/workplace.mjs';
import { makeGeneratedImage } from './shoal/generated-image.mjs';
import { openSite } from './shoal/site.mjs';

/** @type {readonly string[]} */
export const ROWS = [];
export const DEFAULT_SIZE = '8GiB';
export const DEFAULT_ROUNDS = 1;

const COPIES = 2;
const SETTLE_MS = 120_000;

/** Of issue "the data plane", for the whole agent. @type {import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['receiverPeakRssMB', '≤', 220],
  ['senderPeakRssMB', '≤', 180],
];

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes: [sizeBytes = 0], rounds, dir, say }) {
  const folder = openDiskFolder(sizeBytes * COPIES, dir);
  say(`takes ${formatBytes(sizeBytes * COPIES)} in ${folder}; computing the digest of ${formatBytes(sizeBytes)}`);
  const site = await openSite({ folder: path.join(folder, 'shoal'), source: makeGeneratedImage(sizeBytes) });
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });

  /** @param {string} name */
  const transferTo = async (name) => {
    const receiver = await site.startAgents({ names: [name] });
    try {
      await waitUntilIdle([seeder.pid, receiver.pid], SETTLE_MS);
      const run = () => site.distribute(receiver.names);
      const sample = roundedAll(
        await measure({ bytes: sizeBytes, receiver: receiver.pid, senders: [seeder.pid], run }),
      );
      say(`${name}: ${cell(sample.MBs, 0)} MB/s`);
      return sample;
    } finally {
      await receiver.stop();
    }
  };

  const cold = [await transferTo('cold')];
  const warm = [];
  for (let round = 1; round <= rounds; round++) warm.push(await transferTo(`warm-${round}`));
  await seeder.stop();
  await site.stop();
  return describe({ sizeBytes, rows: [rowOf('cold', cold), rowOf('warm', warm)] });
}

/** @param {string} row @param {Record<string, number>[]} rounds */
function rowOf(row, rounds) {
  return { row, peer: 'Shoal → Shoal', rounds, median: medians(rounds) };
}

/** @param {{ sizeBytes: number, rows: ReturnType<typeof rowOf>[] }} found */
function describe({ sizeBytes, rows }) {
  const [cold = {}, warm = {}] = rows.map(({ median }) => median);
  const peak = (/** @type {string} */ name) =>
    Math.max(...rows.flatMap(({ rounds }) => rounds.map((sample) => sample[name] ?? 0)));
  const figures = roundedAll({
    receiveMBs: warm.MBs,
    receiveMBsCold: cold.MBs,
    receiveCpuPerGB: warm.receiveCpuPerGB,
    sendCpuPerGB: warm.sendCpuPerGB,
    receiverPeakRssMB: peak('receiverPeakRssMB'),
    senderPeakRssMB: peak('senderPeakRssMB'),
  });
  const head = ['Shoal → Shoal', 'MB/s', 'CPU s/GB in', 'CPU s/GB out', 'RSS MB in', 'out'];
  const names = ['MBs', 'receiveCpuPerGB', 'sendCpuPerGB', 'receiverPeakRssMB', 'senderPeakRssMB'];
  const digits = [0, 2, 2, 0, 0];
  const table = formatTable(
    head,
    rows.map(({ row, median }) => [row, ...names.map((name, index) => cell(median[name], digits[index] ?? 0))]),
  );
  return {
    figures,
    rows,
    text: [`${formatBytes(sizeBytes)} over loopback to disk`, table, '', judge(figures, GOALS)].join('\n'),
  };
}
