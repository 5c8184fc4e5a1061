/*
 * Whether an agent keeps the caps of the policy, counted at its network card: one host under test, and four peers that
 * nothing limits, in namespaces joined by links that nothing limits either. At each cap it downloads from the four, then
 * others of its kind upload to them; then the policy is changed to a quarter of the cap.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from './harness/child.mjs';
import { refuseWhenEnding } from './harness/cleanup.mjs';
import { BenchError } from './harness/errors.mjs';
import { machineMs } from './harness/machine-clock.mjs';
import { againstCap, between, countsOf, keptFrom, TOLERANCE, worstRate } from './harness/windows.mjs';
import { openMemoryFolder, removeFolder } from './harness/workplace.mjs';
import { describeLimits } from './limits-report.mjs';
import { measureRead, measureZone } from './limits-shared.mjs';
import { lackForNamespaces, removeLeftOverNamespaces } from './netns/namespace.mjs';
import { LINK, openNetwork } from './netns/network.mjs';
import { inPlace } from './netns/place.mjs';
import { holdImage } from './shoal/holders.mjs';
import { makeSeveralImages } from './shoal/several-images.mjs';
import { openSite } from './shoal/site.mjs';

/**
 * @typedef {'down' | 'up'} Direction
 * @typedef {object} Result
 * @property {string} row
 * @property {number} mbits
 * @property {Direction} direction
 * @property {string} [failed]
 * @property {Record<string, number>[]} rounds
 * @typedef {import('./shoal/site.mjs').Site} Site
 * @typedef {import('./netns/network.mjs').Place} Place
 * @typedef {import('./harness/child.mjs').Child} Child
 * @typedef {{ site: Site, host: Place, sampler: Child, prepare: (name: string) => void, peers: readonly string[] }} Ground
 */

const MBIT = 1e6 / 8;
const CAPS = [1, 8, 80, 400];
const DIRECTIONS = /** @type {const} */ (['down', 'up']);

/** Rows of their own: what a seeder reads from a registry, and what comes into a zone. */
const SHARED = /** @type {const} */ ({ read: measureRead, zone: measureZone });
export const ROWS = [
  ...CAPS.flatMap((mbits) => DIRECTIONS.map((direction) => `${direction}${mbits}`)),
  ...Object.keys(SHARED),
];
/** Of all blobs together: more than the highest cap lets through. */
export const DEFAULT_SIZE = '960MiB';
export const DEFAULT_ROUNDS = 1;

const IMAGE = 'registry.bench/team/limits:1';
const BLOBS = 3;
const PEERS = 4;
/** The holders' one, what the host gets, what the peers get, and room for a piece of each on its way. */
const COPIES = 2 + PEERS + 0.5;

const SAMPLE_MS = 20;
const LEFT_OUT_MS = 2000;
const MEASURED_MS = 10_000;
/** At 1 Mbit/s a block is an eighth of a second. */
const SLOW_MEASURED_MS = 22_000;
const AFTER_CHANGE_MS = 4000;
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

