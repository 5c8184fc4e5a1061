/*
 * The data plane: one blob over loopback, from a program to another of its kind, Shoal against native and Node clients.
 * Rounds alternate between the programs; figures are medians, ratios are of medians, Shoal ÷ the other.
 */
import { linkSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { formatBytes } from './harness/bytes.mjs';
import { refuseWhenEnding } from './harness/cleanup.mjs';
import { judge } from './harness/goals.mjs';
import { medians, roundedAll } from './harness/median.mjs';
import { cell, formatTable } from './harness/table.mjs';
import { openDiskFolder, openMemoryFolder } from './harness/workplace.mjs';
import { createAria2Lane } from './peers/aria2.mjs';
import { createLibtorrentLane } from './peers/libtorrent.mjs';
import { TORRENT_CONTENT, writeTorrentFile } from './peers/torrent-file.mjs';
import { createWebtorrentLane } from './peers/webtorrent.mjs';
import { createAgentsStage, createSeederStage, createShoalLane } from './shoal/lanes.mjs';
import { writeLayout } from './shoal/layout.mjs';

export const ROWS = ['shoal', 'shoal4', 'shoal-disk', 'libtorrent', 'libtorrent-tuned', 'aria2', 'webtorrent'];
export const DEFAULT_SIZE = '2GiB';
export const DEFAULT_ROUNDS = 5;

/** Copies of the blob in memory that a row's senders keep; the origin and one receiver come on top. @type {Record<string, number>} */
const SENDER_COPIES = { shoal: 1, 'shoal-disk': 1, shoal4: 4 };

/** A transfer slower than this is broken. */
const LEAST_BYTES_PER_SECOND = 5e6;
const LEAST_TIMEOUT_MS = 60_000;

/** Of issue "the data plane": [figure, at most or at least, value]. @type {import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['receiveCpuRatioToLibtorrent', '≤', 0.8],
  ['receiveCpuRatioToAria2', '≤', 0.8],
  ['blobDigestCpuPerGB', '≤', 0.65],
  ['sendCpuRatioToLibtorrent', '≤', 0.4],
  ['sendCpuRatioToAria2', '≤', 0.4],
  ['throughputRatioToLibtorrent', '≥', 1.8],
  ['throughputRatioToWebtorrent', '≥', 3],
  ['receiveMBs', '≥', 700],
];

/**
 * @typedef {object} Result
 * @property {string} row
 * @property {string} peer
 * @property {string} [missing] how to get the program
 * @property {string} [failed]
 * @property {Record<string, number>[]} rounds
 * @property {Record<string, number>} [median]
 */

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes: [sizeBytes = 0], rounds, rows, dir, say }) {
  const ground = await prepareGround({ sizeBytes, rows, say });
  const lanes = createLanes(ground, { rows, diskFolder: onceOnly(() => openDiskFolder(sizeBytes, dir)) });
  /** @type {Map<string, Result>} */
  const results = new Map();
  for (const [row, lane] of lanes) results.set(row, await startLane(row, lane, say));
  for (let round = 0; round < rounds; round++) {
    for (const [row, lane] of rotated([...lanes], round))
      await runRound({ lane, result: results.get(row), round, say });
  }
  for (const lane of lanes.values()) await lane.stop();
  const found = [...results.values()];
  for (const result of found) if (result.rounds.length > 0) result.median = medians(result.rounds);
  const figures = figuresOf(found);
  const head = `${formatBytes(sizeBytes)} over loopback to memory, ${rounds} rounds, medians; ratios: Shoal ÷ the other`;
  return { figures, rows: found, text: [head, tableOf(found), '', judge(figures, GOALS)].join('\n') };
}

/** @param {{ sizeBytes: number, rows: readonly string[], say: (line: string) => void }} options */
async function prepareGround({ sizeBytes, rows, say }) {
  const folder = openMemoryFolder(sizeBytes * (2 + senderCopies(rows)));
  say(`writing ${formatBytes(sizeBytes)} of random bytes`);
  const { folder: layout, blobFile, blob } = await writeLayout(path.join(folder, 'layout'), sizeBytes);
  const seedFolder = path.join(folder, 'seed');
  mkdirSync(seedFolder);
  linkSync(blobFile, path.join(seedFolder, TORRENT_CONTENT));
  const torrent = path.join(folder, 'plain.torrent');
  await writeTorrentFile(torrent, blob);
  const transferTimeoutMs = Math.max(LEAST_TIMEOUT_MS, (sizeBytes / LEAST_BYTES_PER_SECOND) * 1000);
  return { folder, blob, layout, seedFolder, torrent, transferTimeoutMs };
}

/** The two lanes from the seeder share it. @param {readonly string[]} rows */
function senderCopies(rows) {
  const shared = rows.includes('shoal') && rows.includes('shoal-disk') ? 1 : 0;
  return rows.reduce((sum, row) => sum + (SENDER_COPIES[row] ?? 0), -shared);
}

