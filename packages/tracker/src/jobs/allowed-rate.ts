/** What the bandwidth policy lets the hosts of a job receive together at one moment: each its own cap, all the fleet's. Pure. */
import { effectiveRules, limitsOf, type Policy, type PolicyHost, type SetRate, type TrafficClass } from '@shoal/policy';

export interface AllowedOrder {
  class: TrafficClass;
  /** Those that still want something. */
  hosts: readonly PolicyHost[];
}

/** Hosts about which the same rules are. */
interface Group {
  bytesPerSecond: number;
  /** Of each of them. */
  rule: string;
  fleet: SetRate[];
}

/** With the rule that counts most; undefined: nothing limits them. */
export function allowedRate(policy: Policy, order: AllowedOrder, atMs: number): SetRate | undefined {
  const groups = groupsOf(policy, order, atMs);
  const largest = groups.reduce((most, group) => (group.bytesPerSecond > most.bytesPerSecond ? group : most), NOTHING);
  let found: SetRate = { bytesPerSecond: sumOf(groups), rule: largest.rule };
  const caps = new Map(groups.flatMap(({ fleet }) => fleet).map((cap) => [cap.rule, cap]));
  for (const { rule, bytesPerSecond } of caps.values()) {
    const under = groups.filter(({ fleet }) => fleet.some((cap) => cap.rule === rule));
    const rest = sumOf(groups.filter((group) => !under.includes(group)));
    if (bytesPerSecond + rest < found.bytesPerSecond) found = { bytesPerSecond: bytesPerSecond + rest, rule };
  }
  return groups.length > 0 && Number.isFinite(found.bytesPerSecond) ? found : undefined;
}

const NOTHING: Group = { bytesPerSecond: -1, rule: '', fleet: [] };

function sumOf(groups: readonly Group[]): number {
  return groups.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
}

/** Ten thousand hosts are of few kinds. */
function groupsOf(policy: Policy, order: AllowedOrder, atMs: number): Group[] {
  const groups = new Map<string, Group>();
  const counts = new Map<string, number>();
  for (const host of order.hosts) {
    const key = effectiveRules(policy, host, atMs)
      .map(({ name }) => name)
      .join('\n');
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (groups.has(key)) continue;
    const { host: byClass, shared } = limitsOf(policy, host, atMs);
    const { bytesPerSecond = Number.POSITIVE_INFINITY, rule = '' } = byClass[order.class].download ?? {};
    const isOurs = ({ per, key, classes }: (typeof shared)[number]) =>
      per === 'fleet' && key === 'download' && classes.includes(order.class);
    groups.set(key, { bytesPerSecond, rule, fleet: shared.filter(isOurs) });
  }
  return [...groups].map(([key, group]) => ({
    ...group,
    bytesPerSecond: group.bytesPerSecond * (counts.get(key) ?? 0),
  }));
}
