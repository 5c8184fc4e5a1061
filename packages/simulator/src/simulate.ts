/** Runs a world to its end and says what came of it. */
import { plan } from './faults.ts';
import type { SimHost } from './host.ts';
import type { Pipe } from './network.ts';
import { boundMs, type SimulationOptions, withDefaults } from './options.ts';
import { World } from './world.ts';

export interface SimulationResult {
  /** What no swarm can beat, ms. */
  boundMs: number;
  /** Each honest host that finished, from its own start, ascending, ms. */
  readyMs: number[];
  /** Of these the hosts that are not slow. */
  fullRateReadyMs: number[];
  /** Honest, living hosts that did not finish. */
  unfinished: string[];
  /** Bytes the origin gave, bytes the seeder sent, bytes into each zone: as copies of the blob. */
  originCopies: number;
  seederCopies: number;
  ingressCopies: number[];
  /** Received in vain, as a share of what was needed. */
  wastedShare: number;
  badPiecesKept: number;
  /** What went through each host's and zone's limiters. */
  limits: LimitUse[];
  /** Connections a host had at most, looked at once a second. */
  mostLinks: number;
  /** Two runs with one hash were the same run. */
  traceHash: string;
  events: number;
  endedAtMs: number;
}

export interface LimitUse {
  /** `h3 upload`, `z0 ingress`. */
  name: string;
  bytes: number;
  bytesPerSecond: number;
  /** When the last of these bytes was through, ms. */
  untilMs: number;
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
  let mostLinks = 0;
  while (world.finished < settings.hosts && world.time.step(settings.limitMs)) {
    if (world.time.now < toldAt + 1000) continue;
    toldAt = world.time.now;
    mostLinks = Math.max(mostLinks, linksIn(world));
    onProgress?.({ nowMs: toldAt, finished: world.finished, hosts: settings.hosts });
  }
  return { ...resultOf(world), mostLinks: Math.max(mostLinks, linksIn(world)) };
}

function linksIn({ hosts }: World): number {
  return hosts.reduce((most, { wires }) => Math.max(most, wires.size), 0);
}

function limitsIn({ hosts, zones, time }: World): LimitUse[] {
  const useOf = (name: string, { bytes, bytesPerSecond, freeAt }: Pipe): LimitUse => {
    return { name, bytes, bytesPerSecond, untilMs: Math.max(time.now, freeAt) };
  };
  return [
    ...hosts.flatMap(({ id, upload, download }) => [useOf(`${id} upload`, upload), useOf(`${id} download`, download)]),
    ...zones.flatMap(({ name, ingress, egress }) => [
      useOf(`${name} ingress`, ingress),
      useOf(`${name} egress`, egress),
    ]),
  ];
}

function resultOf(world: World): Omit<SimulationResult, 'mostLinks'> {
  const { settings, agents, seeder, zones, origin, trace, time } = world;
  const { sizeBytes } = settings;
  const honest = agents.filter((host) => !host.poison);
  const sum = (of: (host: SimHost) => number): number => honest.reduce((total, host) => total + of(host), 0);
  return {
    boundMs: boundMs(settings),
    readyMs: readyMsOf(honest),
    fullRateReadyMs: readyMsOf(
      honest.filter((host) => host.downloadBytesPerSecond === settings.downloadBytesPerSecond),
    ),
    unfinished: honest.filter((host) => host.alive && host.completeAt === undefined).map(({ id }) => id),
    originCopies: origin.bytes / sizeBytes,
    seederCopies: seeder.upload.bytes / sizeBytes,
    ingressCopies: zones.map(({ ingress }) => ingress.bytes / sizeBytes),
    wastedShare: sum((host) => host.wastedBytes) / (sizeBytes * honest.length),
    badPiecesKept: sum((host) => host.badPiecesKept),
    limits: limitsIn(world),
    traceHash: trace.hash,
    events: trace.count,
    endedAtMs: time.now,
  };
}

function readyMsOf(hosts: readonly SimHost[]): number[] {
  const readyMs = hosts.flatMap(({ completeAt, startedAt }) =>
    completeAt === undefined ? [] : [completeAt - startedAt],
  );
  return readyMs.sort((a, b) => a - b);
}

/** The time by which this share of the hosts was ready, ms. */
export function percentile(readyMs: readonly number[], share: number): number {
  return readyMs[Math.max(0, Math.ceil(readyMs.length * share) - 1)] ?? Number.NaN;
}
