/** The rules that hold for a host as buckets of its agent. Decides which bytes each bucket counts. */
import { hostRates, type SharedCap, sharedCaps } from './effective.ts';
import type { Direction, Rule, TrafficClass } from './policy.ts';

/** The other end of a transfer: a host of the same zone, one elsewhere, or the registry. */
export type Remote = 'zone' | 'elsewhere' | 'registry';

export interface BucketRule {
  /** What keeps its tokens while rules around it come and go; once for each direction. */
  key: string;
  direction: Direction;
  classes: readonly TrafficClass[];
  remotes: readonly Remote[];
  /** 0 freezes. */
  bytesPerSecond: number;
  /** What hosts share and this is the host's part of. */
  cap?: SharedCap;
}

export interface BucketOptions {
  /** Undefined while it is not known: parts of it limit nothing yet. */
  linkBytesPerSecond?: number;
  /** This host's part of a cap that hosts share, 0 to 1; see shares.ts. Undefined: the cap is not for this host. */
  shareOf(cap: SharedCap): number | undefined;
}

const ALL: readonly Remote[] = ['zone', 'elsewhere', 'registry'];
const OUTSIDE: readonly Remote[] = ['elsewhere', 'registry'];

export function bucketRulesOf(rules: readonly Rule[], { linkBytesPerSecond, shareOf }: BucketOptions): BucketRule[] {
  const own = hostRates(rules, linkBytesPerSecond).map(({ rule, ...rate }) => ({ ...rate, key: rule, remotes: ALL }));
  const shared = rules.flatMap(sharedCaps).flatMap((cap): BucketRule[] => {
    const part = shareOf(cap);
    if (part === undefined) return [];
    const bytesPerSecond = cap.bytesPerSecond * part;
    return [{ key: cap.rule, classes: cap.classes, bytesPerSecond, cap, ...countedBy(cap) }];
  });
  return [...own, ...shared];
}

/** What leaves the registry is what a host downloads from it. */
function countedBy({ per, key }: SharedCap): Pick<BucketRule, 'direction' | 'remotes'> {
  if (per === 'origin') return { direction: 'download', remotes: ['registry'] };
  const direction = key === 'ingress' || key === 'download' ? 'download' : 'upload';
  return { direction, remotes: per === 'zone' ? OUTSIDE : ALL };
}
