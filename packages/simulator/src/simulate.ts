/** Runs a world to its end and says what came of it. */
import { plan } from './faults.ts';
import { boundMs, type SimulationOptions, withDefaults } from './options.ts';
import { World } from './world.ts';

export interface SimulationResult {
  /** What no swarm can beat, ms. */
  boundMs: number;
  /** Each honest host that finished, from its own start, ascending, ms. */
  readyMs: number[];
  /** Honest, living hosts that did not finish. */
  unfinished: string[];
  /** Bytes the origin gave, bytes the seeder sent, bytes into each zone: as copies of the blob. */
  originCopies: number;
  seederCopies: number;
  ingressCopies: number[];
  /** Received in vain, as a share of what was needed. */
  wastedShare: number;
  badPiecesKept: number;
  /** Two runs with one hash were the same run. */
  traceHash: string;
  events: number;
  endedAtMs: number;
}

export interface Progress {
  nowMs: number;
  finished: number;
  hosts: number;
}

export function simulate(options: SimulationOptions, onProgress?: (progress: Progress) => void): SimulationResult {
  const settings = withDefaults(options);
  const world = new World(settings);
  plan(world, settings.faults);
  let toldAt = 0;
  while (world.finished < settings.hosts && world.time.step(settings.limitMs)) {
    if (world.time.now < toldAt + 1000) continue;
    toldAt = world.time.now;
    onProgress?.({ nowMs: toldAt, finished: world.finished, hosts: settings.hosts });
  }
  return resultOf(world);
}

function resultOf({ settings, agents, seeder, zones, originBytes, trace, time }: World): SimulationResult {
  const { sizeBytes } = settings;
  const honest = agents.filter((host) => !host.poison);
  const sum = (of: (host: (typeof agents)[number]) => number): number =>
    honest.reduce((total, host) => total + of(host), 0);
  return {
    boundMs: boundMs(settings),
    readyMs: honest
      .flatMap(({ completeAt, startedAt }) => (completeAt === undefined ? [] : [completeAt - startedAt]))
      .sort((a, b) => a - b),
    unfinished: honest.filter((host) => host.alive && host.completeAt === undefined).map(({ id }) => id),
    originCopies: originBytes / sizeBytes,
    seederCopies: seeder.upload.bytes / sizeBytes,
    ingressCopies: zones.map(({ ingress }) => ingress.bytes / sizeBytes),
    wastedShare: sum((host) => host.wastedBytes) / (sizeBytes * honest.length),
    badPiecesKept: sum((host) => host.badPiecesKept),
    traceHash: trace.hash,
    events: trace.count,
    endedAtMs: time.now,
  };
}

/** The time by which this share of the hosts was ready, ms. */
export function percentile(readyMs: readonly number[], share: number): number {
  return readyMs[Math.max(0, Math.ceil(readyMs.length * share) - 1)] ?? Number.NaN;
}
