/**
 * Waves of a job: which hosts are in which, and when the next one begins. Pure.
 */
import { createHash } from 'node:crypto';
import type { Waves } from '../client/job-schemas.ts';

/** The same order each time, so that the canaries of one job are those of the next; no rack comes first as a whole. */
export function shuffled<T extends { name: string }>(hosts: readonly T[]): T[] {
  const keys = new Map(hosts.map((host) => [host, createHash('sha256').update(host.name).digest('hex')]));
  return hosts.toSorted((a, b) => ((keys.get(a) as string) < (keys.get(b) as string) ? -1 : 1));
}

/** At least one. */
export function shareOf(count: number, percent: number): number {
  return Math.max(1, Math.ceil((count * percent) / 100));
}

/** Which wave each of `count` shuffled hosts is in, from 0; the last one takes all that are left. */
export function waveNumbers(count: number, waves: Waves | undefined): number[] {
  if (waves === undefined) return new Array<number>(count).fill(0);
  const ends = [...waves.percents.slice(0, -1).map((percent) => shareOf(count, percent)), count];
  return Array.from({ length: count }, (_, index) => ends.findIndex((end) => index < end));
}

export interface WaveFigures {
  /** Hosts of the waves begun. */
  begun: number;
  failed: number;
  /** Hosts of the last wave begun. */
  inWave: number;
  readyInWave: number;
}

/** Whether the next wave begins, the job stops, or time will tell. */
export function nextStep(waves: Waves, { begun, failed, inWave, readyInWave }: WaveFigures): 'go on' | 'stop' | 'wait' {
  if (failed * 100 > begun * waves.stopAt) return 'stop';
  return readyInWave * 100 >= inWave * waves.goOnAt ? 'go on' : 'wait';
}
