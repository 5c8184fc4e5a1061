/** Gathers what an agent says of itself. Reads only. */
import type { AgentOptions } from '../agent.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { TrafficControl } from '../bandwidth/traffic-control.ts';
import type { Cache } from '../cache/cache.ts';
import type { Identity } from '../identity.ts';
import type { JobRunner } from '../job/job-runner.ts';
import type { PeerPort } from '../peer/peer-port.ts';
import type { UploadScheduler } from '../peer/upload-scheduler.ts';
import type { RegistryProxy } from '../proxy/registry-proxy.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { DownloadScheduler } from '../swarm/download-scheduler.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Seeding } from './seeding.ts';
import type { AgentSessionState } from './session-state.ts';

export interface StatusParts {
  options: AgentOptions;
  identity: Identity;
  state: AgentSessionState;
  store: BlobStore;
  swarms: Swarms;
  cache: Cache;
  jobs: JobRunner;
  uploads: UploadScheduler;
  downloads: DownloadScheduler;
  seeding: Seeding;
  peers: PeerPort;
  traffic: TrafficControl;
  proxy: RegistryProxy | undefined;
}

export function createStatus({
  options,
  identity,
  state,
  store,
  swarms,
  cache,
  jobs,
  uploads,
  downloads,
  seeding,
  peers,
  traffic,
  proxy,
}: StatusParts): () => AgentStatus {
  return () => ({
    name: options.name,
    peerId: identity.peerId,
    version: options.version,
    role: state.role,
    tracker: { url: options.tracker.url, state: state.connection, error: state.error },
    peerPort: peers.port,
    connections: peers.connectionCount,
    closeReasons: Object.fromEntries(peers.closeReasons),
    traffic: trafficOf({ uploads, downloads, seeding }),
    ...(proxy && { proxy: proxyStatus(proxy) }),
    limits: traffic.inForce(),
    cache: cache.status(),
    blobs: store.list().map((blob) => ({
      digest: blob.digest,
      size: blob.size,
      pieces: blob.held.length,
      heldPieces: blob.held.count,
      connections: swarms.runnerOf(blob.digest)?.connectionCount ?? 0,
      wastedBytes: swarms.runnerOf(blob.digest)?.wastedBytes ?? 0,
    })),
    jobs: jobs.reports(),
  });
}

/** Alone, as it is asked every second and the status goes over every blob. */
export function trafficOf({ uploads, downloads, seeding }: TrafficParts): AgentStatus['traffic'] {
  return {
    sentBytes: uploads.sentBytes,
    receivedBytes: downloads.receivedBytes,
    remoteBytes: downloads.remoteBytes,
    originBytes: seeding.originBytes,
  };
}

type TrafficParts = Pick<StatusParts, 'uploads' | 'downloads' | 'seeding'>;

function proxyStatus({ port, tlsPort, certFile, sentBytes, running }: RegistryProxy): AgentStatus['proxy'] {
  const pulls = running();
  return { port, ...(tlsPort !== undefined && { tlsPort }), certFile, sentBytes: { ...sentBytes }, pulls };
}
