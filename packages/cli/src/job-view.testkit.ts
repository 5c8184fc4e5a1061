/** Views of a job as the tracker answers them. */
import type { JobHostView, JobView } from '@shoal/tracker/client';

export function jobViewOf(hosts: JobHostView[], changes: Partial<JobView> = {}): JobView {
  const count = (state: JobHostView['state']) => hosts.filter((host) => host.state === state).length;
  const sum = (key: 'wantedBytes' | 'haveBytes' | 'peerBytes') =>
    hosts.flatMap(({ images }) => images).reduce((total, image) => total + image[key], 0);
  return {
    ...{ id: 'j1', state: 'running', class: 'prewarm', terms: {}, originBytes: 0, bytesPerSecond: 0 },
    images: [{ reference: 'r', digests: [], imageBytes: 1 }],
    createdAt: '2026-01-01T00:00:00Z',
    counts: {
      ...{ hosts: hosts.length, waiting: count('waiting'), fetching: count('fetching'), loading: count('loading') },
      ...{ ready: count('ready'), failed: count('failed'), offline: hosts.filter(({ online }) => !online).length },
    },
    bytes: { wanted: sum('wantedBytes'), have: sum('haveBytes'), fromPeers: sum('peerBytes') },
    hosts,
    ...changes,
  };
}
