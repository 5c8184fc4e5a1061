/** Hosts on loopback with a real peer port, store and workers; a test is their tracker. */
import type { Block } from '@shoal/swarm';
import type { Neighbour } from '@shoal/tracker/client';
import { encodePieceHeader, type TicketRole, type WireEvent } from '@shoal/wire';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { bandwidthOf } from '../bandwidth/bandwidth.testkit.ts';
import type { Identity } from '../identity.ts';
import { newIdentity, SWARM, TRACKER_KEY, ticketFor } from '../peer/peer.testkit.ts';
import type { LinkHandler, PeerConnection } from '../peer/peer-connection.ts';
import { openPeerPort, type PeerPort } from '../peer/peer-port.ts';
import { UploadScheduler } from '../peer/upload-scheduler.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { createPieceMemory } from '../store/piece-memory.ts';
import type { PieceWorkers } from '../store/piece-workers.ts';
import { contentOf, fill, pieceOf, type TestBlob, temporaryFolder, testStore } from '../store/store.testkit.ts';
import { DownloadScheduler } from './download-scheduler.ts';
import { type SwarmContext, SwarmRunner } from './swarm-runner.ts';

export const silent = pino({ level: 'silent' });

export interface TestHost {
  identity: Identity;
  peers: PeerPort;
  store: BlobStore;
  folder: string;
  context: SwarmContext;
  neighbour: Neighbour;
  /** What the peer port finds by swarm id. */
  handlers: Map<string, LinkHandler>;
}

export interface HostOptions {
  uploadBytesPerSecond?: number;
  downloadBytesPerSecond?: number;
  blockBytes?: number;
  workers?: PieceWorkers;
  name?: string;
}

export async function startHost(options: HostOptions = {}): Promise<TestHost> {
  const { uploadBytesPerSecond = Number.POSITIVE_INFINITY, downloadBytesPerSecond = Number.POSITIVE_INFINITY } =
    options;
  const identity = newIdentity();
  const folder = temporaryFolder();
  const store = await testStore(folder, options.workers);
  const handlers = new Map<string, LinkHandler>();
  const peers = await testPort(identity, (swarmId) => handlers.get(swarmId));
  const now = () => performance.now();
  const bandwidth = bandwidthOf({ up: uploadBytesPerSecond, down: downloadBytesPerSecond }, now);
  const uploads = new UploadScheduler(bandwidth, now);
  const downloads = new DownloadScheduler(bandwidth, now);
  onTestFinished(() => {
    uploads.stop();
    downloads.stop();
  });
  const context: SwarmContext = {
    ...{ uploads, downloads, now, memory: createPieceMemory(), random: Math.random },
    ...{ privateKey: identity.privateKey, nowSeconds: () => Date.now() / 1000 },
    ...{ trackerKey: () => TRACKER_KEY, blockBytes: () => options.blockBytes ?? 16 * 1024 },
    dial: (neighbour, handler, onFailed) => peers.dial(neighbour, handler, onFailed),
  };
  return {
    ...{ identity, peers, store, folder, context, handlers },
    neighbour: neighbourOf(identity, peers, options.name),
  };
}

async function testPort(
  identity: Identity,
  findHandler: (swarmId: string) => LinkHandler | undefined,
): Promise<PeerPort> {
  const peers = await openPeerPort({
    ...{ identity, findHandler, findForeign: () => undefined },
    host: '127.0.0.1',
    port: 0,
    version: '1.2.3',
    logger: silent,
  });
  onTestFinished(() => peers.close());
  return peers;
}

function neighbourOf({ peerId }: Identity, { port }: PeerPort, name = peerId.slice(0, 4)): Neighbour {
  return { peerId, name, host: '127.0.0.1', port, role: 'agent' };
}

export interface MemberOptions {
  holds?: Iterable<number> | 'all';
  role?: 'seeder' | 'agent';
  ticketRole?: TicketRole;
  ticket?: string;
  /** Knows no piece hashes yet; give them with `addHashes`. */
  hashless?: boolean;
}

