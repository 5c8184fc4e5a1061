/** What an agent says of itself: the control API's answer and the demo's picture. */

import type { AgentRole, ImageReport, SessionError, Traffic } from '@shoal/tracker/client';
import type { LimitsInForce } from './bandwidth/traffic-control.ts';
import type { CacheStatus } from './cache/cache.ts';
import type { ProxySource } from './proxy/forward.ts';
import type { PullStatus } from './proxy/pulls.ts';

export interface BlobStatus {
  digest: string;
  size: number;
  pieces: number;
  heldPieces: number;
  connections: number;
  wastedBytes: number;
}

export interface AgentStatus {
  name: string;
  peerId: string;
  version: string;
  role: AgentRole | undefined;
  tracker: { url: string; state: 'connecting' | 'connected' | 'disconnected' | 'refused'; error?: SessionError };
  peerPort: number;
  connections: number;
  /** Why peer connections ended, counted. */
  closeReasons: Record<string, number>;
  /** Blob bytes since the start of this process. */
  traffic: Traffic;
  /** Absent: there is no registry proxy. */
  proxy?: {
    port: number;
    /** Where it stands in for registries; absent: nowhere. */
    tlsPort?: number | undefined;
    /** PEM of the authority that engines must trust for CONNECT and for the stand-in. */
    certFile: string;
    /** Bodies of answers to engines, by where they came from. */
    sentBytes: Record<ProxySource, number>;
    /** Blobs that come in for engines now. */
    pulls: PullStatus[];
  };
  /** What holds now and why; null where nothing limits. */
  limits: LimitsInForce;
  cache: CacheStatus;
  blobs: BlobStatus[];
  jobs: { jobId: string; images: ImageReport[] }[];
}
