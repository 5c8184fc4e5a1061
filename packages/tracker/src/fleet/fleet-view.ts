/** The fleet in sums: hosts by zone, version and platform. Pure. */
import type { FleetView, HostGroup } from '../client/fleet-schemas.ts';
import type { KnownAgent } from '../session/agent-roster.ts';
import type { ZoneOf } from '../swarms/zones.ts';

const MAX_GROUPS = 100;

export function countHosts(hosts: readonly KnownAgent[], zoneOf: ZoneOf): Omit<FleetView, 'at' | 'traffic'> {
  const counts = { agent: { known: 0, online: 0 }, seeder: { known: 0, online: 0 } };
  const [zones, versions, platforms] = [newGroups(), newGroups(), newGroups()];
  for (const host of hosts) {
    const { os, architecture, osVersion } = host.platform;
    counts[host.role].known++;
    if (host.online) counts[host.role].online++;
    count(zones, zoneOf(host) ?? '', host.online);
    count(versions, host.version, host.online);
    count(
      platforms,
      osVersion === undefined ? `${os}/${architecture}` : `${os}/${architecture} ${osVersion}`,
      host.online,
    );
  }
  return {
    ...{ agents: counts.agent, seeders: counts.seeder },
    ...{ zones: largest(zones), versions: largest(versions), platforms: largest(platforms) },
  };
}

type Groups = Map<string, HostGroup>;

function newGroups(): Groups {
  return new Map();
}

function count(groups: Groups, name: string, online: boolean): void {
  const group = groups.get(name) ?? { name, online: 0, offline: 0 };
  groups.set(name, group);
  group[online ? 'online' : 'offline']++;
}

function largest(groups: Groups): HostGroup[] {
  const size = ({ online, offline }: HostGroup) => online + offline;
  const byName = (a: HostGroup, b: HostGroup) => a.name.localeCompare(b.name, 'en', { numeric: true });
  return [...groups.values()].sort((a, b) => size(b) - size(a) || byName(a, b)).slice(0, MAX_GROUPS);
}