export interface Member {
  host: TestHost;
  runner: SwarmRunner;
  /** Resolves at completion, rejects when the disk fails. */
  completed: Promise<void>;
  leasesAsked: number[];
}

/** The host takes part in the blob's swarm. */
export async function member(host: TestHost, blob: TestBlob, options: MemberOptions = {}): Promise<Member> {
  const { holds = [], role = 'agent', hashless = false } = options;
  const file = hashless
    ? await host.store.open(blob)
    : await fill(host.store, blob, holds === 'all' ? undefined : holds);
  let done: () => void = () => {};
  let failed: (error: unknown) => void = () => {};
  const completed = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  completed.catch(() => {});
  const ticket =
    options.ticket ??
    ticketFor(host.identity, { role: options.ticketRole ?? (role === 'seeder' ? 'seeder' : 'leecher') });
  const { context } = host;
  const leasesAsked: number[] = [];
  const runner = new SwarmRunner({
    swarmId: SWARM,
    blob: file,
    role,
    ticket,
    context,
    askTracker: (ask) => {
      if (ask.type === 'askLeases') leasesAsked.push(...ask.pieces);
    },
    onComplete: done,
    onFailed: failed,
  });
  host.handlers.set(SWARM, runner);
  onTestFinished(() => runner.stop('test over'));
  return { host, runner, completed, leasesAsked };
}

/** A serving peer that does what a test tells it: admitted properly, without a store. */
export interface TwinPeer {
  neighbour: Neighbour;
  connections: PeerConnection[];
  events: WireEvent[];
}

export interface TwinPeerOptions {
  pieces: number;
  onOpen?(connection: PeerConnection): void;
  onRequest?(connection: PeerConnection, block: Block): void;
}

export async function twinPeer(options: TwinPeerOptions): Promise<TwinPeer> {
  const identity = newIdentity();
  const { onOpen = (connection) => connection.send({ type: 'haveAll' }), onRequest } = options;
  const handler: LinkHandler = {
    ...{ swarmId: SWARM, pieceCount: options.pieces, blockBytes: 4 * 1024 * 1024 },
    ticket: () => ticketFor(identity),
    trackerKey: () => TRACKER_KEY,
    onOpen: (connection) => {
      twin.connections.push(connection);
      onOpen(connection);
    },
    onEvent: (connection, event) => {
      twin.events.push(event);
      if (event.type === 'request') onRequest?.(connection, event);
    },
    blockTarget: () => undefined,
    onBlockBytes: () => {},
    onClosed: (connection) => void twin.connections.splice(twin.connections.indexOf(connection), 1),
  };
  const peers = await testPort(identity, () => handler);
  const twin: TwinPeer = { neighbour: neighbourOf(identity, peers, 'twin'), connections: [], events: [] };
  return twin;
}

/** A block as it goes onto the wire; `bytes` of a good blob unless told otherwise. */
export function frameOf(blob: TestBlob, block: Block, bytes = pieceOf(blob, block.piece)): Buffer {
  return Buffer.concat([encodePieceHeader(block), bytes.subarray(block.offset, block.offset + block.length)]);
}

export async function expectWhole({ runner, completed }: Member, blob: TestBlob): Promise<void> {
  await completed;
  expect((await contentOf(runner.blob)).equals(blob.bytes)).toBe(true);
}

export function bytesFrom({ runner }: Member, host: { identity: { peerId: string } }): number {
  return runner.receivedFrom.get(host.identity.peerId) ?? 0;
}

/** Answers every request with the good block. */
export function serve(blob: TestBlob): (connection: PeerConnection, block: Block) => void {
  return (connection, block) => sendFrame(connection, frameOf(blob, block));
}

/** `frame`: of `frameOf`, or a part of one. */
export function sendFrame(connection: PeerConnection, frame: Buffer, done = () => {}): void {
  connection.sendPart(frame, true, done);
}
