/** A tracker, a seeder and hosts on loopback that read a real registry; each a proxy for clients of its host. */
import { type Agent, startAgent } from '../../packages/agent/src/agent.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { createRegistrySource, createUpstream } from '../../packages/registry/src/index.ts';
import { createTracker, type Tracker } from '../../packages/tracker/src/index.ts';
import { cleanUpAfter, tempDir } from './cleanup.ts';
import type { AccessLine, TestRegistry } from './registry.ts';
import { waitFor } from './wait.ts';

/** The registry's name in references. */
export const HARBOR = 'harbor.example.com';

export interface RealFleet {
  tracker: Tracker;
  seeder: Agent;
  hosts: Agent[];
  /** Another process of the tracker, at the same place with the same data. */
  startTracker(): Promise<Tracker>;
}

export interface FleetRates {
  /** Up and down, each. Default: no caps. */
  bytesPerSecond?: number;
  /** The seeder's download. Default: the same. */
  originBytesPerSecond?: number;
}

export async function startFleet(registry: TestRegistry, count: number, rates: FleetRates = {}): Promise<RealFleet> {
  const { bytesPerSecond = Number.POSITIVE_INFINITY, originBytesPerSecond = bytesPerSecond } = rates;
  const place = { host: HARBOR, url: registry.url };
  const dataDir = await tempDir('tracker');
  const startTracker = async (port: number): Promise<Tracker> => {
    const started = await createTracker({
      ...{ dataDir, host: '127.0.0.1', port, insecure: true, logger: silent, version: '1.2.3' },
      openSource: async () => createRegistrySource(place),
      openUpstream: (host) => (host === HARBOR ? createUpstream(place) : undefined),
    });
    cleanUpAfter(() => started.stop());
    return started;
  };
  const tracker = await startTracker(0);
  const agent = async (name: string, role: 'agent' | 'seeder'): Promise<Agent> => {
    const started = await startAgent({
      ...{ dataDir: await tempDir(name), name, version: '1.2.3', labels: {}, logger: silent },
      tracker: { url: tracker.url, token: tracker.createToken(role, name) },
      ...{ peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
      limits: {
        uploadBytesPerSecond: bytesPerSecond,
        downloadBytesPerSecond: role === 'seeder' ? originBytesPerSecond : bytesPerSecond,
      },
      ...(role === 'agent'
        ? { proxy: { host: '127.0.0.1', port: 0, registries: [place] } }
        : { openSource: async () => createRegistrySource(place) }),
    });
    cleanUpAfter(() => started.stop());
    await waitFor(`${name} to be connected`, async () => started.status().tracker.state === 'connected');
    return started;
  };
  const seeder = await agent('seeder', 'seeder');
  const hosts = await Promise.all(Array.from({ length: count }, (_, at) => agent(`host-${at}`, 'agent')));
  return { tracker, seeder, hosts, startTracker: () => startTracker(tracker.port) };
}

/** Of one of its blobs it has a third. */
export function isUnderWay(host: Agent): boolean {
  return host.status().blobs.some(({ pieces, heldPieces }) => pieces > 8 && heldPieces > pieces / 3);
}

export function blobGets(lines: readonly AccessLine[]): AccessLine[] {
  return lines.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
}