/** @param {import('./peers/lane.mjs').Ground} ground @param {{ rows: readonly string[], diskFolder: () => string }} options */
function createLanes(ground, { rows, diskFolder }) {
  const seeder = createSeederStage(ground);
  /** @type {Record<string, () => import('./peers/lane.mjs').Lane>} */
  const makers = {
    shoal: () => createShoalLane({ name: 'Shoal → Shoal', stage: seeder }, ground),
    shoal4: () => createShoalLane({ name: '4 × Shoal → Shoal', stage: createAgentsStage(ground) }, ground),
    'shoal-disk': () =>
      createShoalLane({ name: 'Shoal → Shoal, to disk', stage: seeder, receiverFolder: diskFolder }, ground),
    libtorrent: () => createLibtorrentLane(ground, 'default'),
    'libtorrent-tuned': () => createLibtorrentLane(ground, 'tuned'),
    aria2: () => createAria2Lane(ground),
    webtorrent: () => createWebtorrentLane(ground),
  };
  return new Map(rows.map((row) => [row, /** @type {() => import('./peers/lane.mjs').Lane} */ (makers[row])()]));
}

/** @param {string} row @param {import('./peers/lane.mjs').Lane} lane @param {(line: string) => void} say @returns {Promise<Result>} */
async function startLane(row, lane, say) {
  const missing = lane.missing();
  if (missing !== undefined) return { row, peer: lane.name, missing, rounds: [] };
  say(`starting ${lane.name}`);
  /** @type {Result} */
  const result = { row, peer: lane.name, rounds: [] };
  await lane.start().catch((error) => fail(result, error));
  return result;
}

/** @param {{ lane: import('./peers/lane.mjs').Lane, result: Result | undefined, round: number, say: (line: string) => void }} what */
async function runRound({ lane, result, round, say }) {
  if (result === undefined || result.missing !== undefined || result.failed !== undefined) return;
  try {
    const sample = await lane.transfer(round);
    result.rounds.push(roundedAll(sample));
    say(`round ${round + 1}: ${lane.name} ${cell(sample.MBs, 0)} MB/s`);
  } catch (error) {
    fail(result, error);
  }
}

/** @param {Result} result @param {unknown} error */
function fail(result, error) {
  refuseWhenEnding();
  result.failed = error instanceof Error ? error.message : String(error);
}

/** @param {readonly Result[]} results @returns {Record<string, number>} */
function figuresOf(results) {
  const of = (/** @type {string} */ row) => results.find((result) => result.row === row)?.median ?? {};
  const [shoal, four, disk] = [of('shoal'), of('shoal4'), of('shoal-disk')];
  /** @type {Record<string, number | undefined>} */
  const figures = {
    receiveMBs: shoal.MBs,
    receiveCpuPerGB: shoal.receiveCpuPerGB,
    sendCpuPerGB: shoal.sendCpuPerGB,
    receiverPeakRssMB: shoal.receiverPeakRssMB,
    senderPeakRssMB: shoal.senderPeakRssMB,
    blobDigestCpuPerGB: shoal.afterwardsCpuPerGB,
    receiveMBsFrom4: four.MBs,
    receiveCpuPerGBFrom4: four.receiveCpuPerGB,
    receiverPeakRssMBFrom4: four.receiverPeakRssMB,
    receiveMBsToDisk: disk.MBs,
    receiveCpuPerGBToDisk: disk.receiveCpuPerGB,
  };
  for (const [row, name] of /** @type {const} */ ([
    ['libtorrent', 'Libtorrent'],
    ['libtorrent-tuned', 'TunedLibtorrent'],
    ['aria2', 'Aria2'],
    ['webtorrent', 'Webtorrent'],
  ])) {
    const other = of(row);
    figures[`throughputRatioTo${name}`] = ratio(shoal.MBs, other.MBs);
    figures[`receiveCpuRatioTo${name}`] = ratio(shoal.receiveCpuPerGB, other.receiveCpuPerGB);
    figures[`sendCpuRatioTo${name}`] = ratio(shoal.sendCpuPerGB, other.sendCpuPerGB);
  }
  return roundedAll(figures);
}

/** @param {number | undefined} ours @param {number | undefined} theirs */
function ratio(ours, theirs) {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}

/** @param {readonly Result[]} results */
function tableOf(results) {
  const head = ['', 'MB/s', '×', 'CPU s/GB in', '×', 'CPU s/GB out', '×', 'RSS MB in', 'out', 'first byte s', 'note'];
  const shoal = results.find(({ row }) => row === 'shoal')?.median;
  const rows = results.map(({ peer, missing, failed, median: found }) => {
    const note = missing === undefined ? failed?.split('\n')[0] : `missing: ${missing}`;
    if (found === undefined) return [peer, ...Array.from({ length: head.length - 2 }, () => '-'), note ?? ''];
    const against = (/** @type {string} */ name) => cell(ratio(shoal?.[name], found[name]), 2);
    return [
      ...[peer, cell(found.MBs, 0), against('MBs')],
      ...[cell(found.receiveCpuPerGB, 2), against('receiveCpuPerGB')],
      ...[cell(found.sendCpuPerGB, 2), against('sendCpuPerGB')],
      ...[
        cell(found.receiverPeakRssMB, 0),
        cell(found.senderPeakRssMB, 0),
        cell(found.secondsToFirstByte, 2),
        note ?? '',
      ],
    ];
  });
  return formatTable(head, rows);
}

/** Each round another program is first. @template T @param {readonly T[]} list @param {number} by @returns {T[]} */
function rotated(list, by) {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** @template T @param {() => T} make @returns {() => T} */
function onceOnly(make) {
  /** @type {{ value: T } | undefined} */
  let made;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
