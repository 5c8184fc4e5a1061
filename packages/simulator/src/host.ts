/**
 * One simulated host: the production swarm, upload queue and token bucket, with a network card, a
 * disk and a clock that are not real. Carries out; decides nothing.
 */
import { createTokenBucket, type TokenBucket } from '@shoal/policy';
import { type LinkId, PieceSet, Swarm, type SwarmEvent, UploadQueue } from '@shoal/swarm';
import { createPipe, type Pipe, type Zone } from './network.ts';

/** A connection: `from` dialled and downloads, `to` serves. */
export interface Wire {
  readonly link: LinkId;
  readonly from: SimHost;
  readonly to: SimHost;
  /** Sent and not arrived: a slow receiver stops its sender here. */
  inFlightBytes: number;
  open: boolean;
}

export interface HostFacts {
  index: number;
  id: string;
  role: 'seeder' | 'agent';
  zone: Zone | undefined;
  uploadBytesPerSecond: number;
  downloadBytesPerSecond: number;
  diskBytesPerSecond: number;
  /** Sends garbage and claims to hold everything. */
  poison: boolean;
}

export interface SimHost extends HostFacts {
  swarm: Swarm;
  uploads: UploadQueue<Wire>;
  readonly bucket: TokenBucket;
  readonly upload: Pipe;
  readonly download: Pipe;
  readonly disk: Pipe;
  readonly wires: Map<LinkId, Wire>;
  /** Pieces with a garbage block in them. */
  readonly spoilt: Set<number>;
  /** What happened while it was suspended. */
  readonly backlog: SwarmEvent[];
  alive: boolean;
  paused: boolean;
  joined: boolean;
  uploading: boolean;
  /** When its debt is paid. */
  tokensAt: number;
  /** When it looks next whether it may ask for more. */
  pumpAt: number;
  /** Its clock runs. */
  looking: boolean;
  receivedBytes: number;
  /** Received and thrown away. */
  wastedBytes: number;
  /** The blob's first pieces that are all there: so far it is read when it is read in order. */
  readPieces: number;
  /** Stored although they were garbage: must stay 0. */
  badPiecesKept: number;
  /** Hashes of pieces below. */
  hashesKnown: number;
  /** Of them, those that a seeder has signed. */
  hashesProven: number;
  startedAt: number;
  completeAt: number | undefined;
}

export interface SwarmShape {
  size: number;
  pieceLength: number;
}

export function createHost(facts: HostFacts, shape: SwarmShape, random: () => number): SimHost {
  const held = new PieceSet(Math.ceil(shape.size / shape.pieceLength));
  if (facts.poison) held.addAll();
  // What each event looks at stands together: a large fleet waits for memory before all else.
  return {
    alive: true,
    paused: false,
    index: facts.index,
    swarm: new Swarm({ ...shape, role: facts.role, held, random }),
    role: facts.role,
    tokensAt: 0,
    pumpAt: Number.POSITIVE_INFINITY,
    completeAt: undefined,
    uploading: false,
    uploads: new UploadQueue(),
    bucket: createTokenBucket(facts.downloadBytesPerSecond, 0),
    upload: createPipe(facts.uploadBytesPerSecond),
    download: createPipe(facts.downloadBytesPerSecond),
    disk: createPipe(facts.diskBytesPerSecond),
    id: facts.id,
    zone: facts.zone,
    uploadBytesPerSecond: facts.uploadBytesPerSecond,
    downloadBytesPerSecond: facts.downloadBytesPerSecond,
    diskBytesPerSecond: facts.diskBytesPerSecond,
    poison: facts.poison,
    wires: new Map(),
    spoilt: new Set(),
    backlog: [],
    joined: false,
    looking: false,
    receivedBytes: 0,
    wastedBytes: 0,
    badPiecesKept: 0,
    readPieces: 0,
    hashesKnown: 0,
    hashesProven: 0,
    startedAt: 0,
  };
}

/** The process starts again with what its cache holds. */
export function restart(host: SimHost, shape: SwarmShape, random: () => number): void {
  host.swarm = new Swarm({ ...shape, role: host.role, held: host.swarm.held, random });
  host.uploads = new UploadQueue();
  host.alive = true;
  host.uploading = false;
  host.spoilt.clear();
}

/** What a host makes of the hashes that another tells it: all from this piece on that the other can prove. */
export function hear(
  host: SimHost,
  from: SimHost,
  { link, first }: { link: LinkId; first: number },
): Extract<SwarmEvent, { type: 'hashesTold' }> {
  const end = from.role === 'seeder' ? from.hashesKnown : from.hashesProven;
  host.hashesProven = Math.max(host.hashesProven, end);
  host.hashesKnown = Math.max(host.hashesKnown, end);
  return { type: 'hashesTold', link, runs: [{ first, count: end - first }], known: host.hashesKnown };
}
