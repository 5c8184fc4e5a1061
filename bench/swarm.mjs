/*
 * The swarm on real hosts: network namespaces with limited links, real agents in them, one simultaneous start. Scores
 * are makespans ÷ bound (harness/score.mjs); aria2 runs the same races next to it, and cold origins next to warm ones.
 */
import { linkSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { pieceLengthFor } from '@shoal/swarm';
import { formatBytes, MIB } from './harness/bytes.mjs';
import { refuseWhenEnding } from './harness/cleanup.mjs';
import { BenchError } from './harness/errors.mjs';
import { medians, roundedAll } from './harness/median.mjs';
import { boundSeconds, scoreOf } from './harness/score.mjs';
import { cell } from './harness/table.mjs';
import { openDiskFolder, openMemoryFolder, removeFolder } from './harness/workplace.mjs';
import { checkLink } from './netns/link-check.mjs';
import { lackForNamespaces, removeLeftOverNamespaces } from './netns/namespace.mjs';
import { openNetwork } from './netns/network.mjs';
import { lackOfAria2 } from './peers/aria2.mjs';
import { raceAria2 } from './peers/aria2-race.mjs';
import { TORRENT_CONTENT } from './peers/torrent-file.mjs';
import { writeLayout } from './shoal/layout.mjs';
import { raceShoal } from './shoal/swarm-race.mjs';
import { describeSwarm } from './swarm-report.mjs';

/**
 * @typedef {'shoal' | 'cold' | 'aria2'} Racer cold: Shoal, whose seeder must read the origin first
 * @typedef {{ hosts: number, zones?: number, sizeBytes: number, bytesPerSecond: number, racers: readonly Racer[] }} Scenario
 *   `hosts` beside the seeder, in all zones together
 * @typedef {object} Result
 * @property {string} row
 * @property {Racer} racer
 * @property {Scenario} scenario
 * @property {number} boundSeconds
 * @property {string} [missing]
 * @property {string} [failed]
 * @property {Record<string, number>[]} rounds
 * @property {Record<string, number>} [median]
 */

const MBIT = 1e6 / 8;

/** @type {Record<string, Scenario>} */
const SCENARIOS = {
  eight: { hosts: 8, sizeBytes: 512 * MIB, bytesPerSecond: 25 * MIB, racers: ['shoal', 'aria2'] },
  sixteen: { hosts: 16, sizeBytes: 128 * MIB, bytesPerSecond: 5 * MIB, racers: ['shoal', 'aria2'] },
  narrow: { hosts: 8, sizeBytes: 16 * MIB, bytesPerSecond: 3 * MBIT, racers: ['shoal'] },
  zones: { hosts: 18, zones: 3, sizeBytes: 128 * MIB, bytesPerSecond: 5 * MIB, racers: ['shoal'] },
  cold: { hosts: 8, sizeBytes: 256 * MIB, bytesPerSecond: 25 * MIB, racers: ['shoal', 'cold'] },
  many: { hosts: 24, sizeBytes: 128 * MIB, bytesPerSecond: 5 * MIB, racers: ['shoal', 'aria2'] },
};

export const ROWS = Object.keys(SCENARIOS);
/** Every row has its own. */
export const DEFAULT_SIZE = undefined;
export const DEFAULT_ROUNDS = 1;
export const TAKES_HOSTS = true;

/** Beside what the hosts get: the origin, the seeder's and, before the race, another one. */
const MORE_COPIES = 3;
/** A race that takes ten times its bound is broken. */
const PATIENCE = 10;
const LEAST_TIMEOUT_MS = 60_000;

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes, rounds, rows, dir, hosts, bytesPerSecond, say }) {
  const lack = lackForNamespaces();
  if (lack !== undefined) throw new BenchError(lack);
  removeLeftOverNamespaces();
  /** @type {Result[]} */
  const results = [];
  for (const row of rows) {
    const scenario = /** @type {Scenario} */ (SCENARIOS[row]);
    const changes = { sizeBytes: sizesBytes[0], hosts, bytesPerSecond };
    results.push(...(await runScenario(row, changed(scenario, changes), { rounds, dir, say })));
  }
  for (const result of results) if (result.rounds.length > 0) result.median = medians(result.rounds);
  return describeSwarm(results, rounds);
}

