/*
 * What business traffic feels of a swarm on the same host: a link of 200 Mbit/s, a paced flow of 60 % of it both ways and
 * a ping, beside nothing, a swarm without a policy, one under `yield`, and one under a static cap of the same mean.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from './harness/child.mjs';
import { BenchError } from './harness/errors.mjs';
import { machineMs } from './harness/machine-clock.mjs';
import { median } from './harness/median.mjs';
import { percentile } from './harness/score.mjs';
import { between, keptFrom, meanRate, windowsOf, worstRate } from './harness/windows.mjs';
import { openMemoryFolder, removeFolder } from './harness/workplace.mjs';
import { lackForNamespaces, removeLeftOverNamespaces } from './netns/namespace.mjs';
import { LINK, openNetwork } from './netns/network.mjs';
import { inPlace } from './netns/place.mjs';
import { holdImage } from './shoal/holders.mjs';
import { makeSeveralImages } from './shoal/several-images.mjs';
import { openSite } from './shoal/site.mjs';
import { describeYield } from './yield-report.mjs';

/**
 * @typedef {[atMs: number, received: number, sent: number, businessReceived: number, businessSent: number, businessWanted: number]} Sample
 * @typedef {{ row: string, businessMbits: number, ownDownMbits: number, ownUpMbits: number, p50Ms: number, p99Ms: number }} Phase
 * @typedef {{ seconds: number, afterFirstLookSeconds: number, forGoodSeconds: number, worst100msToLeft: number }} Onset
 * @typedef {{ look: () => Promise<{ samples: Sample[], pings: [number, number][] }>, pace: (bytesPerSecond: number) => void }} Business
 */

export const ROWS = /** @type {const} */ ([]);
/** Of each of the two images. */
export const DEFAULT_SIZE = '960MiB';
/** Times that business starts from nothing. */
export const DEFAULT_ROUNDS = 5;

const MBIT = 1e6 / 8;
export const LINK_RATE = 200 * MBIT;
const BUSINESS = 0.6 * LINK_RATE;
const KEEP_FREE = 0.2;
/** What is left for the swarm beside business. */
export const LEFT = LINK_RATE * (1 - KEEP_FREE) - BUSINESS;
const PEERS = 4;
const IMAGES = /** @type {const} */ (['registry.bench/team/down:1', 'registry.bench/team/up:1']);
const COPIES = 3.5 + PEERS;
const [SETTLE_MS, PHASE_MS, QUIET_MS, ONSET_MS] = [3000, 8000, 4000, 2500];
const WINDOW_MS = 100;
const SETTLED_MS = 500;
/** Of business: a grant that is lower by this much saw it. */
const SEEN = 0.05;
/** What 100 ms may have above the budget, as under a cap. */
const TOLERANCE = 1.15;

const YIELD_POLICY = `version: 1
rules:
  - name: leave room for business
    match: { host: measured }
    yield: { keep-free: 20%, react-within: 250 ms }
`;

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes: [sizeBytes = 0], rounds, say }) {
  const lack = lackForNamespaces();
  if (lack !== undefined) throw new BenchError(lack);
  removeLeftOverNamespaces();
  const folder = openMemoryFolder(sizeBytes * COPIES);
  const several = makeSeveralImages({ references: IMAGES, layers: 3, layerBytes: Math.round(sizeBytes / 3) });
  const linkOf = (/** @type {number} */ index) => (index === 0 ? LINK_RATE : Number.POSITIVE_INFINITY);
  const unlimited = Number.POSITIVE_INFINITY;
  const network = openNetwork({ outside: 2 + PEERS, bytesPerSecond: unlimited, linkOf, singleFrames: true });
  try {
    return describeYield(await measureAll({ folder, network, several, rounds, say }));
  } finally {
    await network.close();
    removeFolder(folder);
  }
}

/** @param {{ folder: string, network: import('./netns/network.mjs').Network, several: any, rounds: number, say: (line: string) => void }} ground */
async function measureAll({ folder, network, several, rounds, say }) {
  const [host, far, ...places] = network.hosts;
  if (host === undefined || far === undefined) throw new Error('no hosts');
  const site = await openSite({ folder, source: { several }, place: network.hub });
  const business = await startBusiness(host, far);
  business.pace(BUSINESS);
  /** @type {Phase[]} */
  const phases = [];
  const phase = async (/** @type {string} */ row) => {
    await delay(SETTLE_MS);
    await business.look();
    await delay(PHASE_MS);
    phases.push(describePhase(row, await business.look()));
    say(`${row}: ${JSON.stringify(phases.at(-1))}`);
  };
  const held = [];
  for (const image of IMAGES) held.push(await holdImage(site, { image, place: network.hub }));
  await phase('idle');
  const names = places.map((_, index) => `peer-${index + 1}`);
  for (const name of names) held[0]?.giveTo(name);
  held[1]?.giveTo('measured');
  await Promise.all(places.map((place, index) => site.startAgents({ names: [names[index] ?? ''], place })));
  const agent = await site.startAgents({ names: ['measured'], place: host, linkBytesPerSecond: LINK_RATE });
  await site.begin(['measured'], IMAGES[0]);
  await site.begin(names, IMAGES[1]);
  await phase('no policy');
  await site.applyPolicy(YIELD_POLICY);
  await phase('yield');
  agent.logGrants();
  const onsets = [];
  let quietMbits = Number.NaN;
  for (let round = 0; round < rounds; round++) {
    business.pace(0);
    await delay(QUIET_MS);
    quietMbits = describePhase('quiet', await business.look()).ownDownMbits;
    await agent.grants();
    const startedAt = machineMs();
    business.pace(BUSINESS);
    await delay(ONSET_MS);
    const onset = describeOnset((await business.look()).samples, await agent.grants(), startedAt);
    say(`business starts: ${JSON.stringify(onset)}`);
    onsets.push(onset);
  }
  // Business half of the time: what a static cap would have to be for the same work done.
  const staticMbits = ((phases.at(-1)?.ownDownMbits ?? 0) + quietMbits) / 2;
  for (const [row, mbits] of /** @type {const} */ ([
    ['static, mean of all', staticMbits],
    ['static, mean beside business', phases.at(-1)?.ownDownMbits ?? 0],
  ])) {
    await site.applyPolicy(staticPolicy(mbits));
    await phase(row);
  }
  return { phases, onsets, quietMbits };
}

