/**
 * Shares the download cap: swarms in turn are given bytes they may ask for, the seeder's reading
 * of the origin takes from the same bucket. Decides nothing about pieces or peers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { TokenBucket } from '@shoal/policy';

export interface DownloadClient {
  /** May ask for blocks of this many bytes now; returns how many it asked for. */
  request(budgetBytes: number): number;
}

const TICK_MS = 5;

export class DownloadScheduler {
  readonly #bucket: TokenBucket;
  readonly #now: () => number;
  readonly #clients = new Set<DownloadClient>();
  #timer: NodeJS.Timeout | undefined;

  constructor(bucket: TokenBucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  add(client: DownloadClient): void {
    this.#clients.add(client);
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

  /** Bytes that were asked for and will not come. */
  refund(bytes: number): void {
    this.#bucket.take(-bytes, this.#now());
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
    for (const client of [...this.#clients]) {
      if (!this.#clients.has(client)) continue; // removed in the turn of another
      const budgetBytes = this.#bucket.available(this.#now());
      if (budgetBytes <= 0) return;
      // To the end of the line, so that the first of several swarms does not take it all.
      this.#clients.delete(client);
      this.#clients.add(client);
      this.#bucket.take(client.request(budgetBytes), this.#now());
    }
  }
}
