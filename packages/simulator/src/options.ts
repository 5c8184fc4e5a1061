/** What a run is made of, its defaults, and the line that repeats it. */
import { pieceLengthFor } from '@shoal/swarm';

export type Fault =
  /** A share of the hosts is gone for good. */
  | { kind: 'kill'; atMs: number; share: number }
  /** A share of the hosts does nothing for a while and then goes on: a suspended machine. */
  | { kind: 'pause'; atMs: number; share: number; forMs: number }
  /** The fleet falls into two halves that cannot reach each other. */
  | { kind: 'partition'; atMs: number; forMs: number }
  /** Connections break, hosts live on. */
  | { kind: 'cut'; atMs: number; share: number }
  | { kind: 'trackerRestart'; atMs: number; forMs: number }
  | { kind: 'seederRestart'; atMs: number; forMs: number };

export interface SimulationOptions {
  hosts: number;
  sizeBytes: number;
  pieceLength?: number;
  /** Larger blocks make a run faster and coarser; default 256 KiB, less under low rates as agents do. */
  blockBytes?: number;
  uploadBytesPerSecond: number;
  downloadBytesPerSecond: number;
  latencyMs?: number;
  /** Hosts are dealt to so many zones; 0: none. */
  zones?: number;
  uplinkBytesPerSecond?: number;
  /** The rate at which the seeder reads a cold blob; default: it holds the blob. */
  originBytesPerSecond?: number;
  /** Piece SHA-256 and write, a host. */
  diskBytesPerSecond?: number;
  /** Neighbours a host on average. */
  degree?: number;
  slow?: { share: number; factor: number };
  /** Hosts that claim to hold everything and send garbage. */
  poisonShare?: number;
  /** Hosts read the blob in order while it comes, as a pull does. */
  inOrder?: boolean;
  /** Hosts that join so much later. */
  late?: { share: number; afterMs: number };
  faults?: readonly Fault[];
  seed?: number;
  /** The run ends unfinished after so much virtual time; default 20 times the bound. */
  limitMs?: number;
}

export type Settings = Required<SimulationOptions>;

const MiB = 1024 * 1024;

export function withDefaults(options: SimulationOptions): Settings {
  const pieceLength = options.pieceLength ?? pieceLengthFor(options.sizeBytes);
  const rate = Math.min(options.uploadBytesPerSecond, options.downloadBytesPerSecond);
  return {
    pieceLength,
    blockBytes: Math.min(pieceLength, blockBytesUnder(rate)),
    latencyMs: 1,
    zones: 0,
    uplinkBytesPerSecond: Number.POSITIVE_INFINITY,
    originBytesPerSecond: Number.POSITIVE_INFINITY,
    diskBytesPerSecond: 400 * MiB,
    degree: 20,
    slow: { share: 0, factor: 1 },
    poisonShare: 0,
    inOrder: false,
    late: { share: 0, afterMs: 0 },
    faults: [],
    seed: 1,
    limitMs: 20 * boundMs(options) + 60_000,
    ...options,
  };
}

/** As the agent chooses it: at most 10 ms of its rate. */
function blockBytesUnder(bytesPerSecond: number): number {
  let blockBytes = 256 * 1024;
  while (blockBytes > 16 * 1024 && blockBytes > bytesPerSecond / 100) blockBytes /= 2;
  return blockBytes;
}

/** No swarm is faster: F/R, and the first piece's way to everybody. */
export function boundMs({ hosts, sizeBytes, uploadBytesPerSecond, downloadBytesPerSecond }: SimulationOptions): number {
  const rate = Math.min(uploadBytesPerSecond, downloadBytesPerSecond);
  const hops = Math.max(0, Math.ceil(Math.log2(hosts + 1)) - 1);
  return ((sizeBytes + hops * MiB) * 1000) / rate;
}
