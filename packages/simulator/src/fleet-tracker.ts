/**
 * The tracker of the world: the production neighbour graph and leases behind a message's delay. It
 * can be away for a while: then nobody is introduced, and what it knew of members is gone.
 */
import { createLeaseTable, createNeighbourGraph, type LeaseTable, type NeighbourGraph } from '@shoal/swarm';
import type { SimHost } from './host.ts';

export interface FleetTracker {
  away: boolean;
  /** Hosts that are told of each other. */
  join(host: SimHost): SimHost[];
  /** Those it leaves without neighbours, each with new ones. */
  leave(host: SimHost): [SimHost, SimHost[]][];
  /** Others instead of those that the host has blocked. */
  replace(host: SimHost, peers: readonly string[]): SimHost[];
  lease(
    host: SimHost,
    ask: { pieces: number[]; shown: number[] },
    nowMs: number,
  ): { granted: number[]; refused: number[] } | undefined;
  /** Forgets all members: they come back by themselves. */
  restart(): void;
}

export function createFleetTracker(degree: number, random: () => number): FleetTracker {
  let graph: NeighbourGraph;
  let leases: LeaseTable;
  const members = new Map<string, SimHost>();
  const hosts = (ids: readonly string[]): SimHost[] => ids.flatMap((id) => members.get(id) ?? []);
  const tracker: FleetTracker = {
    away: false,
    join(host) {
      members.set(host.id, host);
      return hosts(graph.add(host.id, host.zone?.name));
    },
    leave(host) {
      if (!members.delete(host.id)) return [];
      leases.release(host.id);
      return graph.remove(host.id).flatMap((id) => {
        const left = members.get(id);
        return left === undefined ? [] : [[left, hosts(graph.mend(id))] as [SimHost, SimHost[]]];
      });
    },
    replace: (host, peers) => (tracker.away ? [] : hosts(graph.replace(host.id, peers))),
    lease(host, ask, nowMs) {
      if (tracker.away || host.zone === undefined) return undefined;
      return leases.ask({ zone: host.zone.name, holder: host.id, ...ask }, nowMs);
    },
    restart() {
      members.clear();
      graph = createNeighbourGraph({ degree, random });
      leases = createLeaseTable();
    },
  };
  tracker.restart();
  return tracker;
}