const SECOND_MS = 1000;
const SHORT_MS = 100;
const CHANGE_WINDOW_MS = 1000;
const ALLOWED_CHANGE_MS = 2000;
/** Below, one block is a large part of 100 ms of the cap. */
const LEAST_MBITS_FOR_SHORT = 8;

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes: [sizeBytes = 0], rounds, rows, dir, say }) {
  const lack = lackForNamespaces();
  if (lack !== undefined) throw new BenchError(lack);
  if (dir !== undefined) throw new BenchError('this bench keeps its files in memory: no --dir');
  removeLeftOverNamespaces();
  const wanted = CAPS.flatMap((mbits) =>
    DIRECTIONS.map((direction) => ({ row: `${direction}${mbits}`, mbits, direction })),
  );
  /** @type {Result[]} */
  const results = wanted.filter(({ row }) => rows.includes(row)).map((what) => ({ ...what, rounds: [] }));
  const folder = openMemoryFolder(sizeBytes * COPIES);
  const several = makeSeveralImages({ references: [IMAGE], layers: BLOBS, layerBytes: Math.round(sizeBytes / BLOBS) });
  const bytesPerSecond = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= rounds; round++) {
    for (const direction of DIRECTIONS) {
      const ofDirection = results.filter((result) => result.direction === direction && result.failed === undefined);
      if (ofDirection.length === 0) continue;
      const network = openNetwork({ outside: 1 + PEERS, bytesPerSecond, singleFrames: true });
      try {
        await runDirection(ofDirection, { folder: `${folder}/${direction}${round}`, network, several, say });
      } finally {
        await network.close();
        removeFolder(`${folder}/${direction}${round}`);
      }
    }
  }
  const shared = await runShared({ folder, several, say, rows, rounds });
  removeFolder(folder);
  return describeLimits(results, shared);
}

