/*
 * One race, measured from outside and the same way for every program: when each host is ready, counted from the order to
 * start; CPU and memory of all; what went over the links. How busy the machine was says whether links or CPU were short,
 * and what others did on it, whether it was ours.
 */
import { PAYLOAD_SHARE } from '../netns/shaping.mjs';
import { cpuSeconds, machineCpu, peakRssMB, resetPeakRss } from './proc.mjs';

/**
 * @typedef {object} Race
 * @property {number} sizeBytes
 * @property {readonly number[]} hosts pids
 * @property {number} seeder pid, on the first host of the network
 * @property {import('../netns/network.mjs').Network} network
 * @property {readonly (() => Promise<unknown>)[]} ready each resolves when that host has everything verified
 * @property {() => unknown} start gives the order
 * @typedef {{ seconds: number[], sample: Record<string, number> }} RaceResult ready times by host, and what else was seen
 */

/** @param {Race} race @returns {Promise<RaceResult>} */
export async function measureRace({ sizeBytes, hosts, seeder, network, ready, start }) {
  for (const pid of [seeder, ...hosts]) resetPeakRss(pid);
  const before = network.traffic();
  const look = () => ({ hosts: cpuSeconds(hosts), seeder: cpuSeconds([seeder]), ...machineCpu() });
  const cpuBefore = look();
  const startedAt = performance.now();
  const finishes = ready.map(async (wait) => {
    await wait();
    return (performance.now() - startedAt) / 1000;
  });
  const [seconds] = await Promise.all([Promise.all(finishes), start()]);
  const cpu = since(look(), cpuBefore);
  const after = network.traffic();
  const gigabytes = sizeBytes / 1e9;
  const seederCopies = copies(before.sentBytes[0], after.sentBytes[0], sizeBytes);
  const ingress = after.ingressBytes.map((bytes, zone) => copies(before.ingressBytes[zone], bytes, sizeBytes));
  const sample = {
    seederCopies,
    ingressCopies: ingress.length > 0 ? Math.max(...ingress) : Number.NaN,
    agentCpuPerGB: cpu.hosts / hosts.length / gigabytes,
    seederCpuPerGB: cpu.seeder / (seederCopies * gigabytes),
    agentPeakRssMB: Math.max(...hosts.map(peakRssMB)),
    seederPeakRssMB: peakRssMB(seeder),
    busy: cpu.busy / cpu.total,
    othersBusy: (cpu.busy - cpu.hosts - cpu.seeder) / cpu.total,
  };
  return { seconds, sample };
}

/** @template {Record<string, number>} T @param {T} now @param {T} before @returns {T} */
function since(now, before) {
  const differences = Object.entries(now).map(([name, value]) => [name, value - (before[name] ?? 0)]);
  return /** @type {T} */ (Object.fromEntries(differences));
}

/** What a link carried, without headers. @param {number | undefined} before @param {number | undefined} after @param {number} sizeBytes */
function copies(before = Number.NaN, after = Number.NaN, sizeBytes = Number.NaN) {
  return ((after - before) * PAYLOAD_SHARE) / sizeBytes;
}
