/** What an agent says of itself before anything has happened. */
import { NOTHING_MOVED } from '@shoal/tracker/client';
import type { AgentStatus } from './agent-status.ts';
import { NO_LIMITS } from './bandwidth/bandwidth.testkit.ts';
import { EMPTY_CACHE } from './cache/cache.testkit.ts';

export function emptyStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    ...{ name: 'a', peerId: 'ab', version: '1', role: 'agent', peerPort: 1, connections: 0, closeReasons: {} },
    tracker: { url: 'http://t', state: 'connected' },
    traffic: NOTHING_MOVED,
    ...{ blobs: [], jobs: [], cache: EMPTY_CACHE, limits: NO_LIMITS },
    ...changes,
  };
}
