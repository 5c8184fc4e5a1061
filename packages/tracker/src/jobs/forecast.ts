/**
 * Whether the bandwidth policy lets a job be ready by its deadline: the bytes against what its rules and windows leave,
 * with the bound that `shoal simulate` measures swarms by, of which they reach all but a few percent. Pure.
 */
import {
  limitsOf,
  matchesHost,
  nextChange,
  type Policy,
  type PolicyHost,
  rulesAt,
  type TrafficClass,
} from '@shoal/policy';

export interface ForecastHost extends PolicyHost {
  /** What it lacks. */
  bytes: number;
  zone: string | undefined;
}

export interface ForecastOrder {
  class: TrafficClass;
  hosts: readonly ForecastHost[];
  fromMs: number;
  byMs: number;
}

export interface Forecast {
  lateHosts: number;
  /** When the last host is ready; undefined: not within a week after the deadline. */
  readyMs: number | undefined;
  /** The rule that leaves the late ones least. */
  rule: string;
}

/** Frames around the bytes, and how far swarms stay behind their bound. */
const OVERHEAD = 1.12;
const HORIZON_MS = 7 * 24 * 3600_000;

/** So many bytes have to pass under a rate that changes with time; hosts are those that wait for them. */
interface Load {
  bytes: number;
  hosts: number;
  /** Each host for itself, not all of them together. */
  isOfHosts?: boolean;
  leftBytes: number;
  readyMs: number | undefined;
  /** What left it least so far. */
  least: { bytesPerSecond: number; rule: string };
  rateUnder(policy: Policy): { bytesPerSecond: number; rule: string };
}

/** Undefined when all are ready in time, as far as the policy decides it. */
export function forecast(policy: Policy, order: ForecastOrder): Forecast | undefined {
  const loads = loadsOf(policy, order).filter(({ bytes }) => bytes > 0);
  const endMs = order.byMs + HORIZON_MS;
  for (let at = order.fromMs; at < endMs && loads.some(({ readyMs }) => readyMs === undefined); ) {
    const next = Math.min(nextChange(policy, at) ?? endMs, endMs);
    const inForce = { ...policy, rules: rulesAt(policy, at).map((rule) => ({ ...rule, when: [] })) };
    for (const load of loads) move(load, inForce, { fromMs: at, toMs: next });
    at = next;
  }
  const late = loads.filter(({ readyMs }) => readyMs === undefined || readyMs > order.byMs);
  if (late.length === 0) return undefined;
  const ends = late.map(({ readyMs }) => readyMs ?? Number.POSITIVE_INFINITY);
  const readyMs = Math.max(...ends);
  return {
    lateHosts: lateHostsOf(late),
    readyMs: Number.isFinite(readyMs) ? readyMs : undefined,
    rule: late[ends.indexOf(readyMs)]?.least.rule ?? '',
  };
}

/** Hosts that are late for themselves, or all that wait for something they share. */
function lateHostsOf(late: readonly Load[]): number {
  const single = late.filter(({ isOfHosts }) => isOfHosts).reduce((sum, { hosts }) => sum + hosts, 0);
  const together = late.filter(({ isOfHosts }) => !isOfHosts).map(({ hosts }) => hosts);
  return Math.max(single, ...together);
}

function move(load: Load, policy: Policy, { fromMs, toMs }: { fromMs: number; toMs: number }): void {
  if (load.readyMs !== undefined) return;
  const rate = load.rateUnder(policy);
  load.least = lowest([load.least, rate]);
  const { bytesPerSecond } = rate;
  const moved = (bytesPerSecond * (toMs - fromMs)) / 1000;
  if (moved >= load.leftBytes) load.readyMs = fromMs + (load.leftBytes * 1000) / bytesPerSecond;
  else load.leftBytes -= moved;
}

function loadsOf(policy: Policy, order: ForecastOrder): Load[] {
  const load = (bytes: number, hosts: number, rateUnder: Load['rateUnder']): Load => ({
    ...{ bytes, hosts, leftBytes: bytes * OVERHEAD, readyMs: undefined, least: lowest([]), rateUnder },
  });
  const most = (hosts: readonly ForecastHost[]) => hosts.reduce((least, { bytes }) => Math.max(least, bytes), 0);
  const singles = groupBy(order.hosts, (host) => `${host.bytes} ${rulesOf(policy, host)}`);
  const zones = groupBy(
    order.hosts.filter(({ zone }) => zone !== undefined),
    ({ zone }) => zone as string,
  );
  const all = order.hosts.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ...singles.map((hosts) => {
      const [host] = hosts as [ForecastHost];
      return { ...load(host.bytes, hosts.length, (now) => hostRate(now, host, order.class)), isOfHosts: true };
    }),
    // A piece enters a zone once, and leaves the registry once.
    ...zones.map((hosts) => load(most(hosts), hosts.length, (now) => sharedRate(now, hosts, ['zone', 'ingress']))),
    load(most(order.hosts), order.hosts.length, (now) => sharedRate(now, order.hosts, ['origin', 'egress'])),
    load(all, order.hosts.length, (now) => sharedRate(now, order.hosts, ['fleet', 'download'])),
  ];
}

/** Which rules are about a host, whenever they hold: hosts with the same ones fare alike. */
function rulesOf({ rules }: Policy, host: ForecastHost): string {
  return rules.map(({ match }) => (matchesHost(match, host) ? '1' : '0')).join('');
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
}

/** What a host may receive, and what hosts like it may send to each other: the lesser. */
function hostRate(policy: Policy, host: ForecastHost, trafficClass: TrafficClass) {
  const { download, upload } = limitsOf(policy, host, 0).host[trafficClass];
  const rates = [download, upload].filter((rate) => rate !== undefined);
  return lowest(rates);
}

function sharedRate(policy: Policy, [host]: readonly ForecastHost[], [per, key]: readonly [string, string]) {
  const caps = host === undefined ? [] : limitsOf(policy, host, 0).shared;
  return lowest(caps.filter((cap) => cap.per === per && cap.key === key));
}

function lowest(rates: readonly Load['least'][]): Load['least'] {
  return rates.reduce((least, rate) => (rate.bytesPerSecond < least.bytesPerSecond ? rate : least), {
    bytesPerSecond: Number.POSITIVE_INFINITY,
    rule: '',
  });
}