/** @param {{ folder: string, several: any, say: (line: string) => void, rows: readonly string[], rounds: number }} ground */
async function runShared({ folder, several, say, rows, rounds }) {
  /** @type {import('./limits-report.mjs').SharedResult[]} */
  const results = [];
  for (const [row, measure] of Object.entries(SHARED).filter(([row]) => rows.includes(row))) {
    /** @type {import('./limits-report.mjs').SharedResult} */
    const result = { row, rounds: [] };
    results.push(result);
    for (let round = 1; round <= rounds && result.failed === undefined; round++) {
      try {
        result.rounds.push(await measure({ folder: `${folder}/${row}${round}`, image: IMAGE, several }));
        say(`${row}: ${JSON.stringify(result.rounds.at(-1))}`);
      } catch (error) {
        refuseWhenEnding();
        result.failed = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return results;
}

/**
 * @param {readonly Result[]} results of one direction
 * @param {{ folder: string, network: import('./netns/network.mjs').Network, several: any, say: (line: string) => void }} ground
 */
async function runDirection(results, { folder, network, several, say }) {
  const site = await openSite({ folder, source: { several }, place: network.hub });
  const [host, ...places] = network.hosts;
  if (host === undefined) throw new Error('no host');
  const held = await holdImage(site, { image: IMAGE, place: network.hub });
  const down = results[0]?.direction === 'down';
  const peers = await Promise.all(
    places.map((place, index) => {
      const name = `peer-${index + 1}`;
      if (down) held.giveTo(name);
      return site.startAgents({ names: [name], place });
    }),
  );
  const argument = JSON.stringify({ device: LINK, everyMs: SAMPLE_MS });
  const program = new URL('./programs/nic-sampler.mjs', import.meta.url).pathname;
  const sampler = startChild(...inPlace(host, process.execPath, [program, argument]));
  await sampler.next('ready');
  const ground = {
    ...{ site, host, sampler, peers: peers.flatMap(({ names }) => names) },
    prepare: (/** @type {string} */ name) => (down ? undefined : held.giveTo(name)),
  };
  for (const result of results) {
    say(`${result.row}: at ${result.mbits} Mbit/s`);
    try {
      const sample = await measureCap(result, ground);
      result.rounds.push(sample);
      say(
        `${result.row}: mean ${sample.meanToCap?.toFixed(3)} of the cap, worst second ${sample.worstSecondToCap?.toFixed(3)}`,
      );
    } catch (error) {
      refuseWhenEnding();
      result.failed = error instanceof Error ? error.message : String(error);
    }
  }
  await sampler.stop();
  for (const agent of peers) await agent.stop();
  held.remove();
  await site.stop();
}

/** @param {Result} result @param {Ground} ground @returns {Promise<Record<string, number>>} */
async function measureCap({ row, mbits, direction }, { site, host, sampler, prepare, peers }) {
  const cap = mbits * MBIT;
  const name = `measured-${row}-${Math.round(machineMs())}`;
  await site.applyPolicy(policyFor(mbits, direction));
  prepare(name);
  const agent = await site.startAgents({ names: [name], place: host });
  /** @type {import('./harness/windows.mjs').NicSample[]} */
  const samples = [];
  const look = async () => {
    sampler.say({ do: 'samples' });
    samples.push(...(await sampler.next('samples')).samples);
    return countsOf(samples, direction);
  };
  await look();
  samples.length = 0;
  const jobId = await site.begin(direction === 'down' ? [name] : peers, IMAGE);
  try {
    const orderedAt = machineMs();
    for (let counts = await look(); !isMoving(counts, cap); counts = await look()) {
      if (machineMs() - orderedAt > START_TIMEOUT_MS) throw new Error('nothing moves');
      await delay(POLL_MS);
    }
    const from = machineMs() + LEFT_OUT_MS;
    await delay(LEFT_OUT_MS + (mbits < LEAST_MBITS_FOR_SHORT ? SLOW_MEASURED_MS : MEASURED_MS));
    const steady = between(await look(), from, machineMs());
    if (!isMoving(steady.slice(-SECOND_MS / SAMPLE_MS), cap))
      throw new Error('all was moved before the end: a larger --size');
    return { ...describeSteady(steady, cap), ...(await changePolicy({ site, mbits, direction, look })) };
  } finally {
    await site.cancel(jobId);
    await agent.stop();
  }
}

/** A lot comes through. @param {readonly import('./harness/windows.mjs').Count[]} counts @param {number} cap */
function isMoving(counts, cap) {
  return (counts.at(-1)?.[1] ?? 0) - (counts[0]?.[1] ?? 0) > (cap * SHORT_MS) / 1000;
}

/** @param {readonly import('./harness/windows.mjs').Count[]} counts @param {number} cap @returns {Record<string, number>} */
function describeSteady(counts, cap) {
  const { worstWindowToCap, ...seconds } = againstCap(counts, cap, SECOND_MS);
  return {
    ...{ ...seconds, worstSecondToCap: worstWindowToCap },
    worst100msToCap: worstRate(counts, SHORT_MS) / cap,
  };
}

/**
 * From the order to the begin of the first window from which on all are within the new cap.
 * @param {{ site: Site, mbits: number, direction: Direction, look: () => Promise<import('./harness/windows.mjs').Count[]> }} what
 * @returns {Promise<Record<string, number>>}
 */
async function changePolicy({ site, mbits, direction, look }) {
  if (mbits < LEAST_MBITS_FOR_SHORT) return {};
  const changedAt = machineMs();
  await site.applyPolicy(policyFor(mbits / 4, direction));
  await delay(AFTER_CHANGE_MS);
  const after = between(await look(), changedAt);
  const keptAt = keptFrom(after, CHANGE_WINDOW_MS, (mbits / 4) * MBIT * TOLERANCE);
  return {
    // One that is never kept counts as long as it was looked at.
    changeSeconds: Math.min(keptAt - changedAt, AFTER_CHANGE_MS) / 1000,
    worstSecondAfterToCap:
      worstRate(between(after, changedAt + ALLOWED_CHANGE_MS), CHANGE_WINDOW_MS) / ((mbits / 4) * MBIT),
  };
}

/**
 * Peers that download give each other little, or the machine would be busy with that alone: it passes single frames on.
 * @param {number} mbits @param {Direction} direction
 */
function policyFor(mbits, direction) {
  const ofPeers = `
  - name: little between the peers
    match: { host: "peer-*" }
    limit: { per: host, upload: 8 Mbit/s }`;
  return `version: 1
rules:
  - name: cap of ${mbits} Mbit/s
    match: { host: "measured-*" }
    limit: { per: host, download: ${mbits} Mbit/s, upload: ${mbits} Mbit/s }${direction === 'up' ? ofPeers : ''}
`;
}
