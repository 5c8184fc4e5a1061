/**
 * Shares the download caps: what a person waits for goes first, and among swarms of one class who
 * has asked for least. The seeder's reading of the origin takes from the same bucket. Decides
 * nothing about pieces or peers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Remote, Traffic } from '@shoal/policy';
import { type Budget, CLASSES, ClassShares, type TrafficClass } from '@shoal/swarm';
import type { Bandwidth } from '../bandwidth/bandwidth.ts';

export interface DownloadClient {
  /** What it asks for; may change. Default: `prewarm`. */
  readonly trafficClass?: TrafficClass;
  /** May ask for blocks within the budget now; returns what it asked for. */
  request(budget: Budget): Asked;
}

/** `remoteBytes`: those of `bytes` that come from another zone. */
export interface Asked {
  bytes: number;
  remoteBytes: number;
}

/** A tick that is late loses what the bucket cannot save up, 10 ms: few are. */
const TICK_MS = 1;
/** A range of a blob at a registry, under a low cap, is so much of it: several blobs are read at a time. */
const READ_MS = 100;
const LEAST_READ_BYTES = 64 * 1024;
/** From here on what waits in the kernel for each of a few blobs, 2 MB, is little of five seconds. Bytes a second. */
const FAST_READ = 12.5e6;

export class DownloadScheduler {
  /** Blob bytes that came from peers. */
  receivedBytes = 0;
  /** Of those, from peers in another zone. */
  remoteBytes = 0;
  /** Those that came from registries. */
  originBytes = 0;
  readonly #bandwidth: Bandwidth;
  readonly #now: () => number;
  #tickedAt = 0;
  /** Bytes each has asked for, counted from where the others stood when it began to want something. */
  readonly #clients = new Map<DownloadClient, number>();
  /** Where the client of each class stood that was served last: nobody saves up what it did not want. */
  readonly #stands: Record<TrafficClass, number> = { pull: 0, prewarm: 0, seed: 0 };
  readonly #shares = new ClassShares();
  #timer: NodeJS.Timeout | undefined;

  constructor(bandwidth: Bandwidth, now: () => number) {
    this.#bandwidth = bandwidth;
    this.#now = now;
  }

  add(client: DownloadClient): void {
    if (!this.#clients.has(client)) this.#clients.set(client, 0);
    if (this.#timer !== undefined) return;
    this.#tickedAt = this.#now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  remove(client: DownloadClient): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Bytes of a blob came from a peer, of another zone or not. */
  received(bytes: number, isRemote: boolean): void {
    this.receivedBytes += bytes;
    if (isRemote) this.remoteBytes += bytes;
  }

  /** Something came free: without a cap there is no need to wait for the next tick; with one, not for a tick that is late. */
  poke(client: DownloadClient): void {
    if (!this.#clients.has(client)) return;
    if (this.#bandwidth.rate(fromPeers(client, 'elsewhere')) === Number.POSITIVE_INFINITY)
      this.#offer(client, { bytes: Number.POSITIVE_INFINITY });
    else if (this.#now() - this.#tickedAt >= TICK_MS) this.#tick();
  }

  /** Bytes that a client asked for and that will not come. */
  refund(client: DownloadClient, bytes: number, remote: boolean): void {
    this.#bandwidth.take(fromPeers(client, remote ? 'elsewhere' : 'zone'), -bytes);
    const asked = this.#clients.get(client);
    if (asked !== undefined) this.#clients.set(client, asked - bytes);
  }

  /** For reads of a registry: waits until the caps let bytes through, then counts them. */
  async take(trafficClass: TrafficClass, bytes: number, signal: AbortSignal): Promise<void> {
    const traffic: Traffic = { class: trafficClass, direction: 'download', remote: 'registry' };
    while (this.#bandwidth.available(traffic) <= 0) await delay(TICK_MS, undefined, { signal });
    this.#bandwidth.take(traffic, bytes);
    this.originBytes += bytes;
  }

  /**
   * How much to ask a registry for at once, bytes: it sends all of it, however slowly we read, until the kernel's buffer
   * is full, and that is some MiB.
   */
  readAtOnce(trafficClass: TrafficClass): number {
    const rate = this.#bandwidth.rate({ class: trafficClass, direction: 'download', remote: 'registry' });
    if (rate >= FAST_READ) return Number.POSITIVE_INFINITY;
    return Math.max(LEAST_READ_BYTES, Math.floor((rate * READ_MS) / 1000));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clients.clear();
  }

  #tick(): void {
    this.#tickedAt = this.#now();
    for (const client of this.#inTurn()) {
      if (!this.#clients.has(client)) continue; // removed in the turn of another
      const [near, far] = [fromPeers(client, 'zone'), fromPeers(client, 'elsewhere')];
      const bytes = this.#bandwidth.available(near);
      const remoteBytes = this.#bandwidth.available(far);
      if (bytes <= 0) continue;
      const blockBytes = this.#bandwidth.blockBytes(near);
      const remoteBlockBytes = this.#bandwidth.blockBytes(far);
      this.#offer(client, { bytes, remoteBytes, blockBytes, remoteBlockBytes, aheadMs: this.#bandwidth.aheadMs });
    }
  }

  #inTurn(): DownloadClient[] {
    if (this.#clients.size === 1) return [...this.#clients.keys()];
    const rank = (trafficClass: TrafficClass): number =>
      CLASSES.indexOf(trafficClass) - (this.#shares.isOverdue(trafficClass) ? CLASSES.length : 0);
    return [...this.#clients]
      .map(([client, asked]) => ({ client, asked, rank: rank(classOf(client)) }))
      .sort((a, b) => a.rank - b.rank || a.asked - b.asked)
      .map(({ client }) => client);
  }

  #offer(client: DownloadClient, budget: Budget): void {
    const trafficClass = classOf(client);
    const { bytes: asked, remoteBytes } = client.request(budget);
    if (asked === 0) return;
    this.#bandwidth.take(fromPeers(client, 'zone'), asked - remoteBytes);
    this.#bandwidth.take(fromPeers(client, 'elsewhere'), remoteBytes);
    const from = Math.max(this.#clients.get(client) ?? 0, this.#stands[trafficClass]);
    this.#stands[trafficClass] = from;
    if (this.#clients.has(client)) this.#clients.set(client, from + asked);
    this.#shares.served(trafficClass, asked, (other) => this.#has(other));
  }

  #has(trafficClass: TrafficClass): boolean {
    for (const client of this.#clients.keys()) if (classOf(client) === trafficClass) return true;
    return false;
  }
}

function classOf({ trafficClass = 'prewarm' }: DownloadClient): TrafficClass {
  return trafficClass;
}

function fromPeers(client: DownloadClient, remote: Remote): Traffic {
  return { class: classOf(client), direction: 'download', remote };
}