/** @param {Scenario} scenario @param {{ sizeBytes?: number, hosts?: number, bytesPerSecond?: number }} changes @returns {Scenario} */
function changed(scenario, { sizeBytes, hosts, bytesPerSecond }) {
  const wanted = hosts ?? scenario.hosts;
  const { zones = 1 } = scenario;
  return {
    ...scenario,
    sizeBytes: sizeBytes ?? scenario.sizeBytes,
    bytesPerSecond: bytesPerSecond ?? scenario.bytesPerSecond,
    hosts: Math.ceil(wanted / zones) * zones,
  };
}

/** @param {string} row @param {Scenario} scenario @param {{ rounds: number, dir: string | undefined, say: (line: string) => void }} options */
async function runScenario(row, scenario, { rounds, dir, say }) {
  const { sizeBytes, hosts } = scenario;
  const needBytes = sizeBytes * (hosts + MORE_COPIES);
  const folder = dir === undefined ? openMemoryFolder(needBytes) : openDiskFolder(needBytes, dir);
  const origin = await writeLayout(path.join(folder, 'layout'), sizeBytes, pieceLengthFor(sizeBytes));
  const seedFolder = path.join(folder, 'seed');
  mkdirSync(seedFolder);
  linkSync(origin.blobFile, path.join(seedFolder, TORRENT_CONTENT));
  const files = { folder, blob: origin.blob, layout: origin.folder, seedFolder };
  const bound = boundSeconds(scenario);
  /** @type {Result[]} */
  const results = scenario.racers.map((racer) => ({ row, racer, scenario, boundSeconds: bound, rounds: [] }));
  for (const result of results) if (result.racer === 'aria2') result.missing = lackOfAria2();
  for (let round = 1; round <= rounds; round++) {
    for (const result of results) {
      if (result.missing !== undefined || result.failed !== undefined) continue;
      say(`${row}, ${result.racer}: ${hosts} hosts, ${formatBytes(sizeBytes)}, at least ${bound.toFixed(0)} s`);
      await runRound(result, files, say);
    }
  }
  removeFolder(folder);
  return results;
}

/** @param {Result} result @param {Pick<import('./shoal/swarm-race.mjs').RaceGround, 'folder' | 'blob' | 'layout' | 'seedFolder'>} files @param {(line: string) => void} say */
async function runRound(result, files, say) {
  const { racer, scenario } = result;
  const { hosts, zones = 0, bytesPerSecond } = scenario;
  const inZones = zones > 0 ? { outside: 1, zones, hostsPerZone: hosts / zones } : { outside: 1 + hosts };
  const timeoutMs = Math.max(LEAST_TIMEOUT_MS, result.boundSeconds * PATIENCE * 1000);
  const folder = path.join(files.folder, 'round');
  mkdirSync(folder);
  const network = openNetwork({ ...inZones, bytesPerSecond });
  try {
    const [from, to] = [network.hosts[0], network.hosts.at(-1)];
    const linkShare = from && to ? await checkLink({ from, to, bytesPerSecond }) : Number.NaN;
    const ground = { ...files, folder, network, bytesPerSecond, timeoutMs };
    const { seconds, sample } =
      racer === 'aria2' ? await raceAria2(ground) : await raceShoal(ground, { isCold: racer === 'cold' });
    const score = scoreOf(seconds, scenario);
    result.rounds.push(roundedAll({ ...score, ...sample, linkShare }));
    say(`slowest after ${cell(score.slowestSeconds, 1)} s, ${cell(score.slowestToBound, 2)} of the bound`);
  } catch (error) {
    refuseWhenEnding();
    result.failed = error instanceof Error ? error.message : String(error);
  } finally {
    await network.close();
    removeFolder(folder);
  }
}
