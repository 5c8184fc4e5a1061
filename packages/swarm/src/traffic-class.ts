/**
 * What traffic is for, most urgent first, and how much of it the less urgent keeps: of sixteen runs
 * one, so that a pre-warm under long pulls goes on slowly and its links do not fall silent.
 */

/** `pull`: a person waits; whoever does not say is `prewarm`. */
export type TrafficClass = 'pull' | 'prewarm' | 'seed';

export const CLASSES: readonly TrafficClass[] = ['pull', 'prewarm', 'seed'];

export function isUrgentAs(a: TrafficClass, b: TrafficClass): boolean {
  return CLASSES.indexOf(a) <= CLASSES.indexOf(b);
}

/** Runs that may go before one that waits. */
const OVERTAKES = 15;
/** What a class could not take when it was its turn is not saved up for ever. */
const MOST_OVERTAKEN_BYTES = OVERTAKES * 1024 * 1024;

export class ClassShares {
  /** Bytes of more urgent classes since the last of its own, while it waited. */
  readonly #overtakenBytes: Record<TrafficClass, number> = { pull: 0, prewarm: 0, seed: 0 };
  #runBytes = Number.POSITIVE_INFINITY;

  /** Has waited long enough for a run like the last one. */
  isOverdue(trafficClass: TrafficClass): boolean {
    return this.#overtakenBytes[trafficClass] >= OVERTAKES * this.#runBytes;
  }

  served(trafficClass: TrafficClass, bytes: number, waits: (other: TrafficClass) => boolean): void {
    if (bytes === 0) return;
    const overtaken = this.#overtakenBytes;
    this.#runBytes = bytes;
    for (const other of CLASSES) {
      if (other === trafficClass) overtaken[other] = Math.max(0, overtaken[other] - OVERTAKES * bytes);
      else if (!waits(other)) overtaken[other] = 0;
      else if (!isUrgentAs(other, trafficClass))
        overtaken[other] = Math.min(MOST_OVERTAKEN_BYTES, overtaken[other] + bytes);
    }
  }
}
