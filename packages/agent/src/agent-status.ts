/** What an agent says of itself: the control API's answer and the demo's picture. */

import type { AgentRole, ImageReport, SessionError } from '@shoal/tracker/client';
import type { LimitsInForce } from './bandwidth/traffic-control.ts';

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
  traffic: { sentBytes: number; receivedBytes: number; originBytes: number };
  /** What holds now and why; null where nothing limits. */
  limits: LimitsInForce;
  blobs: BlobStatus[];
  jobs: { jobId: string; images: ImageReport[] }[];
}
