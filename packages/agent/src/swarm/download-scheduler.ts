/**
 * Shares the download cap: what a person waits for goes first, and among swarms of one class who
 * has asked for least. The seeder's reading of the origin takes from the same bucket. Decides
 * nothing about pieces or peers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { TokenBucket } from '@shoal/policy';
import { CLASSES, ClassShares, type TrafficClass } from '@shoal/swarm';

export interface DownloadClient {
  /** What it asks for; may change. Default: `prewarm`. */
  readonly trafficClass?: TrafficClass;
  /** May ask for blocks of this many bytes now; returns how many it asked for. */
  request(budgetBytes: number): number;
}

const TICK_MS = 5;

export class DownloadScheduler {
  readonly #bucket: TokenBucket;
  readonly #now: () => number;
  /** Bytes each has asked for, counted from where the others stood when it began to want something. */
  readonly #clients = new Map<DownloadClient, number>();
  /** Where the client of each class stood that was served last: nobody saves up what it did not want. */
  readonly #stands: Record<TrafficClass, number> = { pull: 0, prewarm: 0, seed: 0 };
  readonly #shares = new ClassShares();
  #timer: NodeJS.Timeout | undefined;

  constructor(bucket: TokenBucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  add(client: DownloadClient): void {
    if (!this.#clients.has(client)) this.#clients.set(client, 0);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  remove(client: DownloadClient): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Something came free: without a cap there is no need to wait for the next tick. */
  poke(client: DownloadClient): void {
    if (this.#bucket.bytesPerSecond === Number.POSITIVE_INFINITY && this.#clients.has(client))
      client.request(Number.POSITIVE_INFINITY);
  }

  /** Bytes that a client asked for and that will not come. */
  refund(client: DownloadClient, bytes: number): void {
    this.#bucket.take(-bytes, this.#now());
    const asked = this.#clients.get(client);
    if (asked !== undefined) this.#clients.set(client, asked - bytes);
  }

  /** For what is no swarm: waits until the cap lets bytes through, then counts them. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (this.#bucket.available(this.#now()) <= 0) await delay(TICK_MS, undefined, { signal });
    this.#bucket.take(bytes, this.#now());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clients.clear();
  }

  #tick(): void {
    for (const client of this.#inTurn()) {
      if (!this.#clients.has(client)) continue; // removed in the turn of another
      const budgetBytes = this.#bucket.available(this.#now());
      if (budgetBytes <= 0) return;
      this.#offer(client, budgetBytes);
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

  #offer(client: DownloadClient, budgetBytes: number): void {
    const trafficClass = classOf(client);
    const asked = client.request(budgetBytes);
    if (asked === 0) return;
    this.#bucket.take(asked, this.#now());
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
