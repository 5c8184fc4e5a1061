/**
 * What a policy says to one host at one moment: which rules hold, the least limit of each class and direction with the
 * rule that set it, what is shared with other hosts, and how to give way. Decides no byte; buckets.ts does.
 */
import { classesOf, matchesHost, type PolicyHost } from './match.ts';
import { type Cap, CLASSES, type Direction, type Limit, type Policy, type Rule, type TrafficClass } from './policy.ts';
import { rulesAt } from './schedule.ts';

/** The rules that hold for the host, in the order of the file; with a class only those about it. */
export function effectiveRules(policy: Policy, host: PolicyHost & { class?: TrafficClass }, atMs: number): Rule[] {
  return rulesAt(policy, atMs).filter(
    ({ match }) => matchesHost(match, host) && (host.class === undefined || classesOf(match).includes(host.class)),
  );
}

export interface SetRate {
  bytesPerSecond: number;
  /** The rule's name. */
  rule: string;
}

/** A cap that hosts share; each gets its part of it from the tracker. */
export interface SharedCap extends SetRate {
  per: Exclude<Limit['per'], 'host'>;
  key: 'ingress' | 'egress' | Direction;
  classes: readonly TrafficClass[];
}

export interface HostLimits {
  /** The least of the rules that hold; undefined where none limits. */
  host: Record<TrafficClass, Record<Direction, SetRate | undefined>>;
  shared: SharedCap[];
  /** The most careful of the rules that hold: the largest share with its rule, the shortest time with its rule. */
  yield: { keepFree: number; keepFreeRule: string; reactWithinMs: number; reactWithinRule: string } | undefined;
  /** Names of rules that limit to a part of the link, which is not known. */
  unknownLink: string[];
}

export function limitsOf(policy: Policy, host: PolicyHost, atMs: number): HostLimits {
  const rules = effectiveRules(policy, host, atMs);
  const rates = hostRates(rules, host.linkBytesPerSecond);
  const least = (name: TrafficClass, direction: Direction): SetRate | undefined =>
    rates
      .filter((rate) => rate.direction === direction && rate.classes.includes(name))
      .reduce<SetRate | undefined>(
        (found, { rule, bytesPerSecond }) =>
          found !== undefined && found.bytesPerSecond <= bytesPerSecond ? found : { rule, bytesPerSecond },
        undefined,
      );
  const byClass = Object.fromEntries(
    CLASSES.map((name) => [name, { download: least(name, 'download'), upload: least(name, 'upload') }]),
  ) as HostLimits['host'];
  const unknownLink = host.linkBytesPerSecond === undefined ? rules.filter(isOfLink).map(({ name }) => name) : [];
  return { host: byClass, shared: rules.flatMap(sharedCaps), yield: yieldOf(rules), unknownLink };
}

export interface HostRate extends SetRate {
  direction: Direction;
  classes: readonly TrafficClass[];
}

/** Every limit per host as bytes a second; those of an unknown link are left out. */
export function hostRates(rules: readonly Rule[], linkBytesPerSecond: number | undefined): HostRate[] {
  return rules.flatMap(({ name, match, limit }): HostRate[] => {
    if (limit?.per !== 'host') return [];
    const rate = (direction: Direction, cap: Cap | undefined): HostRate[] => {
      const bytesPerSecond = rateOf(cap, linkBytesPerSecond);
      return bytesPerSecond === undefined ? [] : [{ rule: name, direction, classes: classesOf(match), bytesPerSecond }];
    };
    return [...rate('download', limit.download), ...rate('upload', limit.upload)];
  });
}

function rateOf(cap: Cap | undefined, linkBytesPerSecond: number | undefined): number | undefined {
  if (cap === undefined) return undefined;
  if ('bytesPerSecond' in cap) return cap.bytesPerSecond;
  // Nothing of whatever there is needs no link.
  if (cap.ofLink === 0) return 0;
  return linkBytesPerSecond === undefined ? undefined : cap.ofLink * linkBytesPerSecond;
}

function isOfLink({ limit }: Rule): boolean {
  if (limit?.per !== 'host') return false;
  return [limit.download, limit.upload].some((cap) => cap !== undefined && 'ofLink' in cap && cap.ofLink > 0);
}

export function sharedCaps({ name, match, limit }: Rule): SharedCap[] {
  if (limit === undefined || limit.per === 'host') return [];
  const { per, ...rates } = limit;
  return Object.entries(rates).flatMap(([key, bytesPerSecond]): SharedCap[] =>
    bytesPerSecond === undefined
      ? []
      : [{ per, key: key as SharedCap['key'], bytesPerSecond, rule: name, classes: classesOf(match) }],
  );
}

function yieldOf(rules: readonly Rule[]): HostLimits['yield'] {
  let found: HostLimits['yield'];
  for (const { name, yield: one } of rules) {
    if (one === undefined) continue;
    found ??= { ...one, keepFreeRule: name, reactWithinRule: name };
    if (one.keepFree > found.keepFree) found = { ...found, keepFree: one.keepFree, keepFreeRule: name };
    if (one.reactWithinMs < found.reactWithinMs)
      found = { ...found, reactWithinMs: one.reactWithinMs, reactWithinRule: name };
  }
  return found;
}
