/*
 * Caps that are more than one agent's download from peers: what a seeder reads from a registry, and what comes into a
 * zone of six hosts, some of which join and leave meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startChild } from './harness/child.mjs';
import { machineMs } from './harness/machine-clock.mjs';
import { againstCap, between, countsOf, worstRate } from './harness/windows.mjs';
import { removeFolder } from './harness/workplace.mjs';
import { downOf, LINK, openNetwork } from './netns/network.mjs';
import { inPlace } from './netns/place.mjs';
import { holdImage } from './shoal/holders.mjs';
import { openSite } from './shoal/site.mjs';

/**
 * @typedef {{ folder: string, image: string, several: import('./shoal/several-images.mjs').SeveralImages }} Ground
 */

const MBIT = 1e6 / 8;
const READ_MBITS = 8;
const ZONE_MBITS = 80;
const SAMPLE_MS = 20;
const SETTLE_MS = 4000;
const READ_MS = 24_000;
const STEP_MS = 4000;
const HOLDERS = 2;
const IN_ZONE = 6;
/** Who comes and who goes after each step; who goes is killed. */
const STEPS = [{ come: 4 }, { come: 5 }, { go: 1 }, { come: 6 }, { go: 2 }, { come: 1 }];

/** A seeder reads from a registry. @param {Ground} ground @returns {Promise<Record<string, number>>} */
export async function measureRead({ folder, image, several }) {
  const network = openNetwork({ outside: 2, bytesPerSecond: Number.POSITIVE_INFINITY, singleFrames: true });
  try {
    const site = await openSite({ folder, source: { several }, place: network.hub });
    const [host, other] = network.hosts;
    const program = new URL('./programs/registry.mjs', import.meta.url).pathname;
    const argument = JSON.stringify({ host: network.hub.address, several });
    const registry = startChild(...inPlace(network.hub, process.execPath, [program, argument]));
    const { url } = await registry.next('ready');
    await site.applyPolicy(`version: 1
rules:
  - name: what a seeder reads
    match: { host: "measured" }
    limit: { per: host, download: ${READ_MBITS} Mbit/s }
`);
    const source = { registry: { host: /** @type {string} */ (image.split('/')[0]), url } };
    const seeder = await site.startAgents({ names: ['measured'], role: 'seeder', place: host, source });
    const agent = await site.startAgents({ names: ['other'], place: other });
    const sampler = await startSampler(host, LINK);
    const jobId = await site.begin(['other'], image);
    await delay(SETTLE_MS + READ_MS);
    const counts = countsOf(await sampler.samples(), 'down');
    await site.cancel(jobId);
    for (const child of [agent, seeder, sampler, registry, site]) await child.stop();
    const steady = between(counts, (counts[0]?.[0] ?? 0) + SETTLE_MS);
    const cap = READ_MBITS * MBIT;
    return { ...againstCap(steady, cap, 5000), worstFromStartToCap: worstRate(counts, 5000) / cap };
  } finally {
    await network.close();
    removeFolder(folder);
  }
}

/** What comes into a zone, of all its hosts together. @param {Ground} ground @returns {Promise<Record<string, number>>} */
export async function measureZone({ folder, image, several }) {
  const unlimited = Number.POSITIVE_INFINITY;
  const network = openNetwork({
    ...{ outside: HOLDERS, zones: 1, hostsPerZone: IN_ZONE, bytesPerSecond: unlimited },
    singleFrames: true,
  });
  try {
    const site = await openSite({ folder, source: { several }, place: network.hub });
    const held = await holdImage(site, { image, place: network.hub });
    const inZone = network.hosts.slice(HOLDERS);
    const holders = await Promise.all(
      network.hosts.slice(0, HOLDERS).map((place, index) => {
        held.giveTo(`holder-${index}`);
        return site.startAgents({ names: [`holder-${index}`], place, labels: { zone: 'outside' } });
      }),
    );
    await site.applyPolicy(`version: 1
rules:
  - name: uplink
    match: { zone: inside }
    limit: { per: zone, ingress: ${ZONE_MBITS} Mbit/s }
`);
    const sampler = await startSampler(network.hub, downOf(1));
    /** @type {Map<number, import('./shoal/site.mjs').AgentProcess>} */
    const running = new Map();
    const jobs = [];
    const come = async (/** @type {number} */ which) => {
      const names = [`inside-${which}-${running.size}-${Math.round(machineMs())}`];
      running.set(which, await site.startAgents({ names, place: inZone[which - 1], labels: { zone: 'inside' } }));
      jobs.push(await site.begin(names, image));
    };
    for (const which of [1, 2, 3]) await come(which);
    await delay(SETTLE_MS);
    await sampler.samples();
    for (const { come: comes, go } of STEPS) {
      await delay(STEP_MS);
      if (comes !== undefined) await come(comes);
      const goes = go === undefined ? undefined : running.get(go);
      if (goes !== undefined) process.kill(goes.pid, 'SIGKILL');
    }
    await delay(STEP_MS);
    const counts = countsOf(await sampler.samples(), 'up');
    for (const job of jobs) await site.cancel(job);
    for (const child of [...running.values(), ...holders, sampler, site]) await child.stop();
    held.remove();
    return againstCap(counts, ZONE_MBITS * MBIT, 1000);
  } finally {
    await network.close();
    removeFolder(folder);
  }
}

/** @param {import('./netns/network.mjs').Place | undefined} place @param {string} device */
async function startSampler(place, device) {
  const program = new URL('./programs/nic-sampler.mjs', import.meta.url).pathname;
  const argument = JSON.stringify({ device, everyMs: SAMPLE_MS });
  const child = startChild(...inPlace(place, process.execPath, [program, argument]));
  await child.next('ready');
  return {
    /** @returns {Promise<import('./harness/windows.mjs').NicSample[]>} */
    samples: async () => {
      child.say({ do: 'samples' });
      return (await child.next('samples')).samples;
    },
    stop: child.stop,
  };
}
