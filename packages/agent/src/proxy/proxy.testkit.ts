/** A small HTTP server that plays a registry and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { bandwidthOf } from '../bandwidth/bandwidth.testkit.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { createPieceMemory } from '../store/piece-memory.ts';
import { DownloadScheduler } from '../swarm/download-scheduler.ts';
import { silent } from '../swarm/host.testkit.ts';
import type { Swarms } from '../swarm/swarms.ts';
import { readDirectly } from './direct-reading.ts';
import { createPulls, type PullWaits } from './pulls.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface FakeRegistry {
  url: string;
  /** `GET /v2/…`, in order. */
  asked: string[];
  requests: IncomingMessage[];
  close(): Promise<void>;
}

export async function fakeRegistry(handler: Handler): Promise<FakeRegistry> {
  const requests: IncomingMessage[] = [];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    asked.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${port}`, asked, requests, close };
}

/** Answers like a registry with Range support. */
export function serveRange(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const body = bytes.subarray(start, range?.[2] ? Number(range[2]) + 1 : undefined);
  if (range === null) response.writeHead(200, { 'content-length': bytes.length });
  else {
    const sent = `bytes ${start}-${start + body.length - 1}/${bytes.length}`;
    response.writeHead(206, { 'content-length': body.length, 'content-range': sent });
  }
  response.end(body);
}

export interface PulledKit {
  /** What the tracker lets the pull into: the blob as it is on disk then. */
  opens(store: BlobStore): Promise<BlobFile>;
  /** The tracker's code instead. */
  refusal: string;
  /** There is no tracker. */
  away: boolean;
  /** It does not answer. */
  silent: boolean;
  /** Nothing can be kept. */
  diskIsFull: boolean;
  waits: Partial<PullWaits>;
  /** The cap of pulls; default: none. */
  bytesPerSecond: number;
}

/** Pulls over a store, with a test as the swarm; and what the swarm was asked. */
export function pullsKit(
  store: BlobStore,
  { opens, refusal, away, silent: isSilent, diskIsFull, waits = {}, bytesPerSecond }: Partial<PulledKit>,
) {
  const seen = {
    asked: [] as unknown[],
    signals: [] as AbortSignal[],
    reading: [] as number[],
    offered: [] as string[],
  };
  const swarms = {
    isFetching: () => false,
    runnerOf: () => undefined,
    setReading: (_digest: string, pieces: readonly number[]) => seen.reading.splice(0, 99, ...pieces),
    offer: ({ digest }: BlobFile) => seen.offered.push(digest),
    forget: (digest: BlobFile['digest']) => store.remove(digest),
    pull: async (_digest: string, pull: unknown, signal: AbortSignal) => {
      seen.asked.push(pull);
      seen.signals.push(signal);
      if (isSilent)
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      if (opens === undefined) throw Object.assign(new Error('refused'), { code: refusal ?? 'NO_SEEDER' });
      return { blob: await opens(store), ended: new Promise<void>(() => {}) };
    },
  } as unknown as Swarms;
  const now = () => performance.now();
  const downloads = new DownloadScheduler(
    bandwidthOf({ up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY }, now),
    now,
  );
  onTestFinished(() => downloads.stop());
  const memory = createPieceMemory();
  const pulls = createPulls({
    ...{ swarms, store: diskIsFull ? full(store) : store, logger: silent, waits, isTrackerThere: () => away !== true },
    bytesPerSecond: () => bytesPerSecond ?? Number.POSITIVE_INFINITY,
    readDirectly: (reading) => readDirectly(reading, { swarms, memory, downloads, onBytes() {} }),
  });
  return { pulls, swarms: seen };
}

function full(store: BlobStore): Pick<BlobStore, 'get' | 'open'> {
  return { get: (digest) => store.get(digest), open: () => Promise.reject(new Error('no room')) };
}