/** @param {number} mbits */
function staticPolicy(mbits) {
  const rate = `${Math.max(1, Math.round(mbits))} Mbit/s`;
  return `version: 1
rules:
  - name: static
    match: { host: measured }
    limit: { per: host, download: ${rate}, upload: ${rate} }
`;
}

/** @param {import('./netns/network.mjs').Place} host @param {import('./netns/network.mjs').Place} far @returns {Promise<Business>} */
async function startBusiness(host, far) {
  const program = new URL('./programs/business.mjs', import.meta.url).pathname;
  const start = (/** @type {import('./netns/network.mjs').Place} */ place, /** @type {object} */ argument) =>
    startChild(...inPlace(place, process.execPath, [program, JSON.stringify(argument)]));
  const there = start(far, { listen: far.address });
  const { tcp, udp } = await there.next('ready');
  const here = start(host, { device: LINK, connect: far.address, tcp, udp });
  await here.next('ready');
  return {
    pace: (bytesPerSecond) => {
      for (const end of [here, there]) end.say({ do: 'pace', bytesPerSecond });
    },
    look: async () => {
      here.say({ do: 'samples' });
      const { samples, pings } = await here.next('samples');
      return { samples, pings };
    },
  };
}

/** What the card moved that was not business. @param {readonly Sample[]} samples @param {1 | 2} direction @returns {import('./harness/windows.mjs').Count[]} */
function ownCounts(samples, direction) {
  return samples.map((sample) => [sample[0], sample[direction] - /** @type {number} */ (sample[direction + 2])]);
}

/** @param {string} row @param {{ samples: Sample[], pings: [number, number][] }} looked @returns {Phase} */
function describePhase(row, { samples, pings }) {
  const latencies = pings.map(([, ms]) => ms);
  const of = (/** @type {number} */ index) =>
    meanRate(samples.map((sample) => [sample[0], /** @type {number} */ (sample[index])])) / MBIT;
  return {
    ...{ row, businessMbits: Math.min(of(3), of(4)) },
    ...{ ownDownMbits: meanRate(ownCounts(samples, 1)) / MBIT, ownUpMbits: meanRate(ownCounts(samples, 2)) / MBIT },
    ...{ p50Ms: median(latencies), p99Ms: percentile(latencies, 0.99) },
  };
}

/** The slower direction. @param {readonly Sample[]} samples @param {readonly [number, number, number][]} grants @param {number} startedAt @returns {Onset} */
function describeOnset(samples, grants, startedAt) {
  const counts = /** @type {const} */ ([1, 2]).map((direction) => between(ownCounts(samples, direction), startedAt));
  const first = counts.map(
    (one) =>
      windowsOf(one, WINDOW_MS).find(({ bytesPerSecond }) => bytesPerSecond <= LEFT * TOLERANCE)?.fromMs ??
      Number.POSITIVE_INFINITY,
  );
  const keptAt = Math.max(startedAt, ...first);
  const forGoodAt = Math.max(startedAt, ...counts.map((one) => keptFrom(one, WINDOW_MS, LEFT * TOLERANCE)));
  const settled = counts.map((one) => worstRate(between(one, startedAt + SETTLED_MS), WINDOW_MS));
  const sawAt = firstSeen(grants, startedAt);
  return {
    ...{ seconds: (keptAt - startedAt) / 1000, afterFirstLookSeconds: Math.max(0, keptAt - sawAt) / 1000 },
    // One that is never kept counts as long as it was looked at.
    ...{
      forGoodSeconds: Math.min(forGoodAt - startedAt, ONSET_MS) / 1000,
      worst100msToLeft: Math.max(...settled) / LEFT,
    },
  };
}

/** When the grant first fell by more than it does for nothing. @param {readonly [number, number, number][]} grants @param {number} startedAt */
function firstSeen(grants, startedAt) {
  const before = grants.findLast(([atMs]) => atMs < startedAt) ?? grants[0] ?? [0, LINK_RATE, LINK_RATE];
  const isLower = (/** @type {number} */ now, /** @type {number} */ then) => now < then - SEEN * BUSINESS;
  const seen = grants.find(
    ([atMs, down, up]) => atMs >= startedAt && (isLower(down, before[1]) || isLower(up, before[2])),
  );
  return seen?.[0] ?? Number.NaN;
}
