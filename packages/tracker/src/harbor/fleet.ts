/**
 * The fleet as Harbor's side of the tracker looks at it: who a selector means, where a host is.
 */
import { parseSelector, selectHosts } from '../jobs/host-selector.ts';
import type { AgentRoster, KnownAgent } from '../session/agent-roster.ts';
import type { Presence } from '../session/presence.ts';
import type { AheadBlob } from '../swarms/ahead.ts';
import type { Swarm } from '../swarms/swarm.ts';
import type { PreheatTask } from './preheat-answers.ts';

export interface SeederTask extends PreheatTask {
  holds: boolean;
}

export interface Fleet {
  /** As a job's `hosts` are meant; without selectors every agent that is no seeder. */
  select(selectors: readonly string[] | undefined): KnownAgent[];
  /** Where peers dial it; empty while it is away. */
  addressOf(peerId: string): string;
  /** Those that are here; `holds`: at least one of the blobs, whole. */
  seeders(blobs: readonly AheadBlob[]): SeederTask[];
}

export interface FleetDeps {
  roster: AgentRoster;
  presence: Presence;
  swarmOf(digest: string): Swarm | undefined;
}

export function createFleet({ roster, presence, swarmOf }: FleetDeps): Fleet {
  const holds = (peerId: string, { source }: AheadBlob) =>
    swarmOf(source.descriptor.digest)?.members.get(peerId)?.complete === true;
  return {
    select: (selectors) => selectHosts(roster.all(), selectors?.map(parseSelector)),
    addressOf: (peerId) => presence.get(peerId)?.host ?? '',
    seeders: (blobs) =>
      presence.withRole('seeder').map(({ peerId, name, host }) => ({
        ...{ hostname: name, ip: host, holds: blobs.some((blob) => holds(peerId, blob)) },
      })),
  };
}
