/** What a simulated fleet tells an operator: when hosts are ready, and what that moves. The shape of `--json`. Pure. */
import { boundMs, percentile, type SimulationOptions, type SimulationResult } from '@shoal/simulator';

export interface Forecast {
  hosts: number;
  imageBytes: number;
  capBytesPerSecond: number;
  seed: number;
  /** No swarm is faster than this. */
  boundMs: number;
  /** Hosts that are ready, that were killed, and that were neither when the simulation gave up. */
  readyHosts: number;
  killedHosts: number;
  unfinishedHosts: number;
  /** When so many of the hosts that live are ready; null where the simulation gave up before. */
  ready50Ms: number | null;
  ready95Ms: number | null;
  ready100Ms: number | null;
  /** Read from the registry: none where the seeder holds the image already. */
  originBytes: number;
  seederBytes: number;
  /** What each host pulling by itself would take from the registry. */
  starBytes: number;
  /** What comes in over the uplinks of zones; null without zones. */
  uplinks: { zones: number; maxBytes: number; meanBytes: number } | null;
  /** Hosts ready by then, ascending. */
  curve: { ms: number; hosts: number }[];
  traceHash: string;
}

const CURVE_POINTS = 160;

/** As DESIGN's bound; a zone and a cold blob cannot be faster than the uplink and the registry give it. */
export function shortestMs(options: SimulationOptions): number {
  const { sizeBytes, zones = 0, uplinkBytesPerSecond = Infinity, originBytesPerSecond = Infinity } = options;
  const uplink = zones > 0 ? uplinkBytesPerSecond : Infinity;
  return Math.max(boundMs(options), (sizeBytes * 1000) / Math.min(uplink, originBytesPerSecond));
}

export function forecastOf(result: SimulationResult, options: SimulationOptions): Forecast {
  const { hosts, sizeBytes, uploadBytesPerSecond, seed = 1 } = options;
  const { readyMs, unfinished, ingressCopies } = result;
  const living = readyMs.length + unfinished.length;
  const readyAt = (share: number): number | null => readyMs[Math.max(1, Math.ceil(living * share)) - 1] ?? null;
  return {
    hosts,
    imageBytes: sizeBytes,
    capBytesPerSecond: uploadBytesPerSecond,
    seed,
    boundMs: Math.round(shortestMs(options)),
    readyHosts: readyMs.length,
    killedHosts: hosts - living,
    unfinishedHosts: unfinished.length,
    ready50Ms: readyAt(0.5),
    ready95Ms: readyAt(0.95),
    ready100Ms: readyAt(1),
    originBytes: Math.round(result.originCopies * sizeBytes),
    seederBytes: Math.round(result.seederCopies * sizeBytes),
    starBytes: hosts * sizeBytes,
    uplinks: uplinksOf(ingressCopies, sizeBytes),
    curve: curveOf(readyMs),
    traceHash: result.traceHash,
  };
}

function uplinksOf(copies: readonly number[], sizeBytes: number): Forecast['uplinks'] {
  if (copies.length === 0) return null;
  const mean = copies.reduce((sum, one) => sum + one, 0) / copies.length;
  const maxBytes = Math.round(Math.max(...copies) * sizeBytes);
  return { zones: copies.length, maxBytes, meanBytes: Math.round(mean * sizeBytes) };
}

/** Evenly spaced in time from the start to the last host. */
function curveOf(readyMs: readonly number[]): Forecast['curve'] {
  const endMs = percentile(readyMs, 1);
  if (!(endMs > 0)) return [];
  let hosts = 0;
  return Array.from({ length: CURVE_POINTS + 1 }, (_, step) => {
    const ms = Math.round((endMs * step) / CURVE_POINTS);
    while (hosts < readyMs.length && (readyMs[hosts] as number) <= ms) hosts++;
    return { ms, hosts };
  });
}
