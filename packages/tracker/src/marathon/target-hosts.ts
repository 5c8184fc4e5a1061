/**
 * From Mesos agents, or from the labels of Shoal's own, to the hosts that an app's constraints allow. Pure.
 */
import type { AgentRole } from '../client/session-messages.ts';
import { type Place, parseConstraints, placeFilter } from './constraints.ts';
import type { MesosAgent } from './mesos-agents.ts';

export interface ShoalHost {
  name: string;
  role: AgentRole;
  /** Where peers dial it; known while it is online. */
  address?: string;
  labels: Readonly<Record<string, string>>;
}

export interface PlacedHost {
  place: Place;
  /** The name among Shoal's hosts; undefined for a Mesos agent without an agent of ours. */
  name?: string;
}

export interface Targets {
  hosts: string[];
  /** Allowed Mesos agents that are no hosts of Shoal, by their Mesos names. */
  withoutAgent: string[];
}

/** Throws TrackerError BAD_CONSTRAINT. */
export function targetsOf(placed: readonly PlacedHost[], constraints: unknown): Targets {
  const allows = placeFilter(parseConstraints(constraints));
  const allowed = placed.filter(({ place }) => allows(place));
  return {
    hosts: [...new Set(allowed.flatMap(({ name }) => name ?? []))].sort(),
    withoutAgent: allowed.filter(({ name }) => name === undefined).map(({ place }) => place.hostname),
  };
}

/** Without Mesos: a host's name is its hostname, its labels are its attributes, `region` and `zone` among them. */
export function placedByLabels(hosts: readonly ShoalHost[]): PlacedHost[] {
  return hosts
    .filter(({ role }) => role === 'agent')
    .map(({ name, labels }) => ({
      name,
      place: { hostname: name, region: labels.region, zone: labels.zone, attributes: labels },
    }));
}

/** A Mesos agent is the host of its name, else of its address, else the only one whose name differs by the domain. */
export function placedByMesos(agents: readonly MesosAgent[], hosts: readonly ShoalHost[]): PlacedHost[] {
  const byName = new Map(hosts.map(({ name }) => [name.toLowerCase(), name]));
  const byAddress = new Map(hosts.flatMap(({ name, address }) => (address === undefined ? [] : [[address, name]])));
  const byShortName = new Map<string, string[]>();
  for (const name of byName.values())
    byShortName.set(shortName(name), [...(byShortName.get(shortName(name)) ?? []), name]);
  const withoutDomain = (hostname: string) => {
    const [name, ...others] = byShortName.get(shortName(hostname)) ?? [];
    return others.length === 0 && name?.includes('.') !== hostname.includes('.') ? name : undefined;
  };
  return agents.map(({ place, address }) => {
    const hostname = place.hostname.toLowerCase();
    const byIp = byAddress.get(hostname) ?? (address === undefined ? undefined : byAddress.get(address));
    return { place, name: byName.get(hostname) ?? byIp ?? withoutDomain(hostname) };
  });
}

function shortName(name: string): string {
  return /^[\d.:]+$/.test(name) ? name : (name.toLowerCase().split('.')[0] ?? '');
}
