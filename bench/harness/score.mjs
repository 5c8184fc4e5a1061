/* How near a swarm came to what its links allow. */
import { PAYLOAD_SHARE } from '../netns/shaping.mjs';
import { MIB } from './bytes.mjs';

/** @typedef {{ sizeBytes: number, hosts: number, bytesPerSecond: number }} Race equal caps, one seeder at the same cap */

/** Size ÷ rate: the time of a host that receives at full rate throughout. @param {Race} race */
export function transferSeconds({ sizeBytes, bytesPerSecond }) {
  return sizeBytes / (bytesPerSecond * PAYLOAD_SHARE);
}

/** The score's denominator: F/R + (⌈log₂(N+1)⌉ − 1) · 1 MiB/R, with R what the cap leaves for payload. @param {Race} race */
export function boundSeconds(race) {
  const hops = Math.ceil(Math.log2(race.hosts + 1)) - 1;
  return transferSeconds({ ...race, sizeBytes: race.sizeBytes + hops * MIB });
}

/** Nearest rank. @param {readonly number[]} values @param {number} share 0.95 for p95 */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** @param {readonly number[]} seconds ready times of all hosts @param {Race} race */
export function scoreOf(seconds, race) {
  const bound = boundSeconds(race);
  const slowest = Math.max(...seconds);
  return {
    slowestSeconds: slowest,
    p50ToBound: percentile(seconds, 0.5) / bound,
    p95ToBound: percentile(seconds, 0.95) / bound,
    slowestToBound: slowest / bound,
    slowestToTransferTime: slowest / transferSeconds(race),
    shareOfCap: race.sizeBytes / race.bytesPerSecond / slowest,
  };
}
