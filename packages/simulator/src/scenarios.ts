/**
 * Small random fleets with everything that can go wrong, each made of one seed. All faults end, and a
 * fleet has a budget of time from there on: what has not finished by then never will.
 */

import { randomFrom } from '@shoal/swarm';
import { boundMs, type Fault, type SimulationOptions } from './options.ts';

const MIN_PIECE_BYTES = 256 * 1024;
const LONGEST_PIECE_STEPS = 3;
const MAX_PIECES = 200;
const MBIT = 1e6 / 8;

/** What back-offs and repeated introductions may take after the last fault, ms. */
const GRACE_MS = 120_000;
/** How much slower than its own bottleneck a fleet may be that was disturbed. */
const PATIENCE = 8;

export function scenarioFor(seed: number): SimulationOptions {
  const chance = chanceFrom(seed);
  const pieceLength = MIN_PIECE_BYTES * 2 ** chance.whole(0, LONGEST_PIECE_STEPS - 1);
  const sizeBytes = sizeFor(chance, pieceLength);
  const rate = chance.steps(MBIT, 10_000 * MBIT);
  const options: SimulationOptions = {
    seed,
    hosts: chance.whole(3, 60),
    sizeBytes,
    pieceLength,
    uploadBytesPerSecond: rate,
    downloadBytesPerSecond: chance.of(0.3) ? rate * chance.steps(1, 10) : rate,
    latencyMs: chance.steps(0.1, 50),
    diskBytesPerSecond: chance.steps(20e6, 2e9),
    ...zonesOf(chance, rate),
    ...(chance.of(0.4) ? { originBytesPerSecond: rate * chance.steps(0.3, 3) } : {}),
    ...(chance.of(0.3) ? { slow: { share: chance.between(0.05, 0.3), factor: chance.steps(0.1, 1) } } : {}),
    ...(chance.of(0.3) ? { poisonShare: chance.between(0.05, 0.4) } : {}),
  };
  const spanMs = likelyMs(options);
  if (chance.of(0.3)) options.late = { share: chance.between(0.1, 0.6), afterMs: spanMs * chance.between(0.1, 1.5) };
  options.faults = chance.of(0.7) ? faultsFor(chance, spanMs) : [];
  options.limitMs = healedAt(options) + GRACE_MS + PATIENCE * slowestMs(options);
  return options;
}

/** Edges half of the time: one byte, one piece, a piece and a byte. */
function sizeFor(chance: Chance, pieceLength: number): number {
  if (chance.of(0.3)) return [1, pieceLength, pieceLength + 1][chance.whole(0, 2)] as number;
  const whole = chance.whole(0, Math.floor(chance.steps(1, MAX_PIECES)));
  return whole * pieceLength + chance.whole(1, pieceLength);
}

function zonesOf(chance: Chance, rate: number): Pick<SimulationOptions, 'zones' | 'uplinkBytesPerSecond'> {
  const zones = chance.whole(0, 5);
  return zones > 0 && chance.of(0.7) ? { zones, uplinkBytesPerSecond: rate * chance.steps(0.5, 20) } : { zones };
}

/** Some of the kinds of faults, each once: two of one kind at a time would undo each other. */
function faultsFor(chance: Chance, spanMs: number): Fault[] {
  const atMs = (): number => Math.round(spanMs * chance.between(0, 1.2));
  const forMs = (): number => Math.round(chance.steps(50, 30_000));
  const share = (): number => chance.between(0.05, 0.5);
  const faults: Fault[] = [
    { kind: 'kill', atMs: atMs(), share: share() },
    { kind: 'pause', atMs: atMs(), share: share(), forMs: forMs() },
    { kind: 'partition', atMs: atMs(), forMs: forMs() },
    { kind: 'cut', atMs: atMs(), share: chance.between(0.05, 1) },
    { kind: 'trackerRestart', atMs: atMs(), forMs: forMs() },
    { kind: 'seederRestart', atMs: atMs(), forMs: forMs() },
  ];
  return faults.filter(() => chance.of(0.4));
}

/** When the last fault is over and the last host has come. */
export function healedAt({ faults = [], late }: SimulationOptions): number {
  const ends = faults.map((fault) => fault.atMs + ('forMs' in fault ? fault.forMs : 0));
  return Math.max(0, late?.afterMs ?? 0, ...ends);
}

/** Most of a fleet is ready by then: faults must strike before. */
function likelyMs(options: SimulationOptions): number {
  const { sizeBytes, latencyMs = 1, originBytesPerSecond = Infinity, diskBytesPerSecond = Infinity } = options;
  return boundMs(options) + 1000 * sizeBytes * (1 / originBytesPerSecond + 1 / diskBytesPerSecond) + 20 * latencyMs;
}

/**
 * Roughly what the fleet's slowest part takes alone: a slow host, the origin, the disk, an uplink that
 * each host behind it crosses by itself.
 */
function slowestMs(options: SimulationOptions): number {
  const { hosts, sizeBytes, uploadBytesPerSecond, downloadBytesPerSecond, latencyMs = 1 } = options;
  const { zones = 0, uplinkBytesPerSecond = Infinity, originBytesPerSecond = Infinity } = options;
  const { slow, poisonShare = 0, diskBytesPerSecond = Infinity, pieceLength = sizeBytes } = options;
  const slowest = Math.min(uploadBytesPerSecond, downloadBytesPerSecond) * (slow?.factor ?? 1) * (1 - poisonShare);
  const crossings = zones === 0 ? 0 : Math.ceil(hosts / zones) + 1;
  const perByte = 1 / slowest + 1 / originBytesPerSecond + 1 / diskBytesPerSecond + crossings / uplinkBytesPerSecond;
  const hops = Math.ceil(Math.log2(hosts + 1));
  return 1000 * (sizeBytes + hops * Math.min(sizeBytes, pieceLength)) * perByte + 20 * hops * latencyMs;
}

type Chance = ReturnType<typeof chanceFrom>;

function chanceFrom(seed: number) {
  const random = randomFrom(seed);
  const between = (low: number, high: number): number => low + random() * (high - low);
  return {
    of: (share: number): boolean => random() < share,
    between,
    whole: (low: number, high: number): number => Math.floor(between(low, high + 1)),
    /** As likely from 1 to 10 as from 10 to 100. */
    steps: (low: number, high: number): number => low * (high / low) ** random(),
  };
}
